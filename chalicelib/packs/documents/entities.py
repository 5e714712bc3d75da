"""Document routes as stored, in the partition of their deal:

    H#<route id>#<revision>   a completed interval in a status (foundation.state_history)
    O#<route id>              a route
    OV#<route id>             how often its links were fetched and its document opened (`RouteVisits`)

Their links lie elsewhere, under the hashes of their tokens (foundation.links).
"""

from datetime import date
from typing import Any

from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, DuePattern, KeyRange
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.row import Row, truncate
from chalicelib.packs.documents.rules import reminders
from chalicelib.packs.documents.rules.statuses import WAITING


class Route(Entity):
    """A document on its way to one recipient, and how far it has come."""

    KIND = "route"
    ID = IdFormat("doc", "document route", parents={"d": "deal"}, row="O")
    PERSONAL = frozenset({"recipient", "acknowledgement"})
    BY_STATUS = AccessPattern("gsi1", "DOC#{status}#0", sort="{created_at}#{id}", serves="GET /documents/routes, ?status=")
    BY_PROFESSIONAL = AccessPattern(
        "gsi2",
        "DOC#PRO#{professional_id}",
        sort="{created_at}#{id}",
        serves="GET /documents/routes/by-professional/{id}; a professional's own; what is held on them",
    )
    STEPS = DuePattern("document-reminder", on="step_on", serves="documents-reminders")
    BY_CONTRACT = AccessPattern("gsi4", "DOC#CTR#{contract_id}", sort="{created_at}#{id}", serves="GET /documents/routes/by-contract/{id}")
    LIST_FIELDS = ("id", "deal_id", "contract_id", "professional_id", "document_type", "title", "status", "sent_at")

    deal_id = a.string()
    document_type = a.string()
    title = a.optional_string()
    contract_id = a.optional_string()
    document_sha256 = a.optional_string()
    storage_url = a.optional_string()
    professional_id = a.optional_string()
    recipient = a.map_()  # {name, email}: whom it is sent to, a professional or somebody else, and where
    due_on = a.optional_date()
    link_expires_at = a.datetime()

    status = a.string()
    status_entered_at = a.datetime()
    status_entered_by = a.string()
    status_reason = a.optional_string()
    status_note = a.optional_string()
    last_stay = a.optional_map()  # in the status before it was recalled with its deal: that transaction writes no other row of it
    sent_at = a.datetime()
    opened_at = a.optional_datetime()
    acknowledged_at = a.optional_datetime()
    attested_by = a.optional_string()
    acknowledgement = a.optional_map()  # {name, authentication, document_sha256, ip_address, user_agent}
    epoch = a.integer()  # links of an earlier one are dead

    sent_on = a.date()  # a day of the firm's, as are the next ones
    begun_on = a.date()  # of the reminders: when it was sent, or last reminded of by hand
    links_end_on = a.date()
    reminder_on = a.optional_date()  # the day of the next one
    reminder_count = a.integer()
    reminded_at = a.optional_datetime()
    is_undeliverable = a.optional_boolean()  # a mail about it bounced after it was opened: no more are sent, but by hand
    is_unanswered = a.optional_boolean()  # it was told that the last reminder has gone unanswered
    is_overdue = a.optional_boolean()  # it was told that its day has passed

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for who it was sent to."""
        return self.status in WAITING

    @property
    def next_reminder_on(self) -> date | None:
        """The day of the next reminder; None while it waits for nobody, and where there are no more."""
        return self.reminder_on if self.is_waiting and not self.is_undeliverable else None

    @property
    def overdue_on(self) -> date | None:
        """The day on which it is to be told that it is overdue; None where there is nothing to tell."""
        return reminders.overdue_day(self.due_on) if self.due_on and self.is_waiting and not self.is_overdue else None

    @property
    def step_on(self) -> date | None:
        """The day on which the schedule has something to do with it."""
        return min((day for day in (self.next_reminder_on, self.overdue_on) if day is not None), default=None)

    def list_view(self) -> dict[str, Any]:
        """The fields that lists return; null fields are left out."""
        return self._listed(title=truncate(self.title), document_type=truncate(self.document_type))

    @classmethod
    def rows_below(cls, id: str) -> tuple[KeyRange, ...]:
        """Its completed intervals and its visits, which are purged with it."""
        partition, visits = cls.ID.key(id).pk, RouteVisits.key_of(id)
        return KeyRange(None, partition, prefix=f"H#{id}#"), KeyRange(None, visits.pk, low=visits.sk, high=visits.sk)


class RouteVisits(Row):
    """How often the links of a route were fetched, by mail scanners too, and how often its document was opened. It has no history."""

    KIND = "route-visits"

    fetches = a.integer()
    opens = a.integer()

    @staticmethod
    def key_of(route_id: str) -> ItemKey:
        """Where it lies."""
        return ItemKey(Route.ID.key(route_id).pk, f"OV#{route_id}")
