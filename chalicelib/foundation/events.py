"""Events: what the system has to tell a person. Reminders, follow-ups, alarms, security notices.

An event is single by its key: its id follows from the key, so whoever raises it again writes the same row. It is written in
the transaction of whatever claimed the occasion, and lives for 180 days.
"""

import hashlib
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from chalicelib.foundation.calendar import day_start, instant
from chalicelib.foundation.ids import IdForm, encode_ulid
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import joined

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

LIFE = timedelta(days=180)


class Event(Entity):
    """One thing that a person should know. For a user, or for all who hold a role."""

    KIND = "event"
    ID = IdForm("evt", "event")

    event = a.text()  # e.g. wholesale.follow_up
    subject_type = a.text()
    subject_id = a.text()
    title = a.text()
    for_user = a.optional_text()
    for_role = a.optional_text()
    due_on = a.optional_day()
    data = a.document()
    seen_at = a.optional_moment()
    seen_by = a.optional_text()
    ttl = a.optional_whole()

    def index_keys(self) -> dict[str, str]:
        """By user and by role, newest first."""
        found: dict[str, str] = {}
        if self.for_user:
            found |= {"gsi1pk": joined("EVT", self.for_user), "gsi1sk": self.id}
        if self.for_role:
            found |= {"gsi2pk": joined("EVT", self.for_role), "gsi2sk": self.id}
        return found

    def view(self) -> dict[str, Any]:
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
            "created_at": instant(self.created_at),
            "seen_at": self.seen_at and instant(self.seen_at),
            "seen_by": self.seen_by,
        }

    @classmethod
    def single(cls, ctx: "Context", key: str, *, on: date, **values: Any) -> Self:
        """The event that `key` makes single; `on` is the day it is about (it dates the id, so it must follow from the occasion)."""
        at = day_start(on, ctx.settings.firm_time_zone)
        values.setdefault("data", {})
        return cls.fresh(ctx, id=event_id(key, at), ttl=int((ctx.now + LIFE).timestamp()), **values)


def event_id(key: str, at: datetime) -> str:
    """The id of the event that `key` makes single."""
    return f"evt_{encode_ulid(at, hashlib.sha256(key.encode()).digest()[:10])}"
