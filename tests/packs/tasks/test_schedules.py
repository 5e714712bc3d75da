"""What time does: tasks become overdue, once told, and are escalated at 3 and 7 days, once each."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.foundation.ids import EXAMPLE_ULID
from chalicelib.packs.tasks import schedules
from chalicelib.packs.tasks.entities import Task
from chalicelib.packs.tasks.service import alarms
from tests.packs.tasks.tasks_client import T, TasksClient, events, kept

KINDS = ("tasks.overdue", "tasks.escalated")


@pytest.fixture
def run(run_work: Any) -> Any:
    return lambda context=None: run_work(schedules.overdue, context)


@pytest.fixture
def told(runtime: Any) -> Any:
    """What was told: the kind, the task, the days of an escalation."""
    return lambda: [(event.event, event.subject_id, event.data.get("days")) for event in events(runtime, *KINDS)]


def at(clock: Any, day: str, hour: int = 13) -> None:
    clock.now = datetime.fromisoformat(f"{day}T{hour:02}:00:00").replace(tzinfo=UTC)


def test_v65_day_by_day(tasks: TasksClient, clock, run, told, runtime):
    at(clock, "2026-03-01")
    id = tasks.task(due_on="2026-03-10", title="Order the report")
    seen = []
    for day in range(1, 31):
        at(clock, f"2026-03-{day:02}")
        before = len(told())
        run()
        run()
        seen += [(day, *one) for one in told()[before:]]
    assert seen == [
        (11, "tasks.overdue", id, None),
        (13, "tasks.escalated", id, 3),
        (17, "tasks.escalated", id, 7),
    ]
    overdue, third, seventh = events(runtime, *KINDS)
    assert (overdue.for_user, overdue.for_role) == ("user_operator", None)
    assert [(event.for_user, event.for_role) for event in (third, seventh)] == [(None, "operator")] * 2
    assert overdue.title == "Overdue: Order the report"
    assert seventh.title == "7 days overdue: Order the report"
    assert (seventh.due_on.isoformat(), seventh.data["days_overdue"], seventh.data["skipped"]) == ("2026-03-10", 7, [])
    assert kept(runtime, id).updated_by == "system:tasks-overdue"


def test_it_is_the_firms_day(tasks: TasksClient, clock, run, told):
    id = tasks.task(due_on="2026-12-10")
    clock.now = datetime(2026, 12, 11, 7, 59, tzinfo=UTC)  # still the 10th in Los Angeles
    run()
    assert told() == []
    clock.now = datetime(2026, 12, 11, 8, 0, tzinfo=UTC)
    run()
    assert told() == [("tasks.overdue", id, None)]


def test_a_run_that_comes_late_tells_the_last_escalation(tasks: TasksClient, clock, run, told, runtime):
    id = tasks.task(due_on="2026-12-01")
    at(clock, "2026-12-11")
    assert run()["done"] == 1
    assert sorted(told(), key=str) == [("tasks.escalated", id, 7), ("tasks.overdue", id, None)]
    (escalated,) = events(runtime, "tasks.escalated")
    assert (escalated.data["skipped"], escalated.data["days_overdue"], escalated.title) == ([3], 10, "10 days overdue: Order the report")
    assert run()["found"] == 0


def test_of_no_owner_the_operators_are_told(tasks: TasksClient, clock, run, runtime):
    tasks.task(tasks.deal(owner=None), due_on="2026-11-23")
    run()
    (event,) = events(runtime, "tasks.overdue")
    assert (event.for_user, event.for_role) == (None, "operator")


def test_what_is_over_or_gone_isnt_told(tasks: TasksClient, clock, run, told):
    done, cancelled, gone, moved, cleared, blocked = (tasks.task(due_on="2026-11-30") for _ in range(6))
    tasks.finish(done)
    tasks.move(cancelled, "cancelled", reason="duplicate")
    tasks.ok("DELETE", f"{T}/{gone}")
    tasks.patch(moved, due_on="2027-01-31")
    tasks.patch(cleared, due_on=None)
    tasks.move(blocked, "blocked", reason="client")
    at(clock, "2026-12-01")
    run()
    assert told() == [("tasks.overdue", blocked, None)]


def test_a_moved_day_arms_anew(tasks: TasksClient, clock, run, told):
    id = tasks.task(due_on="2026-11-30")
    at(clock, "2026-12-03")
    run()
    assert sorted(told(), key=str) == [("tasks.escalated", id, 3), ("tasks.overdue", id, None)]
    tasks.patch(id, due_on="2026-12-05")
    run()
    assert len(told()) == 2
    at(clock, "2026-12-06")
    run()
    assert told()[2:] == [("tasks.overdue", id, None)]
    tasks.patch(id, title="The same day")
    run()
    assert len(told()) == 3
    at(clock, "2026-12-08")
    run()
    assert told()[3:] == [("tasks.escalated", id, 3)]


def test_moved_away_and_back_it_isnt_told_twice(tasks: TasksClient, clock, run, told):
    id = tasks.task(due_on="2026-11-30")
    at(clock, "2026-12-01")
    run()
    for day in ("2027-01-01", "2026-11-30"):
        tasks.patch(id, due_on=day)
    run()
    assert told() == [("tasks.overdue", id, None)]


def test_a_reopened_one_goes_on_where_it_was(tasks: TasksClient, clock, run, told):
    id = tasks.task(due_on="2026-11-30")
    at(clock, "2026-12-01")
    run()
    tasks.finish(id)
    at(clock, "2026-12-20")
    assert run()["found"] == 0
    tasks.move(id, "in_progress", reason="defect")
    run()
    assert told() == [("tasks.overdue", id, None), ("tasks.escalated", id, 7)]


def test_with_little_time_the_next_run_goes_on(tasks: TasksClient, clock, run, told):
    deal, professional = tasks.deal(), tasks.professional()
    ids = [tasks.task(deal, professional, due_on="2026-11-30") for _ in range(4)]
    at(clock, "2026-12-01")
    looks = iter([100_000] * 3 + [0] * 1000)
    hurried = run(SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: next(looks)))
    assert (hurried["more"], hurried["done"] < 4) == (True, True)
    assert hurried["done"] + run()["done"] == 4
    assert sorted(id for _, id, _ in told()) == sorted(ids)


def test_one_that_fails_doesnt_stop_the_others(tasks: TasksClient, clock, run, told, monkeypatch):
    bad, good = (tasks.task(due_on="2026-11-30") for _ in range(2))
    at(clock, "2026-12-01")
    real = alarms._events

    def failing(ctx: Any, task: Task, *rest: Any) -> Any:
        if task.id == bad:
            raise RuntimeError("broken")
        return real(ctx, task, *rest)

    monkeypatch.setattr(alarms, "_events", failing)
    assert (record := run())["failed"] == 1, record
    assert told() == [("tasks.overdue", good, None)]
    monkeypatch.setattr(alarms, "_events", real)
    run()
    assert sorted(told(), key=str) == sorted([("tasks.overdue", bad, None), ("tasks.overdue", good, None)])


class Dying:
    """A client whose process ends before or after its first transaction."""

    def __init__(self, sound: Any, *, after: bool) -> None:
        self.sound, self.after = sound, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sound, name)

    def transact_write_items(self, **arguments: Any) -> Any:
        if self.after:
            self.sound.transact_write_items(**arguments)
        raise RuntimeError("killed")


def test_a_crash_before_or_after_the_claim(tasks: TasksClient, clock, runtime, run, told):
    """The claim and the events are one transaction: a run that dies before it has done nothing, and after it all."""
    tasks.task(due_on="2026-11-30")
    at(clock, "2026-12-01")
    sound = runtime.dynamodb
    for after in (False, True):
        runtime.dynamodb = Dying(sound, after=after)
        assert run()["failed"] == 1
        runtime.dynamodb = sound
        assert len(told()) == int(after)
    assert (run()["found"], len(told())) == (0, 1)


def test_an_index_that_is_behind(tasks: TasksClient, clock, runtime, run):
    id = tasks.task(due_on="2026-11-30")
    at(clock, "2026-12-01")
    ctx = runtime.context(request_id="r")
    task = Task.ID.key(id)
    seen = {task: runtime.store().get_item(task)}
    run()
    assert alarms._raise(ctx, id, seen) is False  # claimed by another
    assert alarms._raise(ctx, id, {task: runtime.store().get_item(task)}) is False
    assert alarms._raise(ctx, id, {}) is False
    assert alarms._raise(ctx, f"task_d{EXAMPLE_ULID * 2}", {}) is False


def test_it_costs_two_calls_a_page_and_one_a_task(tasks: TasksClient, clock, runtime):
    from chalicelib.foundation.schedules import RunStats

    deal, professional = tasks.deal(), tasks.professional()
    for _ in range(5):
        tasks.task(deal, professional, due_on="2026-11-30")
    clock.now += timedelta(days=7)
    ctx, stats = runtime.context(request_id="r"), RunStats()
    schedules.overdue(ctx, stats)
    assert (stats.done, ctx.store.round_trips) == (5, 2 + 5)
