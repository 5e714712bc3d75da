"""Notifications for people: reminders, follow-ups, alarms, security notices (GET /events).

A notification is unique by its key: its id is derived from the key, so creating it again writes the same row. It is written in
the transaction that claimed its occasion, and expires after 180 days.

What is addressed to somebody who has left is for the operators, too: from the start where they had left before (`add_notifications`),
else since their deactivation (foundation.auth.offboarding). It stays theirs, for the case that they come back.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Self

from chalicelib.foundation import access
from chalicelib.foundation.dates import format_timestamp, start_of_day
from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.ids import IdFormat, keyed_ulid
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.store import OnConditionFailed, parse_live
from chalicelib.foundation.store.transactions import Transaction

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

NOTIFICATION_TTL = timedelta(days=180)
FALLBACK_ROLE = "operator"  # the role that is notified of what has no owner, or an owner who has left
_PAGE_SIZE = 100


class Notification(Entity):
    """One notification, for a user or for every user with a role; for both where the user has left."""

    KIND = "event"
    ID = IdFormat("evt", "event")
    BY_USER = AccessPattern("gsi1", "EVT#{for_user}", serves="GET /events, the caller's; events-forward")
    BY_ROLE = AccessPattern("gsi2", "EVT#{for_role}", serves="GET /events, those of the caller's roles")

    event = a.string()  # e.g. wholesale.follow_up
    subject_type = a.string()
    subject_id = a.string()
    title = a.string()
    for_user = a.optional_string()
    for_role = a.optional_string()
    due_on = a.optional_date()
    data = a.map_()
    seen_at = a.optional_datetime()
    seen_by = a.optional_string()
    ttl = a.optional_integer()

    def list_view(self) -> JsonObject:
        """What GET /events shows."""
        return {
            "id": self.id,
            "kind": self.event,
            "subject_type": self.subject_type,
            "subject_id": self.subject_id,
            "title": self.title[:150],
            "for_user": self.for_user,
            "for_role": self.for_role,
            "due_on": self.due_on,
            "created_at": format_timestamp(self.created_at),
            "seen_at": self.seen_at and format_timestamp(self.seen_at),
            "seen_by": self.seen_by,
        }

    @classmethod
    def for_occasion(cls, ctx: "Context", key: str, *, on: date, **values: object) -> Self:
        """The one notification for `key`. `on` is the day it is about; the id contains it, so it must be derived from the occasion."""
        occasion = start_of_day(on, ctx.settings.firm_time_zone)
        values.setdefault("data", {})
        return cls.new(ctx, id=notification_id(key, occasion), ttl=int((ctx.now + NOTIFICATION_TTL).timestamp()), **values)


def notification_id(key: str, timestamp: datetime) -> str:
    """The id of the one notification for `key`."""
    return f"evt_{keyed_ulid(timestamp, key)}"


class AddresseeLeft(VersionConflict):
    """The user whom a notification is for has left: the same transaction, built again, addresses the operators, too."""


def add_notifications(
    ctx: "Context", tx: Transaction, notifications: Iterable[Notification], on_exists: Callable[[Notification], Exception] | None = None
) -> None:
    """Add notifications to the transaction of their occasion, each for its addressee, and for the operators where that user has left.

    One action each, and a condition check for each user. Whether a user has left is known once that check has failed, with
    AddresseeLeft: the use case runs again, as after any other VersionConflict. `on_exists` gives the refusal for one that exists.
    """
    checked: set[str] = set()
    for notification in notifications:
        user_id = notification.for_user
        if user_id is not None and notification.for_role is None:
            if user_id in ctx.users_who_left:
                notification = notification.with_values(for_role=FALLBACK_ROLE)
            elif user_id not in checked:
                checked.add(user_id)
                tx.condition_check(access.user_key(user_id), access.HAS_NOT_LEFT, _remember_leaver(ctx, user_id))
        tx.create(notification, on_exists and on_exists(notification))


def _remember_leaver(ctx: "Context", user_id: str) -> OnConditionFailed:
    def problem(_: DynamoItem) -> AddresseeLeft:
        ctx.users_who_left.add(user_id)
        return AddresseeLeft()

    return problem


def forward_unread(ctx: "Context", user_id: str, limit: int | None = None) -> tuple[int, int]:
    """Address unread events of a user to the operators, too: how many there were, and how many of them it did.

    With a `limit` that many at most, the newest first, of the newest hundred. One that changes meanwhile, since somebody reads it, is left
    as it is. Two round trips for a hundred events, and one for each that is unread.
    """
    found = done = 0
    pages = ctx.store.query_pages(Notification.BY_USER.range(for_user=user_id), newest_first=True, page_size=_PAGE_SIZE)
    for rows in islice(pages, None if limit is None else 1):
        keys = [Notification.ID.key(row["pk"]["S"]) for row in rows if _is_unread(decode_view(row))]
        events = (parse_live(Notification, item) for item in ctx.store.batch_get(keys[:limit]).values())
        for event in events:
            if event and event.seen_at is None and event.for_role is None:
                found += 1
                done += _forward(ctx, event)
    return found, done


def _is_unread(row: JsonObject) -> bool:
    return row["seen_at"] is None and row["for_role"] is None


def _forward(ctx: "Context", event: Notification) -> bool:
    try:
        ctx.store.save(event.with_changes(ctx, for_role=FALLBACK_ROLE))
    except VersionConflict:
        return False
    return True
