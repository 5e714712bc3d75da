"""Creating, reading, listing, changing and deleting holdings."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.presentation import present, present_row
from chalicelib.foundation.schema_types import PageOf, check_money
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.holdings import repository
from chalicelib.packs.holdings.entities import GROUP_FIELDS, EffectiveChange, Holding, HoldingAggregate, Valuation
from chalicelib.packs.holdings.presenters import explain_holding
from chalicelib.packs.holdings.rules.asset_details import detail_errors
from chalicelib.packs.holdings.rules.positions import UNASSIGNED
from chalicelib.packs.holdings.schemas import HoldingCreate, HoldingPatch, HoldingQuery, HoldingSummary, HoldingView

_DATED = frozenset({"value_estimate", "currency", "liability", "ownership_pct", "is_active", *GROUP_FIELDS})


def create(ctx: Context, body: HoldingCreate) -> HoldingView:
    """Create a holding. One round trip, also for a repeated request."""
    start = day_or_today(ctx, "acquired_on", body.acquired_on)
    holding = Holding.new(
        ctx,
        **{"currency": ctx.settings.default_currency, "details": {}, **body.model_dump(exclude_none=True)},
        held_from=start,
        entered_on=ctx.today,
        valued_on=None if body.value_estimate is None else start,
    )
    new = HoldingAggregate(holding, changes=(EffectiveChange.of(holding, start, holding.dated_values),))
    if holding.value_estimate is not None:
        new = replace(new, valuations=(Valuation.of(ctx, holding, holding.value_estimate, holding.currency, start),))
    check_values(new)
    view = present(HoldingView, holding)
    repository.create(ctx, new, view)
    return view


def get(ctx: Context, id: str, *, explain: bool) -> HoldingView:
    """A holding as it is now. One round trip."""
    holding = ctx.store.require(Holding, id)
    explanation = {"explain": explain_holding(ctx, holding)} if explain else {}
    return present(HoldingView, holding, **explanation)


def list_holdings(ctx: Context, query: HoldingQuery) -> PageOf[HoldingSummary]:
    """Holdings. Each single filter and each pair has an index; a third filter is applied to the rows read.

    Without a filter and with two, newest first; with one, by the next of type, jurisdiction, entity, then newest first.
    """

    def is_in_jurisdiction(row: Mapping[str, object]) -> bool:
        return row.get("jurisdiction", UNASSIGNED) == query.jurisdiction

    has_index = None in (query.asset_type, query.jurisdiction, query.entity_id)
    return ctx.paginate(
        repository.list_ranges(query), query, partial(present_row, HoldingSummary), predicate=None if has_index else is_in_jurisdiction
    )


# -- changes


@retry_on_conflict
def edit(ctx: Context, id: str, body: HoldingPatch) -> HoldingView:
    """Change a holding; omitted fields stay as they are. Two round trips; nothing is written without a change."""
    before = repository.read(ctx, id)
    ctx.check_if_match(before.holding.revision)
    after = _apply_patch(ctx, before, body)
    if after is not before:
        repository.save(ctx, before, after)
    return present(HoldingView, after.holding)


@retry_on_conflict
def delete(ctx: Context, id: str) -> None:
    """Mark a holding deleted and remove it from the totals of all days. Conflict while anything refers to it. Two round trips."""
    aggregate = repository.read(ctx, id)
    ctx.check_if_match(aggregate.holding.revision)
    repository.delete(ctx, aggregate)


def _apply_patch(ctx: Context, before: HoldingAggregate, body: HoldingPatch) -> HoldingAggregate:
    """The holding after the patch; `before` itself where nothing changes."""
    at_once = _undated_changes(before.holding, body)
    on = _effective_day(ctx, body, at_once.get("held_from", before.holding.held_from))
    value = _changed_value(before, body, on)
    dated = _dated_changes(before, body, on, value[1] if value else before.currency_on(on))
    _check_days(ctx, before.holding, at_once)
    if not at_once and not dated and value is None:
        return before
    holding = before.holding.with_changes(ctx, **at_once)
    after = replace(before, holding=holding).with_first_day_moved(ctx, before.holding.held_from)
    if value is not None:
        after = replace(after, valuations=(*after.valuations, Valuation.of(ctx, holding, *value, on)))
    if dated:
        after = replace(after, changes=(*after.changes, EffectiveChange.of(holding, on, dated)))
    after = after.with_current_values()
    check_values(after)
    return after


def _undated_changes(holding: Holding, body: HoldingPatch) -> dict[str, Any]:
    """What changes without a date, the first day among it."""
    values = {**holding.attribute_values, "details": holding.details or None}
    changes = body.changes_to(values, exclude={*_DATED, "effective_on"})
    if "details" in changes:
        changes["details"] = changes["details"] or {}
    if "acquired_on" in body.model_fields_set and (held_from := body.acquired_on or holding.entered_on) != holding.held_from:
        changes["held_from"] = held_from
    return changes


def _effective_day(ctx: Context, body: HoldingPatch, start: date) -> date:
    """The day from which dated changes are effective, `start` at the earliest."""
    if "effective_on" not in body.model_fields_set:
        return max(ctx.today, start)
    day_or_today(ctx, "effective_on", body.effective_on)
    if _DATED.isdisjoint(body.model_fields_set):
        raise ValidationFailed.field("effective_on", "nothing that is sent holds from a day on")
    if body.effective_on < start:
        raise ValidationFailed.field("effective_on", "it lies before the day from which the holding counts")
    return body.effective_on


def _changed_value(before: HoldingAggregate, body: HoldingPatch, on: date) -> tuple[Decimal | None, str] | None:
    """The new value and its currency, which changes only together with it; None where neither changes."""
    current = before.currency_on(on)
    currency = body.currency or current
    is_sent = "value_estimate" in body.model_fields_set
    if currency != current and (not is_sent or body.value_estimate is None):
        raise ValidationFailed.field("currency", "it changes only together with the value")
    if not is_sent:
        return None
    if currency != current:
        latest = before.values.days[-1] if before.values.days else on
        if on < latest:
            message = f"a currency changes on or after the day of the latest valuation, {latest.isoformat()}"
            raise ValidationFailed.field("effective_on", message)
        if before.history.liabilities.value_on(on) and "liability" not in body.model_fields_set:
            raise ValidationFailed.field("liability", f"it must be given anew, in {currency}")
    in_force = before.values.value_on(on)
    if (body.value_estimate, currency) == (in_force and in_force.value, current):
        return None
    check_money(currency, {"value_estimate": body.value_estimate})
    return body.value_estimate, currency


def _dated_changes(before: HoldingAggregate, body: HoldingPatch, on: date, currency: str) -> dict[str, object]:
    """Liability, share, activity and groups where they differ from those in force on the day; before the first ones, from the first."""
    sent = body.model_fields_set
    changes: dict[str, object] = {}
    if "liability" in sent:
        liability = body.liability or Decimal(0)
        check_money(currency, {"liability": liability})
        if liability != before.history.liabilities.value_on_or_first(on):
            changes["liability"] = liability
    if "ownership_pct" in sent and body.ownership_pct != before.history.shares.value_on_or_first(on):
        changes["share"] = body.ownership_pct
    if "is_active" in sent and body.is_active != before.history.activity.value_on_or_first(on):
        changes["active"] = body.is_active
    current = before.groups.value_on_or_first(on)
    groups = {name: value for name in GROUP_FIELDS if (value := body.changes.get(name, current.get(name))) is not None}
    if groups != current:
        changes["groups"] = groups
    return changes


# -- checks


def check_values(aggregate: HoldingAggregate) -> None:
    """Validate amounts by currency, the cost basis by that of the first value, details by asset type."""
    holding = aggregate.holding
    amounts = {"value_estimate": holding.value_estimate, "liability": holding.liability, "proceeds": holding.proceeds}
    check_money(holding.currency, amounts)
    check_money(aggregate.currency_on(date.min), {"cost_basis": holding.cost_basis})
    errors = [
        {"loc": ["details", name], "message": message, "type": "value_error"}
        for name, message in detail_errors(holding.asset_type, holding.details)
    ]
    if errors:
        raise ValidationFailed(errors)


def day_or_today(ctx: Context, name: str, day: date | None) -> date:
    """The day of this field, today without one; raises ValidationFailed for a future day."""
    if day is not None and day > ctx.today:
        raise ValidationFailed.field(name, "it can't lie in the future")
    return day or ctx.today


def _check_days(ctx: Context, before: Holding, changed: Mapping[str, Any]) -> None:
    """Validate acquisition and disposal: in order, and not in the future."""
    for name in ("acquired_on", "disposed_on"):
        day_or_today(ctx, name, changed.get(name))
    after = before.with_values(**changed)
    if after.disposed_on and after.disposed_on < after.held_from:
        raise ValidationFailed.field("disposed_on", "it lies before the day from which the holding counts")
    if after.proceeds is not None and after.disposed_on is None:
        raise ValidationFailed.field("proceeds", "they come with a disposal: disposed_on is needed")
