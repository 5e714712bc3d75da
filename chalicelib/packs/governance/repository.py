"""Reading and writing decisions, heads, requests and policies: the only module of the pack that knows the store and its indexes."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from chalicelib.foundation import run_time_settings
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp, parse_timestamp
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import references
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import all_of, unchanged
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.governance.entities import DEFAULTS, Decision, GovernanceHead, PolicySettings
from chalicelib.packs.governance.rules import policies as policy_rules
from chalicelib.packs.governance.rules.acts import ANY, FLAG, concerns
from chalicelib.packs.governance.rules.policies import Policies, Requirement
from chalicelib.packs.governance.rules.verdicts import DecisionRecord, decisive, standing_flags
from chalicelib.packs.holdings import public as holdings

# -- heads


class HeadRecord(NamedTuple):
    """A decision as the head of its subject repeats it: what the rules take of it."""

    id: str
    number: int
    action: str
    requested_action: str
    role: str
    person: str
    is_final: bool
    subject_hash: str
    expires_at: datetime | None = None
    resolves: str | None = None

    @classmethod
    def of(cls, decision: DecisionRecord) -> "HeadRecord":
        """What is repeated of a decision. What it resolved is gone from the head, and needs no mention."""
        names = ("id", "number", "action", "requested_action", "role", "person", "is_final", "subject_hash", "expires_at")
        return cls(*(getattr(decision, name) for name in names))


class Head(NamedTuple):
    """A subject's head as the rules take it: `records` are its decisive decisions and its standing flags."""

    ver: int = 0
    asks: int = 0
    records: tuple[HeadRecord, ...] = ()
    pending: Mapping[str, str] = {}
    askers: Mapping[str, Collection[str]] = {}

    @property
    def flags(self) -> tuple[HeadRecord, ...]:
        """The flags that stand."""
        return tuple(record for record in self.records if record.action == FLAG)

    def people_who_asked(self, act: str) -> frozenset[str]:
        """Those who ever asked for an act. For a decision on every act these are all who asked for anything."""
        acts = (asked for asked in self.askers if act == ANY or concerns(asked, act))
        return frozenset(person for asked in acts for person in self.askers[asked])

    def with_decision(self, decision: DecisionRecord) -> "Head":
        """The head once a decision is made. Of the requests nothing changes yet."""
        records = [*self.records, HeadRecord.of(decision)]
        flags = [flag for flag in standing_flags(records) if flag.id != decision.resolves]
        kept = sorted([*decisive(records), *flags], key=lambda record: record.number)
        return self._replace(ver=self.ver + 1, records=tuple(kept))


def parse_head(item: DynamoItem | None) -> Head:
    """The head in an item; an empty one where nobody has decided or asked yet."""
    if item is None:
        return Head()
    row = GovernanceHead.from_item(item)
    records = tuple(map(_decode_record, row.attribute_values.get("records", ())))
    return Head(row.ver or 0, row.asks or 0, records, row.pending or {}, row.askers or {})


def _decode_record(stored: JsonObject) -> HeadRecord:
    expires_at = stored.get("expires_at")
    return HeadRecord(**{**stored, "expires_at": None if expires_at is None else parse_timestamp(expires_at)})


def _encode_record(record: HeadRecord) -> JsonObject:
    values = record._asdict() | {"expires_at": record.expires_at and format_timestamp(record.expires_at)}
    return {name: value for name, value in values.items() if value is not None}


def check_head(tx: Transaction, subject_id: str, head: Head) -> None:
    """Let a transaction stand only while nobody has decided since the head was read: one action."""
    tx.condition_check(GovernanceHead.key_of(subject_id), all_of(*unchanged({"ver": head.ver or None})))


def add_head(tx: Transaction, subject_id: str, before: Head, after: Head) -> None:
    """Write a changed head, unless somebody has decided or asked since it was read: one action."""
    when = all_of(*unchanged({"ver": before.ver or None, "asks": before.asks or None}))
    values: dict[str, object] = {
        "kind": GovernanceHead.KIND,
        "ver": after.ver or None,
        "asks": after.asks or None,
        "records": list(map(_encode_record, after.records)),
        "pending": dict(after.pending),
        "askers": {act: sorted(people) for act, people in after.askers.items()},
    }
    tx.update(GovernanceHead.key_of(subject_id), set=values, when=when)


def read_head(ctx: Context, subject_id: str) -> Head:
    """The head of a subject, by a consistent read. One round trip."""
    return parse_head(ctx.store.get_item(GovernanceHead.key_of(subject_id)))


# -- decisions


def decisions_in(rows: Iterable[DynamoItem], subject_id: str) -> list[Decision]:
    """The decisions on a subject among rows of its partition, the oldest first."""
    found = (Decision.from_item(row) for row in rows if row.get("kind", {}).get("S") == Decision.KIND)
    return sorted((decision for decision in found if decision.subject_id == subject_id), key=lambda decision: decision.number)


# -- policies and rates


def policies(ctx: Context) -> Policies:
    """The policies in force. No round trip while they are cached."""
    settings = run_time_settings.cached(ctx, PolicySettings)
    return DEFAULTS if settings is None else settings.in_force


def check_policies(ctx: Context, tx: Transaction, policies: Policies) -> None:
    """Let a transaction stand only while these are the policies: one action."""
    run_time_settings.check_version(ctx, tx, PolicySettings, policies.version)


def requirement(
    ctx: Context, policies: Policies, act: str, subject_type: str, kind: str | None, amount: Decimal | None, currency: str | None
) -> Requirement | None:
    """What an act on a subject must meet; None where it needs nobody's approval. One round trip where a rate of today decides."""

    def rate_to(target: str) -> Fraction | None:
        rate = holdings.rate_on(ctx, currency or target, target, ctx.today)
        return None if rate is None else rate.exact

    return policy_rules.requirement(policies.policies, act, subject_type, kind, amount, currency, rate_to)


# -- references


def add_reference(ctx: Context, tx: Transaction, partition: str, counter: DynamoItem | None) -> None:
    """Let what is decided or asked refer to the root of its partition, so that it isn't deleted: one action.

    `counter` is the root's reference counter as it was read; of a root that has none nothing is added.
    """
    if deals.is_deal(partition):
        deals.change(ctx, tx, partition, count=1, statuses=deals.ANY_STATUS)
    elif counter is not None:
        gone = NotFound("subject")
        tx.update(reference_counter(partition), add={"refs": 1}, when=references.IS_OPEN, on_conflict=gone)
