"""Professionals, interactions and scorecards as responses."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.counts import Counts
from chalicelib.foundation.disputes import dispute_view
from chalicelib.foundation.presentation import present, present_row
from chalicelib.packs.scorecards.entities import Interaction, Professional
from chalicelib.packs.scorecards.permissions import CONTACTS
from chalicelib.packs.scorecards.rules import scorecard
from chalicelib.packs.scorecards.schemas import (
    InteractionView,
    MonthlyScoresView,
    ProfessionalSummary,
    ProfessionalView,
    ScorecardView,
    Scores,
)


def professional_view(ctx: Context, professional: Professional) -> ProfessionalView:
    """A professional; contacts are masked for callers without the permission."""
    contacts = {"email": professional.email, "phone": professional.phone}
    return present(
        ProfessionalView,
        professional,
        licenses=[access.mask_unless(ctx, CONTACTS, license, ("number",)) for license in professional.licenses],
        **(access.mask_unless(ctx, CONTACTS, contacts, contacts) or {}),
    )


def professional_summary(row: dict[str, Any]) -> ProfessionalSummary:
    """A professional of a list."""
    return present_row(ProfessionalSummary, row)


def interaction_view(interaction: Interaction) -> InteractionView:
    """An interaction."""
    return present(InteractionView, interaction, dispute=dispute_view(interaction.dispute))


def scores_view(scores: Mapping[str, Decimal | None]) -> Scores:
    """Scores as they are shown."""
    return cast(Scores, {f"{name}_score": scorecard.printed(score) for name, score in scores.items()})


def monthly_scores(month: str, counts: Counts) -> MonthlyScoresView:
    """The scores of a month."""
    scores = scores_view(scorecard.mean_scores(counts))
    return cast(MonthlyScoresView, {"month": month, **scores, "interactions": counts["interactions"]})


def scorecard_view(sums: scorecard.Sums, as_of: str) -> ScorecardView:
    """A professional's scorecard."""
    scores, half_life = scorecard.mean_scores(sums.own), scorecard.half_life_scores(sums.weighted)
    view = {
        "professional_id": sums.professional_id,
        **scores_view(scores),
        "parts": [measure for measure in scorecard.OF_OVERALL if scores[measure] is not None],
        "half_life": scores_view(half_life),
        "adjusted_score": scorecard.printed(sums.adjusted),
        "trend": scorecard.trend_of(sums.interactions, half_life[scorecard.OVERALL], scores[scorecard.OVERALL]),
        "counts": {
            "interactions": sums.interactions,
            **{measure: sums.own.get(f"{measure}:n", 0) for measure in scorecard.MEASURES},
        },
        "insufficient_data": scores[scorecard.OVERALL] is None,
        "as_of": as_of,
    }
    return cast(ScorecardView, view)
