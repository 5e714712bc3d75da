"""Who sees which professional, and who sees contacts."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context

CONTACTS = "scorecards:contacts"


def own_professional(ctx: Context) -> str | None:
    """The only professional whom the caller sees; None where they see all."""
    return access.own_professional(ctx, "scorecards")


def require_visible(ctx: Context, professional_id: str) -> None:
    """Raise NotFound where the caller sees only another professional."""
    access.require_own_professional(ctx, "scorecards", professional_id, "professional")
