"""Moving routes by people who are signed in, with every refusal and in its order; and what a cancelled deal does to them."""

from datetime import timedelta

import pytest

from chalicelib.foundation.actor import Actor
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Forbidden
from chalicelib.foundation.mail_events import MailEvent
from chalicelib.packs.documents.schemas import RouteMoveRequest
from chalicelib.packs.documents.service import bounces, moves
from tests.conftest import NOW
from tests.packs.documents.documents_client import (
    FIRST,
    SECOND,
    D,
    DocumentsClient,
    change_contract,
    contract,
    gate,
    kept,
    mails,
)

CANCELLED = {"status": "cancelled", "reason": "title"}


@pytest.fixture
def bounce(runtime):
    """`bounce(id)`: a mail of the route comes back, as the worker tells it."""

    def tell(id, kind="hard", epoch=None):
        ctx = runtime.context(request_id="bounce")
        bounces.mail_failed(
            ctx, id, f"sending-{kept(runtime, id).epoch if epoch is None else epoch}", MailEvent(kind, ctx.now, "", "ann@example.com")
        )

    return tell


def status_path(id: str) -> str:
    return f"{D}/{id}/status"


class TestTheRecipient:
    def test_a_professional_by_login(self, documents: DocumentsClient, as_, runtime):
        deal, grace = documents.deal(), documents.professional("Grace Hopper")
        id = documents.route(deal, professional_id=grace, document_sha256=FIRST)
        her = as_("professional", professional_id=grace)
        opened = her.move(id, "opened")
        assert (opened["status"], opened["opened_at"], opened["attested_by"]) == ("opened", format_timestamp(NOW), None)
        her.expect_error(409, "PATCH", status_path(id), {"status": "acknowledged", "document_sha256": SECOND})
        seen = her.move(id, "acknowledged")  # the hash may be left out
        assert seen["acknowledgement"] | {"user_agent": None} == {
            "name": "Grace Hopper", "at": format_timestamp(NOW), "authentication": "session", "document_sha256": FIRST,
            "ip_address": "127.0.0.1", "user_agent": None,
        }  # fmt: skip
        assert (seen["attested_by"], seen["updated_by"]) == (None, "user_professional")
        assert gate(runtime, deal)["ver"] == 3

    def test_acknowledging_stamps_the_opening(self, documents: DocumentsClient, as_):
        grace = documents.professional()
        id = documents.route(professional_id=grace)
        seen = as_("professional", professional_id=grace).move(id, "acknowledged", name="G. Hopper")
        assert (seen["opened_at"], seen["acknowledgement"]["name"]) == (format_timestamp(NOW), "G. Hopper")

    def test_not_recall(self, documents: DocumentsClient, as_):
        grace = documents.professional()
        id = documents.route(professional_id=grace)
        body = {"status": "recalled", "reason": "wrong_person"}
        as_("professional", professional_id=grace).expect_error(403, "PATCH", status_path(id), body)


class TestAttesting:
    def test_it_is_marked(self, documents: DocumentsClient):
        id = documents.route()
        assert documents.move(id, "opened")["attested_by"] == "user_operator"
        seen = documents.move(id, "acknowledged")
        assert (seen["attested_by"], seen["acknowledgement"]["authentication"]) == ("user_operator", "attested")
        assert seen["acknowledgement"]["name"] == "Ann Adams"

    @pytest.mark.parametrize("role", ["dealmaker", "counsel"])
    def test_who_may_not(self, documents: DocumentsClient, as_, role):
        id = documents.route(documents.deal(owner=None))
        for status in ("opened", "acknowledged"):
            as_(role).expect_error(403, "PATCH", status_path(id), {"status": status})
        documents.move(id, "acknowledged")
        refused = as_(role).expect_error(409, "PATCH", status_path(id), {"status": "opened"})  # before that of the move
        assert (refused["type"], refused["allowed"]) == ("/problems/invalid-transition", [])

    def test_no_api_key(self, documents: DocumentsClient, runtime):
        """What a program says, nobody has said; it may recall."""
        id = documents.route()
        roles = runtime.packs.roles.permissions(["operator"])
        robot = Actor(id="user_operator", kind="api_key", roles=frozenset({"operator"}), permissions=roles, session="key_1")
        for status in ("opened", "acknowledged"):
            with pytest.raises(Forbidden):
                moves.move_route(runtime.context(request_id="r", actor=robot), id, RouteMoveRequest(status=status))
        body = RouteMoveRequest(status="recalled", reason="superseded")
        assert moves.move_route(runtime.context(request_id="r", actor=robot), id, body)["status"] == "recalled"


class TestRecalling:
    def test_reasons(self, documents: DocumentsClient, holder):
        id = documents.route()
        for body in ({}, {"reason": "hard"}, {"reason": "deal_dead"}):
            documents.expect_error(422, "PATCH", status_path(id), {"status": "recalled", **body})
        assert documents.expect_error(422, "PATCH", status_path(id), {"status": "recalled", "reason": "other"})["errors"][0]["loc"] == [
            "note"
        ]
        recipient = holder(id)
        seen = documents.recall(id, "other", note="It was the draft.")
        assert (seen["status"], seen["status_reason"], seen["status_note"]) == ("recalled", "other", "It was the draft.")
        assert seen["reminders"]["next_on"] is None
        assert recipient.acknowledge().status == 404
        assert documents.expect_error(409, "PATCH", status_path(id), {"status": "recalled", "reason": "superseded"})["allowed"] == []

    def test_an_acknowledged_one_only_once_its_document_was_replaced(self, documents: DocumentsClient, runtime, holder):
        deal = documents.deal()
        id = contract(runtime, deal)
        route = documents.route(deal, contract_id=id)
        holder(route).acknowledge(FIRST)
        body = {"status": "recalled", "reason": "superseded"}
        assert documents.expect_error(409, "PATCH", status_path(route), body)["allowed"] == []
        change_contract(runtime, id, document_sha256=SECOND)
        seen = documents.move(**{"id": route, **body})
        assert (seen["status"], seen["acknowledgement"]["document_sha256"]) == ("recalled", FIRST)  # the evidence stays
        assert documents.expect_error(409, "DELETE", f"{D}/{route}")["code"] == "acknowledged"


class TestSendingAgain:
    def test_to_the_right_address(self, documents: DocumentsClient, runtime, holder, bounce, clock):
        id = documents.route()
        first = holder(id)
        documents.remind(id)
        bounce(id)
        assert first.look().status == 404
        assert documents.expect_error(409, "PATCH", status_path(id), {"status": "recalled", "reason": "superseded"})["allowed"] == ["sent"]
        clock.now += timedelta(days=2)
        seen = documents.move(id, "sent", email="ann@right.example.com")
        assert (seen["status"], seen["sent_at"], seen["sent_to"]) == ("sent", format_timestamp(clock.now), "ann@right.example.com")
        assert seen["recipient"] == {"name": "Ann Adams", "email": "ann@right.example.com"}
        assert seen["reminders"] == {"count": 0, "last_at": None, "next_on": "2026-12-01"}
        assert mails(runtime, id)[-1]["to"] == "ann@right.example.com"
        assert first.look().status == 404
        assert holder(id).acknowledge().status == 200

    def test_to_where_the_professional_is_by_now(self, documents: DocumentsClient, runtime, bounce, clock):
        grace = documents.professional("Grace")
        id = documents.route(professional_id=grace)
        bounce(id)
        documents.ok("PATCH", f"/pros/scorecard/professionals/{grace}", {"email": None})
        assert documents.expect_error(422, "PATCH", status_path(id), {"status": "sent"})["errors"][0]["loc"] == ["email"]
        documents.ok("PATCH", f"/pros/scorecard/professionals/{grace}", {"email": "grace@navy.example.com"})
        clock.now += timedelta(minutes=1)
        assert documents.move(id, "sent")["sent_to"] == "grace@navy.example.com"
        assert [mail["to"] for mail in mails(runtime, id)] == ["grace@example.com", "grace@navy.example.com"]

    def test_not_after_its_links_end_nor_of_a_replaced_document(self, documents: DocumentsClient, runtime, bounce, clock):
        deal = documents.deal()
        of_contract = contract(runtime, deal)
        id = documents.route(deal, contract_id=of_contract)
        bounce(id)
        change_contract(runtime, of_contract, document_sha256=SECOND)
        assert documents.expect_error(409, "PATCH", status_path(id), {"status": "sent"})["code"] == "stale_hash"
        change_contract(runtime, of_contract, document_sha256=FIRST)
        clock.now += timedelta(days=90)
        assert documents.expect_error(409, "PATCH", status_path(id), {"status": "sent"})["code"] == "link_expired"


class TestRefusals:
    def test_staff_dont_bounce(self, documents: DocumentsClient):
        id = documents.route()
        refused = documents.expect_error(409, "PATCH", status_path(id), {"status": "bounced"})
        assert (refused["type"], refused["from"], refused["to"]) == ("/problems/invalid-transition", "sent", "bounced")
        assert refused["allowed"] == ["opened", "acknowledged", "recalled"]

    def test_the_present_state_again(self, documents: DocumentsClient):
        id = documents.route()
        assert documents.expect_error(409, "PATCH", status_path(id), {"status": "sent"})["type"] == "/problems/invalid-transition"
        documents.move(id, "opened")
        assert documents.expect_error(409, "PATCH", status_path(id), {"status": "opened"})["allowed"] == ["acknowledged", "recalled"]

    def test_fields_of_other_moves(self, documents: DocumentsClient):
        id = documents.route()
        for body in (
            {"status": "opened", "email": "x@example.com"},
            {"status": "opened", "name": "Ann"},
            {"status": "recalled", "reason": "superseded", "document_sha256": FIRST},
            {"status": "banana"},
            {},
        ):
            documents.expect_error(422, "PATCH", status_path(id), body)

    def test_their_order(self, documents: DocumentsClient, as_):
        """404, 403 of the row, 412, 409 of the move, 403 of the move, 422 of its reason."""
        foreign = documents.route()
        old, dealmaker = {"If-Match": '"7"'}, as_("dealmaker")
        documents.expect_error(404, "PATCH", status_path(f"doc_d{'0' * 52}"), {"status": "sent"}, headers=old)
        documents.expect_error(404, "PATCH", status_path("doc_1"), {"status": "sent"})
        dealmaker.expect_error(403, "PATCH", status_path(foreign), {"status": "sent"}, headers=old)
        own = dealmaker.route(dealmaker.deal())
        dealmaker.expect_error(412, "PATCH", status_path(own), {"status": "sent"}, headers=old)
        dealmaker.expect_error(409, "PATCH", status_path(own), {"status": "sent"})
        dealmaker.expect_error(403, "PATCH", status_path(own), {"status": "opened"})
        dealmaker.expect_error(422, "PATCH", status_path(own), {"status": "recalled"})

    def test_of_a_deal_that_is_over(self, documents: DocumentsClient, runtime):
        from chalicelib.foundation.store.keys import reference_counter

        deal = documents.deal()
        id = documents.route(deal)
        runtime.store().update(reference_counter(deal), set={"status": "finalized"})
        for body in ({"status": "acknowledged"}, {"status": "recalled", "reason": "superseded"}):
            assert documents.expect_error(409, "PATCH", status_path(id), body)["code"] == "deal_not_open"

    def test_while_it_is_finalizing_all_goes_on(self, documents: DocumentsClient, runtime, holder):
        from chalicelib.foundation.store.keys import reference_counter

        deal = documents.deal()
        id = documents.route(deal)
        runtime.store().update(reference_counter(deal), set={"status": "finalizing"})
        documents.send(deal)
        assert holder(id).open().status == 200
        assert documents.move(id, "acknowledged")["status"] == "acknowledged"


class TestCancelling:
    def test_what_waits_is_recalled(self, documents: DocumentsClient, runtime, holder, bounce):
        deal = documents.deal()
        sent, opened, acknowledged, bounced, recalled = (documents.route(deal) for _ in range(5))
        holder(opened).open()
        holder(acknowledged).acknowledge()
        bounce(bounced)
        documents.recall(recalled)
        links = [holder(id) for id in (sent, opened)]
        documents.ok("PATCH", f"/deals/{deal}/status", CANCELLED)
        assert [documents.read(id)["status"] for id in (sent, opened, acknowledged, bounced, recalled)] == [
            "recalled", "recalled", "acknowledged", "bounced", "recalled",
        ]  # fmt: skip
        assert documents.read(sent)["status_note"] == "The deal was cancelled."
        assert kept(runtime, opened).last_stay["status"] == "opened"
        assert [link.acknowledge().status for link in links] == [404, 404]

    def test_with_tasks_at_most_eighty(self, documents: DocumentsClient, runtime):
        deal, grace = documents.deal(), documents.professional()
        recipients = [{"name": f"N{number}", "email": f"n{number}@example.com"} for number in range(80)]
        body = {**documents.body(deal, recipient=None), "recipients": recipients}
        documents.ok("POST", f"{D}/bulk", body)
        task = documents.ok("POST", "/pros/tasks", {"professional_id": grace, "deal_id": deal, "title": "t"})["id"]
        assert documents.expect_error(409, "PATCH", f"/deals/{deal}/status", CANCELLED)["code"] == "too_many_open"
        documents.ok("DELETE", f"/pros/tasks/{task}")
        documents.ok("PATCH", f"/deals/{deal}/status", CANCELLED)
        assert {row["status"] for row in documents.list(f"{D}/by-deal/{deal}")} == {"recalled"}


def test_each_move_is_in_the_history(documents: DocumentsClient, runtime, holder, clock):
    from chalicelib.packs.documents.repository import HISTORY

    id = documents.route()
    clock.now += timedelta(days=1)
    holder(id).open()
    clock.now += timedelta(days=2)
    holder(id).acknowledge()
    rows = list(runtime.store().query_all(HISTORY.range(kept(runtime, id))))
    assert [(row["status"]["S"], row["left_for"]["S"], row["days"]["N"]) for row in rows] == [
        ("sent", "opened", "1"), ("opened", "acknowledged", "2"),
    ]  # fmt: skip
    assert rows[0]["left_by"]["S"] == f"link:{id}"
