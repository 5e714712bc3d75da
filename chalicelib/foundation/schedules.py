"""Scheduled work: how a function on a clock runs, and what it leaves behind.

A schedule finds its work through a due index, claims each item by a conditional write, works in bounded pages and stops before
the Lambda's time is over; the next run goes on. Twice, late or at once, the effect is the same. Each run leaves a record.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, wraps
from typing import Any
from uuid import uuid4

from chalicelib.foundation import telemetry
from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context, system
from chalicelib.foundation.ids import Key
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.codec import wire
from chalicelib.foundation.store.store import wire_key

RECORD_LIFE = timedelta(days=90)
_MARGIN = 10.0  # seconds kept to write the record


@dataclass
class Run:
    """What one run found and did. `more` says that time ran out before the work."""

    found: int = 0
    done: int = 0
    failed: int = 0
    more: bool = False


@lru_cache(maxsize=1)
def _runtime() -> Runtime:
    return Runtime.from_environment(os.environ)


def scheduled(name: str) -> Callable[[Callable[[Context, Run], None]], Callable[[Any, Any], dict[str, Any]]]:
    """Make `(ctx, run) -> None` the Lambda function of the schedule `name`."""

    def decorate(work: Callable[[Context, Run], None]) -> Callable[[Any, Any], dict[str, Any]]:
        @wraps(work)
        def function(event: Any, context: Any) -> dict[str, Any]:
            return perform(name, work, _runtime(), event, context)

        return function

    return decorate


def perform(name: str, work: Callable[[Context, Run], None], runtime: Runtime, event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001
    """One run: the work, its record (started, finished, found, done, failed), a log line and a metric."""
    run_id = getattr(context, "aws_request_id", None) or str(uuid4())
    remaining = None
    if hasattr(context, "get_remaining_time_in_millis"):
        remaining = lambda: context.get_remaining_time_in_millis() / 1000 - _MARGIN  # noqa: E731
    ctx = runtime.context(request_id=run_id, actor=system(name), remaining=remaining)
    run, error = Run(), ""
    try:
        work(ctx, run)
    except Exception as caught:
        error = type(caught).__name__
        telemetry.exception(caught, run_id)
        raise
    finally:
        record = {
            "schedule": name,
            "run_id": run_id,
            "started_at": instant(ctx.now),
            "finished_at": instant(runtime.clock()),
            "found": run.found,
            "done": run.done,
            "failed": run.failed,
            "more": run.more,
            "error": error,
        }
        telemetry.line("ERROR" if error else "INFO", "schedule", **record)
        telemetry.metric({"ScheduleFailures": int(bool(error)) + run.failed, "ScheduleDone": run.done}, schedule=name)
        _leave(runtime, ctx, record)  # last: where the table is out of reach, the log still tells of the run
    return record


def _leave(runtime: Runtime, ctx: Context, record: dict[str, Any]) -> None:
    key = Key(f"RUN#{record['schedule']}", f"{record['started_at']}#{record['run_id']}")
    ttl = int((ctx.now + RECORD_LIFE).timestamp())
    row = wire_key(key) | wire({"kind": "run", "ttl": ttl, **record})
    runtime.store().call("put_item", TableName=runtime.settings.table, Item=row)
