"""The older comparison of signals with an ideal. Nothing is read or kept."""

from typing import cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.packs.alignment.permissions import require_all
from chalicelib.packs.alignment.presenters import scores_view, summary_view
from chalicelib.packs.alignment.rules import comparison
from chalicelib.packs.alignment.schemas import ComparedIdeal, ComparisonRequest, ComparisonView, RawSignalsView


def compare_signals(ctx: Context, body: ComparisonRequest, query: ExplainParams) -> ComparisonView:
    """Compare signals with an ideal: five scores from 0 to 1, their mean, and what they mean in words."""
    require_all(ctx)
    raw = body.signals.model_dump()
    values = {name: value for name, value in raw.items() if name not in ("response_expectation", "service_specialization")}
    signals = comparison.Signals(**values, service_specialization=tuple(body.signals.service_specialization))
    given = body.ideal or ComparedIdeal()
    wanted = given.model_dump(exclude={"preferred_specializations"})
    ideal = comparison.Ideal(**wanted, preferred_specializations=tuple(given.preferred_specializations))
    result = comparison.compare(signals, ideal)
    view: ComparisonView = {
        "name": body.name,
        "scores": scores_view(result.scores),
        "summary": summary_view(result),
        "matched_specializations": result.matched_specializations,
        "raw_signals": cast(RawSignalsView, raw),
    }
    if query.explain:
        weights, as_of = comparison.EQUAL_WEIGHTS, format_timestamp(ctx.now)
        view["explain"] = comparison.explain_comparison(comparison.COMPARISON, signals, ideal, weights, as_of)
    return view
