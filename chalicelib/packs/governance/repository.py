"""Reading and writing decisions, heads, requests and policies: the only module of the pack that knows the store and its indexes."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from chalicelib.foundation import idempotency, run_time_settings
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp, parse_timestamp
from chalicelib.foundation.errors import NotFound, ValidationFailed
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import references
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import all_of, unchanged
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import Subject, SubjectRegistry
from chalicelib.packs.deals import public as deals
from chalicelib.packs.governance.entities import DEFAULTS, Decision, GovernanceHead, PolicySettings, partition_of
from chalicelib.packs.governance.rules import policies as policy_rules
from chalicelib.packs.governance.rules.acts import ANY, DENY, FLAG, STANDING, concerns
from chalicelib.packs.governance.rules.policies import Policies, Requirement
from chalicelib.packs.governance.rules.verdicts import DecisionRecord, decisive, standing_flags, states
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


def not_counted(head: Head, subject: Subject, act: str) -> frozenset[str]:
    """The people whose approval of an act isn't counted: who asked for it, and who created or owns the subject by now."""
    return head.people_who_asked(act) | subject.responsible


def check_head(tx: Transaction, subject_id: str, head: Head) -> None:
    """Let a transaction stand only while nobody has decided since the head was read: one action."""
    tx.condition_check(GovernanceHead.key_of(subject_id), all_of(*unchanged({"ver": head.ver or None})))


def add_head(tx: Transaction, subject_id: str, before: Head, after: Head) -> None:
    """Write a changed head, unless somebody has decided or asked since it was read: one action."""
    when = all_of(*unchanged({"ver": before.ver or None, "asks": before.asks or None}))
    values: dict[str, object] = {
        "ver": after.ver or None,
        "asks": after.asks or None,
        "records": list(map(_encode_record, after.records)),
        "pending": dict(after.pending),
        "askers": {act: sorted(people) for act, people in after.askers.items()},
    }
    key = GovernanceHead.key_of(subject_id)
    indexed = dict.fromkeys(GovernanceHead.index_attributes()) | GovernanceHead.at(key, **values).index_keys()
    tx.update(key, set={"kind": GovernanceHead.KIND, **values, **indexed}, when=when)


def read_head(ctx: Context, subject_id: str) -> Head:
    """The head of a subject, by a consistent read. One round trip."""
    return parse_head(ctx.store.get_item(GovernanceHead.key_of(subject_id)))


# -- subjects

MAX_DECISIONS = 500  # on one subject
POLICIES_KEY = PolicySettings.ID.key(PolicySettings.ID.example)


class SubjectSnapshot(NamedTuple):
    """A subject with its head, and all rows that were read with them."""

    subject: Subject
    head: Head
    rows: dict[ItemKey, DynamoItem]

    @property
    def policies(self) -> Policies:
        """The policies in force, which were read with it."""
        return parse_policies(self.rows.get(POLICIES_KEY))

    @property
    def counter(self) -> DynamoItem | None:
        """The reference counter of the root of its partition."""
        return self.rows.get(reference_counter(partition_of(self.subject.id)))


Further = Callable[[Head], Iterable[ItemKey]]


def resolve(ctx: Context, type: str, text: str) -> str:
    """The id of a subject of this type that a request names. ValidationFailed for an id of another kind, NotFound for what names nothing.

    One round trip where a deal is named by its external reference.
    """
    registry = SubjectRegistry(ctx.packs)
    if registry.is_subject(text) and registry.type_of(text) != type:
        raise ValidationFailed.field("subject_id", f"it is the id of another kind than {type}")
    return registry.resolve(ctx, type, text)


def read_subject(
    ctx: Context, subject_id: str, keys: Iterable[ItemKey] = (), *, further: Further = lambda _: (), replays: bool = False
) -> SubjectSnapshot:
    """A subject (NotFound) and its head, with the rows at `keys`, and those that the head names as `further` says. One round trip; two
    where there are any of the latter, or the subject's content lies in rows that others name. With `replays`, IdempotentReplay for a
    repeated request.
    """
    registry = SubjectRegistry(ctx.packs)
    head_key, partition = GovernanceHead.key_of(subject_id), partition_of(subject_id)
    first = [*registry.keys(subject_id, {}), head_key, reference_counter(partition), POLICIES_KEY, *keys]
    rows = idempotency.read_or_replay(ctx, first) if replays else ctx.store.batch_get(first)
    head = parse_head(rows.get(head_key))
    rest = [key for key in (*registry.keys(subject_id, rows), *further(head)) if key not in rows and key not in first]
    if rest:
        rows |= ctx.store.batch_get(rest)
    subject = registry.parse(subject_id, rows.get(registry.key(subject_id)), ctx.today, rows)
    return SubjectSnapshot(subject, head, rows)


def read_denied(ctx: Context, kind: str) -> frozenset[str]:
    """The ids of the roots of a kind (the prefix of their ids) that a denial stands of, of any act. One round trip; two where any was denied.

    The index lags by a moment; that a denial stands is read strongly.
    """
    registry = SubjectRegistry(ctx.packs)
    ids = [row["pk"]["S"] for row in ctx.store.query_all(GovernanceHead.DENIED.range(denied=kind))]
    rows = ctx.store.batch_get([key for id in ids for key in (registry.key(id), GovernanceHead.key_of(id))]) if ids else {}

    def is_denied(id: str) -> bool:
        if registry.key(id) not in rows:
            return False
        subject = registry.parse(id, rows[registry.key(id)], ctx.today, rows)
        records = parse_head(rows.get(GovernanceHead.key_of(id))).records
        return any(
            record.action == DENY and state == STANDING
            for record, state in zip(records, states(records, subject.content_hash, ctx.now).values(), strict=True)
        )

    return frozenset(filter(is_denied, ids))


def read_history(ctx: Context, subject_id: str) -> list[Decision]:
    """All decisions on a subject, the oldest first. One round trip for each MB of those in its partition."""
    return decisions_in(ctx.store.query_all(Decision.children_of(partition_of(subject_id))), subject_id)


# -- decisions


def decisions_in(rows: Iterable[DynamoItem], subject_id: str) -> list[Decision]:
    """The decisions on a subject among rows of its partition, the oldest first."""
    found = (Decision.from_item(row) for row in rows if row.get("kind", {}).get("S") == Decision.KIND)
    return sorted((decision for decision in found if decision.subject_id == subject_id), key=lambda decision: decision.number)


# -- policies and rates


def parse_policies(item: DynamoItem | None) -> Policies:
    """The policies in the item at POLICIES_KEY; the defaults where nobody has set any yet."""
    return DEFAULTS if item is None else PolicySettings.from_item(item).in_force


def policies(ctx: Context) -> Policies:
    """The policies in force. No round trip while they are cached."""
    settings = run_time_settings.cached(ctx, PolicySettings)
    return DEFAULTS if settings is None else settings.in_force


def check_policies(ctx: Context, tx: Transaction, policies: Policies) -> None:
    """Let a transaction stand only while these are the policies: one action."""
    run_time_settings.check_version(ctx, tx, PolicySettings, policies.version)


def requirement_for(ctx: Context, policies: Policies, act: str, subject: Subject) -> Requirement | None:
    """What an act on a subject must meet, by the kind and the value that the subject has."""
    facts = subject.facts
    return requirement(ctx, policies, act, subject.type, facts.get("kind"), facts.get("value"), facts.get("currency"))


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
