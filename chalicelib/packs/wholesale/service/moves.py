"""Moving a pipeline from stage to stage.

People move it by POST /wholesale/{id}/stage or by PATCH; the moves that belong to an assignment are made by dispositions, in
the assignment's own transaction: `moved` makes the pipeline of after, `changes.add_changed` the actions that write it.
"""

from typing import Any

from chalicelib.foundation import idempotency
from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Invalid, InvalidTransition, NotFound
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.pages import CursorSeal, Partition, page
from chalicelib.foundation.store.store import alive
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import STAYS, Pipeline
from chalicelib.packs.wholesale.rules import stages
from chalicelib.packs.wholesale.schemas import HistoryPage, PipelineView, StageMove, StayView
from chalicelib.packs.wholesale.service import changes
from chalicelib.packs.wholesale.service.rights import need_write
from chalicelib.packs.wholesale.service.shown import pipeline_view

_MOST_STAYS = 100  # different (stage, days) that one pipeline is counted with; nobody goes to and fro that often


def moved(
    ctx: Context,
    pipeline: Pipeline,
    target: str,
    values: dict[str, Any],
    *,
    reason: str | None = None,
    note: str | None = None,
    by: str = "people",
) -> Pipeline:
    """The pipeline after it entered `target` now, with `values` set along with the move.

    `by` is who moves it: "people", or "dispositions" for the moves that belong to an assignment (which sets `assignment_id`
    and `assignment_price` in `values`). Raises InvalidTransition or Invalid where the rules don't allow it.
    """
    cleared = dict.fromkeys(stages.to_history(pipeline.stage, target))
    if target == stages.UNDER_CONTRACT:
        effective = values.get("contract_effective_on") or pipeline.contract_effective_on or ctx.today
        values = {**values, "contract_effective_on": effective}
    fields = {**pipeline.attribute_values, **cleared, **values}
    stages.check_move(pipeline.stage, target, fields, reason=reason, note=note, by=by, dead_reason=pipeline.stage_reason)
    entered = {
        "stage": target,
        "stage_entered_at": ctx.now,
        "stage_entered_on": ctx.today,
        "stage_entered_by": ctx.actor.id,
        "stage_reason": reason,
        "stage_note": note,
        "previous_stage": pipeline.stage,
        "highest_stage": stages.highest((pipeline.highest_stage, target)),
        "stays": _counted(ctx, pipeline),
    }
    if ended := stages.contract_end(pipeline.stage, target):
        number, why = str(pipeline.contract_no), {"reason": ended, "on": ctx.today.isoformat()}
        entered["contracts_ended"] = {**(pipeline.contracts_ended or {}), number: why}
    return changes.armed(pipeline.changed(ctx, **cleared, **values, **entered), ctx.today)


def _counted(ctx: Context, pipeline: Pipeline) -> dict[str, dict[str, int]]:
    """The completed stays by stage and days, with the one that ends now."""
    counts = {stage: dict(days) for stage, days in pipeline.stays.items()}
    over = changes.stay(ctx, pipeline)
    of_stage, days = counts.setdefault(over.stage, {}), str(over.days)
    if days in of_stage or sum(map(len, counts.values())) < _MOST_STAYS:
        of_stage[days] = of_stage.get(days, 0) + 1
    return counts


def move(ctx: Context, id: str, body: StageMove) -> PipelineView:
    """Move a pipeline by hand. Two round trips. The stage that it is in already is refused (409)."""
    key = Pipeline.ID.key(id)

    def step() -> PipelineView:
        before = alive(Pipeline, idempotency.read(ctx, [key]).get(key))
        if before is None:
            raise NotFound("pipeline")
        need_write(ctx, before.owner)
        ctx.expect_revision(before.revision)
        if body.stage == before.stage:
            allowed = stages.allowed(before.stage, dead_reason=before.stage_reason)
            raise InvalidTransition("pipeline", before.stage, body.stage, allowed, "It is there already.")
        after = moved(ctx, before, body.stage, _set_along(body, before), reason=body.reason, note=body.note)
        changes.check_amounts(after.currency, after.attribute_values)
        answer = pipeline_view(ctx, after)
        tx = idempotency.transaction(ctx, answer)
        changes.add_changed(ctx, tx, before, after)
        tx.commit()
        return answer

    return ctx.store.settle(step)


def _set_along(body: StageMove, before: Pipeline) -> dict[str, Any]:
    """What the move's own fields set."""
    values: dict[str, Any] = {}
    if body.price is not None:
        field = stages.price_set_by(body.stage)
        # An unknown move is refused as such, whatever price came with it.
        if field is None and body.stage in stages.allowed(before.stage, dead_reason=before.stage_reason):
            raise Invalid.field("price", f"{body.stage} has no price to set")
        if field:
            values[field] = body.price
    if body.next_action is not None:
        values["next_action"] = changes.plain(body.next_action.model_dump(exclude_unset=True))
    return values


def add_move(
    ctx: Context,
    tx: Transaction,
    pipeline: Pipeline,
    target: str,
    values: dict[str, Any],
    *,
    by: str,
    reason: str | None = None,
    note: str | None = None,
) -> Pipeline:
    """Add to another pack's transaction everything that moves a pipeline it has read; the pipeline of after.

    A pipeline that changed in between makes the transaction Stale: read it again.
    """
    after = moved(ctx, pipeline, target, values, reason=reason, note=note, by=by)
    changes.add_changed(ctx, tx, pipeline, after)
    return after


# -- history


def history(ctx: Context, id: str, limit: int, cursor: str | None) -> HistoryPage:
    """The stays of a pipeline, newest first: on the first page the present one, then those that are over. Two round trips."""
    pipeline = ctx.store.find(Pipeline, id)
    if pipeline is None:
        raise NotFound("pipeline")
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, id, ctx.actor.id)
    before = page(ctx.store, [Partition(None, id, prefix=STAYS)], seal, limit=limit, cursor=cursor, shown=_stay_view)
    items: list[Any] = list(before.rows)
    if cursor is None:
        items.insert(0, _present(ctx, pipeline))
    return {"items": items, "next_cursor": before.next_cursor}


def _present(ctx: Context, pipeline: Pipeline) -> StayView:
    return {
        "stage": pipeline.stage,
        "entered_at": instant(pipeline.stage_entered_at),
        "entered_by": pipeline.stage_entered_by,
        "reason": pipeline.stage_reason,
        "note": pipeline.stage_note,
        "left_at": None,
        "left_by": None,
        "days": changes.stay(ctx, pipeline).days,
        "terms": {},
    }


def _stay_view(raw: Raw) -> dict[str, Any]:
    row = codec.plain(raw)
    return {name: row.get(name) for name in StayView.__annotations__}
