"""Writing a pipeline and the items that belong to it, in one transaction."""

import hashlib
from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.foundation import schema_types
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Problem, ValidationFailed
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store import keys, references
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import INTERVALS, WATCH_PARTITIONS, Pipeline, PipelineActivityState
from chalicelib.packs.wholesale.permissions import check_owner
from chalicelib.packs.wholesale.rules import deadlines, follow_ups, funnel, stages

_AMOUNTS = (
    "asking_price",
    "arv_estimate",
    "repair_estimate",
    "max_allowable_offer",
    "offer_price",
    "contract_price",
    "assignment_fee_target",
    "expected_spread",
)
_COST_AMOUNTS = ("closing_ab", "closing_bc", "lender_fee", "retail_price", "make_ready", "resale_price", "rehab")


# -- computing the new state


def check_amounts(currency: str, values: dict[str, Any], names: tuple[str, ...] = _AMOUNTS) -> None:
    """Raise ValidationFailed for amounts with more decimals than the currency has."""
    amounts = {name: values.get(name) for name in names}
    costs = values.get("costs") or {}
    amounts |= {f"costs.{name}": Decimal(costs[name]) for name in _COST_AMOUNTS if costs.get(name) is not None}
    schema_types.check_money(currency, amounts)


def contract_dates(pipeline: Pipeline) -> deadlines.ContractDates:
    """The dates that have reminders."""
    return deadlines.ContractDates(
        earnest_money_due_on=pipeline.earnest_money_due_on,
        earnest_money_paid_on=pipeline.earnest_money_paid_on,
        inspection_ends_on=pipeline.inspection_ends_on,
        inspection_cleared_on=pipeline.inspection_cleared_on,
        closes_on=pipeline.closes_on,
    )


def with_next_reminder(pipeline: Pipeline, today: date) -> Pipeline:
    """Set the day of the next reminder on the pipeline, and return it."""
    unmet = deadlines.open_deadlines(pipeline.stage, contract_dates(pipeline))
    reminder = deadlines.next_reminder(unmet, pipeline.alarms or {}, today)
    pipeline.alarm_on = reminder.raise_on if reminder else None
    return pipeline


def current_interval(ctx: Context, pipeline: Pipeline) -> funnel.StageInterval:
    """The interval in the current stage, as if it ended now."""
    entries = [
        funnel.StageEntry(pipeline.stage, pipeline.stage_entered_at, pipeline.stage_entered_by),
        funnel.StageEntry("", ctx.now, ctx.actor.id),
    ]
    return funnel.intervals(entries, ctx.now, ctx.settings.firm_time_zone)[0]


# -- writing it


def add_create(ctx: Context, tx: Transaction, pipeline: Pipeline, *, owner_known: bool = False) -> None:
    """Add the writes of a new pipeline: its item, its activity state, and the guard of its external reference.

    `owner_known`: the owner was checked before (a transaction takes one action per item, and many pipelines may share an owner).
    """
    if not owner_known:
        check_owner(ctx, tx, pipeline.owner)
    if pipeline.external_ref:
        _claim_external_ref(ctx, tx, pipeline)
    tx.create(pipeline)
    quiet_since = ctx.today
    state = PipelineActivityState(
        last_activity_at=ctx.now,
        last_day=quiet_since,
        currency=pipeline.currency,
        watched=pipeline.is_watched,
        owner=pipeline.owner,
        follow_up_on=follow_ups.next_follow_up(quiet_since, None, quiet_since).raise_on,
    )
    values = {name: value for name, value in state.values(pipeline.id).items() if value is not None}
    references.add_counter(tx, pipeline.id, ctx.now, **values)


def add_update(ctx: Context, tx: Transaction, before: Pipeline, after: Pipeline) -> None:
    """Add the writes of a changed pipeline: its item, the completed interval, external reference and activity state."""
    if after.owner != before.owner:
        check_owner(ctx, tx, after.owner)
    if after.external_ref != before.external_ref:
        if before.external_ref:
            release_external_ref(tx, before)
        if after.external_ref:
            _claim_external_ref(ctx, tx, after)
    if _mirrored_fields(after) != _mirrored_fields(before):
        _update_activity_state(tx, before, after)
    if after.stage != before.stage:
        _add_interval(ctx, tx, before, after)
    tx.save(after)


def is_single_item_update(before: Pipeline, after: Pipeline) -> bool:
    """Whether the change concerns the pipeline's own item only, so that one conditional write is enough."""
    return (
        after.owner == before.owner
        and after.external_ref == before.external_ref
        and after.stage == before.stage
        and _mirrored_fields(after) == _mirrored_fields(before)
    )


def _mirrored_fields(pipeline: Pipeline) -> tuple[Any, ...]:
    """The fields of the pipeline that its activity state repeats."""
    return (pipeline.owner, pipeline.currency, pipeline.is_watched)


def _update_activity_state(tx: Transaction, before: Pipeline, after: Pipeline) -> None:
    """Update owner, currency and watch in the activity state. Watching again doesn't reset the last activity."""
    setting: dict[str, Any] = {"currency": after.currency, "watched": after.is_watched}
    removing: list[str] = []
    if after.owner:
        setting["owner"] = after.owner
    else:
        removing.append("owner")
    if after.is_watched and not before.is_watched:
        setting |= WATCH_PARTITIONS
    elif before.is_watched and not after.is_watched:
        removing += WATCH_PARTITIONS
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in setting)
    expression += " REMOVE " + ", ".join(f"#{name}" for name in removing) if removing else ""
    tx.update_by_expression(
        PipelineActivityState.key(after.id),
        expression,
        "attribute_exists(pk) AND attribute_not_exists(closed)",
        None,
        {f":{name}": value for name, value in setting.items()},
        {f"#{name}": name for name in (*setting, *removing)},
    )


def _add_interval(ctx: Context, tx: Transaction, before: Pipeline, after: Pipeline) -> None:
    terms = {name: value for name in stages.cleared_fields(before.stage, after.stage) if (value := getattr(before, name)) is not None}
    values = {
        "kind": "stay",
        "stage": before.stage,
        "entered_at": before.stage_entered_at,
        "entered_by": before.stage_entered_by,
        "reason": before.stage_reason,
        "note": before.stage_note,
        "left_at": ctx.now,
        "left_by": ctx.actor.id,
        "left_for": after.stage,
        "days": current_interval(ctx, before).days,
        "terms": terms,
        "request_id": ctx.request_id,
    }
    key = ItemKey(before.id, f"{INTERVALS}{before.revision:010}")  # sorts by end, even within a millisecond
    tx.put_values_by_expression(key, {name: value for name, value in values.items() if value is not None})


def external_ref_key(external_ref: str) -> ItemKey:
    """The key of the guard that makes an external reference unique. It holds a digest, as the reference is text of any kind."""
    return keys.unique_guard("pipeline-ref", hashlib.sha256(external_ref.encode()).hexdigest())


def _claim_external_ref(ctx: Context, tx: Transaction, pipeline: Pipeline) -> None:
    assert pipeline.external_ref

    def already_taken(guard: DynamoItem) -> Problem:
        return Conflict("Another pipeline has this external_ref.", code="external_ref_taken", id=guard["owner"]["S"])

    values = {"owner": pipeline.id, "value": pipeline.external_ref, "request_id": ctx.request_id}
    tx.put_values_by_expression(external_ref_key(pipeline.external_ref), values, "attribute_not_exists(pk)", already_taken)


def release_external_ref(tx: Transaction, pipeline: Pipeline) -> None:
    """Release the external reference for other pipelines."""
    assert pipeline.external_ref
    tx.delete_by_expression(
        external_ref_key(pipeline.external_ref)
    )  # without condition: the pipeline that holds it is saved at its revision in the same transaction


def check_currency_change(before: Pipeline, after: Pipeline) -> None:
    """Raise Conflict where the currency changes although an assignment in it exists."""
    if after.currency != before.currency and before.stage in (stages.ASSIGNED, stages.CLOSED):
        raise Conflict("The currency is fixed while an assignment stands.")


def check_next_action(action: dict[str, Any] | None) -> None:
    """Raise ValidationFailed where a next action doesn't say what is to be done."""
    if action is not None and not action.get("what"):
        raise ValidationFailed.field("next_action.what", "what is to be done is needed")


def to_storable(value: Any) -> Any:
    """Nested values in the form that is stored: dates as ISO text."""
    if isinstance(value, dict):
        return {name: to_storable(item) for name, item in value.items()}
    return value.isoformat() if isinstance(value, date) else value
