"""Who may read and write which tasks: a professional their own, others those of their own deals, unless they may write on any deal."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.packs.deals.public import Deal, DealGate
from chalicelib.packs.deals.public import require_own_deal as require_own
from chalicelib.packs.tasks.entities import Task

ROW = "tasks"
ANY_DEAL = f"{ROW}:any-deal"


def own_professional(ctx: Context) -> str | None:
    """The professional whose tasks are all that the caller sees; None where they see those of all."""
    return access.own_professional(ctx, ROW)


def require_read(ctx: Context, task: Task) -> None:
    """Raise NotFound for a task of somebody else, to a caller who sees only their own."""
    access.require_own_professional(ctx, ROW, task.professional_id, Task.ID.name)


def require_own_deal(ctx: Context, deal: Deal | DealGate | None) -> None:
    """Raise Forbidden unless the caller may write on the deal. A task without a deal is nobody's own."""
    require_own(ctx, deal, ANY_DEAL)


def require_work(ctx: Context, task: Task, deal: Deal | DealGate | None) -> None:
    """Raise NotFound or Forbidden unless the caller may work on the task, as its professional or on their own deal."""
    access.require_own_professional(ctx, ROW, task.professional_id, Task.ID.name, "status")
    if not is_their_own(ctx, task):
        require_own_deal(ctx, deal)


def is_their_own(ctx: Context, task: Task) -> bool:
    """Whether the caller is the professional who has the task."""
    return ctx.actor.professional_id is not None and ctx.actor.professional_id == task.professional_id
