"""Entering, reading, listing, changing and deleting holdings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound, ValidationFailed
from chalicelib.foundation.schema_types import check_money
from chalicelib.foundation.store import references
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.pagination import CursorSigner, decode_view, paginate
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.holdings.entities import (
    Dated,
    Holding,
    Valuation,
    by_entity,
    by_jurisdiction,
    by_type,
    everything,
    text_key,
)
from chalicelib.packs.holdings.rules import details as known_details
from chalicelib.packs.holdings.rules.timeline import UNASSIGNED
from chalicelib.packs.holdings.schemas import HoldingCreate, HoldingPage, HoldingPatch, HoldingQuery, HoldingView
from chalicelib.packs.holdings.service import history
from chalicelib.packs.holdings.service.history import History
from chalicelib.packs.holdings.service.shown import explained, holding_view, summary

_GROUPS = ("asset_type", "jurisdiction", "entity_id", "entity_name")
_DATED = {"value_estimate", "currency", "liability", "ownership_pct", "is_active", *_GROUPS}
_AMOUNTS = ("value_estimate", "liability", "proceeds")


def create(ctx: Context, body: HoldingCreate) -> HoldingView:
    """Enter a holding: one round trip, first call and replay alike."""
    values = {name: value for name, value in body.model_dump().items() if value is not None}
    values.setdefault("currency", ctx.settings.default_currency)
    values.setdefault("details", {})
    start = values.get("acquired_on") or ctx.today
    _check_day(ctx, "acquired_on", start)
    _check(values, values["currency"])
    holding = Holding.new(
        ctx, **values, held_from=start, entered_on=ctx.today, valued_on=start if values.get("value_estimate") is not None else None
    )
    known = History(holding)
    first = {
        "liability": holding.liability or Decimal(0),
        "share": holding.ownership_pct,
        "active": holding.is_active,
        "groups": _groups(values),
    }
    known.dated.append(Dated(start, 1, first))
    if holding.value_estimate is not None:
        known.valuations.append(valuation(ctx, holding, holding.value_estimate, holding.currency, start))
    answer = holding_view(holding)
    tx = idempotency.idempotent_transaction(ctx, answer)
    tx.create(holding)
    references.add_counter(tx, holding.id, ctx.now)
    for one in known.dated:
        tx.put_values_by_expression(one.key(holding.id), one.values(ctx.request_id))
    for other in known.valuations:
        tx.create(other)
    history.add_years(ctx, tx, known)
    tx.commit()
    return answer


def valuation(ctx: Context, holding: Holding, value: Decimal | None, currency: str, as_of: date, **more: Any) -> Valuation:
    """A valuation, entered with this revision of the holding."""
    return Valuation.new(
        ctx,
        id=Valuation.ID.new(ctx.now, parent=holding.id),
        holding_id=holding.id,
        value=value,
        currency=currency,
        as_of=as_of,
        recorded=holding.revision,
        **more,
    )


def get(ctx: Context, id: str, *, explain: bool) -> HoldingView:
    """A holding as it is now: one strong read."""
    holding = ctx.store.find(Holding, id)
    if holding is None:
        raise NotFound("holding")
    view = holding_view(holding)
    if explain:
        view["explain"] = explained(ctx, holding)
    return view


# -- lists


def list_page(ctx: Context, query: HoldingQuery) -> HoldingPage:
    """Holdings. One index serves each filter and every two together; a third is filtered.

    Without a filter, and with two, newest first; with one by the next of type, jurisdiction, entity, then newest first.
    """
    filters = query.model_dump(exclude={"limit", "cursor"})
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, filters, ctx.actor.id)
    states = (True,) if query.only_active else (True, False)
    partitions = [_partition(query, active=active) for active in states]
    found = paginate(ctx.store, partitions, seal, limit=query.limit, cursor=query.cursor, predicate=_keep(query), decode=decode_view)
    return {"items": [summary(view) for view in found.rows], "next_cursor": found.next_cursor}


def _partition(query: HoldingQuery, *, active: bool) -> KeyRange:
    kind, place, entity = query.asset_type, query.jurisdiction, query.entity_id

    def beginning(text: str | None) -> str | None:
        return None if text is None else f"{text_key(text)}#"

    if entity is not None and (kind is not None or place is None):
        return KeyRange("gsi4", by_entity(entity, active=active), prefix=beginning(kind))
    if place is not None and kind is None:
        return KeyRange("gsi2", by_jurisdiction(place, active=active), prefix=beginning(entity))
    if kind is not None:
        return KeyRange("gsi1", by_type(kind, active=active), prefix=beginning(place))
    return KeyRange("gsi3", everything(active=active))


def _keep(query: HoldingQuery) -> Callable[[dict[str, Any]], bool] | None:
    """All three filters: entity and type pick the index, the jurisdiction is filtered."""
    if None in (query.asset_type, query.jurisdiction, query.entity_id):
        return None
    return lambda view: view.get("jurisdiction", UNASSIGNED) == query.jurisdiction


# -- changes


@dataclass
class _Edit:
    """What a patch comes to: what is dated changes from `on` on, the rest at once."""

    on: date
    at_once: dict[str, Any]
    dated: dict[str, Any]
    value: tuple[Decimal | None, str] | None = None  # with its currency


def edit(ctx: Context, id: str, body: HoldingPatch) -> HoldingView:
    """Change a holding; what is left out stays. Two round trips. What changes nothing writes nothing."""

    def step() -> HoldingView:
        known = history.read(ctx, id)
        before = known.holding
        ctx.check_if_match(before.revision)
        change = _planned(ctx, known, body)
        if not change.at_once and not change.dated and change.value is None:
            return holding_view(before)
        tx = Transaction(ctx.store)
        after = _apply(ctx, tx, known, change)
        tx.save(after)
        history.add_years(ctx, tx, known)
        tx.commit()
        return holding_view(after)

    return ctx.store.retry_on_conflict(step)


def _planned(ctx: Context, known: History, body: HoldingPatch) -> _Edit:
    """What of the patch is a change, checked."""
    before = known.holding
    sent = body.model_dump(exclude_unset=True)
    given_on = sent.pop("effective_on", None)
    on = given_on or ctx.today
    if "acquired_on" in sent:
        sent["held_from"] = sent["acquired_on"] or before.entered_on
    start = sent.get("held_from", before.held_from)
    if given_on is not None:
        _check_day(ctx, "effective_on", on)
        if not _DATED & sent.keys():
            raise ValidationFailed.field("effective_on", "nothing that is sent holds from a day on")
        if on < start:
            raise ValidationFailed.field("effective_on", "it lies before the day from which the holding counts")
    on = max(on, start)
    dated = {name: sent.pop(name) for name in _DATED & sent.keys()}
    if "details" in sent:
        sent["details"] = _merged(before.details, sent["details"])
    at_once = {name: value for name, value in sent.items() if value != before.attribute_values.get(name)}
    edit = _Edit(on, at_once, {})
    _plan_value(known, dated, edit)
    _plan_dated(known, dated, edit)
    _check_days(ctx, before, at_once)
    return edit


def _plan_value(known: History, sent: dict[str, Any], edit: _Edit) -> None:
    """The value, and the currency that may change together with it."""
    now = known.currency_at(edit.on)
    currency = sent.get("currency", now)
    if "value_estimate" not in sent or (sent["value_estimate"] is None and currency != now):
        if currency != now:
            raise ValidationFailed.field("currency", "it changes only together with the value")
        if "value_estimate" not in sent:
            return
    value = sent["value_estimate"]
    in_force = known.values.at(edit.on)
    if currency != now:
        latest = known.values.days[-1] if known.values.days else edit.on
        if edit.on < latest:
            raise ValidationFailed.field(
                "effective_on", f"a currency changes on or after the day of the latest valuation, {latest.isoformat()}"
            )
        if known.series("liability").at(edit.on) and "liability" not in sent:
            raise ValidationFailed.field("liability", f"it must be given anew, in {currency}")
    if (value, currency) != (in_force.value if in_force else None, now):
        check_money(currency, {"value_estimate": value})
        edit.value = (value, currency)


def _plan_dated(known: History, sent: dict[str, Any], edit: _Edit) -> None:
    """Liability, share, activity, groups: where another holds on the day."""
    wanted: dict[str, Any] = {}
    if "liability" in sent:
        amount = sent["liability"] or Decimal(0)
        check_money(edit.value[1] if edit.value else known.currency_at(edit.on), {"liability": amount})
        wanted["liability"] = amount
    if "ownership_pct" in sent:
        wanted["share"] = sent["ownership_pct"]
    if "is_active" in sent:
        wanted["active"] = sent["is_active"]
    if groups := {name: sent[name] for name in _GROUPS if name in sent}:
        wanted["groups"] = _groups({**_at(known, "groups", edit.on), **groups})
    edit.dated = {name: value for name, value in wanted.items() if value != _at(known, name, edit.on)}


def _at(known: History, name: str, day: date) -> Any:
    """What holds on `day`; before the first entry, what the holding began with."""
    series = known.series(name)
    return series.at(max(day, series.days[0]))


def _apply(ctx: Context, tx: Transaction, known: History, edit: _Edit) -> Holding:
    """The holding after the edit, with the history that it adds."""
    before = known.holding
    after = before.with_changes(ctx, **edit.at_once)
    history.moved_start(ctx, tx, known, after.held_from)
    if edit.value is not None:
        value, currency = edit.value
        entered = valuation(ctx, after, value, currency, edit.on)
        known.valuations.append(entered)
        tx.create(entered)
    if edit.dated:
        one = Dated(edit.on, after.revision, edit.dated)
        known.dated.append(one)
        tx.put_values_by_expression(one.key(after.id), one.values(ctx.request_id))
    known.holding = after
    return current(known)


def current(known: History) -> Holding:
    """The holding with what its history says of today: nothing in it lies in the future, so that is the last of each."""
    holding = known.holding
    found = known.values.at(date.max)
    values: dict[str, Any] = {"value_estimate": None, "valued_on": None}
    if found is not None:
        values = {"value_estimate": found.value, "valued_on": None if found.value is None else found.as_of, "currency": found.currency}
    values["liability"] = Decimal(known.series("liability").at(date.max) or 0) or None
    values["ownership_pct"] = Decimal(_at(known, "share", date.max))
    values["is_active"] = _at(known, "active", date.max)
    values |= {name: _at(known, "groups", date.max).get(name) for name in _GROUPS}
    for name, value in values.items():
        if value is None:
            holding.attribute_values.pop(name, None)
        else:
            holding.attribute_values[name] = value
    _check(holding.attribute_values, known.currency_at(date.min))
    return holding


def _merged(kept: dict[str, Any], sent: dict[str, Any] | None) -> dict[str, Any]:
    if sent is None:
        return {}
    return {name: value for name, value in {**kept, **sent}.items() if value is not None}


def _groups(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in _GROUPS if values.get(name) is not None}


# -- checks


def _check(values: dict[str, Any], first_currency: str) -> None:
    """Amounts against the currency, what it was bought for against the one of its first value, details against the asset type."""
    check_money(values["currency"], {name: values.get(name) for name in _AMOUNTS})
    check_money(first_currency, {"cost_basis": values.get("cost_basis")})
    errors = [
        {"loc": ["details", name], "message": message, "type": "value_error"}
        for name, message in known_details.faults(values["asset_type"], values.get("details") or {})
    ]
    if errors:
        raise ValidationFailed(errors)


def _check_day(ctx: Context, name: str, day: date) -> None:
    if day > ctx.today:
        raise ValidationFailed.field(name, "it can't lie in the future")


def _check_days(ctx: Context, before: Holding, changed: dict[str, Any]) -> None:
    """The days of coming and going, in their order, none of them ahead."""
    values = {**before.attribute_values, **changed}
    for name in ("acquired_on", "disposed_on"):
        if changed.get(name):
            _check_day(ctx, name, changed[name])
    disposed_on = values.get("disposed_on")
    if disposed_on and disposed_on < values["held_from"]:
        raise ValidationFailed.field("disposed_on", "it lies before the day from which the holding counts")
    if values.get("proceeds") is not None and disposed_on is None:
        raise ValidationFailed.field("proceeds", "they come with a disposal: disposed_on is needed")


def delete(ctx: Context, id: str) -> None:
    """Mark a holding deleted, as if it had never been entered: no day's sums hold it. Refused (409) while anything refers to it."""

    def step() -> None:
        known = history.read(ctx, id)
        ctx.check_if_match(known.holding.revision)
        tx = Transaction(ctx.store)
        references.close_if_unreferenced(tx, Holding.ID, id, ctx.now)
        tx.save(known.holding.soft_deleted(ctx))
        for year in known.years:
            tx.save(year.soft_deleted(ctx))
        tx.commit()

    ctx.store.retry_on_conflict(step)
