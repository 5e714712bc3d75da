"""The two readers of the table's stream: one keeps the trail, the other the aggregates. Each is exactly once in effect.

Lambda imports this module alone. What a handler needs beyond it is loaded with the handler's first event.
"""

import os
from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any
from uuid import uuid4

from chalicelib.foundation import outbox, streams, telemetry
from chalicelib.foundation.context import system
from chalicelib.foundation.manifest import StreamConsumer
from chalicelib.foundation.projections import Contributions, Engine, State, Work
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.streams import Change, Record, Unreadable
from chalicelib.packs import PACKS

PROJECTION = "projection"  # under which its records are parked; the trail's own name is in its pack
_MARGIN = 5.0  # seconds kept to answer
_CONTRIBUTIONS = Contributions(PACKS)
_KINDS = _CONTRIBUTIONS.kinds

# Equality only, of what is wanted: so a consumer is never fed by its own writes. The second pattern sees a row go.
CONSUMERS = (
    StreamConsumer(
        name="audit_stream",
        function=f"{__name__}.audit_stream",
        summary="Writes the trail: one chained record for each revision of each entity; hands mail to the outbox",
        filters=(
            {"dynamodb": {"NewImage": {"t": {"S": [streams.ENTITY, outbox.MAIL]}}}},
            {"eventName": ["REMOVE"], "dynamodb": {"OldImage": {"t": {"S": [streams.ENTITY]}}}},
        ),
    ),
    StreamConsumer(
        name="projection_stream",
        function=f"{__name__}.projection_stream",
        summary="Keeps the aggregates: what each item contributes, applied once",
        # 60 items and the aggregate rows that they touch fit one transaction.
        batch_size=60,
        filters=(
            {"dynamodb": {"NewImage": {"t": {"S": [streams.ENTITY]}, "kind": {"S": _KINDS}}}},
            {"eventName": ["REMOVE"], "dynamodb": {"OldImage": {"t": {"S": [streams.ENTITY]}, "kind": {"S": _KINDS}}}},
        ),
    ),
)


@lru_cache(maxsize=1)
def _runtime() -> Runtime:
    return Runtime.from_environment(os.environ)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    _runtime()  # in Lambda's initialisation, which has the full processor


def audit_stream(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's handler: the trail, and the mail that was written."""
    return audit(_runtime(), event, context)


def projection_stream(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's handler: the aggregates."""
    return project(_runtime(), event, context, _CONTRIBUTIONS)


def audit(runtime: Runtime, event: dict[str, Any], context: Any = None, *, kinds: Any = None, workers: int = 10) -> dict[str, Any]:
    """Bring a batch onto the trail; answers the first record that wasn't done."""
    from chalicelib.packs.auditor import trail

    records = event["Records"]
    ctx = runtime.context(request_id=_request_id(context), actor=system("audit_stream"), remaining=_remaining(context))
    undone: list[Record] = []
    entities: list[Change] = []
    mail: list[Change] = []
    for record in records:
        try:
            change = streams.read(record)
            if change.type == streams.ENTITY:
                _ = change.entity_id, change.kind, change.version  # all that is needed to know its place
                entities.append(change)
            elif change.type == outbox.MAIL and change.old is None:
                mail.append(change)
        except Unreadable as error:
            undone += _left(partial(trail.poisoned, ctx, record, error), record)
    if entities:
        try:
            undone += [change.record for change in trail.Trail(ctx, kinds or _kinds(), workers=workers).append(entities)]
        except Exception as error:
            if not streams.passing(error):
                raise
            undone += [change.record for change in entities]
    try:
        outbox.enqueue(ctx.settings, [change.key for change in mail])
    except outbox.QueueError:
        undone += [change.record for change in mail]
    return streams.outcome(records, undone)


@cache
def _kinds() -> Any:
    from chalicelib.packs.auditor import trail

    return trail.kinds(PACKS)


def project(runtime: Runtime, event: dict[str, Any], context: Any, contribute: Contributions) -> dict[str, Any]:
    """Bring a batch into the aggregates; answers the first record that wasn't done."""
    records = event["Records"]
    store = runtime.store(_remaining(context))
    now = runtime.clock()
    undone: list[Record] = []
    newest: dict[str, State] = {}
    told_by: dict[str, list[Record]] = {}
    for record in records:
        try:
            change = streams.read(record)
            if change.type != streams.ENTITY or change.kind not in contribute.kinds:
                continue
            state = State.of(change)
        except Unreadable as error:
            undone += _left(partial(streams.park, store, PROJECTION, record, str(error), now), record)
            continue
        if state.id not in newest or newest[state.id].version < state.version:
            newest[state.id] = state
            told_by[state.id] = [*told_by.get(state.id, ()), record]
    work = Work(newest)
    try:
        Engine(store, contribute, now).apply(work)
    except Exception as error:
        if not streams.passing(error):
            raise
        telemetry.line("WARNING", "projection batch not done", left=len(work.todo), error=type(error).__name__)
        undone += [record for id in work.todo for record in told_by[id]]
    for id, reason in work.refused.items():
        # The newest image decides; the older ones of the batch are in it.
        undone += _left(partial(streams.park, store, PROJECTION, told_by[id][-1], reason, now), *told_by[id])
    return streams.outcome(records, undone)


def _left(parking: Callable[[], object], *records: Record) -> tuple[Record, ...]:
    """Park what can't be done. Returns the records where even that fails for the moment."""
    try:
        parking()
    except Exception as error:
        if not streams.passing(error):
            raise
        return records
    return ()


def _request_id(context: Any) -> str:
    return getattr(context, "aws_request_id", None) or str(uuid4())


def _remaining(context: Any) -> Callable[[], float] | None:
    if not hasattr(context, "get_remaining_time_in_millis"):
        return None
    return lambda: context.get_remaining_time_in_millis() / 1000 - _MARGIN
