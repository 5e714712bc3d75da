"""Reading kept signals, disputing them, settling disputes."""

from chalicelib.foundation import disputes
from chalicelib.foundation.context import Context
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.scorecards.public import Professional
from chalicelib.packs.signals import repository
from chalicelib.packs.signals.entities import CurrentSignals, Signal
from chalicelib.packs.signals.permissions import require_own_professional
from chalicelib.packs.signals.presenters import signal_summary, signal_view
from chalicelib.packs.signals.schemas import DisputeRequest, SettleRequest, SignalSummary, SignalView


def list_signals(ctx: Context, id: str, query: PageParams) -> PageOf[SignalSummary]:
    """A professional's signals, newest first."""
    require_own_professional(ctx, id)
    professional = ctx.store.require(Professional, id)
    return ctx.paginate(Signal.children_of(professional.id), query, signal_summary, decode=Signal.from_item)


def get_signal(ctx: Context, id: str, signal_id: str, query: ExplainParams) -> SignalView:
    """Kept signals with their evidence."""
    require_own_professional(ctx, id, Signal.ID.name)
    return signal_view(repository.find_signal(ctx, id, signal_id), explain=query.explain)


@retry_on_conflict
def dispute_signal(ctx: Context, id: str, signal_id: str, body: DisputeRequest) -> SignalView:
    """Dispute signals: they count in no score and no match until the dispute is settled; the newest others do."""
    before, current = _find(ctx, id, signal_id)
    after = before.with_changes(ctx, dispute=disputes.opened(ctx, before.dispute, body.reason))
    view = signal_view(after)
    title = "A professional's signals are disputed"
    event = disputes.disputed_event(ctx, "signals.disputed", title, "signal", before.id, before.professional_id)
    repository.save_dispute(ctx, after, current, view, event)
    return view


@retry_on_conflict
def settle_signal(ctx: Context, id: str, signal_id: str, body: SettleRequest) -> SignalView:
    """Settle the dispute of signals. Upheld, they never count again; rejected, they count again. Not by who extracted them."""
    before, current = _find(ctx, id, signal_id)
    settled = disputes.settled(ctx, before.dispute, body.outcome, body.note, before.created_by)
    after = before.with_changes(ctx, dispute=settled)
    view = signal_view(after)
    repository.save_dispute(ctx, after, current, view)
    return view


def _find(ctx: Context, professional_id: str, signal_id: str) -> tuple[Signal, CurrentSignals | None]:
    require_own_professional(ctx, professional_id, Signal.ID.name)
    signal, current = repository.find_disputable(ctx, professional_id, signal_id)
    ctx.check_if_match(signal.revision)
    return signal, current
