"""Sending, accepting, returning and completing packets."""

from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.foundation.ids import EXAMPLE_ULID
from tests.packs.handoffs.handoffs_client import READ_BACK, H, HandoffsClient, events, gate, mails


class TestSend:
    def test_it_fixes_the_packet_and_tells_the_receiver(self, handoffs: HandoffsClient, runtime):
        ada, deal = handoffs.professional(email="ada@example.com"), handoffs.deal()
        id = handoffs.draft(ada, deal)["id"]
        sent = handoffs.send(id)
        assert (sent["status"], sent["sent_by"], sent["responsible"]) == ("sent", "user_operator", "user_operator")
        assert (sent["sent_at"], sent["accept_by"]) == ("2026-11-24T18:00:00.000Z", "2026-11-26T18:00:00.000Z")
        assert mails(runtime) == [("ada@example.com", "Packet No. 1 for you: 1201 Pine St")]

    def test_the_mail_goes_to_the_present_address(self, handoffs: HandoffsClient, runtime):
        ada = handoffs.professional(email="old@example.com")
        first, second = handoffs.draft(ada)["id"], handoffs.draft(ada)["id"]
        handoffs.ok("PATCH", f"/pros/scorecard/professionals/{ada}", {"email": "new@example.com"})
        handoffs.send(first)
        assert [to for to, _ in mails(runtime)] == ["new@example.com"]
        handoffs.ok("PATCH", f"/pros/scorecard/professionals/{ada}", {"email": None})
        assert handoffs.send(second)["status"] == "sent"
        assert len(mails(runtime)) == 1

    def test_what_isnt_ready(self, handoffs: HandoffsClient):
        id = handoffs.draft(handoffs.professional(), full=False, summary="x")["id"]
        refused = handoffs.expect_error(409, "POST", f"{H}/packets/{id}/send")
        assert refused["type"] == "/problems/not-ready"
        assert refused["checklist"] == {"completeness": False, "risk_status": False, "summary": True, "full_action": False}
        assert "action_list" in refused["missing"]
        assert handoffs.status(id) == "draft"

    @pytest.mark.parametrize("left_out", ["risk_status", "summary", "action_list"])
    def test_each_of_them_is_needed(self, handoffs: HandoffsClient, left_out):
        id = handoffs.draft(handoffs.professional())["id"]
        handoffs.change(id, **{left_out: None})
        handoffs.expect_error(409, "POST", f"{H}/packets/{id}/send")

    def test_not_to_somebody_inactive(self, handoffs: HandoffsClient):
        ada = handoffs.professional()
        id = handoffs.draft(ada)["id"]
        handoffs.ok("PATCH", f"/pros/scorecard/professionals/{ada}", {"is_active": False})
        assert handoffs.expect_error(409, "POST", f"{H}/packets/{id}/send")["code"] == "professional_inactive"

    def test_not_of_a_deal_that_is_over(self, handoffs: HandoffsClient):
        deal = handoffs.deal()
        id = handoffs.draft(handoffs.professional(), deal)["id"]
        handoffs.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert handoffs.expect_error(409, "POST", f"{H}/packets/{id}/send")["code"] == "deal_not_open"

    def test_twice(self, handoffs: HandoffsClient, runtime):
        id, key = handoffs.draft(handoffs.professional(email="a@example.com"))["id"], {"Idempotency-Key": "k"}
        first, second = (handoffs.call("POST", f"{H}/packets/{id}/send", headers=key) for _ in range(2))
        assert (first.status, second.json()) == (200, first.json())
        refused = handoffs.expect_error(409, "POST", f"{H}/packets/{id}/send")
        assert (refused["from"], refused["to"], refused["allowed"]) == ("sent", "sent", ["accepted", "returned"])
        assert len(mails(runtime)) == 1


class TestSupersession:
    def test_older_ones_give_way(self, handoffs: HandoffsClient):
        ada, bob, deal = handoffs.professional("Ada"), handoffs.professional("Bob"), handoffs.deal()
        returned = handoffs.send(handoffs.draft(ada, deal)["id"])["id"]
        handoffs.give_back(returned)
        draft, newest, newer = (handoffs.draft(ada, deal)["id"] for _ in range(3))
        others = [handoffs.draft(bob, deal)["id"], handoffs.draft(ada)["id"]]
        handoffs.send(newest)
        assert [handoffs.status(id) for id in (returned, draft, newest, newer)] == ["superseded", "superseded", "sent", "draft"]
        assert [handoffs.status(id) for id in others] == ["draft", "draft"]
        assert handoffs.packet(draft)["superseded_by"] == newest
        handoffs.send(newer)
        assert handoffs.status(newest) == "superseded"
        assert handoffs.expect_error(409, "POST", f"{H}/packets/{newest}/accept", {"read_back": READ_BACK})["allowed"] == []
        assert {row["id"]: row["status"] for row in handoffs.list(f"{H}/by-deal/{deal}")}[draft] == "superseded"

    def test_an_accepted_one_gives_way_at_acceptance(self, handoffs: HandoffsClient):
        ada, deal = handoffs.professional("Ada"), handoffs.deal()
        first = handoffs.send(handoffs.draft(ada, deal)["id"])["id"]
        handoffs.accept(first)
        second = handoffs.send(handoffs.draft(ada, deal)["id"])["id"]
        assert handoffs.status(first) == "accepted"
        handoffs.accept(second)
        assert (handoffs.status(first), handoffs.packet(first)["superseded_by"]) == ("superseded", second)

    def test_a_completed_one_stays(self, handoffs: HandoffsClient):
        ada = handoffs.professional("Ada")
        first = handoffs.send(handoffs.draft(ada)["id"])["id"]
        handoffs.finish(handoffs.accept(first)["task_ids"][0])
        handoffs.complete(first)
        handoffs.accept(handoffs.send(handoffs.draft(ada)["id"])["id"])
        assert handoffs.status(first) == "completed"


class TestAccept:
    def test_its_actions_become_tasks(self, handoffs: HandoffsClient, as_, runtime, clock):
        ada, bob, deal = handoffs.professional("Ada"), handoffs.professional("Bob"), handoffs.deal()
        dealmaker = as_("dealmaker")
        dealmaker.ok("POST", "/deals", {"title": "x"})
        actions = [
            {"action": "For Bob", "owner": bob, "due_on": "2026-12-01"},
            {"action": "For a user", "owner": "user_dealmaker", "due_on": "2026-12-02"},
            {"action": "For nobody"},
        ]
        id = handoffs.send(handoffs.draft(ada, deal, action_list=actions, contingencies=[{"if": "x", "then": "y"}])["id"])["id"]
        clock.now += timedelta(hours=6)
        me = as_("professional", user="user_ada", professional_id=ada)
        accepted = me.accept(id, f"  {READ_BACK}  ")
        assert (accepted["status"], accepted["responsible"], accepted["attested"]) == ("accepted", ada, False)
        assert accepted["read_back"] == READ_BACK
        found = [handoffs.read(task) for task in accepted["task_ids"]]
        assert [(task["professional_id"], task["title"], task["due_on"], task["deal_id"]) for task in found] == [
            (bob, "For Bob", "2026-12-01", deal),
            (ada, "For nobody", None, deal),
        ]
        told = events(runtime, "handoffs.action")
        assert [(event.for_user, event.subject_id, str(event.due_on)) for event in told] == [("user_dealmaker", id, "2026-12-02")]
        assert gate(runtime, deal)["tasks"] == 2

    def test_only_for_a_user(self, handoffs: HandoffsClient, as_, runtime):
        as_("dealmaker").ok("POST", "/deals", {"title": "x"})
        actions = [{"action": "Sign", "owner": "user_dealmaker", "due_on": "2026-12-02"}]
        id = handoffs.send(handoffs.draft(handoffs.professional(), handoffs.deal(), action_list=actions)["id"])["id"]
        assert handoffs.accept(id)["task_ids"] == []
        assert handoffs.complete(id)["status"] == "completed"

    @pytest.mark.parametrize("role", ["admin", "operator"])
    def test_somebody_else_attests(self, handoffs: HandoffsClient, as_, role):
        id = handoffs.send(handoffs.draft(handoffs.professional())["id"])["id"]
        assert as_(role).accept(id)["attested"] is True

    @pytest.mark.parametrize("role", ["dealmaker", "counsel", "viewer", "auditor"])
    def test_nobody_else(self, handoffs: HandoffsClient, as_, role):
        id = handoffs.send(handoffs.draft(handoffs.professional())["id"])["id"]
        as_(role).expect_error(403, "POST", f"{H}/packets/{id}/accept", {"read_back": READ_BACK})
        as_(role).expect_error(403, "POST", f"{H}/packets/{id}/return", {"reason": "capacity"})

    @pytest.mark.parametrize("read_back", ["x" * 19, f"{'x' * 19}     ", "", None])
    def test_a_short_read_back(self, handoffs: HandoffsClient, read_back):
        id = handoffs.send(handoffs.draft(handoffs.professional())["id"])["id"]
        handoffs.expect_error(422, "POST", f"{H}/packets/{id}/accept", {"read_back": read_back})

    def test_the_deal_must_be_open(self, handoffs: HandoffsClient):
        deal = handoffs.deal()
        id = handoffs.send(handoffs.draft(handoffs.professional(), deal)["id"])["id"]
        handoffs.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert handoffs.expect_error(409, "POST", f"{H}/packets/{id}/accept", {"read_back": READ_BACK})["code"] == "deal_not_open"
        assert handoffs.give_back(id)["status"] == "returned"

    def test_again(self, handoffs: HandoffsClient):
        id = handoffs.send(handoffs.draft(handoffs.professional())["id"])["id"]
        handoffs.accept(id)
        refused = handoffs.expect_error(409, "POST", f"{H}/packets/{id}/accept", {"read_back": READ_BACK})
        assert (refused["from"], refused["allowed"]) == ("accepted", ["completed"])

    def test_thirty_owners_fit_a_transaction(self, handoffs: HandoffsClient):
        ada = handoffs.professional()
        actions = [{"action": str(n), "owner": handoffs.professional(), "due_on": "2026-12-01"} for n in range(30)]
        id = handoffs.send(handoffs.draft(ada, handoffs.deal(), action_list=actions)["id"])["id"]
        assert len(handoffs.accept(id)["task_ids"]) == 30
        assert len(handoffs.expect_error(409, "POST", f"{H}/packets/{id}/complete")["open"]) == 30


class TestReturn:
    def test_the_sender_is_told(self, handoffs: HandoffsClient, as_, runtime):
        ada = handoffs.professional()
        id = handoffs.send(handoffs.draft(ada)["id"])["id"]
        me = as_("professional", user="user_ada", professional_id=ada)
        seen = me.give_back(id, "other", note="On holiday.")
        assert (seen["status"], seen["return_reason"], seen["return_note"]) == ("returned", "other", "On holiday.")
        assert (seen["responsible"], seen["attested"]) == ("user_operator", False)
        (event,) = events(runtime, "handoffs.returned")
        assert (event.for_user, event.subject_id, event.data["reason"]) == ("user_operator", id, "other")

    @pytest.mark.parametrize("body", [{}, {"reason": "because"}, {"reason": "other"}])
    def test_reasons(self, handoffs: HandoffsClient, body):
        id = handoffs.send(handoffs.draft(handoffs.professional())["id"])["id"]
        handoffs.expect_error(422, "POST", f"{H}/packets/{id}/return", body)

    def test_the_move_is_refused_before_its_reason(self, handoffs: HandoffsClient):
        id = handoffs.draft(handoffs.professional())["id"]
        assert handoffs.expect_error(409, "POST", f"{H}/packets/{id}/return", {})["allowed"] == ["sent"]


class TestComplete:
    def test_with_open_tasks(self, handoffs: HandoffsClient):
        ada, deal = handoffs.professional(), handoffs.deal()
        actions = [{"action": str(n), "due_on": "2026-12-01", "owner": ada} for n in range(4)]
        id = handoffs.send(handoffs.draft(ada, deal, action_list=actions)["id"])["id"]
        tasks = handoffs.accept(id)["task_ids"]
        handoffs.finish(tasks[0])
        handoffs.move(tasks[1], "cancelled", reason="not_needed")
        handoffs.ok("DELETE", f"/pros/tasks/{tasks[2]}")
        refused = handoffs.expect_error(409, "POST", f"{H}/packets/{id}/complete")
        assert (refused["code"], refused["open"]) == ("tasks_open", [tasks[3]])
        handoffs.finish(tasks[3])
        assert handoffs.complete(id)["status"] == "completed"

    def test_it_logs_how_soon_it_was_accepted(self, handoffs: HandoffsClient, as_, clock):
        ada, deal = handoffs.professional(), handoffs.deal()
        id = handoffs.send(handoffs.draft(ada, deal)["id"])["id"]
        clock.now += timedelta(hours=6, minutes=30)
        me = as_("professional", user="user_ada", professional_id=ada)
        me.finish(me.accept(id)["task_ids"][0])
        clock.now += timedelta(hours=3)
        me.complete(id)
        logged = [row for row in handoffs.list(f"/pros/scorecard/{ada}/log") if row["source"] == "handoff"]
        assert [(row["response_time_hours"], row["deal_id"], row["met_deadline"]) for row in logged] == [(Decimal("6.5"), deal, None)]
        me.expect_error(409, "POST", f"{H}/packets/{id}/complete")
        assert len([row for row in handoffs.list(f"/pros/scorecard/{ada}/log") if row["source"] == "handoff"]) == 1

    def test_before_acceptance(self, handoffs: HandoffsClient):
        id = handoffs.send(handoffs.draft(handoffs.professional())["id"])["id"]
        assert handoffs.expect_error(409, "POST", f"{H}/packets/{id}/complete")["allowed"] == ["accepted", "returned"]


def test_what_isnt_there(handoffs: HandoffsClient):
    for id in (f"hand_d{EXAMPLE_ULID * 2}", f"hand_p{EXAMPLE_ULID * 2}", "hand_1", f"task_d{EXAMPLE_ULID * 2}"):
        handoffs.expect_error(404, "GET", f"{H}/packets/{id}")
        handoffs.expect_error(404, "PATCH", f"{H}/packets/{id}", {"summary": "x"})
        handoffs.expect_error(404, "POST", f"{H}/packets/{id}/send")
        handoffs.expect_error(404, "POST", f"{H}/packets/{id}/accept", {"read_back": READ_BACK})
        handoffs.expect_error(404, "POST", f"{H}/packets/{id}/return", {"reason": "capacity"})
        handoffs.expect_error(404, "POST", f"{H}/packets/{id}/complete")


def test_the_trail_seals_what_is_personal(handoffs: HandoffsClient, runtime):
    from chalicelib.packs.handoffs.entities import Packet

    assert {"context", "summary", "read_back"} <= Packet.PERSONAL
    assert "professional" not in Packet.get_attributes()  # its facts are on no trail at all


def test_all_that_is_held(handoffs: HandoffsClient):
    ada = handoffs.professional()
    id = handoffs.draft(ada, context={"gate code": 4711})["id"]
    (packet,) = handoffs.ok("GET", f"/pros/{ada}/data")["parts"]["packets"]
    assert (packet["id"], packet["context"]) == (id, {"gate code": 4711})
    assert id in str(handoffs.expect_error(409, "DELETE", f"/pros/scorecard/professionals/{ada}")["held_by"])
    deal = handoffs.deal()
    id = handoffs.draft(ada, deal)["id"]
    assert handoffs.expect_error(409, "DELETE", f"/deals/{deal}")["held_by"] == [id]
