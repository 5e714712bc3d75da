"""Whose retainers a caller sees, and on which ones they may log hours."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context

LOG = "retainers:log"
ROW = "retainers"  # of the matrix


def own_professional(ctx: Context) -> str | None:
    """The professional whose retainers alone the caller reads; None: all of them."""
    return access.own_professional(ctx, ROW)


def require_read(ctx: Context, professional_id: str) -> None:
    """Raise NotFound where the caller reads the retainers of another professional only."""
    access.require_own_professional(ctx, ROW, professional_id, "retainer")


def logs_as_professional(ctx: Context) -> bool:
    """Whether the caller logs as a professional, on their own retainers: what they log is unapproved."""
    return access.own_professional(ctx, ROW, "log") is not None


def require_log(ctx: Context, professional_id: str) -> None:
    """Raise NotFound where the caller logs on the retainers of another professional only."""
    access.require_own_professional(ctx, ROW, professional_id, "retainer", "log")
