"""The endpoints of dispositions."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.responses import CONTENT_SECURITY_POLICY, ApiResponse
from chalicelib.foundation.schema_types import PageParams
from chalicelib.packs.dispositions.schemas import (
    AssignmentCreate,
    AssignmentPage,
    AssignmentPatch,
    AssignmentView,
    AssignRequest,
    BulkOfferRequest,
    BulkOfferView,
    BuyerCreate,
    BuyerPage,
    BuyerPatch,
    BuyerQuery,
    BuyerStatisticsView,
    BuyerView,
    CloseRequest,
    DispositionsSummaryQuery,
    DispositionsSummaryView,
    ExplainedAssignmentView,
    ExplainParams,
    FalloutRequest,
    FalloutView,
    MatchPage,
    MatchQuery,
)
from chalicelib.packs.dispositions.service import (
    assignment_transitions,
    assignments,
    bulk_offers,
    buyers,
    matching,
    opt_out,
    opt_out_pages,
    summary,
)


def create_buyer(ctx: Context, body: BuyerCreate) -> BuyerView:
    """A new buyer. Another one's email is allowed, and warned of."""
    return buyers.create(ctx, body)


def list_buyers(ctx: Context, query: BuyerQuery) -> BuyerPage:
    """Buyers, newest first; those found by name or email, by the alphabet."""
    return buyers.list_buyers(ctx, query)


def get_buyer(ctx: Context, id: str) -> BuyerView:
    """A buyer with its record. The record follows a change within seconds."""
    return buyers.get(ctx, id)


def edit_buyer(ctx: Context, id: str, body: BuyerPatch) -> BuyerView:
    """Change a buyer. What is left out stays, null clears, nested objects are merged."""
    return buyers.edit(ctx, id, body)


def delete_buyer(ctx: Context, id: str) -> None:
    """Delete a buyer, unless an assignment that didn't fall out is theirs."""
    buyers.delete(ctx, id)


def list_buyer_assignments(ctx: Context, id: str, query: PageParams) -> AssignmentPage:
    """A buyer's assignments, newest first."""
    return buyers.list_assignments(ctx, id, query.limit, query.cursor)


def read_buyer_stats(ctx: Context, id: str, query: ExplainParams) -> BuyerStatisticsView:
    """A buyer's record: how many were offered, assigned, closed, fell out or merely lapsed, and the rates of it."""
    return buyers.stats(ctx, id, explain=query.explain)


def list_buyer_matches(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The pipelines for sale that suit a buyer, the best first."""
    return matching.list_for_buyer(ctx, id, query)


def create_assignment(ctx: Context, body: AssignmentCreate) -> AssignmentView:
    """Offer a pipeline to a buyer."""
    return assignments.create(ctx, body)


def list_pipeline_assignments(ctx: Context, pipeline_id: str, query: PageParams) -> AssignmentPage:
    """A pipeline's assignments, newest first."""
    return assignments.list_by_pipeline(ctx, pipeline_id, query.limit, query.cursor)


def get_assignment(ctx: Context, id: str, query: ExplainParams) -> ExplainedAssignmentView:
    """An assignment as it stands, seen with its pipeline."""
    return assignments.get(ctx, id, explain=query.explain)


def edit_assignment(ctx: Context, id: str, body: AssignmentPatch) -> AssignmentView:
    """Change terms, rank, earnest money or notes. The status moves by assign, close and fallout."""
    return assignments.edit(ctx, id, body)


def assign(ctx: Context, id: str, body: AssignRequest) -> AssignmentView:
    """Carry the contract to this buyer. At most one assignment of a pipeline is assigned or closed, however many try."""
    return assignment_transitions.assign(ctx, id, body)


def close(ctx: Context, id: str, body: CloseRequest) -> AssignmentView:
    """Close the assignment and its pipeline. The other offers lapse."""
    return assignment_transitions.close(ctx, id, body)


def fall_out(ctx: Context, id: str, body: FalloutRequest) -> FalloutView:
    """It came to nothing. From assigned, the pipeline goes back under contract, and the next backup is named."""
    return assignment_transitions.fall_out(ctx, id, body)


def list_pipeline_matches(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The buyers that a house suits, the best first."""
    return matching.list_for_pipeline(ctx, id, query)


def make_offers(ctx: Context, id: str, body: BulkOfferRequest) -> BulkOfferView:
    """Offer a pipeline to the best matches, or to a list of buyers, in one call."""
    return bulk_offers.make_offers(ctx, id, body)


def read_summary(ctx: Context, query: DispositionsSummaryQuery) -> DispositionsSummaryView:
    """Fees by month, forfeits, close and fallout rate, days from contract to assignment. It follows a change within seconds."""
    return summary.get_summary(ctx, query)


def show_opt_out(ctx: Context, token: str) -> ApiResponse:
    """The page to which a link in a mail leads. Opening it changes nothing."""
    return _page(opt_out_pages.ASK if opt_out.is_subscribed(ctx, token) else opt_out_pages.DONE)


def opt_out_of_offers(ctx: Context, token: str) -> ApiResponse:
    """From now on nothing is offered to the buyer whose link it is."""
    opt_out.opt_out(ctx, token)
    return _page(opt_out_pages.DONE)


def _page(text: str) -> ApiResponse:
    return ApiResponse(text, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})
