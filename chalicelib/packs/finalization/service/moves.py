"""Moving a deal to another status: into finalization and back, or cancelling it."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.foundation.store.references import MAX_NAMED
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization import repository
from chalicelib.packs.finalization.rules.statuses import MACHINE
from chalicelib.packs.finalization.schemas import DealMoveRequest

_SENT = "sent"


@retry_on_conflict
def move_deal(ctx: Context, id: str, body: DealMoveRequest, query: ExplainParams) -> deals.DealView:
    """Begin to finalize a deal, go back from that, or cancel it.

    While it is being finalized its kind, value, currency and professionals don't change; it gets the items of its kind's template. A cancelled
    one ends with what is unfinished of it, unless an assignment of its pipeline stands, or a contract is out for signature.
    """
    snapshot = deals.read_snapshot(ctx, deals.resolve_id(ctx, id))
    before = snapshot.deal
    ctx.check_if_match(before.revision)
    MACHINE.check(before.status, body.status, actor=ctx.actor, reason=body.reason, note=body.note)
    after = deals.moved(ctx, before, body.status, reason=body.reason, note=body.note)
    tx = Transaction(ctx.store)
    if body.status == deals.CANCELLED:
        _require_none_sent(snapshot)
        deals.add_cancellation(ctx, tx, before, after, snapshot.gate)
    else:
        there = [item.id for item in snapshot.of_type(repository.ITEM)]
        new = repository.missing_items(ctx, before, there) if body.status == deals.FINALIZING else []
        for item in new:
            tx.create(item)
        deals.add_move(ctx, tx, before, after, snapshot.gate, new=len(new))
    pipeline = deals.pricing_pipeline(ctx, after)
    tx.commit()
    return deals.view(ctx, after, pipeline, explain=query.explain)


def _require_none_sent(snapshot: deals.DealSnapshot) -> None:
    """Raise Conflict while parties are asked to sign a contract of the deal."""
    sent = [contract.id for contract in snapshot.of_type("contract") if contract.facts["status"] == _SENT]
    if sent:
        detail = "A contract of the deal is out for signature: recall it first."
        raise Conflict(detail, code="contract_sent", held_by=sent[:MAX_NAMED])
