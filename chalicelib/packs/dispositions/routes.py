"""The endpoints of dispositions."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.answers import PAGE_POLICY, Reply
from chalicelib.foundation.models import Page
from chalicelib.packs.dispositions.schemas import (
    Assign,
    AssignmentCreate,
    AssignmentPage,
    AssignmentPatch,
    AssignmentView,
    BuyerCreate,
    BuyerPage,
    BuyerPatch,
    BuyerQuery,
    BuyerStatistics,
    BuyerView,
    Close,
    Explained,
    ExplainedAssignment,
    Fallout,
    FalloutView,
    MatchPage,
    MatchQuery,
    OfferResults,
    Offers,
    SummaryQuery,
    SummaryView,
)
from chalicelib.packs.dispositions.service import buyers, course, deals, matches, offers, opt_out, pages, totals


def create_buyer(ctx: Context, body: BuyerCreate) -> BuyerView:
    """A new buyer. Another one's email is allowed, and warned of."""
    return buyers.create(ctx, body)


def list_buyers(ctx: Context, query: BuyerQuery) -> BuyerPage:
    """Buyers, newest first; those found by name or email, by the alphabet."""
    return buyers.list_page(ctx, query)


def get_buyer(ctx: Context, id: str) -> BuyerView:
    """A buyer with its record. The record follows a change within seconds."""
    return buyers.get(ctx, id)


def edit_buyer(ctx: Context, id: str, body: BuyerPatch) -> BuyerView:
    """Change a buyer. What is left out stays, null clears, nested objects are merged."""
    return buyers.edit(ctx, id, body)


def delete_buyer(ctx: Context, id: str) -> None:
    """Delete a buyer, unless an assignment that didn't fall out is theirs."""
    buyers.delete(ctx, id)


def list_buyer_assignments(ctx: Context, id: str, query: Page) -> AssignmentPage:
    """A buyer's assignments, newest first."""
    return buyers.assignments_page(ctx, id, query.limit, query.cursor)


def read_buyer_stats(ctx: Context, id: str, query: Explained) -> BuyerStatistics:
    """A buyer's record: how many were offered, assigned, closed, fell out or merely lapsed, and the rates of it."""
    return buyers.stats(ctx, id, explain=query.explain == "true")


def list_buyer_matches(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The pipelines for sale that suit a buyer, the best first."""
    return matches.of_buyer(ctx, id, query)


def create_assignment(ctx: Context, body: AssignmentCreate) -> AssignmentView:
    """Offer a pipeline to a buyer."""
    return deals.create(ctx, body)


def list_pipeline_assignments(ctx: Context, pipeline_id: str, query: Page) -> AssignmentPage:
    """A pipeline's assignments, newest first."""
    return deals.by_pipeline(ctx, pipeline_id, query.limit, query.cursor)


def get_assignment(ctx: Context, id: str, query: Explained) -> ExplainedAssignment:
    """An assignment as it stands, seen with its pipeline."""
    return deals.get(ctx, id, explain=query.explain == "true")


def edit_assignment(ctx: Context, id: str, body: AssignmentPatch) -> AssignmentView:
    """Change terms, rank, earnest money or notes. The status moves by assign, close and fallout."""
    return deals.edit(ctx, id, body)


def assign(ctx: Context, id: str, body: Assign) -> AssignmentView:
    """Carry the contract to this buyer. At most one assignment of a pipeline is assigned or closed, however many try."""
    return course.assign(ctx, id, body)


def close(ctx: Context, id: str, body: Close) -> AssignmentView:
    """Close the assignment and its pipeline. The other offers lapse."""
    return course.close(ctx, id, body)


def fall_out(ctx: Context, id: str, body: Fallout) -> FalloutView:
    """It came to nothing. From assigned, the pipeline goes back under contract, and the next backup is named."""
    return course.fall_out(ctx, id, body)


def list_pipeline_matches(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The buyers that a house suits, the best first."""
    return matches.of_pipeline(ctx, id, query)


def make_offers(ctx: Context, id: str, body: Offers) -> OfferResults:
    """Offer a pipeline to the best matches, or to a list of buyers, in one call."""
    return offers.make(ctx, id, body)


def read_summary(ctx: Context, query: SummaryQuery) -> SummaryView:
    """Fees by month, forfeits, close and fallout rate, days from contract to assignment. It follows a change within seconds."""
    return totals.read(ctx, query)


def show_opt_out(ctx: Context, token: str) -> Reply:
    """The page to which a link in a mail leads. Opening it changes nothing."""
    return _page(pages.ASK if opt_out.stands(ctx, token) else pages.DONE)


def opt_out_of_offers(ctx: Context, token: str) -> Reply:
    """From now on nothing is offered to the buyer whose link it is."""
    opt_out.take(ctx, token)
    return _page(pages.DONE)


def _page(text: str) -> Reply:
    return Reply(text, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": PAGE_POLICY})
