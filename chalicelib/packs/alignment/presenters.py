"""From rows and rules to answers."""

from typing import cast

from chalicelib.foundation import explanations
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present
from chalicelib.packs.alignment.entities import Alignment, ProfessionalMatch
from chalicelib.packs.alignment.rules import comparison, matching
from chalicelib.packs.alignment.rules.comparison import Comparison, Scores
from chalicelib.packs.alignment.schemas import AlignmentSummary, AlignmentView, FitView, ProfessionalMatchView, ScoresView, SummaryView

# -- comparisons


def scores_view(scores: Scores) -> ScoresView:
    """Scores as the older API names them."""
    parts = {f"{name}_score": value for name, value in scores.parts.items()}
    return cast(ScoresView, {**parts, "overall_score": scores.overall})


def summary_view(result: Comparison) -> SummaryView:
    """Scores in words."""
    return {"strengths": result.strengths, "risks": result.risks, "recommendation": result.recommendation}


def alignment_view(alignment: Alignment, *, explain: bool) -> AlignmentView:
    """An alignment, as it was when it was made."""
    scores = {f"{name}_score": alignment.scores.get(name) for name in comparison.WEIGHTED}
    given: dict[str, object] = {
        "scores": {**scores, "overall_score": alignment.overall},
        "summary": {
            "strengths": alignment.strengths,
            "risks": alignment.risks,
            "recommendation": alignment.recommendation,
        },
    }
    if explain:
        inputs = {"signals": alignment.signals, "ideal": alignment.ideal, "weights": alignment.weights}
        as_of = format_timestamp(alignment.created_at)
        given["explain"] = explanations.explain(comparison.ALIGNMENT, inputs, as_of, alignment.missing, version=alignment.rules_version)
    return present(AlignmentView, alignment, **given)


def alignment_summary(alignment: Alignment) -> AlignmentSummary:
    """An alignment of a list."""
    return present(AlignmentSummary, alignment)


# -- matches


def fit_row(fit: matching.Fit, basis: JsonObject) -> JsonObject:
    """A candidate of a match as it is stored: what lists show, and what the numbers come from (`basis`)."""
    parts = {
        name: part and {"weight": part.weight, "value": matching.printed_share(part.value), "points": matching.printed_points(part)}
        for name, part in fit.parts.items()
    }
    return {
        "professional_id": fit.candidate.id,
        "name": fit.candidate.name,
        "score": fit.score,
        "coverage": fit.coverage,
        "parts": parts,
        "blocked_by": list(fit.blocked_by),
        "would_do": list(fit.would_do),
        "basis": basis,
    }


def match_view(match: ProfessionalMatch, lists: JsonObject, *, explain: bool) -> ProfessionalMatchView:
    """A match; on request with what its numbers come from."""
    as_of = format_timestamp(match.created_at)
    view: ProfessionalMatchView = {
        "id": match.id,
        "rules_version": match.rules_version,
        "as_of": as_of,
        "profile_id": match.profile_id,
        "items": [_fit_view(row, match, as_of, explain=explain) for row in lists["items"]],
        "blocked": [_fit_view(row, match, as_of, explain=explain) for row in lists["blocked"]],
        "eligible": match.eligible,
        "ruled_out": match.ruled_out,
        "cut": match.cut,
    }
    if explain:
        inputs = {**match.request, "profile_revision": match.profile_revision, "deal_id": match.deal_id}
        view["explain"] = explanations.explain(matching.FORMULA, inputs, as_of, version=match.rules_version)
    return view


def _fit_view(row: JsonObject, match: ProfessionalMatch, as_of: str, *, explain: bool) -> FitView:
    view = {name: value for name, value in row.items() if name != "basis"}
    if explain:
        missing = [name for name, part in row["parts"].items() if part is not None and part["value"] is None]
        inputs = {"weights": matching.WEIGHTS, "unknown": matching.UNKNOWN_VALUE, **row["basis"]}
        view["explain"] = explanations.explain(matching.FORMULA, inputs, as_of, missing, version=match.rules_version)
    return cast(FitView, view)
