"""What is entered of a holding's history: valuations and flows. Each is kept for good; a later one for the same day counts instead."""

from datetime import date
from typing import cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound, ValidationFailed
from chalicelib.foundation.schema_types import PageParams, check_money
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.pagination import CursorSigner, paginate
from chalicelib.packs.holdings.entities import FLOWS, VALUATIONS, Flow, Holding, Valuation
from chalicelib.packs.holdings.schemas import FlowCreate, FlowPage, FlowView, ValuationCreate, ValuationPage, ValuationView
from chalicelib.packs.holdings.service import history, holdings
from chalicelib.packs.holdings.service.shown import flow_view, valuation_view


def _day(ctx: Context, name: str, given: date | None) -> date:
    if given is not None and given > ctx.today:
        raise ValidationFailed.field(name, "it can't lie in the future")
    return given or ctx.today


def value(ctx: Context, id: str, body: ValuationCreate) -> ValuationView:
    """Enter what a holding is worth on a day. Two round trips, three with an Idempotency-Key."""
    as_of = _day(ctx, "as_of", body.as_of)
    Holding.ID.key(id)

    def step() -> ValuationView:
        idempotency.read_or_replay(ctx, ())
        known = history.read(ctx, id)
        ctx.check_if_match(known.holding.revision)
        currency = known.currency_at(as_of)
        if body.currency not in (None, currency):
            raise ValidationFailed.field(
                "currency", f"the holding is in {currency} on that day; its currency is changed together with its value"
            )
        check_money(currency, {"value": body.value})
        known.holding = known.holding.with_changes(ctx)
        entered = holdings.valuation(ctx, known.holding, body.value, currency, as_of, method=body.method, source=body.source)
        known.valuations.append(entered)
        answer = valuation_view(entered)
        tx = idempotency.idempotent_transaction(ctx, answer)
        tx.save(holdings.current(known))
        tx.create(entered)
        history.add_years(ctx, tx, known)
        tx.commit()
        return answer

    return ctx.store.retry_on_conflict(step)


def list_valuations(ctx: Context, id: str, query: PageParams) -> ValuationPage:
    """A holding's valuations, the latest entered first. Two round trips: the holding must be there."""
    _there(ctx, id)
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, id, ctx.actor.id)
    found = paginate(
        ctx.store,
        [KeyRange(None, id, prefix=VALUATIONS)],
        seal,
        limit=query.limit,
        cursor=query.cursor,
        decode=lambda raw: dict(valuation_view(Valuation.from_item(raw))),
    )
    return {"items": cast(list[ValuationView], found.rows), "next_cursor": found.next_cursor}


def flow(ctx: Context, id: str, body: FlowCreate) -> FlowView:
    """Record money put in or taken out. Two round trips, three with an Idempotency-Key."""
    on = _day(ctx, "on", body.on)
    Holding.ID.key(id)

    def step() -> FlowView:
        idempotency.read_or_replay(ctx, ())
        known = history.read(ctx, id)
        ctx.check_if_match(known.holding.revision)
        currency = body.currency or known.currency_at(on)
        check_money(currency, {"amount": body.amount})
        known.holding = known.holding.with_changes(ctx)
        entered = Flow.new(
            ctx,
            id=Flow.ID.new(ctx.now, parent=id),
            holding_id=id,
            amount=body.amount,
            currency=currency,
            on=on,
            flow_kind=body.kind,
            recorded=known.holding.revision,
        )
        known.flows.append(entered)
        answer = flow_view(entered)
        tx = idempotency.idempotent_transaction(ctx, answer)
        tx.save(known.holding)
        tx.create(entered)
        history.add_years(ctx, tx, known)
        tx.commit()
        return answer

    return ctx.store.retry_on_conflict(step)


def list_flows(ctx: Context, id: str, query: PageParams) -> FlowPage:
    """A holding's flows, the latest entered first. Two round trips: the holding must be there."""
    _there(ctx, id)
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, id, ctx.actor.id)
    found = paginate(
        ctx.store,
        [KeyRange(None, id, prefix=FLOWS)],
        seal,
        limit=query.limit,
        cursor=query.cursor,
        decode=lambda raw: dict(flow_view(Flow.from_item(raw))),
    )
    return {"items": cast(list[FlowView], found.rows), "next_cursor": found.next_cursor}


def _there(ctx: Context, id: str) -> None:
    if ctx.store.find(Holding, id) is None:
        raise NotFound("holding")
