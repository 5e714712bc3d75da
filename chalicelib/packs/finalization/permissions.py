"""Who may settle which items: whoever writes on the deal, and of legal ones counsel, too."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization.entities import Item
from chalicelib.packs.finalization.rules.items import LEGAL

ANY_OWNER = "deals:any-owner"
_WRITE, _LEGAL_ITEMS = "deals:write", "deals:legal-items"


def require_settle(ctx: Context, deal: deals.Deal, item: Item) -> str | None:
    """Raise Forbidden unless the caller may settle the item. The permission without which it must be their own deal; None: whoever's it is."""
    if item.role == LEGAL and ctx.actor.can(_LEGAL_ITEMS):
        return None
    if not ctx.actor.can(_WRITE):
        raise Forbidden("Counsel settles legal items only.")
    deals.require_own_deal(ctx, deal, ANY_OWNER)
    return ANY_OWNER
