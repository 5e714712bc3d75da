"""The interface of this pack to other packs: log hours with a task, and how much time professionals have.

    retainer = public.parse_retainer(items.get(public.key(retainer_id)))        # read along with the task
    retainer = public.only_active(ctx, task.professional_id)                    # or found, where none was named
    public.add_hours(ctx, tx, retainer, body.hours, professional_id=task.professional_id, task_id=task.id)

What writes is imported at its call, since it needs the schemas, and pydantic with them.
"""

from decimal import Decimal

from chalicelib.foundation.context import Context
from chalicelib.foundation.counts import Counts
from chalicelib.foundation.errors import NotFound, ValidationFailed
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.retainers.entities import OVERRUN
from chalicelib.packs.retainers.entities import Retainer as Retainer

_FIELD = "retainer_id"  # of a request that logs hours


def key(id: str) -> ItemKey:
    """The key of a retainer; NotFound for an id of another format."""
    return Retainer.ID.key(id)


def parse_retainer(item: DynamoItem | None) -> Retainer:
    """The retainer in an item that was read; NotFound where there is none."""
    retainer = parse_live(Retainer, item)
    if retainer is None:
        raise NotFound(Retainer.ID.name)
    return retainer


def only_active(ctx: Context, professional_id: str) -> Retainer:
    """The only active retainer of a professional. Raises ValidationFailed where there is none, or several. Two round trips."""
    from chalicelib.packs.retainers import repository

    ids = repository.active_ids(ctx, professional_id)
    if len(ids) != 1:
        how_many = "several active retainers" if ids else "no active retainer"
        raise ValidationFailed.field(_FIELD, f"the professional has {how_many}: name one")
    return ctx.store.require(Retainer, ids[0])


def add_hours(
    ctx: Context, tx: Transaction, retainer: Retainer, hours: Decimal, *, professional_id: str, task_id: str, description: str | None = None
) -> None:
    """Add an entry of hours, worked today for a task, to the task's own transaction: three actions at the most.

    By the rules of POST /pros/retainers/{id}/log_hours, and with its refusals: Conflict `not_active`, `not_started`, `hard_cap`; Forbidden,
    NotFound. ValidationFailed where the retainer is another professional's. The caller has checked that the task's deal is the actor's.
    VersionConflict, here or at the commit, where somebody else was first: read again.
    """
    from chalicelib.packs.retainers.service import entries

    if retainer.professional_id != professional_id:
        raise ValidationFailed.field(_FIELD, "it is another professional's retainer")
    entries.add_hours(ctx, tx, retainer, hours, task_id=task_id, description=description)


def minutes_left(numbers: Counts) -> int | None:
    """The minutes that are left in the open periods of a professional's active retainers, of the professional's numbers; None without one.

    It may be negative, and follows a change within seconds.
    """
    return int(numbers.get("minutes", 0)) if numbers.get("retainers") else None


def overrun_row(professional_id: str) -> tuple[str, str]:
    """The aggregate row whose fields above zero are the ids of a professional's overrun retainers. It follows a change within seconds."""
    return OVERRUN, professional_id
