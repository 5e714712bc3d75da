"""Opting out of offers: it is the person's, holds for the address whichever buyers have it, and isn't taken back by everybody."""

import random
import re
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation import signing, suppression
from chalicelib.foundation.aws import client
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.suppression import ADDRESS_OPTED_OUT, ASKED_AGAIN, OPTED_OUT
from chalicelib.functions import outbox
from chalicelib.functions.streams import audit
from chalicelib.packs.dispositions import repository, schedules
from chalicelib.packs.dispositions.entities import OPT_OUTS, Buyer
from chalicelib.packs.dispositions.service.opt_out import LINK
from tests.api.test_outbox import messages, sent
from tests.packs.dispositions.dispositions_client import DispositionsClient
from tests.packs.dispositions.test_buyers import errors
from tests.packs.dispositions.test_matches import MATCHES, mails
from tests.streams.stream_feeder import record_of

ADDRESS = "ann@example.com"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def link_in(mail: dict[str, Any]) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/dispo/opt-out/\S+)", mail["text"])
    assert found
    return found[1]


def suppressions(runtime: Any) -> list[dict[str, Any]]:
    items = runtime.dynamodb.scan(TableName=runtime.settings.table)["Items"]
    return [one for one in items if one["pk"]["S"].startswith("SUPPRESS#")]


@pytest.fixture
def mailed(dispositions, runtime) -> Any:
    """`mailed(buyer)`: the path of the link in a mail that was written to this buyer."""

    def mail(buyer: str) -> str:
        known = {one["pk"] for one in mails(runtime)}
        body = {"buyer_ids": [buyer], "notify": True, "assignment_price": 131000}
        (result,) = dispositions.ok("POST", f"/dispo/pipelines/{dispositions.pipeline()}/offers", body)["results"]
        assert (result["status"], result["notified"]) == (201, True)
        (written,) = [one for one in mails(runtime) if one["pk"] not in known]
        return link_in(written)

    return mail


@pytest.fixture
def dealmaker(client_as) -> DispositionsClient:
    return DispositionsClient(client_as("dealmaker"))


def barred(dispositions: DispositionsClient, *buyers: str) -> list[bool]:
    return [dispositions.read(buyer)["do_not_contact"] for buyer in buyers]


class TestLink:
    def test_a_page_is_shown_and_its_button_does_it(self, dispositions, anonymous, mailed, runtime):
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer(email=ADDRESS)
        body = {"buyer_ids": [buyer, dispositions.buyer("No address")], "notify": True, "assignment_price": 131000}
        results = dispositions.ok("POST", f"/dispo/pipelines/{pipeline}/offers", body)["results"]
        assert [one["notified"] for one in results] == [True, False]
        (mail,) = mails(runtime)
        assert (mail["to"], mail["t"], mail["state"]) == (ADDRESS, "m", "queued")
        assert "131,000" in mail["text"]
        assert mail["text"].endswith("\n")
        path = link_in(mail)
        page = anonymous("GET", path)
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert '<form method="post"><button type="submit" formaction="?">Send me no more' in page.text
        assert "frame-ancestors" in page.headers["content-security-policy"]
        assert barred(dispositions, buyer) == [False]  # looking changes nothing
        done = anonymous("POST", path, raw="List-Unsubscribe=One-Click", headers=FORM)
        assert (done.status, "no more offers" in done.text) == (200, True)
        after = dispositions.read(buyer)
        assert (after["do_not_contact"], after["updated_by"], after["revision"], after["contact_reason"]) == (True, buyer, 2, OPTED_OUT)
        refused = {"pipeline_id": dispositions.pipeline(), "buyer_id": buyer}
        assert dispositions.expect_error(409, "POST", "/dispo/assignments", refused)["code"] == "do_not_contact"
        assert buyer not in str(dispositions.ok("GET", MATCHES.format(dispositions.pipeline())))

    def test_it_is_safe_to_repeat(self, dispositions, anonymous, mailed, clock, runtime):
        buyer = dispositions.buyer(email=ADDRESS)
        path = mailed(buyer)
        anonymous("POST", path)
        (first,) = suppressions(runtime)
        clock.now += timedelta(hours=1)
        assert anonymous("POST", path).status == 200
        assert dispositions.read(buyer)["revision"] == 2
        assert suppressions(runtime) == [first]
        for _ in range(2):
            assert "You get offers" in anonymous("POST", path, query={"again": "true"}).text
        assert dispositions.read(buyer)["revision"] == 3

    def test_who_opted_out_may_ask_again_by_the_same_link(self, dispositions, anonymous, mailed):
        buyer, other = dispositions.buyer(email=ADDRESS), dispositions.buyer("Same", email=ADDRESS)
        path = mailed(buyer)
        for _ in range(2):  # back and forth
            page = anonymous("POST", path)
            assert 'formaction="?again=true">Receive offers again' in page.text
            assert anonymous("GET", path).text == page.text
            assert barred(dispositions, buyer, other) == [True, True]
            again = anonymous("POST", path, query={"again": "true"})
            assert (again.status, "Send me no more" in again.text) == (200, True)
            assert anonymous("GET", path, query={"again": "true"}).text == again.text
            assert barred(dispositions, buyer, other) == [False, False]
            assert (dispositions.read(buyer)["updated_by"], dispositions.read(other)["updated_by"]) == (buyer, buyer)
            assert dispositions.read(other)["contact_reason"] == ASKED_AGAIN
        dispositions.offer(dispositions.pipeline(), other)
        assert anonymous("POST", path, query={"again": "perhaps"}).status == 422

    def test_no_other_link_does(self, dispositions, anonymous, mailed):
        buyer = dispositions.buyer(email=ADDRESS)
        path = mailed(buyer)
        other = dispositions.buyer("Other").removeprefix("buyer_")
        ulid, digest, signature = path.removeprefix("/dispo/opt-out/").split(".")
        forged = (f"{other}.{digest}.{signature}", f"{ulid}.{digest[::-1]}.{signature}", f"{ulid}.{signature}", "x", "x.y", "x.y.z")
        for wrong in (*(f"/dispo/opt-out/{token}" for token in forged), f"{path}x", path[:-1]):
            assert anonymous("GET", wrong).status == 404
            assert anonymous("POST", wrong).status == 404
        assert barred(dispositions, buyer) == [False]

    def test_it_is_of_the_address_that_the_mail_went_to(self, dispositions, anonymous, mailed):
        buyer = dispositions.buyer(email=ADDRESS)
        path = mailed(buyer)
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"email": "bob@example.com"})
        assert anonymous("POST", path).status == 200
        assert barred(dispositions, buyer) == [False]  # which is Bob's by now
        assert dispositions.ok("POST", "/dispo/buyers", {"name": "Ann", "email": ADDRESS})["do_not_contact"] is True
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"do_not_contact": True})
        anonymous("POST", path, query={"again": "true"})
        assert barred(dispositions, buyer) == [True]  # nor does Ann speak for Bob

    def test_it_outlives_its_buyer(self, dispositions, anonymous, mailed):
        buyer = dispositions.buyer(email=ADDRESS)
        path = mailed(buyer)
        dispositions.fall_out(dispositions.ok("GET", f"/dispo/buyers/{buyer}/assignments")["items"][0]["id"], "seller", None)
        dispositions.ok("DELETE", f"/dispo/buyers/{buyer}")
        assert "no more offers" in anonymous("POST", path).text
        assert dispositions.ok("POST", "/dispo/buyers", {"name": "Ann", "email": ADDRESS})["do_not_contact"] is True

    def test_a_link_from_before_links_were_of_an_address(self, dispositions, anonymous, context):
        buyer, other = dispositions.buyer(email=ADDRESS), dispositions.buyer("Same", email=ADDRESS)
        ctx = context("operator")

        def old(id: str) -> str:
            return f"/dispo/opt-out/{id.removeprefix('buyer_')}.{signing.sign_text(ctx.secrets.personal_key, 'opt-out', id)}"

        assert anonymous("POST", old(buyer)).status == 200
        assert barred(dispositions, buyer, other) == [True, True]
        assert anonymous("POST", old(dispositions.buyer("No address"))).status == 404

    def test_a_buyer_who_was_barred_before_there_were_suppressions(self, dispositions, anonymous, mailed, runtime):
        buyer = dispositions.buyer(email=ADDRESS)
        path = mailed(buyer)
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"do_not_contact": True})
        (row,) = suppressions(runtime)
        runtime.store().delete(ItemKey(row["pk"]["S"], row["sk"]["S"]))
        assert "no more offers" in anonymous("GET", path).text
        anonymous("POST", path)
        assert suppressions(runtime)[0]["is_active"] == {"BOOL": True}
        anonymous("POST", path, query={"again": "true"})
        assert barred(dispositions, buyer) == [False]


class TestAddress:
    """An opt-out binds every buyer of the address: those that are there, those that come, and the mail that is on its way."""

    @pytest.fixture
    def opted_out(self, dispositions, anonymous, mailed) -> str:
        buyer = dispositions.buyer(email=ADDRESS)
        assert anonymous("POST", mailed(buyer)).status == 200
        return buyer

    def test_the_others_that_have_it(self, dispositions, anonymous, mailed):
        box = {"markets": ["98103", "981*", "Seattle/WA"]}
        same = [dispositions.buyer(f"Same {number}", email="ANN@Example.com", buy_box=box) for number in range(3)]
        near = [dispositions.buyer("Near", email="ann@example.com.au"), dispositions.buyer("None")]
        path = mailed(dispositions.buyer(email=ADDRESS))
        anonymous("POST", path)
        assert barred(dispositions, *same, *near) == [True] * 3 + [False] * 2
        assert {dispositions.read(buyer)["contact_reason"] for buyer in same} == {OPTED_OUT}
        listed = dispositions.ok("GET", "/dispo/buyers", query={"market": "98103", "q": "same"})["items"]
        assert [one["do_not_contact"] for one in listed] == [True] * 3
        found = str(dispositions.ok("GET", MATCHES.format(dispositions.pipeline()))["items"])
        assert [buyer in found for buyer in (*same, *near)] == [False] * 3 + [True] * 2

    def test_it_is_nowhere_in_clear(self, dispositions, opted_out, runtime):
        (row,) = suppressions(runtime)
        assert "ann" not in str(row).lower()
        assert (row["reason"]["S"], row["changed_by"]["S"]) == (OPTED_OUT, opted_out)
        assert row["changed_at"]["S"] == "2026-11-24T18:00:00.000Z"

    def test_a_buyer_who_comes_later(self, dispositions, opted_out):
        made = dispositions.ok("POST", "/dispo/buyers", {"name": "Late", "email": "Ann@EXAMPLE.com", "do_not_contact": False})
        assert (made["do_not_contact"], made["contact_reason"]) == (True, ADDRESS_OPTED_OUT)
        assert made["warnings"] == ["duplicate_email", "opted_out"]
        key = {"Idempotency-Key": "b"}
        body = {"name": "Late", "email": ADDRESS}
        first, again = (dispositions.call("POST", "/dispo/buyers", body, headers=key) for _ in range(2))
        assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
        assert first.json()["do_not_contact"] is True

    def test_a_buyer_who_gets_the_address(self, dispositions, opted_out, round_trips):
        buyer = dispositions.buyer("Other", email="other@example.com")
        changed = dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"email": ADDRESS, "notes": "n"})
        assert (changed["do_not_contact"], changed["contact_reason"]) == (True, ADDRESS_OPTED_OUT)
        assert changed["warnings"] == ["duplicate_email", "opted_out"]
        assert dispositions.read(buyer)["do_not_contact"] is True
        found = dispositions.ok("GET", MATCHES.format(dispositions.pipeline()))["items"]
        assert buyer not in str(found)
        assert dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"email": None})["warnings"] == []

    def test_one_whose_mark_is_missing_gets_no_offer_either(self, dispositions, anonymous, mailed, monkeypatch):
        """The others are marked after the opt-out. Until then the address decides."""
        buyers = [dispositions.buyer(f"Same {number}", email=ADDRESS) for number in range(3)]
        free = dispositions.buyer("Free", email="free@example.com")
        path = mailed(buyers[0])
        monkeypatch.setattr(suppression, "MAX_SPREAD", 0)
        anonymous("POST", path)
        assert barred(dispositions, *buyers) == [True, False, False]
        pipeline = dispositions.pipeline()
        body = {"pipeline_id": pipeline, "buyer_id": buyers[1]}
        assert dispositions.expect_error(409, "POST", "/dispo/assignments", body)["code"] == "do_not_contact"
        for more in ({"notify": True}, {}, {"dry_run": True}):
            wanted = {"buyer_ids": [*buyers[1:], free], **more}
            results = dispositions.ok("POST", f"/dispo/pipelines/{dispositions.pipeline()}/offers", wanted)["results"]
            assert [one["status"] for one in results] == [409, 409, 200 if "dry_run" in more else 201]
            assert results[0]["problem"]["code"] == "do_not_contact"

    def test_two_buyers_of_one_address_in_one_call(self, dispositions):
        buyers = [dispositions.buyer(name, email=ADDRESS) for name in "AB"]
        results = dispositions.ok("POST", f"/dispo/pipelines/{dispositions.pipeline()}/offers", {"buyer_ids": buyers, "notify": True})
        assert [one["status"] for one in results["results"]] == [201, 201]

    def test_twenty_five_with_mails(self, dispositions, runtime):
        buyers = [dispositions.buyer(f"B{number}", email=f"b{number}@example.com") for number in range(25)]
        body, key = {"buyer_ids": buyers, "notify": True}, {"Idempotency-Key": "o"}
        results = dispositions.ok("POST", f"/dispo/pipelines/{dispositions.pipeline()}/offers", body, headers=key)["results"]
        assert [one["status"] for one in results] == [201] * 25
        assert len(mails(runtime)) == 25

    def test_a_mail_that_waits_is_not_sent(self, dispositions, anonymous, mailed, runtime, settings):
        buyer, other = dispositions.buyer(email=ADDRESS), dispositions.buyer("Same", email="Ann@Example.com")
        free = dispositions.buyer("Free", email="free@example.com")
        path = mailed(buyer)
        for receiver in (other, free):
            mailed(receiver)
        anonymous("POST", path)
        client("sesv2", settings).create_email_identity(EmailIdentity=settings.mail_sender)
        keys = {one["to"]: ItemKey(one["pk"], one["sk"]) for one in mails(runtime)}
        assert outbox.work(runtime, messages(*keys.values())) == {"batchItemFailures": []}
        assert [one.destinations["ToAddresses"] for one in sent()] == [["free@example.com"]]
        states = {one["to"]: one["state"] for one in mails(runtime)}
        assert states == {ADDRESS: "suppressed", "Ann@Example.com": "suppressed", "free@example.com": "sent"}
        assert not any("text" in one or "gsi3pk" in one or "lease" in one for one in mails(runtime))
        assert outbox.work(runtime, messages(*keys.values())) == {"batchItemFailures": []}
        assert len(sent()) == 1

    def test_who_asked_again_gets_the_mail_that_waited(self, dispositions, anonymous, mailed, runtime, settings):
        path = mailed(dispositions.buyer(email=ADDRESS))
        anonymous("POST", path)
        anonymous("POST", path, query={"again": "true"})
        client("sesv2", settings).create_email_identity(EmailIdentity=settings.mail_sender)
        outbox.work(runtime, messages(*(ItemKey(one["pk"], one["sk"]) for one in mails(runtime))))
        assert len(sent()) == 1


class TestSteps:
    """Fifty others in a step; the schedule that visits changed buyers does what is left."""

    @pytest.fixture
    def visit(self, run_work, clock) -> Any:
        def run() -> Any:
            clock.now += timedelta(minutes=2)
            record = run_work(schedules.buyer_records)
            assert (record["failed"], record["error"]) == (0, "")
            return record

        return run

    @pytest.mark.parametrize("again", [False, True])
    def test_what_one_step_leaves_the_schedule_does(self, dispositions, anonymous, mailed, visit, monkeypatch, again):
        buyers = [dispositions.buyer(f"Same {number}", email=ADDRESS) for number in range(6)]
        path = mailed(buyers[0])
        if again:
            anonymous("POST", path)
            assert barred(dispositions, *buyers) == [True] * 6
        visit()
        monkeypatch.setattr(suppression, "MAX_SPREAD", 2)
        anonymous("POST", path, query={"again": "true"} if again else None)
        assert barred(dispositions, *buyers).count(not again) == 3
        for _ in range(3):
            visit()
        assert barred(dispositions, *buyers) == [not again] * 6
        assert visit()["found"] == 0

    def test_one_that_changes_meanwhile_is_left_to_the_schedule(self, dispositions, anonymous, mailed, visit, monkeypatch):
        buyers = [dispositions.buyer(f"Same {number}", email=ADDRESS) for number in range(3)]
        path, save, changes = mailed(buyers[0]), repository.save_buyer, [buyers[1]]

        def changed_meanwhile(ctx: Any, before: Buyer, after: Buyer) -> None:
            if before.id in changes:
                changes.clear()
                dispositions.ok("PATCH", f"/dispo/buyers/{before.id}", {"notes": "Just now."})
            save(ctx, before, after)

        with monkeypatch.context() as patched:
            patched.setattr(repository, "save_buyer", changed_meanwhile)
            assert anonymous("POST", path).status == 200
        assert changes == []
        assert barred(dispositions, *buyers) == [True, False, True]
        visit()
        assert barred(dispositions, *buyers) == [True] * 3

    def test_an_opt_out_is_not_overtaken_by_a_step_of_before(self, context, dispositions):
        """A step that read the address as suppressed doesn't mark anybody once that is lifted."""
        first, second = (dispositions.buyer(name, email=ADDRESS) for name in "AB")
        dispositions.ok("PATCH", f"/dispo/buyers/{first}", {"do_not_contact": True})
        ctx = context("operator")
        lift = {"do_not_contact": False, "contact_reason": "They called."}

        def save(ctx: Any, before: Buyer, after: Buyer) -> None:
            dispositions.ok("PATCH", f"/dispo/buyers/{first}", lift)
            repository.save_buyer(ctx, before, after)

        source = ctx.store.require(Buyer, first)
        ctx.store.save(ctx.store.require(Buyer, second).with_changes(ctx, do_not_contact=False))  # as if its mark were missing
        assert OPT_OUTS.spread(ctx, source, repository.of_same_email(ctx, source), save) is False
        assert barred(dispositions, first, second) == [False, False]


class TestByHand:
    """What the firm's own people may do with it."""

    def test_a_dealmaker_bars_the_address(self, dispositions, dealmaker, runtime):
        buyer, other = dispositions.buyer(email=ADDRESS), dispositions.buyer("Same", email=ADDRESS)
        body = {"do_not_contact": True, "contact_reason": "Asked us on the phone."}
        assert dealmaker.ok("PATCH", f"/dispo/buyers/{buyer}", body)["contact_reason"] == "Asked us on the phone."
        assert barred(dispositions, other) == [True]
        assert dispositions.ok("POST", "/dispo/buyers", {"name": "Late", "email": ADDRESS})["do_not_contact"] is True
        for later in ("new@example.com", "x@example.com"):
            assert dealmaker.ok("PATCH", f"/dispo/buyers/{buyer}", {"email": later})["do_not_contact"] is True
            assert dispositions.ok("POST", "/dispo/buyers", {"name": "Late", "email": later})["do_not_contact"] is True

    def test_so_does_a_buyer_who_comes_barred(self, dispositions, round_trips):
        other = dispositions.buyer(email=ADDRESS)
        made = dispositions.ok("POST", "/dispo/buyers", {"name": "B", "email": ADDRESS, "do_not_contact": True, "contact_reason": "Rude."})
        assert (made["contact_reason"], made["warnings"]) == ("Rude.", ["duplicate_email"])
        assert barred(dispositions, other) == [True]

    def test_only_those_who_may_override_lift_it_and_say_why(self, dispositions, dealmaker, client_as, mailed, anonymous, runtime):
        buyer, other = dispositions.buyer(email=ADDRESS), dispositions.buyer("Same", email=ADDRESS)
        path = mailed(buyer)
        anonymous("POST", path)
        lift, why = {"do_not_contact": False}, {"contact_reason": "Asked for it by letter."}
        address = f"/dispo/buyers/{other}"
        for body in (lift, {**lift, **why}, {**lift, "email": None}, {**lift, "email": "else@example.com", **why}):
            dealmaker.expect_error(403, "PATCH", address, body)
        for body in (lift, {**lift, "contact_reason": None}, {**lift, "contact_reason": "  "}, {"notes": "n", **why}):
            assert errors(dispositions.expect_error(422, "PATCH", address, body)) == ["contact_reason"]
        dispositions.expect_error(412, "PATCH", address, lift, headers={"If-Match": '"1"'})
        assert barred(dispositions, buyer, other) == [True, True]
        lifted = dispositions.ok("PATCH", address, {**lift, **why})
        assert (lifted["do_not_contact"], lifted["contact_reason"]) == (False, "Asked for it by letter.")
        assert barred(dispositions, buyer, other) == [False, False]
        (row,) = suppressions(runtime)
        assert (row["is_active"], row["reason"]["S"]) == ({"BOOL": False}, "Asked for it by letter.")
        assert row["changed_by"]["S"] == lifted["updated_by"]
        dispositions.offer(dispositions.pipeline(), buyer)
        assert dispositions.ok("PATCH", address, {**lift, **why})["revision"] == lifted["revision"]  # and again
        anonymous("POST", path)
        assert barred(dispositions, buyer, other) == [True, True]

    def test_the_reason_is_on_the_trail(self, dispositions, runtime):
        buyer = dispositions.ok("POST", "/dispo/buyers", {"name": "Ann", "email": ADDRESS, "do_not_contact": True})["id"]
        first = runtime.store().get_item(Buyer.ID.key(buyer))
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"do_not_contact": False, "contact_reason": "By letter."})
        second = runtime.store().get_item(Buyer.ID.key(buyer))
        assert audit(runtime, {"Records": [record_of(1, None, first), record_of(2, first, second)]}) == {"batchItemFailures": []}
        newest, _ = dispositions.ok("GET", f"/audit/trail/{buyer}")["items"]
        assert newest["changes"] == {"contact_reason": {"old": None, "new": "By letter."}, "do_not_contact": {"old": True, "new": False}}
        assert newest["actor"] == dispositions.read(buyer)["updated_by"]

    def test_without_an_address_it_is_the_buyers_own(self, dispositions, dealmaker):
        buyer = dispositions.buyer(do_not_contact=True)
        assert dealmaker.ok("PATCH", f"/dispo/buyers/{buyer}", {"do_not_contact": False})["do_not_contact"] is False

    def test_taking_the_address_away_frees_nobody(self, dispositions, dealmaker, mailed, anonymous):
        buyer = dispositions.buyer(email=ADDRESS)
        anonymous("POST", mailed(buyer))
        dealmaker.ok("PATCH", f"/dispo/buyers/{buyer}", {"email": None})
        dealmaker.ok("PATCH", f"/dispo/buyers/{buyer}", {"do_not_contact": False})
        back = dealmaker.ok("PATCH", f"/dispo/buyers/{buyer}", {"email": ADDRESS})
        assert (back["do_not_contact"], back["warnings"]) == (True, ["opted_out"])

    def test_a_reason_of_before_doesnt_stay(self, dispositions):
        buyer = dispositions.buyer(email=ADDRESS, do_not_contact=True, contact_reason="Rude.")
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"do_not_contact": False, "contact_reason": "Mild."})
        assert dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"do_not_contact": True})["contact_reason"] is None


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_a_buyer_says_what_holds_for_its_address(dispositions, anonymous, context, runtime, seed):
    """Opting out, asking again, barring, freeing, coming and changing address, in any order: buyers and rows never differ."""
    chance, ctx = random.Random(seed), context("operator")
    addresses, buyers = ["ann@example.com", "bob@example.com", "cid@example.com"], []

    def patch(**body: Any) -> None:
        dispositions.ok("PATCH", f"/dispo/buyers/{chance.choice(buyers)}", body)

    def follow_link(query: dict[str, str] | None) -> None:
        buyer = ctx.store.require(Buyer, chance.choice(buyers))
        if buyer.email:
            assert anonymous("POST", LINK.url(ctx, buyer).removeprefix("http://127.0.0.1:8000"), query=query).status == 200

    moves = [
        lambda: buyers.append(dispositions.buyer(email=chance.choice(addresses), do_not_contact=chance.random() < 0.2)),
        lambda: patch(email=chance.choice([*addresses, None])),
        lambda: patch(do_not_contact=True),
        lambda: patch(do_not_contact=False, contact_reason="They asked."),
        lambda: patch(email=chance.choice(addresses), do_not_contact=False, contact_reason="They asked."),
        lambda: follow_link(None),
        lambda: follow_link({"again": "true"}),
    ]
    moves[0]()
    for _ in range(30):
        chance.choice(moves)()
        active = {one["pk"]["S"] for one in suppressions(runtime) if one["is_active"]["BOOL"]}
        found = ctx.store.find_many(Buyer, buyers).values()
        assert all(one.do_not_contact == (OPT_OUTS.key(ctx, one.email).pk in active) for one in found if one.email)
