"""Reading and writing retainers, and the steps that time takes with them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from typing_extensions import TypedDict

from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import notification_target
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.idempotency import read_or_replay
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.state_history import StateHistory
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_ABSENT
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.retainers.entities import ClosedPeriod, Retainer, standing_values
from chalicelib.packs.retainers.permissions import require_read
from chalicelib.packs.retainers.rules import lifecycle
from chalicelib.packs.retainers.rules.accounts import Account
from chalicelib.packs.retainers.rules.lifecycle import RENEWED, Change
from chalicelib.packs.retainers.rules.states import ACTIVE, CANCELLED, EXPIRED

_JOB = "retainers-due"  # the schedule: it is who closes periods, whoever comes to it
_TITLES = {RENEWED: "Retainer renewed", EXPIRED: "Retainer expired", CANCELLED: "Retainer cancelled"}


class StatusInterval(TypedDict):
    """A time that a retainer spent in a status."""

    status: str


HISTORY = StateHistory(StatusInterval)

# -- reading


def require_readable(ctx: Context, id: str) -> Retainer:
    """A retainer that the caller may read; NotFound. One round trip."""
    retainer = ctx.store.require(Retainer, id)
    require_read(ctx, retainer.professional_id)
    return retainer


def read_to_change(ctx: Context, id: str, others: Iterable[ItemKey] = ()) -> tuple[Retainer, dict[ItemKey, DynamoItem]]:
    """A retainer to be changed, with other rows; NotFound, or IdempotentReplay. One round trip."""
    key = Retainer.ID.key(id)
    items = read_or_replay(ctx, [key, *others])
    retainer = parse_live(Retainer, items.get(key))
    if retainer is None:
        raise NotFound(Retainer.ID.name)
    return retainer, items


def read_settled(ctx: Context, id: str) -> Retainer:
    """A retainer to be changed, as of now; PreconditionFailed, and as `read_to_change`. One round trip, and one for each step that is due."""
    retainer, _ = read_to_change(ctx, id)
    ctx.check_if_match(retainer.revision)
    return settle(ctx, retainer)


def active_ids(ctx: Context, professional_id: str) -> list[str]:
    """The active retainers of a professional. One round trip for 1 MB of their list."""
    rows = map(decode_view, ctx.store.query_all(Retainer.BY_PROFESSIONAL.range(professional_id=professional_id)))
    return [row["id"] for row in rows if row["status"] == ACTIVE]


# -- steps


def settle(ctx: Context, retainer: Retainer) -> Retainer:
    """The retainer after every step that is due by now, each in a transaction of its own, as the schedule takes them.

    A change comes upon steps that the schedule hasn't taken yet within the hour after a period's end: a round trip each. Raises
    VersionConflict where somebody else was first.
    """
    while (after := take_step(ctx, retainer)) is not None:
        retainer = after
    return retainer


def take_step(ctx: Context, retainer: Retainer) -> Retainer | None:
    """Take the next step if it is due: close a period, open one, renew, end. None where nothing is due. One round trip."""
    change = lifecycle.next_change(retainer.account, retainer.today(ctx), ctx.now)
    if change is None:
        return None
    acting = replace(ctx, actor=system_actor(_JOB), idempotency=None)
    after = changed(acting, retainer, change.account)
    tx = Transaction(ctx.store)
    add_changes(acting, tx, retainer, after, [change])
    tx.commit()
    return after


def changed(ctx: Context, before: Retainer, account: Account, *, reason: str | None = None, note: str | None = None) -> Retainer:
    """The retainer where `account` stands, with its status entered now where that is another one."""
    values: dict[str, Any] = standing_values(account)
    if account.status != before.status:
        if account.status == CANCELLED:
            reason, note = reason or before.cancel_reason, note or before.cancel_note
        values |= HISTORY.entry(ctx, account.status, reason=reason, note=note)
    if account.term != before.term:
        values["reminded"] = None
    return before.with_changes(ctx, **values)


def add_changes(ctx: Context, tx: Transaction, before: Retainer, after: Retainer, changes: Sequence[Change]) -> None:
    """Save a changed retainer, with the periods that closed, its history and what people are told: all or nothing, and each once."""
    tx.save(after)
    if after.status != before.status:
        HISTORY.add(tx, ctx, before, after)
    add_effects(ctx, tx, after, changes)


def add_effects(ctx: Context, tx: Transaction, retainer: Retainer, changes: Sequence[Change]) -> None:
    """Put the periods that closed and the events: at most two actions a step."""
    for change in changes:
        if change.closed is not None:
            tx.put(ClosedPeriod.of(retainer.id, change.closed), ROW_ABSENT)
    add_notifications(ctx, tx, [_event(ctx, retainer, change) for change in changes if change.event])


def _event(ctx: Context, retainer: Retainer, change: Change) -> Notification:
    assert change.event is not None, "nobody is told"
    account = change.account
    return Notification.for_occasion(
        ctx,
        f"{retainer.id}/{change.event}/{account.term}",
        on=change.on,
        event=f"retainers.{change.event}",
        title=f"{_TITLES[change.event]}: {retainer.name}",
        due_on=change.on,
        data={
            "period": account.periods,
            "renewal_date": account.renewal_date.isoformat(),
            "monthly_fee": account.terms.fee,
            "currency": retainer.currency,
        },
        **notification_target("retainer", retainer.id, owner=None),
    )
