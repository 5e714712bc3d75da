"""The endpoints of holdings."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.schema_types import PageParams
from chalicelib.packs.holdings.schemas import (
    ExplainParams,
    FlowCreate,
    FlowPage,
    FlowView,
    FxRatesPut,
    FxRatesQuery,
    FxRatesView,
    HoldingCreate,
    HoldingPage,
    HoldingPatch,
    HoldingQuery,
    HoldingsSummaryQuery,
    HoldingsSummaryView,
    HoldingView,
    PerformanceQuery,
    PerformanceView,
    SnapshotCreate,
    SnapshotListQuery,
    SnapshotPage,
    SnapshotQuery,
    SnapshotView,
    ValuationCreate,
    ValuationPage,
    ValuationView,
)
from chalicelib.packs.holdings.service import entries, holdings, rates, snapshots, totals


def create_holding(ctx: Context, body: HoldingCreate) -> HoldingView:
    """Enter a holding. Its first value, liability and share hold from `acquired_on` on, else from today."""
    return holdings.create(ctx, body)


def list_holdings(ctx: Context, query: HoldingQuery) -> HoldingPage:
    """Holdings. Newest first, but with one filter by the next of type, jurisdiction, entity, then newest first."""
    return holdings.list_page(ctx, query)


def read_summary(ctx: Context, query: HoldingsSummaryQuery) -> HoldingsSummaryView:
    """All that is owned at the end of a day, in one currency by that day's rates. It follows a change within seconds."""
    return totals.summary(ctx, query)


def read_performance(ctx: Context, query: PerformanceQuery) -> PerformanceView:
    """What changed between the ends of two days: money that came or went, revaluation, currencies."""
    return totals.performance(ctx, query)


def read_rates(ctx: Context, query: FxRatesQuery) -> FxRatesView:
    """The rates of a day, and those in force on it."""
    return rates.read(ctx, query)


def enter_rates(ctx: Context, body: FxRatesPut) -> FxRatesView:
    """Enter or correct a day's rates; those that aren't sent stay."""
    return rates.enter(ctx, body)


def list_snapshots(ctx: Context, query: SnapshotListQuery) -> SnapshotPage:
    """Snapshots of all kinds and versions, the latest day first, shown in one currency by their own rates."""
    return snapshots.list_page(ctx, query)


def take_snapshot(ctx: Context, body: SnapshotCreate) -> SnapshotView:
    """Take today's, which the same day again answers as it was (200). With day and reason: a new version of that day's close."""
    view, made = snapshots.take(ctx, body)
    return view if made else ApiResponse(view, status=200)  # type: ignore[return-value]


def read_snapshot(ctx: Context, date: str, query: SnapshotQuery) -> SnapshotView:
    """A day's close in its latest version, unless another is asked for."""
    return snapshots.get(ctx, date, query)


def get_holding(ctx: Context, id: str, query: ExplainParams) -> HoldingView:
    """A holding as it is now."""
    return holdings.get(ctx, id, explain=query.explain)


def edit_holding(ctx: Context, id: str, body: HoldingPatch) -> HoldingView:
    """Change a holding. What is left out stays, null clears; what holds from a day on holds from `effective_on`, else from today."""
    return holdings.edit(ctx, id, body)


def delete_holding(ctx: Context, id: str) -> None:
    """Delete a holding that was entered by mistake: no day's sums hold it any more. What was sold gets `disposed_on` instead."""
    holdings.delete(ctx, id)


def value_holding(ctx: Context, id: str, body: ValuationCreate) -> ValuationView:
    """Enter what a holding is worth on a day. Of two for one day the later entered counts; both are kept."""
    return entries.value(ctx, id, body)


def list_valuations(ctx: Context, id: str, query: PageParams) -> ValuationPage:
    """A holding's valuations, the latest entered first."""
    return entries.list_valuations(ctx, id, query)


def record_flow(ctx: Context, id: str, body: FlowCreate) -> FlowView:
    """Record the firm's own money put into a holding, or taken out."""
    return entries.flow(ctx, id, body)


def list_flows(ctx: Context, id: str, query: PageParams) -> FlowPage:
    """A holding's flows, the latest entered first."""
    return entries.list_flows(ctx, id, query)
