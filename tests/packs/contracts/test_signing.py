"""Signing and declining: by links, by users whose own address it is, and by hand as counsel attests."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.packs.contracts.entities import Signature
from tests.api_user import all_rows
from tests.packs.contracts.contracts_client import (
    ANN,
    BOB,
    C,
    ContractsClient,
    events,
    gate,
    kept,
    link_of,
    mails,
    sent,
    sign,
    signing,
    token_of,
)

CY = {"name": "Cy Clerk", "email": "cy@example.com", "role": "witness"}
NO_LINK = {"status": 404, "detail": "No such link.", "type": "/problems/not-found", "title": "Not found"}


def refused(answer) -> dict:
    body = answer.json()
    return {name: body[name] for name in NO_LINK} | {"instance": body["instance"]}


def signatures(runtime) -> list[Signature]:
    return [Signature.from_item(raw) for raw in all_rows(runtime) if raw.get("kind", {}).get("S") == Signature.KIND]


class TestLinks:
    def test_a_party_sees_opens_and_signs(self, contracts: ContractsClient, counsel, anonymous, runtime, as_):
        deal = contracts.deal()
        id = sent(contracts, counsel, deal, parties=[ANN, BOB], sign_by="2026-12-11", kind="purchase")
        assert contracts.read(id)["parties"][0]["notified_at"] == "2026-11-24T18:00:00.000Z"
        (mail,) = mails(runtime, ANN["email"])
        assert mail["subject"] == "To sign: Purchase agreement"
        assert (mail["about"], mail["purpose"]) == (id, "contract-sign")
        token = token_of(mail)
        seen = anonymous("GET", f"/s/{token}").json()
        assert {name: seen[name] for name in seen if name not in ("content_hash", "document_sha256", "consent_text")} == {
            "title": "Purchase agreement",
            "kind": "purchase",
            "party": {"name": "Ann Seller", "role": "seller"},
            "parties": [
                {"name": "Ann Seller", "role": "seller", "status": "notified"},
                {"name": "Bob Buyer", "role": "buyer", "status": "notified"},
            ],
            "status": "sent",
            "sign_by": "2026-12-11",
            "consent_version": "2026-11",
        }
        revision = contracts.read(id)["revision"]
        for method in ("GET", "HEAD"):
            assert anonymous(method, f"/s/{token}").status == 200
        assert contracts.read(id)["revision"] == revision
        opened = anonymous("POST", f"/s/{token}/open").json()
        assert (sorted(opened), opened["expires_in"]) == (["expires_in", "url"], 300)
        assert (contracts.read(id)["parties"][0]["status"], contracts.read(id)["revision"]) == ("viewed", revision + 1)
        anonymous("POST", f"/s/{token}/open")
        assert contracts.read(id)["revision"] == revision + 1
        answer = anonymous("POST", f"/s/{token}", signing(contracts, id), headers={"User-Agent": "Browser/1"})
        assert (answer.status, answer.json()) == (200, {"status": "signed"})
        seen = contracts.read(id)
        assert ([party["status"] for party in seen["parties"]], seen["status"]) == (["signed", "notified"], "sent")
        assert seen["signatures"] == [
            {
                "id": seen["signatures"][0]["id"],
                "party_id": "p1",
                "authentication": "email_link",
                "signed_at": "2026-11-24T18:00:00.000Z",
                "void": None,
            }
        ]
        (evidence,) = signatures(runtime)
        assert (evidence.typed_name, evidence.user_agent, evidence.consent_version, evidence.intent) == (
            "Ann Seller",
            "Browser/1",
            "2026-11",
            "sign",
        )
        assert (evidence.content_hash, evidence.document_sha256) == (seen["content_hash"], seen["document_sha256"])
        assert evidence.recorded_by == evidence.created_by == f"party:{id}:p1"
        sign(runtime, contracts, anonymous, id, BOB)
        seen = contracts.read(id)
        assert (seen["status"], seen["version"], seen["signed_on"], seen["in_force"]) == ("signed", 4, "2026-11-24", True)
        assert len(events(runtime, "contracts.signed")) == 1

    def test_signing_is_viewing(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel)
        sign(runtime, contracts, anonymous, id, ANN)
        party = contracts.read(id)["parties"][0]
        assert party["viewed_at"] == party["signed_at"] == "2026-11-24T18:00:00.000Z"

    def test_a_repetition_is_answered_as_the_first(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel, parties=[ANN, BOB])
        for party in (ANN, BOB):
            token, body = link_of(runtime, party, id), signing(contracts, id)
            answers = [anonymous("POST", f"/s/{token}", body) for _ in range(3)]
            assert {(answer.status, answer.text) for answer in answers} == {(200, answers[0].text)}
        assert len(signatures(runtime)) == 2
        assert len(mails(runtime)) == 4
        assert contracts.read(id)["version"] == 4

    def test_in_a_sequence_the_next_is_asked_once_all_before_have_signed(self, contracts: ContractsClient, counsel, anonymous, runtime):
        people = [{**CY, "order": 5}, {**ANN, "order": 1}, {**BOB, "order": 1}]
        id = sent(contracts, counsel, parties=people, signing="sequential")
        asked = lambda: [mail["to"] for mail in mails(runtime) if mail["purpose"] == "contract-sign"]  # noqa: E731
        assert sorted(asked()) == [ANN["email"], BOB["email"]]
        assert contracts.read(id)["parties"][0]["status"] == "pending"
        sign(runtime, contracts, anonymous, id, ANN)
        assert len(asked()) == 2
        sign(runtime, contracts, anonymous, id, BOB)
        assert sorted(asked()) == [ANN["email"], BOB["email"], CY["email"]]
        sign(runtime, contracts, anonymous, id, CY)
        assert contracts.read(id)["status"] == "signed"

    def test_what_it_takes_to_sign(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel)
        path = f"/s/{link_of(runtime, ANN, id)}"
        for change in (
            {"consent": False},
            {"consent": "true"},
            {"typed_name": ""},
            {"consent_version": "1999"},
            {"content_hash": "x"},
            {"more": 1},
        ):
            assert anonymous("POST", path, signing(contracts, id, **change)).status == 422, change
        for name in ("typed_name", "consent", "content_hash", "consent_version"):
            body = signing(contracts, id)
            del body[name]
            assert anonymous("POST", path, body).status == 422, name
        stale = anonymous("POST", path, signing(contracts, id, content_hash="0" * 64))
        assert (stale.status, stale.json()["code"]) == (409, "stale_hash")
        assert contracts.read(id)["parties"][0]["status"] == "notified"

    def test_declined(self, contracts: ContractsClient, counsel, anonymous, runtime):
        deal = contracts.deal()
        id = sent(contracts, counsel, deal, parties=[ANN, BOB])
        token, other = link_of(runtime, ANN, id), link_of(runtime, BOB, id)
        assert anonymous("POST", f"/s/{token}/decline", {"reason": "other"}).status == 422
        assert anonymous("POST", f"/s/{token}/decline", {"reason": "weather"}).status == 422
        answers = [anonymous("POST", f"/s/{token}/decline", {"reason": "price", "note": "Too low"}) for _ in range(2)]
        assert [(answer.status, answer.json()) for answer in answers] == [(200, {"status": "declined"})] * 2
        seen = contracts.read(id)
        assert (seen["status"], seen["decline"]) == (
            "declined",
            {"party_id": "p1", "reason": "price", "note": "Too low", "at": "2026-11-24T18:00:00.000Z"},
        )
        assert not gate(runtime, deal).get("contracts")
        for dead in (token, other):
            assert anonymous("GET", f"/s/{dead}").status == 404
        assert anonymous("POST", f"/s/{other}", signing(contracts, id)).status == 404
        ended = [mail for mail in mails(runtime) if mail["purpose"] == "contract-ended"]
        assert {mail["to"] for mail in ended} == {ANN["email"], BOB["email"]}
        assert "http" not in ended[0]["text"]
        (event,) = events(runtime, "contracts.declined")
        assert (event.data["party_id"], event.data["reason"]) == ("p1", "price")
        assert contracts.read(contracts.contract(deal, reissue_of=id))["reissue_of"] == id

    def test_who_has_signed_declines_no_more(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel, parties=[ANN, BOB])
        sign(runtime, contracts, anonymous, id, ANN)
        refused = anonymous("POST", f"/s/{link_of(runtime, ANN, id)}/decline", {"reason": "price"})
        assert (refused.status, refused.json()["code"]) == (409, "already_signed")
        assert [party["status"] for party in contracts.read(id)["parties"]] == ["signed", "notified"]

    def test_whatever_is_wrong_with_a_link_the_answer_is_the_same(self, contracts: ContractsClient, counsel, anonymous, runtime, clock):
        id = sent(contracts, counsel, parties=[ANN, BOB], sign_by="2026-12-01")
        good = link_of(runtime, ANN, id)
        assert anonymous("GET", f"/s/{good}").status == 200
        sign(runtime, contracts, anonymous, id, ANN, BOB)
        copy = token_of(next(mail for mail in mails(runtime) if mail["purpose"] == "contract-copy"))
        recalled = sent(contracts, counsel)
        old = link_of(runtime, ANN, recalled)
        contracts.move(recalled, "draft", reason="recalled")
        late = sent(contracts, counsel, sign_by="2026-12-01")
        passed = link_of(runtime, ANN, late)
        gone = sent(contracts, counsel)
        ended = link_of(runtime, ANN, gone)
        contracts.move(gone, "draft", reason="recalled")
        contracts.ok("DELETE", f"{C}/{gone}")
        clock.now = datetime(2026, 12, 2, 8, 0, tzinfo=UTC)
        assert contracts.read(late)["status"] == "sent"
        bodies = {"": signing(contracts, late), "/open": None, "/decline": {"reason": "price"}}
        for token in ("x", good[:-1], "A" * 43, copy, old, passed, ended):
            answer = anonymous("GET", f"/s/{token}")
            assert refused(answer) == NO_LINK | {"instance": "/s/{token}"}, token
            for path, body in bodies.items():
                assert refused(anonymous("POST", f"/s/{token}{path}", body)) == NO_LINK | {"instance": f"/s/{{token}}{path}"}, (token, path)
        assert refused(anonymous("GET", f"/s/copies/{good}")) == NO_LINK | {"instance": "/s/copies/{token}"}

    def test_links_end_after_90_days(self, contracts: ContractsClient, counsel, anonymous, runtime, clock):
        id = sent(contracts, counsel)
        token = link_of(runtime, ANN, id)
        clock.now += timedelta(days=90, seconds=-1)
        assert anonymous("GET", f"/s/{token}").status == 200
        clock.now += timedelta(seconds=1)
        assert anonymous("GET", f"/s/{token}").status == 404

    def test_each_sending_makes_new_links(self, contracts: ContractsClient, counsel, anonymous, runtime, as_):
        id = sent(contracts, counsel)
        first = link_of(runtime, ANN, id)
        contracts.move(id, "draft", reason="recalled")
        contracts.move(id, "under_review")
        counsel.move(id, "approved")
        contracts.move(id, "sent")
        second = link_of(runtime, ANN, id)
        assert (anonymous("GET", f"/s/{first}").status, anonymous("GET", f"/s/{second}").status) == (404, 200)
        assert contracts.read(id)["parties"][0]["status"] == "notified"

    def test_no_token_is_kept_or_answered(self, contracts: ContractsClient, counsel, anonymous, runtime, capsys):
        id = sent(contracts, counsel)
        token = link_of(runtime, ANN, id)
        rows = [raw for raw in all_rows(runtime) if not raw["pk"]["S"].startswith("MAIL#")]
        assert token not in str(rows)
        answers = [anonymous("GET", f"/s/{token}", headers={"Accept": "text/html"}), anonymous("GET", f"/s/{token}")]
        answers += [
            anonymous("POST", f"/s/{token}/open", headers={"Accept": "text/html"}),
            anonymous("POST", f"/s/{token}", signing(contracts, id)),
        ]
        assert all(token not in answer.text and token not in str(answer.headers) for answer in answers)
        assert token not in capsys.readouterr().out

    def test_while_the_deal_is_finalizing_parties_sign_and_staff_do_nothing(self, contracts: ContractsClient, counsel, anonymous, runtime):
        from chalicelib.packs.deals import public as deals

        deal = contracts.deal()
        id = sent(contracts, counsel, deal, parties=[ANN, BOB])
        runtime.store().update(deals.gate_key(deal), set={"status": "finalizing"})
        assert (
            contracts.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "draft", "reason": "recalled"})["code"] == "deal_not_open"
        )
        assert contracts.expect_error(409, "POST", C, {"deal_id": deal, "title": "x"})["code"] == "deal_not_open"
        sign(runtime, contracts, anonymous, id, ANN, BOB)
        assert contracts.read(id)["status"] == "signed"
        assert (
            counsel.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "terminated", "reason": "mutual"})["code"] == "deal_not_open"
        )


HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FORM = {**HTML, "Content-Type": "application/x-www-form-urlencoded"}


class TestPages:
    def test_a_browser_reads_opens_and_signs(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel, title="<b>Sale</b> & more")
        path = f"/s/{link_of(runtime, ANN, id)}"
        page = anonymous("GET", path, headers=HTML)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "<script" not in page.text
        assert "&lt;b&gt;Sale&lt;/b&gt; &amp; more" in page.text
        assert not re.search(r"(?:src|href)=\"(?!data:)", page.text)
        assert re.findall(r'formaction="([^"]*)"', page.text) == ["?to=open", "?", "?to=decline"]
        opened = anonymous("POST", path, raw="", query={"to": "open"}, headers=FORM)
        assert opened.status == 200
        assert re.search(r'href="https?://[^"]*X-Amz-Signature', opened.text)
        assert contracts.read(id)["parties"][0]["status"] == "viewed"
        hash = contracts.read(id)["content_hash"]
        form = f"typed_name=Ann+Seller&content_hash={hash}&consent_version=2026-11"
        wrong = anonymous("POST", path, raw=form, headers=FORM)
        assert (wrong.status, "consent" in wrong.text) == (422, True)
        done = anonymous("POST", path, raw=f"{form}&consent=true", headers=FORM)
        assert (done.status, "You have signed" in done.text) == (200, True)
        assert contracts.read(id)["status"] == "signed"

    def test_a_browser_declines(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel)
        path = f"/s/{link_of(runtime, ANN, id)}"
        done = anonymous("POST", path, raw="reason=terms&note=", query={"to": "decline"}, headers=FORM)
        assert (done.status, "You have declined" in done.text) == (200, True)
        assert contracts.read(id)["status"] == "declined"
        gone = anonymous("GET", path, headers=HTML)
        assert (gone.status, gone.headers["content-type"]) == (404, "text/html; charset=utf-8")

    def test_where_a_form_leads(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel)
        path = f"/s/{link_of(runtime, ANN, id)}"
        assert anonymous("POST", path, raw="", query={"to": "nowhere"}, headers=FORM).status == 404
        assert anonymous("POST", path, {}, query={"to": "open"}).status == 422


class TestCopies:
    def test_everybody_gets_one_that_signs_nothing(self, contracts: ContractsClient, counsel, anonymous, runtime, clock):
        id = sent(contracts, counsel, parties=[ANN, BOB])
        sign(runtime, contracts, anonymous, id, ANN, BOB)
        copies = [mail for mail in mails(runtime) if mail["purpose"] == "contract-copy"]
        assert {mail["to"] for mail in copies} == {ANN["email"], BOB["email"]}
        token = token_of(copies[0])
        assert "/s/copies/" in copies[0]["text"]
        seen = anonymous("GET", f"/s/copies/{token}").json()
        assert (seen["title"], seen["content_hash"]) == ("Purchase agreement", contracts.read(id)["content_hash"])
        assert anonymous("POST", f"/s/copies/{token}/open").json()["expires_in"] == 300
        pdf = anonymous("GET", f"/s/copies/{token}", query={"certificate": "pdf"})
        assert (pdf.status, pdf.headers["content-type"]) == (200, "application/pdf")
        page = anonymous("GET", f"/s/copies/{token}", query={"certificate": "html"}).text
        assert "ann@example.com" not in page
        html = anonymous("GET", f"/s/copies/{token}", headers=HTML).text
        assert 'href="?certificate=pdf"' in html
        clock.now += timedelta(days=90)
        assert anonymous("GET", f"/s/copies/{token}").status == 404

    def test_it_outlives_the_contracts_end(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel)
        sign(runtime, contracts, anonymous, id, ANN)
        token = token_of(next(mail for mail in mails(runtime) if mail["purpose"] == "contract-copy"))
        counsel.move(id, "terminated", reason="mutual")
        counsel.move(id, "archived")
        assert anonymous("GET", f"/s/copies/{token}").status == 200


class TestUsers:
    @pytest.fixture
    def user(self, person):
        """A user of the firm with an address of a party, as a client of contracts."""
        return lambda email, *roles: ContractsClient(person(*(roles or ("viewer",)), email=email))

    def body(self, contracts, id, **body):
        values = {"party_id": "p1", "typed_name": "Ann", "consent": True, "content_hash": contracts.read(id)["content_hash"]}
        return {**values, "authentication": "session", **body}

    def test_a_party_who_is_a_user_signs_signed_in(self, contracts: ContractsClient, counsel, user, runtime, as_):
        ann = user("Ann@Example.com", "auditor")
        id = sent(contracts, counsel, parties=[{**ANN, "email": "ann@example.COM"}])
        answer = ann.call("POST", f"{C}/{id}/signatures", self.body(contracts, id))
        seen = answer.json()
        assert (answer.status, answer.headers["location"]) == (201, f"{C}/{id}")
        assert (seen["authentication"], seen["contract_status"], seen["consent_version"], seen["party_name"]) == (
            "session",
            "signed",
            "2026-11",
            "Ann Seller",
        )
        assert seen["recorded_by"] == seen["created_by"] != "anonymous"
        assert contracts.read(id)["status"] == "signed"

    def test_nobody_signs_for_a_party(self, contracts: ContractsClient, counsel, user, api_key):
        id = sent(contracts, counsel)
        path = f"{C}/{id}/signatures"
        user("other@example.com").expect_error(403, "POST", path, self.body(contracts, id))
        contracts.expect_error(403, "POST", path, self.body(contracts, id))
        api_key("counsel").expect_error(403, "POST", path, self.body(contracts, id))
        contracts.expect_error(404, "POST", path, self.body(contracts, id, party_id="p9"))

    @pytest.mark.parametrize(
        ("field", "change"),
        [
            ("consent", {"consent": False}),
            ("authentication", {"authentication": "email_link"}),
            ("signed_on", {"signed_on": "2026-11-01"}),
            ("signed_file_sha256", {"signed_file_sha256": "a" * 64}),
            ("signed_on", {"authentication": "wet_ink", "signed_file_sha256": "a" * 64}),
            ("signed_file_sha256", {"authentication": "wet_ink", "signed_on": "2026-11-01"}),
            ("signed_on", {"authentication": "wet_ink", "signed_on": "2026-11-25", "signed_file_sha256": "a" * 64}),
            ("consent_version", {"consent_version": "1"}),
            (
                "consent_version",
                {"authentication": "wet_ink", "signed_on": "2026-11-20", "signed_file_sha256": "a" * 64, "consent_version": "1"},
            ),
        ],
    )
    def test_what_it_takes(self, contracts: ContractsClient, counsel, field, change):
        id = sent(contracts, counsel)
        answer = counsel.expect_error(422, "POST", f"{C}/{id}/signatures", self.body(contracts, id, **change))
        assert [error["loc"] for error in answer["errors"]] == [[field]]

    def test_by_hand_counsel_attests(self, contracts: ContractsClient, counsel, as_, runtime, anonymous):
        id = sent(contracts, counsel, parties=[ANN, BOB])
        by_hand = {"authentication": "wet_ink", "signed_on": "2026-11-20", "signed_file_sha256": "b" * 64}
        path, body = f"{C}/{id}/signatures", self.body(contracts, id, **by_hand)
        contracts.expect_error(403, "POST", path, body)
        lawyer = as_("counsel", user="user_lawyer")
        seen = lawyer.ok("POST", path, body)
        assert (seen["signed_on"], seen["recorded_by"], seen["ip_address"], seen["consent_version"]) == (
            "2026-11-20",
            "user_lawyer",
            None,
            None,
        )
        assert not kept(runtime, id).is_self_approved
        assert lawyer.expect_error(409, "POST", path, body)["code"] == "already_signed"
        sign(runtime, contracts, anonymous, id, BOB)
        assert contracts.read(id)["signed_on"] == "2026-11-24"

    def test_who_approved_it_and_attests_is_marked_or_refused(self, contracts: ContractsClient, counsel, runtime, set_policies):
        by_hand = {"authentication": "wet_ink", "signed_on": "2026-11-20", "signed_file_sha256": "b" * 64}
        id, other = sent(contracts, counsel), sent(contracts, counsel)
        counsel.ok("POST", f"{C}/{id}/signatures", self.body(contracts, id, **by_hand))
        assert kept(runtime, id).is_self_approved
        set_policies(self_approval="refuse")
        refused = counsel.expect_error(403, "POST", f"{C}/{other}/signatures", self.body(contracts, other, **by_hand))
        assert refused["code"] == "self_approval"

    def test_only_what_is_sent_is_signed_in_turn_and_as_shown(self, contracts: ContractsClient, counsel, as_):
        lawyer = as_("counsel", user="user_lawyer")
        by_hand = {"authentication": "wet_ink", "signed_on": "2026-11-20", "signed_file_sha256": "b" * 64}
        draft = contracts.contract(parties=[ANN])
        answer = lawyer.expect_error(409, "POST", f"{C}/{draft}/signatures", self.body(contracts, draft, **by_hand))
        assert answer["type"].endswith("invalid-transition")
        contracts.expect_error(409, "POST", f"{C}/{draft}/signatures", self.body(contracts, draft, **by_hand))  # before the right
        contracts.expect_error(412, "POST", f"{C}/{draft}/signatures", self.body(contracts, draft, **by_hand), headers={"If-Match": '"9"'})
        id = sent(contracts, counsel, parties=[ANN, {**BOB, "order": 2}], signing="sequential")
        path = f"{C}/{id}/signatures"
        assert lawyer.expect_error(409, "POST", path, self.body(contracts, id, party_id="p2", **by_hand))["code"] == "not_their_turn"
        stale = {**self.body(contracts, id, **by_hand), "content_hash": "0" * 64}
        assert lawyer.expect_error(409, "POST", path, stale)["code"] == "stale_hash"
        lawyer.expect_error(412, "POST", path, self.body(contracts, id, **by_hand), headers={"If-Match": '"1"'})

    def test_too_late(self, contracts: ContractsClient, counsel, as_, clock):
        id = sent(contracts, counsel, sign_by="2026-11-24")
        by_hand = {"authentication": "wet_ink", "signed_on": "2026-11-24", "signed_file_sha256": "b" * 64}
        clock.now += timedelta(days=1)
        answer = as_("counsel", user="user_l").expect_error(409, "POST", f"{C}/{id}/signatures", self.body(contracts, id, **by_hand))
        assert answer["code"] == "sign_by_passed"

    def test_a_repetition_with_its_key(self, contracts: ContractsClient, counsel, as_):
        id = sent(contracts, counsel)
        by_hand = {"authentication": "wet_ink", "signed_on": "2026-11-24", "signed_file_sha256": "b" * 64}
        lawyer, body = as_("counsel", user="user_l"), self.body(contracts, id, **by_hand)
        answers = [lawyer.call("POST", f"{C}/{id}/signatures", body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
        assert [answer.status for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()


class TestMailEvents:
    def test_of_a_link_to_sign_the_event_alone(self, contracts: ContractsClient, counsel, runtime, anonymous):
        from chalicelib.foundation.mail_events import MailEvent, ReportedMail, deliver

        id = sent(contracts, counsel)
        ctx = runtime.context(request_id="r")
        event = MailEvent("hard", ctx.now, "550 unknown", ANN["email"])
        before = contracts.read(id)
        for purpose in ("contract-sign", "contract-sign", "contract-copy"):
            assert deliver(ctx, ReportedMail(id, purpose, event))
        assert contracts.read(id) == before
        (told,) = events(runtime, "contracts.mail_bounced")
        assert (told.data["kind"], told.data["party_ids"], told.for_user) == ("hard", ["p1"], "user_operator")
        assert ANN["email"] not in str(told.to_item())
        assert not deliver(ctx, ReportedMail(f"{id[:-1]}0", "contract-sign", event))
