"""The endpoints of dispositions."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.responses import CONTENT_SECURITY_POLICY, ApiResponse
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams
from chalicelib.packs.dispositions.schemas import (
    AssignmentCreate,
    AssignmentPatch,
    AssignmentSummary,
    AssignmentView,
    AssignRequest,
    BulkOfferRequest,
    BulkOfferView,
    BuyerCreate,
    BuyerPatch,
    BuyerQuery,
    BuyerStatisticsView,
    BuyerSummary,
    BuyerView,
    CloseRequest,
    DispositionsSummaryQuery,
    DispositionsSummaryView,
    ExplainedAssignmentView,
    FalloutRequest,
    FalloutView,
    MatchPage,
    MatchQuery,
)
from chalicelib.packs.dispositions.service import assignment_transitions, assignments, buyers, matches, offers, opt_out, summary


def create_buyer(ctx: Context, body: BuyerCreate) -> BuyerView:
    """Create a buyer. An email that another buyer has is allowed, with a warning."""
    return buyers.create(ctx, body)


def list_buyers(ctx: Context, query: BuyerQuery) -> PageOf[BuyerSummary]:
    """Buyers, newest first; results of a search by name or email in alphabetical order."""
    return buyers.list_buyers(ctx, query)


def get_buyer(ctx: Context, id: str) -> BuyerView:
    """A buyer with its statistics, which follow a change within seconds."""
    return buyers.get(ctx, id)


def edit_buyer(ctx: Context, id: str, body: BuyerPatch) -> BuyerView:
    """Change a buyer. Omitted fields stay as they are, null clears, nested objects are merged."""
    return buyers.edit(ctx, id, body)


def delete_buyer(ctx: Context, id: str) -> None:
    """Delete a buyer, unless it has an assignment that didn't fall out."""
    buyers.delete(ctx, id)


def list_buyer_assignments(ctx: Context, id: str, query: PageParams) -> PageOf[AssignmentSummary]:
    """A buyer's assignments, newest first."""
    return buyers.list_assignments(ctx, id, query)


def read_buyer_stats(ctx: Context, id: str, query: ExplainParams) -> BuyerStatisticsView:
    """A buyer's statistics: assignments offered, assigned, closed, fallen out or lapsed, and their rates."""
    return buyers.read_statistics(ctx, id, explain=query.explain)


def list_buyer_matches(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The pipelines for sale that match a buyer, the best first."""
    return matches.list_for_buyer(ctx, id, query)


def create_assignment(ctx: Context, body: AssignmentCreate) -> AssignmentView:
    """Offer a pipeline to a buyer."""
    return assignments.create(ctx, body)


def list_pipeline_assignments(ctx: Context, pipeline_id: str, query: PageParams) -> PageOf[AssignmentSummary]:
    """A pipeline's assignments, newest first."""
    return assignments.list_of_pipeline(ctx, pipeline_id, query)


def get_assignment(ctx: Context, id: str, query: ExplainParams) -> ExplainedAssignmentView:
    """An assignment; an offer whose contract has ended is shown as fallen out."""
    return assignments.get(ctx, id, explain=query.explain)


def edit_assignment(ctx: Context, id: str, body: AssignmentPatch) -> AssignmentView:
    """Change terms, rank, earnest money or notes. The status changes by assign, close and fallout."""
    return assignments.edit(ctx, id, body)


def assign(ctx: Context, id: str, body: AssignRequest) -> AssignmentView:
    """Assign the contract to this buyer. At most one assignment of a pipeline is assigned or closed."""
    return assignment_transitions.assign(ctx, id, body)


def close(ctx: Context, id: str, body: CloseRequest) -> AssignmentView:
    """Close the assignment and its pipeline. The other offers lapse."""
    return assignment_transitions.close(ctx, id, body)


def fall_out(ctx: Context, id: str, body: FalloutRequest) -> FalloutView:
    """Let the assignment fall out. From assigned, the pipeline goes back under contract, and the next backup is returned."""
    return assignment_transitions.fall_out(ctx, id, body)


def list_pipeline_matches(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The buyers that match a pipeline, the best first."""
    return matches.list_for_pipeline(ctx, id, query)


def make_offers(ctx: Context, id: str, body: BulkOfferRequest) -> BulkOfferView:
    """Offer a pipeline to the best matches, or to a list of buyers, in one call."""
    return offers.make_offers(ctx, id, body)


def read_summary(ctx: Context, query: DispositionsSummaryQuery) -> DispositionsSummaryView:
    """Fees by month, forfeits, close and fallout rate, days from contract to assignment. It follows a change within seconds."""
    return summary.read_summary(ctx, query)


def show_opt_out(ctx: Context, token: str) -> ApiResponse:
    """The page of the opt-out link in a mail. Opening it changes nothing."""
    return _page(opt_out.page(ctx, token))


def opt_out_of_offers(ctx: Context, token: str) -> ApiResponse:
    """Opt the buyer of this link out of offers."""
    return _page(opt_out.opt_out(ctx, token))


def _page(text: str) -> ApiResponse:
    return ApiResponse(text, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})
