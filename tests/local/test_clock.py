"""The local clock: what it shows, where it can be moved, and what runs on the way."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from chalicelib.foundation.manifest import Schedule, StreamConsumer
from chalicelib.foundation.store.table import table_definition
from local import __main__ as command
from local import clock_command
from local.clock import ClockFileError, LocalClock
from local.components import Components
from local.consumers import register
from local.engine import Engine
from local.workspace import Workspace

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
SHOWN: list[tuple[str, datetime, datetime]] = []  # runs: the schedule, its due time, the local time
CLOCK: list[LocalClock] = []


def note(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    name = event["resources"][0].rpartition("/")[2]
    SHOWN.append((name, datetime.fromisoformat(event["time"]), CLOCK[-1]()))
    return {"schedule": name, "done": 1}


def fail(_event: dict[str, Any], _context: Any) -> None:
    raise RuntimeError("no")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    CLOCK.append(Workspace(tmp_path).clock)
    SHOWN.clear()
    return Workspace(tmp_path)


# -- the clock


def test_it_is_the_machines_time_until_it_is_moved_and_forward_only(workspace: Workspace) -> None:
    assert abs(workspace.clock() - datetime.now(UTC)) < SECOND
    target = datetime.now(UTC) + 3 * DAY
    workspace.move_clock(target)
    assert timedelta(0) <= workspace.clock() - target < 2 * SECOND
    assert stat.S_IMODE((workspace.directory / "clock-ahead").stat().st_mode) == 0o600
    workspace.move_clock(datetime.now(UTC))
    assert workspace.clock.ahead == 3 * DAY
    assert LocalClock(workspace.directory / "clock-ahead").ahead == 3 * DAY, "every process sees it"
    assert abs(workspace.clock.timestamp() - workspace.clock().timestamp()) < 1


@pytest.mark.parametrize("text", ["", "3 days", "-5", "1.5", "٣", "9" * 12])
def test_a_file_that_holds_something_else_is_told_in_one_line(workspace: Workspace, text: str) -> None:
    (workspace.directory / "clock-ahead").write_text(text)
    with pytest.raises(ClockFileError, match="whole seconds"):
        workspace.clock()


# -- where it can go


def there(workspace: Workspace, ahead: str | None = None, to: str | None = None) -> datetime:
    return clock_command.goal(workspace.clock, ahead, to)()


@pytest.mark.parametrize(
    ("ahead", "span"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("3d", 3 * DAY),
        ("2w", 14 * DAY),
        ("1d12h", 1.5 * DAY),
        ("0d", timedelta(0)),
    ],
)
def test_so_far_ahead(workspace: Workspace, ahead: str, span: timedelta) -> None:
    workspace.move_clock(datetime.now(UTC) + DAY)
    assert abs(there(workspace, ahead) - workspace.clock() - span) < SECOND
    assert abs(there(workspace) - workspace.clock()) < SECOND, "nowhere"


@pytest.mark.parametrize(
    ("to", "instant"),
    [
        ("2087-01-31T09:00", datetime(2087, 1, 31, 9, tzinfo=UTC)),
        ("2087-01-31T09:00:30Z", datetime(2087, 1, 31, 9, 0, 30, tzinfo=UTC)),
        ("2087-01-31T09:00-08:00", datetime(2087, 1, 31, 17, tzinfo=UTC)),
        ("2087-01-31", datetime(2087, 1, 31, tzinfo=UTC)),
    ],
)
def test_to_an_instant(workspace: Workspace, to: str, instant: datetime) -> None:
    assert there(workspace, to=to) == instant


@pytest.mark.parametrize(
    ("ahead", "to", "said"),
    [
        ("3", None, "--ahead takes"),
        ("3y", None, "--ahead takes"),
        ("", None, "--ahead takes"),
        ("-3d", None, "goes forward only"),
        ("9999w", None, "beyond 2099"),
        ("999999w", None, "beyond 2099"),
        (None, "2020-01-01", "goes forward only"),
        (None, "tomorrow", "--to takes"),
        (None, "2100-01-01T00:00:00Z", "beyond 2099"),
        (None, "0001-01-01T00:00+10:00", "--to takes"),
    ],
)
def test_where_it_can_not_go_is_one_line(workspace: Workspace, ahead: str | None, to: str | None, said: str) -> None:
    with pytest.raises(clock_command.MoveError, match=said) as refused:
        there(workspace, ahead, to)
    assert "\n" not in str(refused.value)


def test_nothing_moves_where_nothing_runs(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VALHALLA_LOCAL", str(workspace.directory))
    for arguments in (["--ahead", "3d"], ["--to", "2087-01-01"], ["--at-once"]):
        assert command.main(["clock", *arguments]) == 1
        assert capsys.readouterr().err == "Nothing runs here: start it with `make run`, then move its time.\n"
    workspace.move_clock(datetime.now(UTC) + 3 * DAY)
    assert command.main(["clock"]) == 0
    assert capsys.readouterr().out.endswith("Z here, 3 days ahead of this machine\n")
    (workspace.directory / "clock-ahead").write_text("soon")
    assert command.main(["clock"]) == 1
    assert "whole seconds" in capsys.readouterr().err


# -- on the way


HOURLY = Schedule("hourly", "cron(10 * * * ? *)", f"{__name__}.note", "")
DAILY = Schedule("daily", "cron(0 13 * * ? *)", f"{__name__}.note", "")
BROKEN = Schedule("broken", "cron(0 5 * * ? *)", f"{__name__}.fail", "")


@pytest.fixture
def engine(workspace: Workspace) -> Iterator[Engine]:
    engine = Engine(workspace.directory)
    workspace.write_environment(workspace.settings(engine.url, engine.access_key, 8000))
    yield engine
    engine.stop()


def move(workspace: Workspace, *schedules: Schedule, ahead: str, at_once: bool = False, consumers: tuple[str, ...] = ()) -> list[Workspace]:
    prepared: list[Workspace] = []
    components = cast(
        Components,
        type(
            "Small",
            (),
            {
                "schedules": lambda _: list(schedules),
                "queues": lambda _: [],
                "consumers": lambda _: [(StreamConsumer(name, "", "", ()), None) for name in consumers],
                "prepare": lambda _, where: prepared.append(where),
            },
        )(),
    )
    clock_command.move(workspace, components, ahead, None, at_once=at_once)
    return prepared


def test_each_day_is_seen_and_each_schedule_runs_at_its_last_time_of_the_day(
    workspace: Workspace, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    began = workspace.clock()
    prepared = move(workspace, HOURLY, BROKEN, DAILY, ahead="3d")
    assert [name for name, _, _ in SHOWN].count("daily") == 3
    assert [name for name, _, _ in SHOWN].count("hourly") == 3
    assert [at for _, _, at in SHOWN] == sorted(at for _, _, at in SHOWN)
    for name, _, at in SHOWN:
        expected = at.replace(minute=10) if name == "hourly" else at.replace(hour=13, minute=0)
        assert timedelta(0) <= at - expected.replace(second=0, microsecond=0) < 5 * SECOND, "at the time that it is due at"
    assert workspace.clock.ahead == 3 * DAY
    assert began + 3 * DAY <= workspace.clock() < began + 3 * DAY + 60 * SECOND
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9, "a record of each run, and nothing else"
    assert lines.count('{"schedule": "broken", "error": "RuntimeError"}') == 3
    assert prepared == [workspace] or not workspace.running


def test_in_one_step_what_fell_due_runs_once_late(workspace: Workspace, engine: Engine) -> None:
    began = workspace.clock()
    move(workspace, HOURLY, DAILY, ahead="3d", at_once=True)
    assert sorted(name for name, _, _ in SHOWN) == ["daily", "hourly"]
    assert [due for _, due, _ in SHOWN] == sorted(due for _, due, _ in SHOWN), "in the order in which they fell due"
    assert all(at >= began + 3 * DAY for _, _, at in SHOWN)
    SHOWN.clear()
    move(workspace, HOURLY, DAILY, ahead="0d", at_once=True)
    assert SHOWN == [], "nothing is due twice"


def test_what_is_not_idle_in_time_is_said_once_and_not_waited_for_again(
    workspace: Workspace, engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_command, "_IDLE_SECONDS", 0.1)
    client = engine.client()
    register(client, ["stuck"])
    client.call("DynamoDB_20120810.CreateTable", table_definition("things"))
    client.call("DynamoDB_20120810.PutItem", {"TableName": "things", "Item": {"pk": {"S": "a"}, "sk": {"S": "b"}}})
    client.close()
    move(workspace, DAILY, ahead="3d")
    assert capsys.readouterr().err == "Going on, though stuck isn't idle.\n"
    assert len(SHOWN) == 3


def test_a_consumer_that_has_not_started_is_waited_for(
    workspace: Workspace, engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_command, "_IDLE_SECONDS", 0.1)
    move(workspace, ahead="1h", consumers=("trail",))
    assert capsys.readouterr().err == "Going on, though trail isn't idle.\n"


def test_records_of_the_stream_and_what_expires_go_by_it(workspace: Workspace, engine: Engine) -> None:
    client = engine.client()
    client.call("DynamoDB_20120810.CreateTable", table_definition("things"))
    workspace.move_clock(datetime.now(UTC) + 30 * DAY)
    client.call("DynamoDB_20120810.PutItem", {"TableName": "things", "Item": {"pk": {"S": "a"}, "sk": {"S": "b"}}})
    (record,) = client.call("LocalStream.Read", {"After": 0, "Limit": 1})["Records"]
    client.close()
    assert abs(record["dynamodb"]["ApproximateCreationDateTime"] - workspace.clock.timestamp()) < 5
