"""Transitions of a pipeline between stages, and their history.

Users change the stage by POST /wholesale/{id}/stage or by PATCH. Transitions that belong to an assignment are made by dispositions
in the assignment's own transaction (`public.add_transition`).
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams, to_storable
from chalicelib.foundation.state_machine import PEOPLE
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.wholesale import repository
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.permissions import require_write
from chalicelib.packs.wholesale.presenters import pipeline_view
from chalicelib.packs.wholesale.rules import stages
from chalicelib.packs.wholesale.rules.stages import MACHINE, StageFacts
from chalicelib.packs.wholesale.schemas import PipelineView, StageIntervalView, StageMoveRequest
from chalicelib.packs.wholesale.service.validation import check_amounts

_MAX_INTERVALS = 100  # different (stage, days) that one pipeline counts; bounds the size of its item
_PRICES = ("price", "offer_price", "contract_price")  # of a move


@retry_on_conflict
def move_pipeline(ctx: Context, id: str, body: StageMoveRequest, query: ExplainParams) -> PipelineView:
    """Move a pipeline to another stage. `assigned` and `closed` come with an assignment."""
    before = idempotency.find_or_replay(ctx, Pipeline, id)
    require_write(ctx, before.owner)
    ctx.check_if_match(before.revision)
    MACHINE.transition(before.stage, body.stage, _facts(ctx, before))
    after = transitioned(ctx, before, body.stage, _transition_values(body), reason=body.reason, note=body.note)
    check_amounts(after.currency, after.attribute_values)
    view = pipeline_view(ctx, after, explain=query.explain)
    repository.save_idempotent(ctx, before, after, view)
    return view


def _transition_values(body: StageMoveRequest) -> dict[str, Any]:
    """The pipeline fields that a stage request sets."""
    values: dict[str, Any] = {}
    field = stages.price_set_by(body.stage)
    for name in _PRICES:
        amount = getattr(body, name)
        if amount is None:
            continue
        if field is None or name not in ("price", field):
            raise ValidationFailed.field(name, f"{body.stage} has no {name.replace('_', ' ')} to set")
        if values.setdefault(field, amount) != amount:
            raise ValidationFailed.field(name, "differs from price, which is the same price")
    if body.next_action is not None:
        values["next_action"] = to_storable(body.next_action.model_dump(exclude_unset=True))
    return values


def transitioned(
    ctx: Context,
    pipeline: Pipeline,
    target: str,
    values: Mapping[str, Any],
    *,
    reason: str | None = None,
    note: str | None = None,
    initiator: str = PEOPLE,
) -> Pipeline:
    """The pipeline after entering `target` now, with `values` set in the same transition.

    `initiator` is PEOPLE, or "dispositions" for transitions that belong to an assignment (which sets `assignment_id` and
    `assignment_price` in `values`). Raises InvalidTransition or ValidationFailed where the rules don't allow it.
    """
    cleared = dict.fromkeys(MACHINE.cleared_fields(pipeline.stage, target, initiator=initiator))
    if target == stages.UNDER_CONTRACT:
        effective = values.get("contract_effective_on") or pipeline.contract_effective_on or ctx.today
        values = {**values, "contract_effective_on": effective}
    fields = {**pipeline.attribute_values, **cleared, **values}
    MACHINE.check(pipeline.stage, target, _facts(ctx, pipeline), initiator=initiator, reason=reason, note=note, fields=fields)
    changed = {
        **cleared,
        **values,
        **repository.STAGES.entry(ctx, target, reason=reason, note=note),
        "stage_entered_on": ctx.today,
        "previous_stage": pipeline.stage,
        "highest_stage": stages.highest((pipeline.highest_stage, target)),
        "stays": _interval_counts(ctx, pipeline),
    }
    if end_reason := stages.contract_end_reason(pipeline.stage, target):
        ended = {str(pipeline.contract_no): {"reason": end_reason, "on": ctx.today.isoformat()}}
        changed["contracts_ended"] = {**(pipeline.contracts_ended or {}), **ended}
    return pipeline.with_changes(ctx, **changed).with_next_reminder(ctx.today)


def _facts(ctx: Context, pipeline: Pipeline) -> StageFacts:
    """What decides on a transition. Of a dead pipeline in a deal that deal is read: one round trip."""
    if pipeline.stage != stages.DEAD or pipeline.deal is None:
        return StageFacts(pipeline.stage_reason)
    deal = SubjectRegistry(ctx.packs).load(ctx, pipeline.deal)
    return StageFacts(pipeline.stage_reason, deal_finalized=deal.facts["status"] == stages.DEAL_FINALIZED)


def _interval_counts(ctx: Context, pipeline: Pipeline) -> dict[str, dict[str, int]]:
    """Completed stage intervals counted by stage and days, with the one that ends now."""
    counts = {stage: dict(days) for stage, days in pipeline.stays.items()}
    of_stage, days = counts.setdefault(pipeline.stage, {}), str(repository.STAGES.interval(ctx, pipeline).days)
    if days in of_stage or sum(map(len, counts.values())) < _MAX_INTERVALS:
        of_stage[days] = of_stage.get(days, 0) + 1
    return counts


def read_history(ctx: Context, id: str, query: PageParams) -> PageOf[StageIntervalView]:
    """The stages of a pipeline: when entered and left, for how many days, by whom."""
    return repository.STAGES.read_page(ctx, Pipeline, id, query)
