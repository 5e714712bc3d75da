"""Who sees which findings: those of all deals, or those of one's own."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.packs.deals.public import DealGate, is_own_deal

ALL = "findings:all"


def require_visible(ctx: Context, gate: DealGate | None, name: str) -> None:
    """Raise NotFound of `name` unless the caller sees the findings of the deal with this gate; None: of no deal, or of one that is gone."""
    if not ctx.actor.can(ALL) and (gate is None or not is_own_deal(ctx, gate)):
        raise NotFound(name)
