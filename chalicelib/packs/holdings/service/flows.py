"""Flows of a holding: money put in or taken out. None is ever changed."""

from dataclasses import replace

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.schema_types import PageOf, PageParams, check_money
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.holdings import repository
from chalicelib.packs.holdings.entities import HoldingFlow
from chalicelib.packs.holdings.presenters import flow_view
from chalicelib.packs.holdings.schemas import FlowCreate, FlowView
from chalicelib.packs.holdings.service import holdings


@retry_on_conflict
def create_flow(ctx: Context, id: str, body: FlowCreate) -> FlowView:
    """Create a flow. Two round trips, three with an Idempotency-Key."""
    on = holdings.day_or_today(ctx, "on", body.on)
    idempotency.read_or_replay(ctx, ())
    before = repository.read(ctx, id)
    ctx.check_if_match(before.holding.revision)
    currency = body.currency or before.currency_on(on)
    check_money(currency, {"amount": body.amount})
    holding = before.holding.with_changes(ctx)
    flow = HoldingFlow.new(
        ctx,
        id=HoldingFlow.ID.new(ctx.now, parent=id),
        holding_id=id,
        amount=body.amount,
        currency=currency,
        on=on,
        flow_kind=body.kind,
        recorded=holding.revision,
    )
    view = flow_view(flow)
    repository.save(ctx, before, replace(before, holding=holding, flows=(*before.flows, flow)), view)
    return view


def list_flows(ctx: Context, id: str, query: PageParams) -> PageOf[FlowView]:
    """A holding's flows, the latest entered first. Two round trips; NotFound without the holding."""
    return ctx.paginate(repository.entries_of(ctx, id, HoldingFlow), query, flow_view, decode=HoldingFlow.from_item)
