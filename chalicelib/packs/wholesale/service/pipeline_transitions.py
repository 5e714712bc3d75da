"""Transitions of a pipeline between stages, and their history.

Users change the stage by POST /wholesale/{id}/stage or by PATCH. Transitions that belong to an assignment are made by dispositions
in the assignment's own transaction: `transitioned` computes the changed pipeline, `changes.add_update` adds the writes.
"""

from typing import Any

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import InvalidTransition, NotFound, ValidationFailed
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.pagination import CursorSigner, paginate
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import INTERVALS, Pipeline
from chalicelib.packs.wholesale.permissions import require_write
from chalicelib.packs.wholesale.presenters import pipeline_view
from chalicelib.packs.wholesale.rules import stages
from chalicelib.packs.wholesale.schemas import PipelineView, StageIntervalPage, StageIntervalView, StageMoveRequest
from chalicelib.packs.wholesale.service import changes

_MAX_INTERVALS = 100  # different (stage, days) that one pipeline counts; bounds the size of its item


def transitioned(
    ctx: Context,
    pipeline: Pipeline,
    target: str,
    values: dict[str, Any],
    *,
    reason: str | None = None,
    note: str | None = None,
    initiator: str = "people",
) -> Pipeline:
    """The pipeline after entering `target` now, with `values` set in the same transition.

    `initiator` is "people", or "dispositions" for transitions that belong to an assignment (which sets `assignment_id` and
    `assignment_price` in `values`). Raises InvalidTransition or ValidationFailed where the rules don't allow it.
    """
    cleared = dict.fromkeys(stages.cleared_fields(pipeline.stage, target))
    if target == stages.UNDER_CONTRACT:
        effective = values.get("contract_effective_on") or pipeline.contract_effective_on or ctx.today
        values = {**values, "contract_effective_on": effective}
    fields = {**pipeline.attribute_values, **cleared, **values}
    stages.check_transition(
        pipeline.stage, target, fields, reason=reason, note=note, initiator=initiator, dead_reason=pipeline.stage_reason
    )
    stage_values = {
        "stage": target,
        "stage_entered_at": ctx.now,
        "stage_entered_on": ctx.today,
        "stage_entered_by": ctx.actor.id,
        "stage_reason": reason,
        "stage_note": note,
        "previous_stage": pipeline.stage,
        "highest_stage": stages.highest((pipeline.highest_stage, target)),
        "stays": _interval_counts(ctx, pipeline),
    }
    if end_reason := stages.contract_end_reason(pipeline.stage, target):
        number, contract_end = str(pipeline.contract_no), {"reason": end_reason, "on": ctx.today.isoformat()}
        stage_values["contracts_ended"] = {**(pipeline.contracts_ended or {}), number: contract_end}
    return changes.with_next_reminder(pipeline.with_changes(ctx, **cleared, **values, **stage_values), ctx.today)


def _interval_counts(ctx: Context, pipeline: Pipeline) -> dict[str, dict[str, int]]:
    """Completed stage intervals counted by stage and days, with the one that ends now."""
    counts = {stage: dict(days) for stage, days in pipeline.stays.items()}
    interval = changes.current_interval(ctx, pipeline)
    of_stage, days = counts.setdefault(interval.stage, {}), str(interval.days)
    if days in of_stage or sum(map(len, counts.values())) < _MAX_INTERVALS:
        of_stage[days] = of_stage.get(days, 0) + 1
    return counts


def transition(ctx: Context, id: str, body: StageMoveRequest) -> PipelineView:
    """Change a pipeline's stage at a user's request. Two round trips. The current stage as target is an InvalidTransition (409)."""
    key = Pipeline.ID.key(id)

    def step() -> PipelineView:
        before = parse_live(Pipeline, idempotency.read_or_replay(ctx, [key]).get(key))
        if before is None:
            raise NotFound("pipeline")
        require_write(ctx, before.owner)
        ctx.check_if_match(before.revision)
        if body.stage == before.stage:
            allowed = stages.allowed(before.stage, dead_reason=before.stage_reason)
            raise InvalidTransition("pipeline", before.stage, body.stage, allowed, "It is there already.")
        after = transitioned(ctx, before, body.stage, _transition_values(body, before), reason=body.reason, note=body.note)
        changes.check_amounts(after.currency, after.attribute_values)
        view = pipeline_view(ctx, after)
        tx = idempotency.idempotent_transaction(ctx, view)
        changes.add_update(ctx, tx, before, after)
        tx.commit()
        return view

    return ctx.store.retry_on_conflict(step)


def _transition_values(body: StageMoveRequest, before: Pipeline) -> dict[str, Any]:
    """The pipeline fields that a stage request sets."""
    values: dict[str, Any] = {}
    if body.price is not None:
        field = stages.price_set_by(body.stage)
        # A transition that doesn't exist is reported as such, before its price is.
        if field is None and body.stage in stages.allowed(before.stage, dead_reason=before.stage_reason):
            raise ValidationFailed.field("price", f"{body.stage} has no price to set")
        if field:
            values[field] = body.price
    if body.next_action is not None:
        values["next_action"] = changes.to_storable(body.next_action.model_dump(exclude_unset=True))
    return values


def add_transition(
    ctx: Context,
    tx: Transaction,
    pipeline: Pipeline,
    target: str,
    values: dict[str, Any],
    *,
    initiator: str,
    reason: str | None = None,
    note: str | None = None,
) -> Pipeline:
    """Add all writes of a transition to another pack's transaction. Returns the changed pipeline.

    The transaction fails with VersionConflict where the pipeline changed since it was read: read it again.
    """
    after = transitioned(ctx, pipeline, target, values, reason=reason, note=note, initiator=initiator)
    changes.add_update(ctx, tx, pipeline, after)
    return after


# -- history


def list_history(ctx: Context, id: str, limit: int, cursor: str | None) -> StageIntervalPage:
    """A page of stage intervals, newest first; the first page begins with the current one. Two round trips."""
    pipeline = ctx.store.find(Pipeline, id)
    if pipeline is None:
        raise NotFound("pipeline")
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, id, ctx.actor.id)
    completed = paginate(ctx.store, [KeyRange(None, id, prefix=INTERVALS)], seal, limit=limit, cursor=cursor, decode=_interval_view)
    items: list[Any] = list(completed.rows)
    if cursor is None:
        items.insert(0, _current_interval_view(ctx, pipeline))
    return {"items": items, "next_cursor": completed.next_cursor}


def _current_interval_view(ctx: Context, pipeline: Pipeline) -> StageIntervalView:
    return {
        "stage": pipeline.stage,
        "entered_at": format_timestamp(pipeline.stage_entered_at),
        "entered_by": pipeline.stage_entered_by,
        "reason": pipeline.stage_reason,
        "note": pipeline.stage_note,
        "left_at": None,
        "left_by": None,
        "days": changes.current_interval(ctx, pipeline).days,
        "terms": {},
    }


def _interval_view(raw: DynamoItem) -> dict[str, Any]:
    row = codec.decode_item(raw)
    return {name: row.get(name) for name in StageIntervalView.__annotations__}
