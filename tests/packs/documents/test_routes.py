"""Sending, reading, listing and deleting routes; who may; and who sees whose address."""

from datetime import timedelta

import pytest

from chalicelib.foundation.dates import format_timestamp
from tests.conftest import NOW
from tests.packs.documents.documents_client import (
    ANN,
    FIRST,
    SECOND,
    URL,
    D,
    DocumentsClient,
    change_contract,
    contract,
    everything,
    gate,
    kept,
    mails,
    path_in,
)


class TestSending:
    def test_to_somebody(self, documents: DocumentsClient, runtime):
        deal = documents.deal()
        answer = documents.call("POST", D, documents.body(deal, title="Seller's disclosure", due_on="2026-12-01"))
        assert answer.status == 201
        seen = answer.json()
        assert answer.headers["location"] == f"{D}/{seen['id']}"
        assert seen == documents.read(seen["id"])
        assert (seen["deal_id"], seen["document_type"], seen["title"]) == (deal, "disclosure", "Seller's disclosure")
        assert (seen["recipient"], seen["professional_id"], seen["sent_to"]) == (ANN, None, ANN["email"])
        assert (seen["status"], seen["sent_at"], seen["opened_at"], seen["acknowledged_at"]) == ("sent", format_timestamp(NOW), None, None)
        assert (seen["fetches"], seen["opens"], seen["stale_hash"], seen["attested_by"]) == (0, 0, False, None)
        assert (seen["storage_url"], seen["document_sha256"], seen["due_on"]) == (URL, None, "2026-12-01")
        assert seen["link_expires_at"] == format_timestamp(NOW + timedelta(days=90))
        assert seen["reminders"] == {"count": 0, "last_at": None, "next_on": "2026-11-29"}
        assert seen["acknowledgement"] is None
        (mail,) = mails(runtime)
        assert (mail["to"], mail["subject"]) == ("ann@example.com", "A document for you: Seller's disclosure")
        assert "Seller's disclosure" in mail["text"]
        assert "1201 Pine" not in mail["text"]  # the title, the link, and nothing of the matter
        assert URL not in mail["text"]
        assert mail["about"] == seen["id"]

    def test_to_a_professional(self, documents: DocumentsClient, runtime):
        deal, grace = documents.deal(), documents.professional("Grace Hopper")
        seen = documents.send(deal, professional_id=grace)
        assert (seen["professional_id"], seen["recipient"], seen["sent_to"]) == (grace, None, "grace@example.com")
        assert [mail["to"] for mail in mails(runtime)] == ["grace@example.com"]
        assert (gate(runtime, deal)["refs"], gate(runtime, grace)["refs"]) == (1, 1)

    def test_what_it_takes(self, documents: DocumentsClient):
        silent, grace = documents.professional("Silent", email=None), documents.professional()
        for field, body in (
            ("recipient", documents.body(professional_id=grace, recipient=ANN)),
            ("recipient", {"deal_id": documents.deal(), "document_type": "x", "storage_url": URL}),
            ("professional_id", documents.body(professional_id=silent)),
            ("storage_url", documents.body(storage_url=None)),
            ("storage_url", documents.body(storage_url="http://files.example.com/a.pdf")),
            ("storage_url", documents.body(storage_url="https:///agreement.pdf")),
            ("storage_url", documents.body(storage_url="https://[files")),
            ("document_sha256", documents.body(document_sha256=FIRST.upper())),
            ("link_expires_at", documents.body(link_expires_at=format_timestamp(NOW))),
            ("link_expires_at", documents.body(link_expires_at=format_timestamp(NOW + timedelta(days=365, seconds=1)))),
            ("document_type", documents.body(document_type="x" * 101)),
            ("email", documents.body(recipient={"name": "Ann", "email": "nowhere"})),
            ("colour", documents.body(colour="red")),
        ):
            errors = documents.expect_error(422, "POST", D, body)["errors"]
            assert [error["loc"][-1] for error in errors] == [field]
        assert documents.send(link_expires_at=format_timestamp(NOW + timedelta(days=365)))["link_expires_at"] == "2027-11-24T18:00:00.000Z"

    def test_of_what_isnt_there(self, documents: DocumentsClient):
        nobody, nowhere = f"pro_{'0' * 26}", f"deal_{'0' * 26}"
        documents.expect_error(404, "POST", D, documents.body(nowhere))
        documents.expect_error(404, "POST", D, documents.body("no-such-reference"))
        documents.expect_error(404, "POST", D, documents.body(professional_id=nobody))
        documents.expect_error(404, "POST", D, documents.body(contract_id=f"sctr_d{'0' * 52}"))
        documents.expect_error(404, "POST", D, documents.body(contract_id=documents.professional()))

    def test_to_one_who_isnt_active(self, documents: DocumentsClient):
        grace = documents.professional()
        documents.ok("PATCH", f"/pros/scorecard/professionals/{grace}", {"is_active": False})
        assert documents.expect_error(409, "POST", D, documents.body(professional_id=grace))["code"] == "professional_inactive"

    def test_of_a_deal_that_is_over(self, documents: DocumentsClient):
        deal = documents.deal()
        documents.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert documents.expect_error(409, "POST", D, documents.body(deal))["code"] == "deal_not_open"

    def test_the_order_of_refusals(self, documents: DocumentsClient, as_, runtime):
        """What isn't there, whose deal it is, whether it is worked on; then what the contract and the professional are like."""
        deal = documents.deal()
        unfit = {"contract_id": contract(runtime, documents.deal()), "professional_id": documents.professional(email=None)}
        dealmaker = as_("dealmaker")
        for field, id in unfit.items():
            body = dealmaker.body(deal, **{field: id})
            dealmaker.expect_error(403, "POST", D, body)
            dealmaker.expect_error(404, "POST", D, {**body, field: f"{id.partition('_')[0]}_x"})
            documents.expect_error(404, "POST", D, {**body, "deal_id": "deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T"})
        as_("operator").ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        for field, id in unfit.items():
            assert documents.expect_error(409, "POST", D, documents.body(deal, **{field: id}))["code"] == "deal_not_open"

    def test_by_the_deals_external_reference(self, documents: DocumentsClient):
        deal = documents.deal(external_ref="17")
        assert documents.send("17")["deal_id"] == deal
        assert [row["deal_id"] for row in documents.list(f"{D}/by-deal/17")] == [deal]

    def test_twice_with_one_key(self, documents: DocumentsClient, runtime):
        body, key = documents.body(), {"Idempotency-Key": "k"}
        first = documents.call("POST", D, body, headers=key)
        second = documents.call("POST", D, body, headers=key)
        assert (second.status, second.headers["idempotent-replayed"]) == (201, "true")
        assert first.json() == second.json()
        assert len(mails(runtime)) == 1


class TestContracts:
    def test_the_document_is_the_contracts(self, documents: DocumentsClient, runtime):
        deal = documents.deal()
        id = contract(runtime, deal)
        seen = documents.send(deal, contract_id=id, storage_url=None)
        assert (seen["contract_id"], seen["document_sha256"], seen["storage_url"], seen["stale_hash"]) == (id, FIRST, None, False)
        assert [row["id"] for row in documents.list(f"{D}/by-contract/{id}")] == [seen["id"]]
        documents.expect_error(422, "POST", D, documents.body(deal, contract_id=id, document_sha256=FIRST))

    def test_which_contracts(self, documents: DocumentsClient, runtime):
        deal, other = documents.deal(), documents.deal()
        for status in ("under_review", "approved", "sent", "signed"):
            documents.send(deal, contract_id=contract(runtime, deal, status=status))
        for status in ("draft", "declined", "expired", "terminated", "archived"):
            refused = documents.expect_error(409, "POST", D, documents.body(deal, contract_id=contract(runtime, deal, status=status)))
            assert (refused["code"], refused["contract_status"]) == ("contract_not_fixed", status)
        refused = documents.expect_error(409, "POST", D, documents.body(deal, contract_id=contract(runtime, deal, None)))
        assert refused["code"] == "document_missing"
        refused = documents.expect_error(409, "POST", D, documents.body(deal, contract_id=contract(runtime, other)))
        assert refused["code"] == "other_deal"

    def test_d26_another_document(self, documents: DocumentsClient, runtime, holder):
        """It holds for its hash: with another one it counts as not acknowledged, and with the first one it counts again."""
        deal = documents.deal()
        id = contract(runtime, deal)
        route = documents.route(deal, contract_id=id)
        assert holder(route).acknowledge(FIRST).status == 200
        assert documents.read(route)["stale_hash"] is False
        change_contract(runtime, id, document_sha256=SECOND)
        seen = documents.read(route)
        assert (seen["status"], seen["stale_hash"], seen["document_sha256"]) == ("acknowledged", True, FIRST)
        change_contract(runtime, id, document_sha256=FIRST)
        assert documents.read(route)["stale_hash"] is False
        change_contract(runtime, id, document_sha256=None)
        assert documents.read(route)["stale_hash"] is True

    def test_a_deleted_contract_has_no_document(self, documents: DocumentsClient, runtime):
        from tests.packs.documents.sample_contracts import SampleContract

        deal = documents.deal()
        id = contract(runtime, deal)
        route = documents.route(deal, contract_id=id)
        ctx = runtime.context(request_id="deletes")
        ctx.store.save(ctx.store.require(SampleContract, id).soft_deleted(ctx))
        assert documents.read(route)["stale_hash"] is True
        documents.expect_error(404, "GET", f"{D}/by-contract/{id}")
        documents.expect_error(404, "GET", f"{D}/by-contract/{deal}")


class TestLists:
    def test_newest_first_of_each_kind(self, documents: DocumentsClient, clock):
        deal, grace = documents.deal(), documents.professional()
        ids = []
        for number in range(3):
            clock.now += timedelta(minutes=1)
            ids.append(documents.route(deal, professional_id=grace, title=f"No. {number}"))
        documents.recall(ids[1])
        other = documents.route()
        newest = ids[::-1]
        assert [row["id"] for row in documents.list(f"{D}/by-deal/{deal}")] == newest
        assert [row["id"] for row in documents.list(f"{D}/by-professional/{grace}", limit="1")] == newest
        assert [row["id"] for row in documents.list(limit="2")] == [other, *newest]
        assert [row["id"] for row in documents.list(status="recalled")] == [ids[1]]
        assert documents.list(status="sent", limit="1")[0].keys() == {
            "id", "deal_id", "contract_id", "professional_id", "document_type", "title", "status", "sent_at",
        }  # fmt: skip
        documents.expect_error(422, "GET", D, query={"status": "banana"})
        documents.expect_error(404, "GET", f"{D}/by-deal/deal_{'0' * 26}")
        documents.expect_error(404, "GET", f"{D}/by-professional/pro_{'0' * 26}")


class TestDeleting:
    def test_it_gives_back_what_it_counted(self, documents: DocumentsClient, runtime, holder):
        deal, grace = documents.deal(), documents.professional()
        id = documents.route(deal, professional_id=grace)
        recipient = holder(id)
        assert documents.call("DELETE", f"{D}/{id}").status == 204
        documents.expect_error(404, "GET", f"{D}/{id}")
        assert documents.list() == documents.list(f"{D}/by-deal/{deal}") == documents.list(f"{D}/by-professional/{grace}") == []
        assert (gate(runtime, deal)["refs"], gate(runtime, grace)["refs"]) == (0, 0)
        assert recipient.look().status == 404
        documents.ok("DELETE", f"/deals/{deal}")
        documents.ok("DELETE", f"/pros/scorecard/professionals/{grace}")

    def test_an_acknowledged_one_stays(self, documents: DocumentsClient, holder):
        id = documents.route()
        holder(id).acknowledge()
        assert documents.expect_error(409, "DELETE", f"{D}/{id}")["code"] == "acknowledged"

    def test_of_a_cancelled_deal_it_goes_of_a_finalized_one_it_stays(self, documents: DocumentsClient, runtime):
        deal = documents.deal()
        ids = [documents.route(deal) for _ in range(2)]
        documents.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        documents.ok("DELETE", f"{D}/{ids[0]}")
        runtime.store().update(_gate_key(deal), set={"status": "finalized"})
        assert documents.expect_error(409, "DELETE", f"{D}/{ids[1]}")["code"] == "deal_not_open"

    def test_what_holds_deal_and_professional(self, documents: DocumentsClient):
        deal, grace = documents.deal(), documents.professional()
        id = documents.route(deal, professional_id=grace)
        for path in (f"/deals/{deal}", f"/pros/scorecard/professionals/{grace}"):
            refused = documents.expect_error(409, "DELETE", path)
            assert (refused["code"], refused["held_by"]) == ("referred_to", [id])

    def test_if_match(self, documents: DocumentsClient):
        id = documents.route()
        documents.expect_error(412, "DELETE", f"{D}/{id}", headers={"If-Match": '"7"'})
        documents.ok("DELETE", f"{D}/{id}", headers={"If-Match": '"1"'})

    def test_it_is_purged_with_what_lies_below_it(self, documents: DocumentsClient, runtime, holder, clock):
        from chalicelib.foundation import retention
        from chalicelib.foundation.schedules import RunStats

        id = documents.route()
        holder(id).look()
        holder(id).open()
        documents.ok("DELETE", f"{D}/{id}")
        clock.now += timedelta(days=31)
        retention.purge_deleted(runtime.context(request_id="purge"), RunStats())
        left = [row for row in _rows(runtime) if id in row["sk"]["S"]]
        assert left == []


def _gate_key(deal):
    from chalicelib.foundation.store.keys import reference_counter

    return reference_counter(deal)


def _rows(runtime):
    from tests.api_user import all_rows

    return all_rows(runtime)


class TestWho:
    def test_a_dealmaker_sends_on_own_deals(self, documents: DocumentsClient, as_):
        dealmaker = as_("dealmaker")
        foreign, nobodys = documents.deal(), documents.deal(owner=None)
        dealmaker.send(nobodys)
        id = dealmaker.route(dealmaker.deal())
        dealmaker.recall(id)
        dealmaker.expect_error(403, "POST", D, documents.body(foreign))
        other = documents.route(foreign)
        assert dealmaker.read(other)["id"] == other  # reading isn't bounded so
        dealmaker.expect_error(403, "DELETE", f"{D}/{other}")
        dealmaker.expect_error(403, "POST", f"{D}/{other}/remind")
        dealmaker.expect_error(403, "PATCH", f"{D}/{other}/status", {"status": "recalled", "reason": "wrong_person"})
        dealmaker.expect_error(403, "POST", f"{D}/bulk", {**documents.body(nobodys, recipient=None), "recipients": [ANN]})

    def test_counsel_on_any(self, documents: DocumentsClient, as_):
        deal = documents.deal()
        assert as_("counsel").send(deal)["status"] == "sent"

    def test_a_professional_sees_their_own(self, documents: DocumentsClient, as_):
        deal, grace, ada = documents.deal(), documents.professional("Grace"), documents.professional("Ada")
        own, other = documents.route(deal, professional_id=grace), documents.route(deal, professional_id=ada)
        documents.recall(documents.route(deal, professional_id=grace))
        seller = documents.route(deal)
        her = as_("professional", professional_id=grace)
        assert her.read(own)["sent_to"] == "grace@example.com"
        for id in (other, seller):
            her.expect_error(404, "GET", f"{D}/{id}")
            her.expect_error(404, "PATCH", f"{D}/{id}/status", {"status": "opened"})
        assert own in [row["id"] for row in her.list(f"{D}/by-deal/{deal}")]
        assert {row["professional_id"] for row in her.list(f"{D}/by-deal/{deal}")} == {grace}
        assert [row["id"] for row in her.list(status="sent")] == [own]
        her.expect_error(404, "GET", f"{D}/by-professional/{ada}")
        her.expect_error(403, "POST", D, documents.body(deal))
        her.expect_error(403, "DELETE", f"{D}/{own}")

    @pytest.mark.parametrize(
        ("role", "shown"), [("admin", True), ("counsel", True), ("dealmaker", True), ("auditor", True), ("viewer", False)]
    )
    def test_contacts(self, documents: DocumentsClient, as_, holder, role, shown):
        id = documents.route()
        holder(id).acknowledge(headers={"User-Agent": "Firefox"})
        seen = as_(role).read(id)
        said = seen["acknowledgement"]
        assert (seen["recipient"]["name"], said["name"]) == ("Ann Adams", "Ann Adams")
        values = (seen["recipient"]["email"], seen["sent_to"], said["ip_address"], said["user_agent"])
        assert values == ((ANN["email"], ANN["email"], "127.0.0.1", "Firefox") if shown else (None,) * 4)


def test_the_trail_seals_what_is_personal(documents: DocumentsClient, runtime):
    from chalicelib.packs.documents.entities import Route

    assert {"recipient", "acknowledgement"} <= Route.PERSONAL
    assert kept(runtime, documents.route()).recipient == ANN


def test_the_token_is_nowhere_but_in_the_mail(documents: DocumentsClient, runtime, holder, capsys):
    id = documents.route()
    (mail,) = mails(runtime)
    token = path_in(mail).removeprefix("/d/")
    answers = [documents.read(id), holder(id).look().text, holder(id).open().text, holder(id).acknowledge().text, documents.list()]
    assert token not in str(answers)
    assert everything(runtime).count(token) == 1  # in the mail that waits to be sent
    assert token not in capsys.readouterr().out
