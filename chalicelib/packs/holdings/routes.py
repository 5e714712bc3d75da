"""The endpoints of holdings."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams
from chalicelib.packs.holdings import schemas
from chalicelib.packs.holdings.service import flows, fx_rates, holdings, reports, snapshots, valuations


def create_holding(ctx: Context, body: schemas.HoldingCreate) -> schemas.HoldingView:
    """Create a holding. Its first value, liability and share are effective from `acquired_on`, else from today."""
    return holdings.create(ctx, body)


def list_holdings(ctx: Context, query: schemas.HoldingQuery) -> PageOf[schemas.HoldingSummary]:
    """Holdings. Newest first, but with one filter by the next of type, jurisdiction, entity, then newest first."""
    return holdings.list_holdings(ctx, query)


def read_summary(ctx: Context, query: schemas.HoldingsSummaryQuery) -> schemas.HoldingsSummaryView:
    """The summary at the end of a day, in one currency by that day's rates. It follows a change within seconds."""
    return reports.get_summary(ctx, query)


def read_performance(ctx: Context, query: schemas.PerformanceQuery) -> schemas.PerformanceView:
    """The change between the ends of two days: flows, revaluation, currency effect."""
    return reports.get_performance(ctx, query)


def read_rates(ctx: Context, query: schemas.FxRatesQuery) -> schemas.FxRatesView:
    """The rates of a day, and those in force on it."""
    return fx_rates.get_rates(ctx, query)


def enter_rates(ctx: Context, body: schemas.FxRatesPut) -> schemas.FxRatesView:
    """Enter or correct a day's rates; omitted ones stay as they are."""
    return fx_rates.set_rates(ctx, body)


def list_snapshots(ctx: Context, query: schemas.SnapshotListQuery) -> PageOf[schemas.SnapshotSummary]:
    """Snapshots of all kinds and versions, the latest day first, shown in one currency by their own rates."""
    return snapshots.list_snapshots(ctx, query)


def take_snapshot(ctx: Context, body: schemas.SnapshotCreate) -> schemas.SnapshotView:
    """Create today's snapshot; repeated on the same day, it is returned with 200. With date and reason: a new version of that day's close."""
    view, made = snapshots.create_snapshot(ctx, body)
    return view if made else ApiResponse(view, status=200)  # type: ignore[return-value]


def read_snapshot(ctx: Context, date: str, query: schemas.SnapshotQuery) -> schemas.SnapshotView:
    """A day's close in its latest version, unless another is asked for."""
    return snapshots.get(ctx, date, query)


def get_holding(ctx: Context, id: str, query: ExplainParams) -> schemas.HoldingView:
    """A holding as it is now."""
    return holdings.get(ctx, id, explain=query.explain)


def edit_holding(ctx: Context, id: str, body: schemas.HoldingPatch) -> schemas.HoldingView:
    """Change a holding. Omitted fields stay as they are, null clears; effective-dated fields change from `effective_on`, else from today."""
    return holdings.edit(ctx, id, body)


def delete_holding(ctx: Context, id: str) -> None:
    """Delete a holding that was entered by mistake: it is removed from the totals of all days. For a sale, set `disposed_on` instead."""
    holdings.delete(ctx, id)


def value_holding(ctx: Context, id: str, body: schemas.ValuationCreate) -> schemas.ValuationView:
    """Enter the value of a holding from a day on. Of two for one day the one entered later counts; both are kept."""
    return valuations.create_valuation(ctx, id, body)


def list_valuations(ctx: Context, id: str, query: PageParams) -> PageOf[schemas.ValuationView]:
    """A holding's valuations, the latest entered first."""
    return valuations.list_valuations(ctx, id, query)


def record_flow(ctx: Context, id: str, body: schemas.FlowCreate) -> schemas.FlowView:
    """Record money put into a holding, or taken out."""
    return flows.create_flow(ctx, id, body)


def list_flows(ctx: Context, id: str, query: PageParams) -> PageOf[schemas.FlowView]:
    """A holding's flows, the latest entered first."""
    return flows.list_flows(ctx, id, query)
