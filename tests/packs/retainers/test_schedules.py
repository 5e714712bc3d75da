"""What time does: once, in order, whenever somebody comes to it, and whatever fails in between."""

from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.foundation.errors import VersionConflict
from chalicelib.packs.retainers import repository
from chalicelib.packs.retainers.service import due
from tests.fault_injection import FaultInjectingClient
from tests.packs.retainers.retainers_client import RetainersClient, at, closed_periods, events, stored


def told(runtime: Any) -> Counter[str]:
    """How often people are told of what time does."""
    return Counter(one.event.removeprefix("retainers.") for one in events(runtime) if one.event != "retainers.threshold")


def year(retainers: RetainersClient) -> str:
    """Monthly terms with an uplift, hours of which a part is carried over."""
    id = retainers.retainer(
        starts_on="2026-10-31", renewal_date="2026-11-30", auto_renew=True, uplift_pct=1,
        rollover={"mode": "capped", "cap_hours": 10, "expires_after_periods": 2},
    )  # fmt: skip
    retainers.log(id, 35)
    return id


def bills(runtime: Any, id: str) -> list[tuple[Any, ...]]:
    return [(one.n, one.starts_on.isoformat(), one.ends_on.isoformat(), one.rolled_over, one.fee) for one in closed_periods(runtime, id)]


class TestPeriods:
    def test_a_period_closes_and_the_next_opens(self, retainers, clock, run, runtime):
        id = year(retainers)
        clock.now = at("2026-11-30T08:02:00Z")
        assert run()["done"] == 1
        read = retainers.read(id)
        assert (read["period"]["n"], read["period"]["starts_on"], read["hours_available"], read["monthly_fee"]) == (
            2,
            "2026-11-30",
            45,
            3030,
        )
        assert read["renewal_date"] == "2026-12-31"
        assert told(runtime) == {"renewed": 1}
        assert run()["done"] == 0
        assert len(closed_periods(runtime, id)) == 1

    def test_months_late_everything_in_order(self, retainers, clock, run, runtime):
        id = year(retainers)
        clock.now = at("2027-04-15T12:00:00Z")
        record = run()
        assert (record["done"], record["failed"], record["more"]) == (1, 0, False)
        assert [bill[:4] for bill in bills(runtime, id)] == [
            (1, "2026-10-31", "2026-11-29", 0),
            (2, "2026-11-30", "2026-12-30", 300),
            (3, "2026-12-31", "2027-01-30", 600),
            (4, "2027-01-31", "2027-02-27", 600),
            (5, "2027-02-28", "2027-03-30", 600),
        ]
        assert [str(bill[4]) for bill in bills(runtime, id)] == ["3000.00", "3030.00", "3060.30", "3090.90", "3121.81"]
        assert told(runtime)["renewed"] == 5
        assert retainers.read(id)["renewal_date"] == "2027-04-30"

    def test_month_by_month_is_the_same(self, retainers, clock, run, runtime):
        once = year(retainers)
        clock.now = at("2027-04-15T12:00:00Z")
        run()
        clock.now = at("2026-11-24T18:00:00Z")
        monthly = year(retainers)
        for hour in range(0, 24 * 142, 31):
            clock.now = at("2026-11-24T18:00:00Z") + timedelta(hours=hour)
            run()
        assert bills(runtime, monthly) == bills(runtime, once)

    def test_a_cancellation_among_missed_periods(self, retainers, clock, run, runtime):
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2027-11-01", notice_days=60)
        retainers.move(id, "cancel", reason="ended")
        clock.now = at("2027-06-01T12:00:00Z")
        run()
        assert [bill[2] for bill in bills(runtime, id)] == ["2026-11-30", "2026-12-31", "2027-01-23"]
        assert retainers.read(id)["status"] == "cancelled"
        assert told(runtime) == {"cancelled": 1}
        assert stored(runtime, id).due_at is None

    def test_with_little_time(self, retainers, clock, run, runtime):
        ids = [year(retainers) for _ in range(3)]
        clock.now = at("2027-04-15T12:00:00Z")
        looks = iter([100_000] * 6 + [0] * 1000)
        hurried = run(SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: next(looks)))
        assert hurried["more"] is True
        assert sum(len(closed_periods(runtime, id)) for id in ids) < 15
        run()
        assert [len(closed_periods(runtime, id)) for id in ids] == [5, 5, 5]
        assert told(runtime)["renewed"] == 15

    def test_an_index_that_is_behind(self, retainers, clock, run, runtime, context):
        id = year(retainers)
        old = stored(runtime, id)
        clock.now = at("2026-11-30T12:00:00Z")
        assert due.work_off(context(), stored(runtime, id)) is True
        assert due.work_off(context(), stored(runtime, id)) is False
        assert repository.take_step(context(), stored(runtime, id)) is None
        with pytest.raises(VersionConflict):
            due.work_off(context(), old)
        assert len(closed_periods(runtime, id)) == 1


class Crash(Exception):
    """The process is gone."""


class CrashAt:
    """The process ends at its n-th write: before it, or with its effect done and nothing heard of it."""

    def __init__(self, number: int, *, after: bool) -> None:
        self.number, self.after = number, after

    def __call__(self, operation: str, arguments: dict[str, Any], send: Any) -> Any:
        if operation != "transact_write_items":
            return send(arguments)
        self.number -= 1
        if self.number:
            return send(arguments)
        if self.after:
            send(arguments)
        raise Crash


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 8))
def test_a_run_that_crashes_anywhere_bills_each_period_once(retainers, clock, run, runtime, number, after):
    id = year(retainers)
    clock.now = at("2027-04-28T12:00:00Z")
    sound = runtime.dynamodb
    runtime.dynamodb = FaultInjectingClient(sound, CrashAt(number, after=after))
    crashed = run()
    assert crashed["failed"] == (1 if number < 7 else 0)
    runtime.dynamodb = sound
    run()
    run()
    assert [bill[0] for bill in bills(runtime, id)] == [1, 2, 3, 4, 5]
    assert told(runtime) == {"renewed": 5, "renewal_due": 1}
    assert retainers.read(id)["period"]["n"] == 6
    assert retainers.read(id)["monthly_fee"] == 3153.03


class TestReminders:
    def test_before_the_notice_ends(self, retainers, clock, run, runtime):
        clock.now = at("2026-01-10T12:00:00Z")
        id = retainers.retainer(
            starts_on="2025-09-30", renewal_date="2026-09-30", term_months=12, auto_renew=True, notice_days=30, time_zone="Asia/Tokyo"
        )
        days = []
        for day in ("07-30", "07-31", "08-01", "08-22", "08-23", "08-24", "08-28", "08-29", "08-30", "08-31", "09-29"):
            clock.now = at(f"2026-{day}T15:00:00Z")  # midnight in Tokyo: the day after has begun
            before = len(events(runtime, "renewal_due"))
            run()
            run()
            days += [stored(runtime, id).today(SimpleNamespace(now=clock.now))] * (len(events(runtime, "renewal_due")) - before)
        assert [day.isoformat() for day in days] == ["2026-08-01", "2026-08-24", "2026-08-30"]
        told = events(runtime, "renewal_due")
        assert {one.data["deadline"] for one in told} == {"2026-08-31"}
        assert sorted(one.data["days_left"] for one in told) == [1, 7, 30]
        assert retainers.read(id)["status"] == "active"

    def test_days_late_the_nearest_one_only(self, retainers, clock, run, runtime):
        retainers.retainer(renewal_date="2027-11-24")
        clock.now = at("2027-11-18T12:00:00Z")
        run()
        run()
        (event,) = events(runtime, "renewal_due")
        assert (event.data["days_left"], event.data["late"], event.data["skipped"]) == (7, True, [30])
        clock.now = at("2027-11-23T12:00:00Z")
        run()
        assert [one.data["days_left"] for one in events(runtime, "renewal_due")].count(1) == 1

    def test_another_notice_arms_anew(self, retainers, clock, run, runtime):
        id = retainers.retainer(renewal_date="2027-11-24", auto_renew=True, notice_days=10)
        clock.now = at("2027-10-20T12:00:00Z")
        run()
        retainers.patch(id, notice_days=0)
        run()
        assert [one.data["deadline"] for one in events(runtime, "renewal_due")] == ["2027-11-14"]
        clock.now = at("2027-10-26T12:00:00Z")
        run()
        retainers.patch(id, notice_days=10)
        run()
        assert sorted(one.data["deadline"] for one in events(runtime, "renewal_due")) == ["2027-11-14", "2027-11-24"]

    def test_none_once_it_is_cancelled(self, retainers, clock, run, runtime):
        id = retainers.retainer(renewal_date="2026-12-24", notice_days=20)
        retainers.move(id, "cancel", reason="ended")
        clock.now = at("2026-12-25T12:00:00Z")
        run()
        assert told(runtime) == {"cancelled": 1}
