"""Writing a pipeline: a new one, a changed one, with everything that goes with it, in one round trip."""

import hashlib
from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.foundation import models
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Invalid, Problem
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store import gates, keys
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import STAYS, WATCHED, Beside, Pipeline
from chalicelib.packs.wholesale.rules import alarms, funnel, quiet, stages
from chalicelib.packs.wholesale.service.rights import check_owner

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


# -- what it becomes


def check_amounts(currency: str, values: dict[str, Any], names: tuple[str, ...] = _AMOUNTS) -> None:
    """Refuse amounts that the currency can't hold."""
    amounts = {name: values.get(name) for name in names}
    costs = values.get("costs") or {}
    amounts |= {f"costs.{name}": Decimal(costs[name]) for name in _COST_AMOUNTS if costs.get(name) is not None}
    models.check_money(currency, amounts)


def contract_dates(pipeline: Pipeline) -> alarms.ContractDates:
    """The dates that alarms stand before."""
    return alarms.ContractDates(
        earnest_money_due_on=pipeline.earnest_money_due_on,
        earnest_money_paid_on=pipeline.earnest_money_paid_on,
        inspection_ends_on=pipeline.inspection_ends_on,
        inspection_cleared_on=pipeline.inspection_cleared_on,
        closes_on=pipeline.closes_on,
    )


def armed(pipeline: Pipeline, today: date) -> Pipeline:
    """The same pipeline with the day of its next alarm. Marks of dates that it no longer has are dropped."""
    deadlines = alarms.open_deadlines(pipeline.stage, contract_dates(pipeline))
    upcoming = alarms.next_alarm(deadlines, pipeline.alarms or {}, today)
    pipeline.alarm_on = upcoming.raise_on if upcoming else None
    return pipeline


def stay(ctx: Context, pipeline: Pipeline) -> funnel.Stay:
    """The stay that ends when `pipeline` leaves its stage now."""
    entries = [
        funnel.Entry(pipeline.stage, pipeline.stage_entered_at, pipeline.stage_entered_by),
        funnel.Entry("", ctx.now, ctx.actor.id),
    ]
    return funnel.stays(entries, ctx.now, ctx.settings.firm_time_zone)[0]


# -- how it is written


def add_new(ctx: Context, tx: Transaction, pipeline: Pipeline, *, owner_known: bool = False) -> None:
    """A new pipeline: its row, the row beside it, and the guard of its reference.

    `owner_known` where the owner was looked up before (a transaction takes one action a row, and many may have one owner).
    """
    if not owner_known:
        check_owner(ctx, tx, pipeline.owner)
    if pipeline.external_ref:
        _take_reference(ctx, tx, pipeline)
    tx.create(pipeline)
    quiet_since = ctx.today
    beside = Beside(
        last_activity_at=ctx.now,
        last_day=quiet_since,
        currency=pipeline.currency,
        watched=pipeline.is_watched,
        owner=pipeline.owner,
        follow_up_on=quiet.next_follow_up(quiet_since, None, quiet_since).raise_on,
    )
    values = {name: value for name, value in beside.values(pipeline.id).items() if value is not None}
    gates.opened(tx, pipeline.id, ctx.now, **values)


def add_changed(ctx: Context, tx: Transaction, before: Pipeline, after: Pipeline) -> None:
    """A changed pipeline, with the stay that ended, and whatever of its owner, reference and watch is kept elsewhere."""
    if after.owner != before.owner:
        check_owner(ctx, tx, after.owner)
    if after.external_ref != before.external_ref:
        if before.external_ref:
            free_reference(tx, before)
        if after.external_ref:
            _take_reference(ctx, tx, after)
    if _is_beside(after) != _is_beside(before):
        _update_beside(tx, before, after)
    if after.stage != before.stage:
        _add_stay(ctx, tx, before, after)
    tx.save(after)


def is_alone(before: Pipeline, after: Pipeline) -> bool:
    """Whether the change is of the pipeline's own row only, so that one conditional write does it."""
    return (
        after.owner == before.owner
        and after.external_ref == before.external_ref
        and after.stage == before.stage
        and _is_beside(after) == _is_beside(before)
    )


def _is_beside(pipeline: Pipeline) -> tuple[Any, ...]:
    """What the row beside repeats of the pipeline."""
    return (pipeline.owner, pipeline.currency, pipeline.is_watched)


def _update_beside(tx: Transaction, before: Pipeline, after: Pipeline) -> None:
    """Repeat owner, currency and watch. One that is watched again is as quiet as it became: only activity ends a spell."""
    setting: dict[str, Any] = {"currency": after.currency, "watched": after.is_watched}
    removing: list[str] = []
    if after.owner:
        setting["owner"] = after.owner
    else:
        removing.append("owner")
    if after.is_watched and not before.is_watched:
        setting |= WATCHED
    elif before.is_watched and not after.is_watched:
        removing += WATCHED
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in setting)
    expression += " REMOVE " + ", ".join(f"#{name}" for name in removing) if removing else ""
    tx.update(
        Beside.key(after.id),
        expression,
        "attribute_exists(pk) AND attribute_not_exists(closed)",
        None,
        {f":{name}": value for name, value in setting.items()},
        {f"#{name}": name for name in (*setting, *removing)},
    )


def _add_stay(ctx: Context, tx: Transaction, before: Pipeline, after: Pipeline) -> None:
    terms = {name: value for name in stages.to_history(before.stage, after.stage) if (value := getattr(before, name)) is not None}
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
        "days": stay(ctx, before).days,
        "terms": terms,
        "request_id": ctx.request_id,
    }
    key = Key(before.id, f"{STAYS}{before.revision:010}")  # in the order of their ends, even within a millisecond
    tx.put_row(key, {name: value for name, value in values.items() if value is not None})


def reference_key(external_ref: str) -> Key:
    """The guard of an external reference. It is text of another's making, of any length: its digest is the key."""
    return keys.unique("pipeline-ref", hashlib.sha256(external_ref.encode()).hexdigest())


def _take_reference(ctx: Context, tx: Transaction, pipeline: Pipeline) -> None:
    assert pipeline.external_ref

    def taken(guard: Raw) -> Problem:
        return Conflict("Another pipeline has this external_ref.", code="external_ref_taken", id=guard["owner"]["S"])

    values = {"owner": pipeline.id, "value": pipeline.external_ref, "request_id": ctx.request_id}
    tx.put_row(reference_key(pipeline.external_ref), values, "attribute_not_exists(pk)", taken)


def free_reference(tx: Transaction, pipeline: Pipeline) -> None:
    """Let another pipeline have the reference."""
    assert pipeline.external_ref
    tx.delete(reference_key(pipeline.external_ref))  # ours: the pipeline holds it, and is saved at the revision that says so


def refuse_currency_change(before: Pipeline, after: Pipeline) -> None:
    """The assignment that stands is in the pipeline's currency."""
    if after.currency != before.currency and before.stage in (stages.ASSIGNED, stages.CLOSED):
        raise Conflict("The currency is fixed while an assignment stands.")


def complete_next_action(action: dict[str, Any] | None) -> None:
    """A next action says what is to be done."""
    if action is not None and not action.get("what"):
        raise Invalid.field("next_action.what", "what is to be done is needed")


def plain(value: Any) -> Any:
    """Nested values as the table holds them: days as text."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value.isoformat() if isinstance(value, date) else value
