"""Who may see and write which packets."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.packs.deals import public as deals
from chalicelib.packs.handoffs.entities import Packet

ROW = "handoffs"
ANY_DEAL = f"{ROW}:any-deal"


def own_professional(ctx: Context) -> str | None:
    """The professional whose packets are all that the caller sees, once they are sent; None where they see those of all."""
    return access.own_professional(ctx, ROW)


def require_visible(ctx: Context, packet: Packet, right: str = "read") -> None:
    """Raise NotFound for the packet of somebody else, or one that was never sent, to a caller who sees only their own."""
    access.require_own_professional(ctx, ROW, packet.professional_id, Packet.ID.name, right)
    if access.own_professional(ctx, ROW, right) is not None and not packet.was_sent:
        raise NotFound(Packet.ID.name)


def require_own_deal(ctx: Context, gate: deals.DealGate | deals.Deal | None) -> None:
    """Raise Forbidden unless the caller may write on the deal. A packet without a deal is of no deal of theirs."""
    deals.require_own_deal(ctx, gate, ANY_DEAL)
