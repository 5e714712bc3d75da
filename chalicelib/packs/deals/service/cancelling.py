"""Moving a deal to another status; for now that is cancelling one."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.deals import repository
from chalicelib.packs.deals.presenters import deal_view
from chalicelib.packs.deals.rules import MACHINE
from chalicelib.packs.deals.schemas import DealMoveRequest, DealView


@retry_on_conflict
def move_deal(ctx: Context, id: str, body: DealMoveRequest, query: ExplainParams) -> DealView:
    """Cancel a deal, with what is unfinished of it. Conflict while an assignment of its pipeline stands."""
    before, gate = repository.read_with_gate(ctx, repository.resolve_id(ctx, id))
    ctx.check_if_match(before.revision)
    MACHINE.check(before.status, body.status, actor=ctx.actor, reason=body.reason, note=body.note)
    after = before.with_changes(ctx, **repository.HISTORY.entry(ctx, body.status, reason=body.reason, note=body.note))
    pipeline = repository.pricing_pipeline(ctx, after)
    repository.cancel(ctx, before, after, gate)
    return deal_view(ctx, after, pipeline, explain=query.explain)
