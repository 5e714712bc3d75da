import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.manifest import Schedule
from local import scheduler
from local.engine import EngineError
from local.scheduler import Scheduler, Timetable, last_time, next_time

TUESDAY = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 9 * * ? *)", TUESDAY + timedelta(days=1)),
        ("cron(1 9 * * ? *)", TUESDAY + timedelta(minutes=1)),
        ("cron(0/15 * * * ? *)", TUESDAY + timedelta(minutes=15)),
        ("cron(30 6 ? * MON *)", datetime(2026, 11, 30, 6, 30, tzinfo=UTC)),
        ("cron(0 18 ? * MON-FRI *)", TUESDAY.replace(hour=18)),
        ("cron(20 0 L * ? *)", datetime(2026, 11, 30, 0, 20, tzinfo=UTC)),
        ("cron(0 0 ? * 2#1 *)", datetime(2026, 12, 7, tzinfo=UTC)),
        ("cron(0 12 29 FEB ? *)", datetime(2028, 2, 29, 12, tzinfo=UTC)),
        ("rate(1 minute)", TUESDAY + timedelta(minutes=1)),
        ("rate(5 minutes)", TUESDAY + timedelta(minutes=5)),
        ("rate(1 hour)", TUESDAY + timedelta(hours=1)),
        ("rate(7 days)", TUESDAY + timedelta(days=7)),
    ],
)
def test_when_it_is_due_next(expression: str, expected: datetime) -> None:
    assert next_time(expression, TUESDAY) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 9 * * *)",
        "cron(0 9 * * * *)",
        "cron(61 9 * * ? *)",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(5 minute)",
        "every day",
        "cron(0 9 1 1 ? 2020)",
    ],
)
def test_what_eventbridge_would_not_take_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        next_time(expression, TUESDAY)


RUNS: list[dict[str, Any]] = []


def note(event: dict[str, Any], context: Any) -> None:
    assert context.get_remaining_time_in_millis() > 800_000
    RUNS.append(event)


def fail(event: dict[str, Any], context: Any) -> None:
    raise RuntimeError("no")


DAILY = Schedule("daily", "cron(0 9 * * ? *)", f"{__name__}.note", "")
BROKEN = Schedule("broken", "rate(1 hour)", f"{__name__}.fail", "")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(TUESDAY)


@pytest.fixture(autouse=True)
def _no_runs() -> None:
    RUNS.clear()


def names_and_times() -> list[tuple[str, str]]:
    return [(one["resources"][0].rpartition("/")[2], one["time"]) for one in RUNS]


def test_a_schedule_runs_once_when_due_however_often_it_was_missed(tmp_path: Path, clock: Clock) -> None:
    ticking = Scheduler(Timetable([BROKEN, DAILY], tmp_path / "schedules.json", clock))
    due = ticking.timetable.due["daily"]
    clock.now = due - timedelta(seconds=1)
    ticking.poll()
    assert RUNS == []
    clock.now = due + timedelta(days=3)
    ticking.poll()
    clock.now += timedelta(seconds=1)
    ticking.poll()
    assert names_and_times() == [("daily", due.strftime("%Y-%m-%dT%H:%M:%SZ"))], "one that fails keeps no other from running"
    assert RUNS[0]["detail-type"] == "Scheduled Event"
    assert ticking.timetable.due["daily"] == due + timedelta(days=4)


def test_what_fell_due_runs_in_the_order_in_which_it_did(tmp_path: Path, clock: Clock) -> None:
    schedules = [Schedule(name, f"cron(0 {hour} * * ? *)", DAILY.function, "") for name, hour in (("c", 12), ("a", 10), ("b", 11))]
    table = Timetable(schedules, tmp_path / "schedules.json", clock)
    clock.now = TUESDAY + timedelta(hours=5)
    with table.turn(wait=False):
        assert list(table.run_due()) == [None] * 3
        assert not table.waits
    assert [name for name, _ in names_and_times()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("expression", "due", "until", "last"),
    [
        ("rate(15 minutes)", TUESDAY, TUESDAY + timedelta(minutes=44), TUESDAY + timedelta(minutes=30)),
        ("rate(15 minutes)", TUESDAY, TUESDAY, TUESDAY),
        ("cron(10 * * * ? *)", TUESDAY + timedelta(minutes=10), TUESDAY + timedelta(hours=2), TUESDAY + timedelta(hours=1, minutes=10)),
        ("cron(0 9 * * ? *)", TUESDAY, TUESDAY + timedelta(days=2, seconds=30), TUESDAY + timedelta(days=2)),
        ("cron(0 9 ? * MON *)", TUESDAY, TUESDAY + timedelta(days=1), TUESDAY),  # was due by another expression, say
    ],
)
def test_when_it_is_due_for_the_last_time(expression: str, due: datetime, until: datetime, last: datetime) -> None:
    assert last_time(expression, due, until) == last


def test_what_was_missed_while_nothing_ran_is_made_up_for_at_the_next_start(tmp_path: Path, clock: Clock) -> None:
    state_file = tmp_path / "schedules.json"
    with Timetable([DAILY], state_file, clock).turn(wait=False):
        pass  # remembers
    clock.now += timedelta(days=2, hours=1)
    second = Scheduler(Timetable([DAILY], state_file, clock))
    second.poll()
    assert len(RUNS) == 1
    changed = Schedule("daily", "cron(0 10 * * ? *)", DAILY.function, "")
    assert Timetable([changed], state_file, clock).due["daily"] == next_time(changed.expression, clock.now)


def test_a_broken_memory_of_the_clock_is_no_obstacle(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "schedules.json").write_text("{ not json")
    assert Timetable([DAILY], tmp_path / "schedules.json", clock).due["daily"] > clock.now


def test_whoever_has_the_turn_runs_what_is_due_and_the_other_finds_it_done(tmp_path: Path, clock: Clock) -> None:
    mine, theirs = (Timetable([DAILY], tmp_path / "schedules.json", clock) for _ in range(2))
    waiting = Scheduler(theirs)
    with mine.turn(wait=False):
        clock.now += timedelta(days=2)
        waiting.poll()
        assert RUNS == []
        list(mine.run_due())
    waiting.poll()
    assert len(RUNS) == 1


def test_a_schedule_can_be_asked_for_at_once(tmp_path: Path, clock: Clock) -> None:
    ticking = Scheduler(Timetable([DAILY], tmp_path / "schedules.json", clock))
    ticking.timetable.run_at_once(["daily", "unknown"])
    ticking.poll()
    ticking.poll()
    assert len(RUNS) == 1


def test_the_stream_is_settled_before_anything_runs(tmp_path: Path, clock: Clock) -> None:
    settled: list[int] = []
    ticking = Scheduler(Timetable([DAILY], tmp_path / "schedules.json", clock), lambda _: settled.append(len(RUNS)))
    ticking.poll()
    assert settled == [], "nothing is due"
    clock.now += timedelta(days=2)
    ticking.poll()
    assert (settled, len(RUNS)) == ([0], 1)


def test_the_thread_looks_by_itself_outlives_a_failure_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(scheduler, "_POLL_SECONDS", 0.01)
    failures = [EngineError("silent")]

    def settle(_: object) -> None:
        if failures:
            raise failures.pop()

    ticking = Scheduler(Timetable([DAILY], tmp_path / "schedules.json", clock), settle)
    ticking.start()
    time.sleep(0.05)
    clock.now += timedelta(days=2)
    ends = time.monotonic() + 5
    while not RUNS and time.monotonic() < ends:
        time.sleep(0.01)
    ticking.stop(5)
    assert len(RUNS) == 1
    assert not ticking.is_alive()
