"""Findings, and when each deal was last scanned, as stored.

A finding lies in the partition of its deal, or of the firm where it is of no deal:

    !F                when the deal was last scanned (`LastScan`)
    F#<finding id>    a finding
    H#<finding id>#…  a completed stay in a status (foundation.state_history)

Its id follows from its deal, its rule and its subject, so there is one for each, whoever scans at once.
"""

import hashlib
from datetime import date, datetime
from typing import Self

from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import IdFormat, ItemKey, ulid_of_number
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, DuePattern, KeyRange
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.row import Row, truncate
from chalicelib.packs.findings.rules.facts import StandingFinding
from chalicelib.packs.findings.rules.statuses import ACCEPTED_RISK, COUNTED, RESOLVED

FIRM = f"firm_{ulid_of_number(0)}"  # whose partition holds what is of no deal
# The aggregate row that counts the open ones, and what begins the names of its fields that count those of a rule.
SUMMARY, CODE = ("FINDINGS", "S"), "code:"


class Finding(Entity):
    """Something that a rule has found, and what people have done about it."""

    KIND = "finding"
    ID = IdFormat("find", "finding", parents={"d": "deal", "f": "firm"}, row="F")
    BY_FIRST_SEEN = AccessPattern("gsi1", "FINDING#OPEN#0", sort="{listed_from}#{id}", serves="GET /audit/events/open")
    ACCEPTANCES = DuePattern("accepted-risk", on="accepted_until", serves="findings-scan")
    LIST_FIELDS = ("id", "code", "severity", "status", "message", "deal_id", "subject_id", "first_seen")

    deal_id = a.optional_string()
    code = a.string()
    severity = a.string()
    message = a.string()
    subject_type = a.string()
    subject_id = a.string()
    professional_id = a.optional_string()
    fingerprint = a.string()
    rule_version = a.integer()

    status = a.string()
    status_entered_at = a.datetime()
    status_entered_by = a.string()
    status_reason = a.optional_string()
    status_note = a.optional_string()

    first_seen = a.datetime()
    last_seen = a.datetime()  # as of its last change; of one that stands on a deal the deal's last scan is later
    reopened = a.integer()
    acknowledged_by = a.optional_string()
    resolved_at = a.optional_datetime()
    resolved_by = a.optional_string()
    note = a.optional_string()
    reason = a.optional_string()
    until = a.optional_date()
    decision_id = a.optional_string()

    @property
    def is_resolved(self) -> bool:
        """Whether it is over."""
        return self.status == RESOLVED

    @property
    def is_counted(self) -> bool:
        """Whether it counts as open."""
        return self.status in COUNTED

    @property
    def listed_from(self) -> datetime | None:
        """By what those that count as open are listed: when it was first seen."""
        return self.first_seen if self.is_counted else None

    @property
    def accepted_until(self) -> date | None:
        """The last day for which its risk is accepted."""
        return self.until if self.status == ACCEPTED_RISK else None

    @property
    def as_standing(self) -> StandingFinding:
        """The finding as the rules take it."""
        return StandingFinding(
            id=self.id,
            code=self.code,
            severity=self.severity,
            status=self.status,
            message=self.message,
            subject_type=self.subject_type,
            subject_id=self.subject_id,
            fingerprint=self.fingerprint,
            until=self.until,
            professional_id=self.professional_id,
        )

    def list_view(self) -> JsonObject:
        """The fields that lists return; null fields are left out."""
        return self._listed(message=truncate(self.message, 120))

    @classmethod
    def rows_below(cls, id: str) -> tuple[KeyRange, ...]:
        """Its completed stays, which are purged with it."""
        return (KeyRange(None, cls.ID.key(id).pk, prefix=f"H#{id}#"),)


def finding_id(deal_id: str | None, code: str, subject_id: str) -> str:
    """The id of the one finding of this rule on this subject of a deal, or of no deal."""
    digest = hashlib.sha256(f"{code}\n{subject_id}".encode()).digest()
    return Finding.ID.derived(deal_id or FIRM, ulid_of_number(int.from_bytes(digest[:16])))


class LastScan(Row):
    """When a deal was last scanned. It is in the due index while the next night is to scan it, whatever has become of it."""

    KIND = "last-scan"
    NEXT = DuePattern("deal-scan", on="next_on", by="pk", serves="findings-scan")

    last_seen = a.datetime()
    scanned_on = a.date()  # the firm's day
    next_on = a.optional_date()
    request_id = a.string()  # of the scan: so one that finds nothing new is a single write, and half as dear

    @staticmethod
    def key_of(deal_id: str) -> ItemKey:
        """The key of a deal's."""
        return ItemKey(deal_id, "!F")

    @classmethod
    def of(cls, ctx: Context, deal_id: str, next_on: date | None) -> Self:
        """That the deal is scanned now."""
        return cls.at(cls.key_of(deal_id), last_seen=ctx.now, scanned_on=ctx.today, next_on=next_on, request_id=ctx.request_id)
