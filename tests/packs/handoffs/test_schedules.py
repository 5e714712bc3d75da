"""Telling of packets that nobody has accepted."""

from datetime import timedelta

from chalicelib.packs.handoffs import schedules
from tests.fault_injection import FaultInjectingClient, LostResponses
from tests.packs.handoffs.handoffs_client import H, HandoffsClient, events


def sent(handoffs: HandoffsClient) -> str:
    return str(handoffs.send(handoffs.draft(handoffs.professional())["id"])["id"])


class TestUnaccepted:
    def test_once_after_48_hours(self, handoffs: HandoffsClient, clock, run_work, runtime):
        id = sent(handoffs)
        clock.now += timedelta(hours=47, minutes=59)
        assert run_work(schedules.unaccepted)["done"] == 0
        clock.now += timedelta(minutes=1)
        assert run_work(schedules.unaccepted)["done"] == 1
        for _ in range(3):
            clock.now += timedelta(hours=1)
            assert run_work(schedules.unaccepted)["found"] == 0
        (event,) = events(runtime, "handoffs.unaccepted")
        assert (event.for_user, event.for_role, event.subject_id) == ("user_operator", "operator", id)
        assert event.data["accept_by"] == "2026-11-26T18:00:00.000Z"
        assert handoffs.status(id) == "sent"

    def test_not_what_was_answered(self, handoffs: HandoffsClient, clock, run_work, runtime):
        accepted, returned, superseded = sent(handoffs), sent(handoffs), sent(handoffs)
        handoffs.accept(accepted)
        handoffs.give_back(returned)
        handoffs.send(handoffs.draft(handoffs.packet(superseded)["professional_id"])["id"])
        handoffs.draft(handoffs.professional())
        clock.now += timedelta(days=30)
        assert run_work(schedules.unaccepted)["done"] == 1
        assert len(events(runtime, "handoffs.unaccepted")) == 1

    def test_late_and_in_pieces(self, handoffs: HandoffsClient, clock, run_work, runtime):
        ids = {sent(handoffs) for _ in range(6)}
        clock.now += timedelta(days=9)
        for _ in range(3):
            run_work(schedules.unaccepted)
        assert {event.subject_id for event in events(runtime, "handoffs.unaccepted")} == ids
        assert len(events(runtime, "handoffs.unaccepted")) == 6

    def test_whatever_is_lost_on_the_way(self, handoffs: HandoffsClient, clock, run_work, runtime):
        ids = {sent(handoffs) for _ in range(4)}
        clock.now += timedelta(days=3)
        sound = runtime.dynamodb
        runtime.dynamodb = FaultInjectingClient(sound, LostResponses(0.4, seed=3))
        run_work(schedules.unaccepted)
        runtime.dynamodb = sound
        run_work(schedules.unaccepted)
        assert sorted(event.subject_id for event in events(runtime, "handoffs.unaccepted")) == sorted(ids)

    def test_it_is_accepted_all_the_same(self, handoffs: HandoffsClient, clock, run_work):
        id = sent(handoffs)
        clock.now += timedelta(days=3)
        run_work(schedules.unaccepted)
        assert handoffs.accept(id)["status"] == "accepted"
        handoffs.expect_error(412, "POST", f"{H}/packets/{id}/complete", headers={"If-Match": '"1"'})
