"""What time does: offers that expire, offers that lapsed with their pipeline, proofs of funds that lapse."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.foundation.events import Notification
from chalicelib.packs.dispositions import schedules
from chalicelib.packs.dispositions.entities import Assignment
from chalicelib.packs.dispositions.service import offer_transitions
from tests.packs.dispositions.dispositions_client import roster_of


@pytest.fixture
def run(run_work: Any) -> Any:
    """Run a schedule now, as its clock does; the run's record."""
    return lambda work=schedules.offers, context=None: run_work(work, context)


@pytest.fixture
def kept(runtime: Any) -> Any:
    """The assignment as it lies in the table, whatever its pipeline makes of it."""
    return lambda id: Assignment.from_item(runtime.store().get_item(Assignment.ID.key(id)))


def events(runtime: Any) -> list[Notification]:
    items = runtime.dynamodb.scan(TableName=runtime.settings.table)["Items"]
    return [Notification.from_item(raw) for raw in items if raw.get("kind", {}).get("S") == "event"]


class TestExpiry:
    def test_what_is_past_its_end_falls_out_once(self, dispositions, clock, run, kept, project):
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer()
        id = dispositions.offer(pipeline, buyer, expires_at="2026-11-25T12:00:00Z")
        later = dispositions.offer(pipeline, expires_at="2026-11-25T12:00:01Z")
        endless, prolonged = dispositions.offer(pipeline), dispositions.offer(pipeline, expires_at="2026-11-25T12:00:00Z")
        dispositions.patch(prolonged, expires_at="2026-12-25T12:00:00Z")
        assert run()["done"] == 0
        clock.now = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
        assert run()["done"] == 1
        fallen = dispositions.read(id)
        assert (fallen["status"], fallen["fallout_reason"], fallen["fell_out_on"]) == ("fallout", "expired", "2026-11-25")
        assert (fallen["fell_from"], fallen["updated_by"]) == ("offered", "system:dispositions-offers")
        assert run()["done"] == 0
        clock.now += timedelta(seconds=1)
        assert run()["done"] == 1
        assert [kept(one).status for one in (id, later, endless, prolonged)] == ["fallout", "fallout", "offered", "offered"]
        project()
        assert dispositions.ok("GET", f"/dispo/buyers/{buyer}/stats")["lapsed"] == 1
        dispositions.ok("DELETE", f"/dispo/buyers/{buyer}")
        again = dispositions.offer(pipeline, rank=1)
        assert dispositions.read(again)["rank"] == 1

    def test_an_assigned_one_doesnt_expire(self, dispositions, clock, run):
        id = dispositions.offer(dispositions.pipeline(), expires_at="2026-11-25T12:00:00Z")
        dispositions.assign(id)
        clock.now += timedelta(days=9)
        assert run()["found"] == 0
        assert dispositions.read(id)["status"] == "assigned"

    def test_days_late_and_with_little_time(self, dispositions, clock, run):
        pipeline = dispositions.pipeline()
        ids = [dispositions.offer(pipeline, expires_at="2026-11-25T12:00:00Z") for _ in range(3)]
        clock.now += timedelta(days=30)
        looks = iter([100_000] * 3 + [0] * 1000)
        hurried = run(context=SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: next(looks)))
        assert (hurried["more"], hurried["done"] < 3) == (True, True)
        assert hurried["done"] + run()["done"] == 3
        assert {dispositions.read(id)["fallout_reason"] for id in ids} == {"expired"}

    def test_an_index_that_is_behind(self, dispositions, clock, runtime, run):
        id = dispositions.offer(dispositions.pipeline(), expires_at="2026-11-25T12:00:00Z")
        clock.now += timedelta(days=2)
        assert run()["done"] == 1
        ctx = runtime.context(request_id="r")
        assert offer_transitions.close_out_expired(ctx, id, {}) is False
        assert offer_transitions.close_out_expired(ctx, "asgn_w01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T", {}) is False


class TestSettling:
    @pytest.mark.parametrize("how", ["lost", "dead", "closed"])
    def test_what_lapsed_is_written_down_as_it_showed(self, dispositions, clock, run, kept, runtime, how, project):
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer()
        id = dispositions.offer(pipeline, buyer)
        if how == "closed":
            won = dispositions.offer(pipeline)
            dispositions.assign(won)
            dispositions.close(won)
        elif how == "lost":
            dispositions.stage(pipeline, "offer_made", note="They want more.")
        else:
            dispositions.stage(pipeline, "dead", reason="title")
        shown = dispositions.read(id)
        assert kept(id).status == "offered"
        clock.now += timedelta(days=3)
        assert run()["done"] == 1
        settled = dispositions.read(id)
        same = (
            "status",
            "fallout_reason",
            "fell_out_on",
            "fell_from",
            "assignment_price",
            "assignment_fee",
            "fee_gross",
            "fee_net",
            "missing",
        )
        assert {name: settled[name] for name in same} == {name: shown[name] for name in same}
        assert (kept(id).status, kept(id).fell_out_on.isoformat()) == ("fallout", "2026-11-24")
        assert run()["found"] == 0
        assert roster_of(runtime, pipeline).live == {}
        project()
        assert dispositions.ok("GET", f"/dispo/buyers/{buyer}/stats")["lapsed"] == 1
        dispositions.ok("DELETE", f"/dispo/buyers/{buyer}")

    def test_two_of_one_buyer(self, dispositions, run, kept, project):
        """Both are references of the one buyer, whose row takes one update a transaction."""
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer()
        first = dispositions.offer(pipeline, buyer)
        dispositions.stage(pipeline, "offer_made", note="They want more.")
        dispositions.stage(pipeline, "under_contract", price=119000)
        second = dispositions.offer(pipeline, buyer)
        dispositions.stage(pipeline, "dead", reason="title")
        assert run()["done"] == 2
        assert [kept(id).status for id in (first, second)] == ["fallout", "fallout"]
        project()
        assert dispositions.ok("GET", f"/dispo/buyers/{buyer}/stats")["lapsed"] == 2
        dispositions.ok("DELETE", f"/dispo/buyers/{buyer}")
        dispositions.ok("DELETE", f"/wholesale/{pipeline}")

    def test_only_those_of_the_contract_that_ended(self, dispositions, run, kept):
        pipeline = dispositions.pipeline()
        old = dispositions.offer(pipeline)
        dispositions.stage(pipeline, "offer_made", note="They want more.")
        dispositions.stage(pipeline, "under_contract", price=119000)
        new, elsewhere = dispositions.offer(pipeline), dispositions.offer(dispositions.pipeline())
        assert run()["done"] == 1
        assert [kept(one).status for one in (old, new, elsewhere)] == ["fallout", "offered", "offered"]
        assert dispositions.assign(new)["status"] == "assigned"

    def test_several_of_one_buyer(self, dispositions, run, kept, project):
        """A buyer gets one offer a contract; offers under two contracts that were lost are closed out together."""
        pipeline, buyer, other = dispositions.pipeline(), dispositions.buyer(), dispositions.buyer("Other")
        ids = []
        for _ in range(2):
            ids += [dispositions.offer(pipeline, one) for one in (buyer, other)]
            dispositions.stage(pipeline, "offer_made", note="They want more.")
            dispositions.stage(pipeline, "under_contract", price=119000)
        done = run()
        assert (done["done"], done["failed"]) == (4, 0)
        assert {kept(id).fallout_reason for id in ids} == {"contract_lost"}
        project()
        assert dispositions.ok("GET", f"/dispo/buyers/{buyer}/stats")["lapsed"] == 2
        for one in (buyer, other):
            dispositions.ok("DELETE", f"/dispo/buyers/{one}")
        dispositions.ok("DELETE", f"/wholesale/{pipeline}")

    def test_more_than_fit_one_transaction(self, dispositions, run, kept, monkeypatch):
        monkeypatch.setattr(offer_transitions, "_BATCH_SIZE", 2)
        pipeline = dispositions.pipeline()
        ids = [dispositions.offer(pipeline) for _ in range(5)]
        dispositions.stage(pipeline, "dead", reason="title")
        assert run()["done"] == 5
        assert {kept(id).fallout_reason for id in ids} == {"pipeline_dead"}
        dispositions.ok("DELETE", f"/wholesale/{pipeline}")

    def test_one_that_fails_doesnt_stop_the_others(self, dispositions, run, kept, monkeypatch):
        bad, good = dispositions.pipeline(), dispositions.pipeline()
        first, second = dispositions.offer(bad), dispositions.offer(good)
        for pipeline in (bad, good):
            dispositions.stage(pipeline, "dead", reason="title")
        settle = offer_transitions._close_out_some

        def failing(ctx: Any, id: str) -> int:
            if id == bad:
                raise RuntimeError("broken")
            return settle(ctx, id)

        monkeypatch.setattr(offer_transitions, "_close_out_some", failing)
        record = run()
        assert (record["failed"], record["done"]) == (1, 1)
        assert [kept(one).status for one in (first, second)] == ["offered", "fallout"]
        monkeypatch.setattr(offer_transitions, "_close_out_some", settle)
        assert run()["done"] == 1


class TestProofs:
    def buyer(self, dispositions: Any, **proof: Any) -> str:
        return dispositions.buyer("Ann", proof_of_funds={"amount": 1, "issued_on": "2026-01-31", **proof})

    def test_told_once_fourteen_days_ahead(self, dispositions, clock, run, runtime):
        clock.now = datetime(2026, 2, 15, 18, 0, tzinfo=UTC)
        id = self.buyer(dispositions)
        assert run(schedules.proofs_of_funds)["done"] == 0
        clock.now += timedelta(days=1)
        assert run(schedules.proofs_of_funds)["done"] == 1
        (event,) = events(runtime)
        assert (event.event, event.subject_id, event.for_role) == ("dispositions.proof_of_funds", id, "operator")
        assert event.data == {"expires_on": "2026-03-02", "days_left": 14}
        assert "Ann" not in event.title
        for _ in range(20):
            clock.now += timedelta(days=1)
            assert run(schedules.proofs_of_funds)["found"] == 0
        assert len(events(runtime)) == 1
        dispositions.ok("PATCH", f"/dispo/buyers/{id}", {"proof_of_funds": {"issued_on": "2026-03-08"}})
        clock.now = datetime(2026, 3, 24, 18, 0, tzinfo=UTC)
        assert run(schedules.proofs_of_funds)["done"] == 1
        assert len(events(runtime)) == 2

    def test_days_late_but_not_after_it_is_over(self, dispositions, clock, run, runtime):
        late = self.buyer(dispositions, issued_on="2026-11-01")
        self.buyer(dispositions)
        clock.now = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)
        assert run(schedules.proofs_of_funds)["done"] == 1
        (event,) = events(runtime)
        assert (event.subject_id, event.data["days_left"]) == (late, 1)
        assert run(schedules.proofs_of_funds)["found"] == 0

    def test_not_of_inactive_or_deleted_ones(self, dispositions, clock, run, runtime):
        idle, gone = self.buyer(dispositions, issued_on="2026-11-15"), self.buyer(dispositions, issued_on="2026-11-15")
        dispositions.ok("PATCH", f"/dispo/buyers/{idle}", {"is_active": False})
        dispositions.ok("DELETE", f"/dispo/buyers/{gone}")
        clock.now += timedelta(days=10)
        assert run(schedules.proofs_of_funds)["found"] == 0
        assert events(runtime) == []
