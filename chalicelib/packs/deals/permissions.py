"""Which deals a caller may write on."""

from typing import Protocol

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden
from chalicelib.packs.deals.rules import is_own

ANY_OWNER = "deals:any-owner"


class HasOwner(Protocol):
    """A deal, or its gate."""

    @property
    def owner(self) -> str | None:
        """The user who owns it."""

    @property
    def team(self) -> list[str]:
        """The users who work on it."""


def not_own() -> Forbidden:
    """The refusal of a write on somebody else's deal."""
    return Forbidden("The deal belongs to somebody else.")


def is_own_deal(ctx: Context, deal: HasOwner) -> bool:
    """Whether it is the caller's own deal: theirs, their team's, or nobody's."""
    return is_own(ctx.actor.id, deal.owner, deal.team)


def require_own_deal(ctx: Context, deal: HasOwner | None, any_deal: str) -> None:
    """Raise Forbidden unless the caller is the deal's owner or in its team, or nobody owns it, or the caller has the permission `any_deal`.

    What is of no deal (None) is of nobody's own: it takes the permission.
    """
    if ctx.actor.can(any_deal):
        return
    if deal is None:
        raise Forbidden(f"It belongs to no deal; this needs the permission {any_deal}.")
    if not is_own_deal(ctx, deal):
        raise not_own()
