"""Scheduled work: a run of a schedule, and the record of each run.

A schedule finds its work through a due index, claims each item by a conditional write, works in bounded pages and stops before
the Lambda's time is over; the next run continues. Runs that repeat, are late or overlap have the same effect. Each run is recorded.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from chalicelib.foundation import lambda_context, telemetry
from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.codec import encode_item
from chalicelib.foundation.store.store import encode_key

RUN_RECORD_TTL = timedelta(days=90)
_MARGIN = 10.0  # seconds reserved for writing the record


@dataclass
class RunStats:
    """Counts of one run: due items found, done and failed. `has_more` says that work is left for the next run: time ran out, or it has to wait.

    `details` are counts of a schedule's own, by name; the run's record has them.
    """

    found: int = 0
    done: int = 0
    failed: int = 0
    has_more: bool = False
    details: dict[str, dict[str, int]] = field(default_factory=dict)


ScheduledWork = Callable[[Context, RunStats], None]


def run_schedule(name: str, work: ScheduledWork, runtime: Runtime, event: object, context: object) -> JsonObject:  # noqa: ARG001
    """One run: calls `work`, then writes its record, a log line and metrics. Returns the record; raises what `work` raises."""
    run_id = lambda_context.run_id(context)
    remaining = lambda_context.remaining_seconds(context, _MARGIN)
    ctx = runtime.context(request_id=run_id, actor=system_actor(name), remaining_seconds=remaining)
    stats, error = RunStats(), ""
    try:
        work(ctx, stats)
    except Exception as caught:
        error = type(caught).__name__
        telemetry.log_exception(caught, run_id)
        raise
    finally:
        record = {
            "schedule": name,
            "run_id": run_id,
            "started_at": format_timestamp(ctx.now),
            "finished_at": format_timestamp(runtime.clock()),
            "found": stats.found,
            "done": stats.done,
            "failed": stats.failed,
            "more": stats.has_more,
            "error": error,
            **stats.details,
        }
        telemetry.log("ERROR" if error else "INFO", "schedule", **record)
        telemetry.emit_metric({"ScheduleFailures": int(bool(error)) + stats.failed, "ScheduleDone": stats.done}, schedule=name)
        _save_run_record(runtime, ctx, record)  # last, so that the run is logged even where the table is unreachable
    return record


def _save_run_record(runtime: Runtime, ctx: Context, record: JsonObject) -> None:
    key = ItemKey(f"RUN#{record['schedule']}", f"{record['started_at']}#{record['run_id']}")
    ttl = int((ctx.now + RUN_RECORD_TTL).timestamp())
    row = encode_key(key) | encode_item({"kind": "run", "ttl": ttl, **record})
    runtime.store().call("put_item", TableName=runtime.settings.table, Item=row)
