"""Notifications for people: reminders, follow-ups, alarms, security notices (GET /events).

A notification is unique by its key: its id is derived from the key, so creating it again writes the same row. It is written in
the transaction that claimed its occasion, and expires after 180 days.
"""

import hashlib
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Self

from chalicelib.foundation.dates import format_timestamp, start_of_day
from chalicelib.foundation.ids import IdFormat, encode_ulid
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern
from chalicelib.foundation.store.entity import Entity

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

NOTIFICATION_TTL = timedelta(days=180)


class Notification(Entity):
    """One notification, for a user or for every user with a role."""

    KIND = "event"
    ID = IdFormat("evt", "event")
    BY_USER = AccessPattern("gsi1", "EVT#{for_user}", serves="GET /events, the caller's")
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
    return f"evt_{encode_ulid(timestamp, hashlib.sha256(key.encode()).digest()[:10])}"
