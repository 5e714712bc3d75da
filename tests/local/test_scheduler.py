import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.manifest import Schedule
from local import scheduler
from local.scheduler import Scheduler, next_time

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


@pytest.fixture(autouse=True)
def _no_runs() -> None:
    RUNS.clear()


def test_a_schedule_runs_once_when_due_however_often_it_was_missed(tmp_path: Path) -> None:
    ticking = Scheduler([BROKEN, DAILY], tmp_path / "schedules.json")
    due = ticking.due["daily"]
    ticking.poll(due - timedelta(seconds=1))
    assert RUNS == []
    ticking.poll(due + timedelta(days=3))
    ticking.poll(due + timedelta(days=3, seconds=1))
    assert [(one["detail-type"], one["time"], one["resources"][0].rpartition("/")[2]) for one in RUNS] == [
        ("Scheduled Event", due.strftime("%Y-%m-%dT%H:%M:%SZ"), "daily")
    ], "one that fails keeps no other from running"
    assert ticking.due["daily"] == due + timedelta(days=4)


def test_what_was_missed_while_nothing_ran_is_made_up_for_at_the_next_start(tmp_path: Path) -> None:
    state_file = tmp_path / "schedules.json"
    first = Scheduler([DAILY], state_file)
    first.poll(first.due["daily"])  # remembers
    RUNS.clear()
    later = first.due["daily"] + timedelta(days=2)
    second = Scheduler([DAILY], state_file)
    second.poll(later)
    assert len(RUNS) == 1
    changed = Schedule("daily", "cron(0 10 * * ? *)", DAILY.function, "")
    assert Scheduler([changed], state_file).due["daily"] == next_time(changed.expression, datetime.now(UTC))


def test_a_broken_memory_of_the_clock_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "schedules.json").write_text("{ not json")
    assert Scheduler([DAILY], tmp_path / "schedules.json").due["daily"] > datetime.now(UTC)


def test_the_thread_looks_by_itself_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "_POLL_SECONDS", 0.01)
    ticking = Scheduler([DAILY], tmp_path / "schedules.json")
    ticking.due["daily"] = datetime.now(UTC) - timedelta(seconds=1)
    ticking.start()
    ends = time.monotonic() + 5
    while not RUNS and time.monotonic() < ends:
        time.sleep(0.01)
    ticking.stop(5)
    assert len(RUNS) == 1
    assert not ticking.is_alive()
