"""Next actions by mail: once a morning of the firm, for those who want it, and only where something is due.

Whoever wants it has a row whose due key is the next morning. A run claims it by moving the key to the morning after, in the transaction
of the mail; so runs that repeat, are late or overlap send one.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from chalicelib.foundation import outbox
from chalicelib.foundation.access import MASK, user_key
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp, hour_of_day
from chalicelib.foundation.due_work import DueItems, process_due
from chalicelib.foundation.errors import Forbidden, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.expressions import all_of, unchanged
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale import repository
from chalicelib.packs.wholesale.entities import MorningList
from chalicelib.packs.wholesale.permissions import CONTACTS
from chalicelib.packs.wholesale.schemas import MorningListRequest, MorningListView

_HOUR = 6  # of the firm's clocks
_SHOWN = 50  # next actions of one mail


# -- asking for it


def get_morning_list(ctx: Context) -> MorningListView:
    """Whether the caller gets their next actions by mail."""
    raw = ctx.store.get_item(MorningList.key_of(ctx.actor.id))
    return _view(MorningList.from_item(raw).due_at if raw else None)


def set_morning_list(ctx: Context, body: MorningListRequest) -> MorningListView:
    """Ask for the next actions by mail, from the next morning on, or end it. Forbidden for those without a mail address here."""
    key, user = MorningList.key_of(ctx.actor.id), parse_live(User, ctx.store.get_item(user_key(ctx.actor.id)))
    if user is None or ctx.actor.kind != "user":
        raise Forbidden("Only a user who has a mail address here gets mail.")
    if not body.wanted:
        ctx.store.delete(key)
        return _view(None)
    due_at = _next_morning(ctx)
    tx = Transaction(ctx.store)
    tx.put(MorningList.at(key, due_at=due_at))
    tx.commit()
    return _view(due_at)


def _view(due_at: datetime | None) -> MorningListView:
    return {"wanted": due_at is not None, "next_at": format_timestamp(due_at) if due_at else None}


def _next_morning(ctx: Context) -> datetime:
    mornings = (hour_of_day(ctx.today + timedelta(days=days), _HOUR, ctx.settings.firm_time_zone) for days in (0, 1))
    return next(morning for morning in mornings if morning > ctx.now)


# -- sending it


def send_morning_lists(ctx: Context, run: RunStats) -> None:
    """Send the lists that are due. Two round trips for fifty users, and two for each of them."""
    process_due(ctx, run, MorningList.DUE.until(ctx.now), _send, keys=_keys)


def _keys(id: str) -> tuple[ItemKey, ItemKey]:
    return MorningList.key_of(_user_id(id)), user_key(_user_id(id))


def _user_id(id: str) -> str:
    return id.partition("#")[2]


def _send(ctx: Context, id: str, items: DueItems) -> bool:
    """Mail one user's list; whether there was anything to mail."""
    row_key, own_key = _keys(id)
    raw, user = items.get(row_key), parse_live(User, items.get(own_key))
    before = MorningList.from_item(raw) if raw else None
    if before is None or before.due_at is None or before.due_at > ctx.now:
        return False  # the index lags: another run has moved it already
    tx = Transaction(ctx.store)
    is_same = all_of(*unchanged({"due_at": before.due_at}))
    permissions = ctx.roles.permissions(user.roles) if user and user.is_active else frozenset()
    if user is None or "wholesale:read" not in permissions:
        tx.delete(row_key, is_same)  # they have left, or may not read it any more
        tx.commit()
        return False
    tx.update_row(before, before.with_values(due_at=_next_morning(ctx)), is_same, VersionConflict())
    due, more = repository.due_actions(ctx, user.id, ctx.today + timedelta(days=1), _SHOWN)
    if due:
        text = _text(ctx.today, user.name, due, more, sees_contacts=CONTACTS in permissions)
        outbox.add_mail(tx, ctx, to=user.email, subject=_subject(len(due), more), text=text)
    tx.commit()
    return bool(due)


def _subject(count: int, more: bool) -> str:
    return f"{'More than ' if more else ''}{count} next action{'s are' if count > 1 else ' is'} due"


def _text(today: date, name: str, due: list[dict[str, Any]], more: bool, *, sees_contacts: bool) -> str:
    lines = [f"- {_line(today, row, sees_contacts)}" for row in due]
    if more:
        lines.append("- and more")
    return "\n".join(
        [f"Good morning {name},", "", *lines, "", "You asked for this list each morning; in your settings you can end it.", ""]
    )


def _line(today: date, row: Mapping[str, Any], sees_contacts: bool) -> str:
    late = (today - date.fromisoformat(row["next_action_on"])).days
    since = f" ({late} day{'s' if late > 1 else ''} overdue)" if late > 0 else ""
    address = ", ".join(row[part] for part in ("address", "city") if row.get(part))
    seller = row.get("seller_name") if sees_contacts else MASK
    return f"{row['next_action_what']}: {address or (row.get('seller_name') and seller) or row['id']}{since}"
