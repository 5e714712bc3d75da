"""Scheduled functions: the run's record, log line and metrics, when it goes well, runs out of time, or fails."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest

from chalicelib.foundation.errors import Unavailable
from chalicelib.foundation.manifest import import_string
from chalicelib.foundation.schedules import RUN_RECORD_TTL, run_schedule
from chalicelib.foundation.store.codec import decode_item
from chalicelib.functions import process_runtime
from chalicelib.functions.schedules import SCHEDULES
from chalicelib.packs import PACKS
from tests.fault_injection import FaultInjectingClient, Throttles
from tests.unit.test_telemetry import valid

LAMBDA = SimpleNamespace(aws_request_id="run-1", get_remaining_time_in_millis=lambda: 60_000)


def records(runtime, name):
    answer = runtime.dynamodb.query(
        TableName=runtime.settings.table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": f"RUN#{name}"}}
    )
    return [decode_item(raw) for raw in answer["Items"]]


@pytest.fixture
def lines(capsys):
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_run_leaves_its_record(runtime, clock, lines):
    def work(ctx, run):
        assert (ctx.actor.id, ctx.actor.kind, ctx.request_id) == ("system:sweep", "system", "run-1")
        assert ctx.store.remaining_seconds() == 50.0, "ten seconds are kept for the record"
        run.found, run.done, run.failed, run.has_more = 5, 3, 1, True
        clock.now += timedelta(seconds=7)

    record = run_schedule("sweep", work, runtime, {}, LAMBDA)
    (kept,) = records(runtime, "sweep")
    assert record == {
        "schedule": "sweep",
        "run_id": "run-1",
        "started_at": "2026-11-24T18:00:00.000Z",
        "finished_at": "2026-11-24T18:00:07.000Z",
        "found": 5,
        "done": 3,
        "failed": 1,
        "more": True,
        "error": "",
    }
    assert {name: kept[name] for name in record} == record
    assert kept["ttl"] == int((clock.now - timedelta(seconds=7) + RUN_RECORD_TTL).timestamp())
    assert "t" not in kept, "a run is no entity: the streams don't read it"
    line, metrics = lines()
    assert (line["level"], line["message"], line["schedule"], line["more"]) == ("INFO", "schedule", "sweep", True)
    assert valid(metrics)
    assert (metrics["schedule"], metrics["ScheduleFailures"], metrics["ScheduleDone"]) == ("sweep", 1, 3)


def test_a_failed_run_tells_and_fails(runtime, lines):
    def work(ctx, run):
        run.found = 2
        raise RuntimeError("ann@example.com is not a date")

    with pytest.raises(RuntimeError):
        run_schedule("sweep", work, runtime, {}, LAMBDA)
    (kept,) = records(runtime, "sweep")
    assert (kept["error"], kept["found"], kept["done"]) == ("RuntimeError", 2, 0)
    trace, line, metrics = lines()
    assert "[redacted] is not a date" in trace["trace"]
    assert (line["level"], metrics["ScheduleFailures"]) == ("ERROR", 1)


def test_runs_of_one_schedule_stand_in_their_order(runtime, clock):
    for number in range(3):
        clock.now += timedelta(days=1)
        run_schedule("sweep", lambda ctx, run: None, runtime, {}, SimpleNamespace(aws_request_id=f"run-{number}"))
    assert [record["run_id"] for record in records(runtime, "sweep")] == ["run-0", "run-1", "run-2"]


def test_two_runs_of_the_same_instant_are_two_records(runtime):
    for number in range(2):
        run_schedule("sweep", lambda ctx, run: None, runtime, {}, SimpleNamespace(aws_request_id=f"run-{number}"))
    assert len(records(runtime, "sweep")) == 2


def test_without_a_lambda_a_run_has_an_id_all_the_same(runtime):
    assert len(run_schedule("sweep", lambda ctx, run: None, runtime, None, None)["run_id"]) == 36


def test_where_the_table_is_out_of_reach_the_log_still_tells(runtime, lines):
    runtime.dynamodb = FaultInjectingClient(runtime.dynamodb, Throttles())
    runtime.store = lambda remaining_seconds=None, make=runtime.store: make(lambda: 0.0)
    with pytest.raises(Unavailable):
        run_schedule("sweep", lambda ctx, run: None, runtime, {}, LAMBDA)
    line, metrics = lines()
    assert (line["message"], metrics["ScheduleDone"]) == ("schedule", 0)


def test_lambda_finds_no_function_of_an_unknown_schedule():
    with pytest.raises(AttributeError, match="no_such_schedule"):
        import_string("chalicelib.functions.schedules.no_such_schedule")


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda one: one.name)
def test_every_declared_schedule_runs_on_an_empty_table_and_leaves_its_record(schedule, runtime, monkeypatch):
    monkeypatch.setattr(process_runtime, "runtime", lambda: runtime)
    record = import_string(schedule.function)({}, LAMBDA)
    found = 1 if schedule.name == "trail-seal" else 0  # a day on which nothing was recorded is sealed, too
    assert (record["schedule"], record["found"], record["failed"], record["error"]) == (schedule.name, found, 0, "")
    assert len(records(runtime, schedule.name)) == 1


def test_names_of_schedules_are_apart():
    names = [one.name for pack in PACKS for one in pack.schedules]
    assert len(names) == len(set(names))
