"""From signals to answers."""

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.disputes import dispute_view
from chalicelib.foundation.explanations import Explanation
from chalicelib.foundation.explanations import explain as explanation
from chalicelib.foundation.presentation import present
from chalicelib.packs.signals.entities import Signal
from chalicelib.packs.signals.schemas import ExtractionView, SignalSummary, SignalView


def extraction_view(signal: Signal, *, kept: bool, explain: bool) -> ExtractionView:
    """What was extracted, with what it was kept as where it was."""
    given: dict[str, object] = {"explain": _explained(signal)} if explain else {}
    if not kept:
        return present(ExtractionView, signal, professional_id=None, **given)
    names = ("id", "revision", "created_at", "created_by", "updated_at", "updated_by")
    return present(ExtractionView, signal, **given, **{name: getattr(signal, name) for name in names}, dispute=None)


def signal_view(signal: Signal, *, explain: bool = False) -> SignalView:
    """Kept signals."""
    given: dict[str, object] = {"explain": _explained(signal)} if explain else {}
    return present(SignalView, signal, dispute=dispute_view(signal.dispute), **given)


def signal_summary(signal: Signal) -> SignalSummary:
    """Kept signals of a list."""
    return present(SignalSummary, signal, dispute=dispute_view(signal.dispute))


def _explained(signal: Signal) -> Explanation:
    """What was counted: words, sentences, syllables, hits of each kind."""
    method = signal.method
    inputs = {**signal.measures, "lead_parts": signal.lead_parts}
    return explanation(method["id"], inputs, format_timestamp(signal.created_at), list(signal.reasons), version=int(method["version"]))
