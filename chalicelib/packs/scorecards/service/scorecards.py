"""How well professionals do: scorecards, their history, and who does best."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.explanations import explain
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.packs.scorecards import repository, schemas
from chalicelib.packs.scorecards.entities import ProfessionalCard
from chalicelib.packs.scorecards.permissions import require_all_visible, require_visible
from chalicelib.packs.scorecards.presenters import monthly_scores, scorecard_view
from chalicelib.packs.scorecards.rules import scorecard


def read_scorecard(ctx: Context, id: str, query: ExplainParams) -> schemas.ScorecardView:
    """A professional's scorecard. It follows what is logged, disputed and settled within seconds."""
    require_visible(ctx, id)
    _, sums, _ = repository.find_sums(ctx, id)
    view = scorecard_view(sums, format_timestamp(ctx.now))
    if query.explain:
        inputs = {
            "all_time": sums.own,
            "half_life": sums.weighted,
            "half_life_days": scorecard.HALF_LIFE_DAYS,
            "role": sums.role,
            "role_sums": sums.roles[sums.role],
            "firm_sums": sums.firm,
            "prior": sums.prior,
        }
        unknown = [measure for measure in scorecard.MEASURES if view["counts"][measure] == 0]  # type: ignore[literal-required]
        view["explain"] = explain("scorecards.scorecard", inputs, view["as_of"], [*unknown, *([] if sums.prior is not None else ["prior"])])
    return view


def read_history(ctx: Context, id: str, query: schemas.HistoryQuery) -> schemas.ScorecardHistoryPage:
    """A professional's scores by month of the firm, newest first: those months that have interactions."""
    require_visible(ctx, id)
    months = repository.find_months(ctx, id)
    page, cursor = ctx.page_of(months, lambda month: (-int(month[0].replace("-", "")),), query, id)
    view: schemas.ScorecardHistoryPage = {"items": [monthly_scores(*month) for month in page], "next_cursor": cursor}
    if query.explain:
        view["explain"] = explain("scorecards.history", dict(page), format_timestamp(ctx.now))
    return view


def read_leaderboard(ctx: Context, query: schemas.LeaderboardQuery) -> schemas.LeaderboardPage:
    """Active professionals by adjusted score, those without one last, then by interactions. Not for professionals."""
    require_all_visible(ctx)
    cards = {card.professional_id: card for card in repository.read_cards(ctx, query.role) if card.active}
    sums = repository.read_all_sums(ctx, {id: card.role for id, card in cards.items()})
    counted = (_row(card, sums[id]) for id, card in cards.items() if sums[id].interactions >= query.min_interactions)
    rows = sorted(counted, key=_place)
    for rank, row in enumerate(rows, start=1):
        row["rank"] = rank
    page, cursor = ctx.page_of(rows, _place, query, query.role, query.min_interactions)
    view: schemas.LeaderboardPage = {"items": page, "next_cursor": cursor}
    if query.explain:
        inputs = {row["professional_id"]: {"all_time": (one := sums[row["professional_id"]]).own, "prior": one.prior} for row in page}
        missing = [f"{row['professional_id']}.adjusted_score" for row in page if row["adjusted_score"] is None]
        view["explain"] = explain("scorecards.leaderboard", inputs, format_timestamp(ctx.now), missing)
    return view


def _row(card: ProfessionalCard, sums: scorecard.Sums) -> schemas.LeaderboardEntryView:
    return {
        "rank": 0,
        "professional_id": card.professional_id,
        "name": card.name,
        "role": card.role,
        "adjusted_score": scorecard.printed(sums.adjusted),
        "overall_score": scorecard.printed(scorecard.mean_scores(sums.own)[scorecard.OVERALL]),
        "interactions": sums.interactions,
    }


def _place(row: schemas.LeaderboardEntryView) -> tuple[object, ...]:
    """By the score as it is shown, so that the order can be seen: in hundredths, as JSON values."""
    score = row["adjusted_score"]
    return score is None, -int(100 * (score or 0)), -row["interactions"], row["professional_id"]
