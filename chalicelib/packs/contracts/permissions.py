"""Who may write on which contracts: those of their own deals, unless they may write on any deal; and what only a person does."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden
from chalicelib.packs.deals.public import Deal, DealGate, require_own_deal

ROW = "contracts"
ANY_DEAL = f"{ROW}:any-deal"
CONTACTS = f"{ROW}:contacts"


def require_own(ctx: Context, deal: Deal | DealGate | None) -> None:
    """Raise Forbidden unless the caller may write on the deal."""
    require_own_deal(ctx, deal, ANY_DEAL)


def require_person(ctx: Context) -> None:
    """Raise Forbidden for an API key: to approve, to attest and to sign is for people."""
    if ctx.actor.kind != "user":
        raise Forbidden("Only a person may do this, not an API key.")


def sees_contacts(ctx: Context) -> bool:
    """Whether the caller sees people's addresses, and what their signatures were made with."""
    return ctx.actor.can(CONTACTS)
