"""From rows and rules to answers."""

from typing import cast

from chalicelib.packs.alignment.rules.comparison import Comparison, Scores
from chalicelib.packs.alignment.schemas import ScoresView, SummaryView


def scores_view(scores: Scores) -> ScoresView:
    """Scores as the older API names them."""
    parts = {f"{name}_score": value for name, value in scores.parts.items()}
    return cast(ScoresView, {**parts, "overall_score": scores.overall})


def summary_view(comparison: Comparison) -> SummaryView:
    """Scores in words."""
    return {"strengths": comparison.strengths, "risks": comparison.risks, "recommendation": comparison.recommendation}
