"""Whose retainers a caller sees, and on which ones they may log hours."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.packs.retainers.rules.states import ANY_DEAL

LOG = "retainers:log"
ROW = "retainers"  # of the matrix


def own_professional(ctx: Context) -> str | None:
    """The professional whose retainers alone the caller reads; None: all of them."""
    return access.own_professional(ctx, ROW)


def require_read(ctx: Context, professional_id: str) -> None:
    """Raise NotFound where the caller reads the retainers of another professional only."""
    access.require_own_professional(ctx, ROW, professional_id, "retainer")


def logs_on_own_only(ctx: Context) -> bool:
    """Whether the caller logs on their own retainers alone, for tasks of their own."""
    return access.own_professional(ctx, ROW, "log") is not None


def logs_as_professional(ctx: Context, professional_id: str) -> bool:
    """Whether the caller logs on a retainer as its professional: what they log is unapproved.

    Also somebody who logs for their own deals besides: roles add up. Whoever logs for any deal does so without limits.
    """
    return logs_on_own_only(ctx) or (ctx.actor.professional_id == professional_id and not ctx.actor.can(ANY_DEAL))


def require_log(ctx: Context, professional_id: str) -> None:
    """Raise NotFound where the caller logs on the retainers of another professional only."""
    access.require_own_professional(ctx, ROW, professional_id, "retainer", "log")
