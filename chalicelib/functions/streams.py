"""The two consumers of the table's stream: one writes the trail, the other the aggregates. Each has exactly-once effects.

Lambda imports only this module. What a handler needs beyond it is imported at its first event.
"""

import os
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from chalicelib.foundation import lambda_context, outbox, streams, telemetry
from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.manifest import StreamConsumer
from chalicelib.foundation.pending_changes import marker_key
from chalicelib.foundation.projections import ContributionRegistry, EntityVersion, ProjectionBatch, ProjectionEngine
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.entity import ENTITY
from chalicelib.foundation.streams import MalformedRecord, StreamChange, StreamRecord
from chalicelib.functions import process_runtime
from chalicelib.packs import PACKS

if TYPE_CHECKING:
    from chalicelib.packs.audit.writer import EntityResolver

_MARGIN = 5.0  # seconds reserved for the response
_CONTRIBUTIONS = ContributionRegistry(PACKS)
_KINDS = _CONTRIBUTIONS.kinds

# Only rows of the wanted types, so a consumer never receives its own writes. The second pattern matches removals.
CONSUMERS = (
    StreamConsumer(
        name="audit_stream",
        function=f"{__name__}.audit_stream",
        summary="Writes the trail: one chained record for each revision of each entity; hands mail to the outbox",
        filters=(
            {"dynamodb": {"NewImage": {"t": {"S": [ENTITY, outbox.MAIL]}}}},
            {"eventName": ["REMOVE"], "dynamodb": {"OldImage": {"t": {"S": [ENTITY]}}}},
        ),
    ),
    StreamConsumer(
        name="projection_stream",
        function=f"{__name__}.projection_stream",
        summary="Keeps the aggregates: what each item contributes, applied once",
        # 60 items and the aggregate rows that they touch fit one transaction.
        batch_size=60,
        filters=(
            {"dynamodb": {"NewImage": {"t": {"S": [ENTITY]}, "kind": {"S": _KINDS}}}},
            {"eventName": ["REMOVE"], "dynamodb": {"OldImage": {"t": {"S": [ENTITY]}, "kind": {"S": _KINDS}}}},
        ),
    ),
)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    process_runtime.runtime()  # Lambda's initialisation phase has the full processor


def audit_stream(event: JsonObject, context: object) -> JsonObject:
    """Lambda handler: writes the trail, and queues the mail that was written."""
    return audit(process_runtime.runtime(), event, context)


def projection_stream(event: JsonObject, context: object) -> JsonObject:
    """Lambda handler: updates the aggregates."""
    return project(process_runtime.runtime(), event, context, _CONTRIBUTIONS)


def audit(
    runtime: Runtime, event: JsonObject, context: object = None, *, kinds: "EntityResolver | None" = None, workers: int = 10
) -> JsonObject:
    """Write a batch to the trail; returns the first record that was not processed."""
    from chalicelib.packs.audit import writer

    ctx = runtime.context(
        request_id=lambda_context.run_id(context),
        actor=system_actor("audit_stream"),
        remaining_seconds=lambda_context.remaining_seconds(context, _MARGIN),
    )
    trail = writer.TrailWriter(ctx, kinds or _kinds(), workers=workers)

    def process(records: list[StreamRecord]) -> list[StreamRecord]:
        unprocessed: list[StreamRecord] = []
        entities: list[StreamChange] = []
        mail: list[StreamChange] = []
        for record in records:
            try:
                change = streams.parse_record(record)
                if change.type == ENTITY:
                    _ = change.entity_id, change.kind, change.version  # raises MalformedRecord where one is absent
                    entities.append(change)
                elif change.type == outbox.MAIL and change.old is None:
                    _ = change.kind
                    mail.append(change)
            except MalformedRecord as error:
                unprocessed += _park(partial(trail.park, record, f"{type(error).__name__}: {error}"), record)
        if entities:
            try:
                unprocessed += [change.record for change in trail.append(entities)]
            except Exception as error:
                if not streams.is_transient(error):
                    raise
                unprocessed += [change.record for change in entities]
        try:
            outbox.enqueue(ctx.settings, [outbox.Message(change.kind, change.key) for change in mail])
        except outbox.QueueError:
            unprocessed += [change.record for change in mail]
        return unprocessed

    return streams.process_batch(ctx.store, writer.STREAM, event["Records"], ctx.now, process, trail.park)


@cache
def _kinds() -> "EntityResolver":
    from chalicelib.packs.audit import writer

    return writer.entity_resolver(PACKS)


def project(runtime: Runtime, event: JsonObject, context: object, contribute: ContributionRegistry) -> JsonObject:
    """Apply a batch to the aggregates; returns the first record that was not processed."""
    store = runtime.store(lambda_context.remaining_seconds(context, _MARGIN))
    now = runtime.clock()

    def park(record: StreamRecord, reason: str) -> None:
        # Without the item's values: the item itself, as it is when the record is redriven, determines the result.
        streams.park_record(store, streams.AGGREGATES, record, reason, now)

    def process(records: list[StreamRecord]) -> list[StreamRecord]:
        unprocessed: list[StreamRecord] = []
        newest: dict[str, EntityVersion] = {}
        records_of: dict[str, list[StreamRecord]] = {}
        markers: dict[ItemKey, str] = {}  # of tracked changes, with the entity
        for record in records:
            try:
                change = streams.parse_record(record)
                if change.type != ENTITY or change.kind not in contribute.kinds:
                    continue
                state = EntityVersion.from_change(change)
            except MalformedRecord as error:
                unprocessed += _park(partial(park, record, str(error)), record)
                continue
            if change.kind in contribute.tracked and change.new is not None:
                markers[marker_key(state.kind, state.id, state.version)] = state.id
            if state.id not in newest or newest[state.id].version < state.version:
                newest[state.id] = state
                records_of[state.id] = [*records_of.get(state.id, ()), record]
        work = ProjectionBatch(newest)
        try:
            ProjectionEngine(store, contribute, now).apply(work)
            store.batch_delete(key for key, id in markers.items() if id not in work.rejected)
        except Exception as error:
            if not streams.is_transient(error):
                raise
            telemetry.log("WARNING", "projection batch not done", left=len(work.pending), error=type(error).__name__)
            unprocessed += [record for id in {*work.pending, *markers.values()} for record in records_of[id]]
        for id, reason in work.rejected.items():
            # The newest image determines the result, so the older records of the batch need not be parked.
            unprocessed += _park(partial(park, records_of[id][-1], reason), *records_of[id])
        return unprocessed

    return streams.process_batch(store, streams.AGGREGATES, event["Records"], now, process, park)


def _park(parking: Callable[[], object], *records: StreamRecord) -> tuple[StreamRecord, ...]:
    """Call `parking`. Returns the records, as unprocessed, where it fails transiently."""
    try:
        parking()
    except Exception as error:
        if not streams.is_transient(error):
            raise
        return records
    return ()
