"""Reopening a finalized deal, by an override of governance that is used up by it."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import InvalidTransition
from chalicelib.foundation.events import add_notifications
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization import repository
from chalicelib.packs.finalization.rules.statuses import MACHINE
from chalicelib.packs.finalization.schemas import FinalizationStatusView, ReopenRequest
from chalicelib.packs.finalization.service import readiness
from chalicelib.packs.finalization.service.notifications import event_of
from chalicelib.packs.governance import public as governance


@retry_on_conflict
def reopen_deal(ctx: Context, deal_id: str, body: ReopenRequest, query: ExplainParams) -> FinalizationStatusView:
    """Open a finalized deal again, by a final override for `reopen` that stands and opened none before. Its certificate stays, superseded."""
    snapshot = deals.read_snapshot(ctx, deals.resolve_id(ctx, deal_id))
    before = snapshot.deal
    read = readiness.read(ctx, snapshot)
    _require_finalized(before.status)
    used = {one.superseded["decision_id"] for one in read.state.certificates if one.superseded}
    if body.decision_id in used or not read.state.decision_to_act_by(ctx, body.decision_id, governance.REOPEN, final=True):
        raise repository.unusable()
    after = deals.moved(ctx, before, deals.OPEN, note=body.reason)
    latest = read.state.certificates[-1]
    superseded = {"at": format_timestamp(ctx.now), "by": ctx.actor.id, "decision_id": body.decision_id}
    view = read.as_of(after).view(explain=query.explain)
    tx = idempotent_transaction(ctx, view)
    deals.add_move(ctx, tx, before, after, snapshot.gate)
    tx.save(latest.with_changes(ctx, superseded=superseded))
    add_notifications(ctx, tx, [event_of(ctx, after, latest, "reopened", "The deal is open again")])
    tx.commit()
    return view


def _require_finalized(status: str) -> None:
    """Raise InvalidTransition for a deal that isn't finalized, also for one that people may move to open by another request."""
    if status != deals.FINALIZED:
        raise InvalidTransition(MACHINE.name, status, deals.OPEN, MACHINE.allowed(status), "Only a finalized deal is reopened.")
