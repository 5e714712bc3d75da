"""Who sees which professional, and who sees contacts."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden

CONTACTS, ANY_DEAL = "scorecards:contacts", "scorecards:any-deal"


def own_professional(ctx: Context) -> str | None:
    """The only professional whom the caller sees; None where they see all."""
    return access.own_professional(ctx, "scorecards")


def require_visible(ctx: Context, professional_id: str, name: str = "professional", *, right: str = "read") -> None:
    """Raise NotFound of `name` where the caller's right is limited to another professional."""
    access.require_own_professional(ctx, "scorecards", professional_id, name, right)


def require_all_visible(ctx: Context) -> None:
    """Raise Forbidden for a caller who sees only one professional."""
    if own_professional(ctx) is not None:
        raise Forbidden("A professional isn't ranked among others for themselves.")
