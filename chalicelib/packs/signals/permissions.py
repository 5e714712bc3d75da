"""Whose signals a caller may see."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context


def require_own_professional(ctx: Context, professional_id: str, what: str = "professional") -> None:
    """Raise NotFound where the caller sees one professional's signals only, and it is another's."""
    access.require_own_professional(ctx, "signals", professional_id, what)
