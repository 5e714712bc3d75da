"""The records of the trail: how a change is described, and how a record is chained to the one before.

Pure functions. A record's body is canonical JSON; its hash is SHA-256 over the previous hash, a line break, and the body. The body
is stored as the text that was hashed, so that verification doesn't depend on serialization.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.foundation.actor import Stamp
from chalicelib.foundation.canonical_json import canonical_json
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject, dumps, loads
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.access_patterns import AccessPattern, KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.store import encode_key
from chalicelib.foundation.streams import StreamChange

PREFIX = "AUD#"  # of the partition of an entity's chain
GENESIS = "0" * 64  # the previous hash of the first record
SHARDS = 4  # partitions of a day's index, which receives every write
_MAX_FIELDS = 40  # names of changed fields in a list view
_LIST_FIELDS = ("entity_id", "kind", "seq", "action", "actor", "at", "recorded_at")
# Attributes that are not part of `changes`: metadata that the record has itself, and values derived from other fields.
_NOT_FIELDS = {
    "pk", "sk", "t", "kind", "sv", "view", "id", "revision", "created_at", "created_by",
    "updated_at", "updated_by", "request_id", "correlation_id",
    *(f"gsi{n}{end}" for n in range(1, 5) for end in ("pk", "sk")),
}  # fmt: skip
# Fields of the consumer itself: they may differ in a replay of the same change.
_CONSUMERS_OWN = ("recorded_at", "code_version")

# In the content of a record that was not made from the images of the stream.
RECOVERED = {"recovered": True}
LOST = "lost"  # the action of a record in the place of a change of which nothing is known

SealFunction = Callable[[str, Any], dict[str, str] | None]  # (context, value) -> the stored form of a personal value


@dataclass(frozen=True)
class AuditRecord:
    """One record of a chain. `body` is the canonical text."""

    BY_DAY = AccessPattern(
        "gsi1", "AUD#DAY#{day}#{shard}", sort="{recorded_at}#{entity_id}#{number}", serves="GET /audit/trail, by the UTC day of recording"
    )
    BY_ACTOR = AccessPattern("gsi2", "AUD#ACT#{actor}#{month}", sort="{at}#{entity_id}#{number}", serves="GET /audit/trail?actor=")
    BY_ROOT = AccessPattern("gsi4", "AUD#ROOT#{root}", sort="{at}#{entity_id}#{number}", serves="GET /deals/{id}/timeline")

    body: str
    prev_hash: str
    hash: str
    root: str | None = None  # in whose partition the entity lies, where changes are found by that; no part of what is hashed

    @property
    def values(self) -> JsonObject:
        """The content of the body."""
        values: JsonObject = loads(self.body)
        return values

    @classmethod
    def from_values(cls, values: JsonObject, prev_hash: str, root: str | None = None) -> "AuditRecord":
        """A record, chained to the record with `prev_hash`."""
        body = canonical_json(values)
        return cls(body, prev_hash, chain_hash(prev_hash, body), root)

    @classmethod
    def from_item(cls, raw: DynamoItem) -> "AuditRecord":
        """The record in an item, without any verification."""
        return cls(*(raw.get(name, {}).get("S", "") for name in ("body", "prev_hash", "hash")))

    def to_item(self) -> DynamoItem:
        """The item: under its entity by number, indexed by the day of recording, by the actor's month, and by the root of a timeline."""
        content = _Content(self.values, self.root)
        values = content.attribute_values
        row = {
            "kind": values["kind"],
            "body": self.body,
            "prev_hash": self.prev_hash,
            "hash": self.hash,
            "view": dumps(content.view),
            **self.BY_DAY.keys(content),
            **self.BY_ACTOR.keys(content),
            **self.BY_ROOT.keys(content),
        }
        return encode_key(key(values["entity_id"], values["seq"])) | codec.encode_item(row)


@dataclass
class _Content:
    """The content of a record, and what its keys are made of besides."""

    attribute_values: JsonObject
    root: str | None

    @property
    def view(self) -> JsonObject:
        """What lists show; timelines show the fields that changed, too."""
        view = {field: self.attribute_values[field] for field in _LIST_FIELDS}
        return view if self.root is None else view | {"fields": changed_fields(self.attribute_values["changes"])}

    @property
    def number(self) -> str:
        return f"{self.attribute_values['seq']:010d}"

    @property
    def day(self) -> str:
        return str(self.attribute_values["recorded_at"][:10])

    @property
    def shard(self) -> int:
        return shard(self.attribute_values["entity_id"])

    @property
    def month(self) -> str:
        return str(self.attribute_values["at"][:7])


def changed_fields(changes: Iterable[str]) -> list[str]:
    """The names of changed fields, nested ones by dotted path; of many, those of the fields that they are nested in."""
    names = sorted(changes)
    return names if len(names) <= _MAX_FIELDS else list(dict.fromkeys(name.partition(".")[0] for name in names))


def key(entity_id: str, seq: int) -> ItemKey:
    """The key of a record."""
    return ItemKey(f"{PREFIX}{entity_id}", f"{seq:010d}")


def chain_range(entity_id: str, *, after: int = 0) -> KeyRange:
    """An entity's chain: its records by number, those that follow `after`."""
    first = key(entity_id, after + 1)
    return KeyRange(None, first.pk, low=first.sk if after else None)


def shard(entity_id: str) -> int:
    """The shard of an entity's records in the index of a day."""
    return zlib.crc32(entity_id.encode()) % SHARDS


def chain_hash(prev_hash: str, body: str) -> str:
    """The hash of a record."""
    return hashlib.sha256(f"{prev_hash}\n{body}".encode()).hexdigest()


def build_record(change: StreamChange, entity: type[Entity], seal: SealFunction, recorded_at: datetime, code_version: str) -> JsonObject:
    """The content of the record of a change: who, what, when, in which request; without secrets, personal values sealed.

    `recovered` is in it where the change was parked without its values: the fields that changed are not known then.
    """
    image = codec.decode_item(change.image)
    is_removed = change.new is None
    return {
        **({} if change.has_values else RECOVERED),
        "entity_id": image["id"],
        "kind": image["kind"],
        "seq": change.version,
        "action": action(change),
        # A removal has no actor: it is made by TTL expiry or by the retention job, after a soft deletion, which has one.
        "actor": ("system:expiry" if change.expired else "system:retention") if is_removed else image["updated_by"],
        "at": format_timestamp(change.at) if is_removed else image["updated_at"],
        "request_id": change.event_id if is_removed else image["request_id"],
        "correlation_id": change.event_id if is_removed else image.get("correlation_id", image["request_id"]),
        "recorded_at": format_timestamp(recorded_at),
        "code_version": code_version,
        "changes": {} if is_removed else changes(change, entity, seal),
    }


def lost_record(entity_id: str, kind: str, seq: int, stamp: Stamp, code_version: str) -> JsonObject:
    """The content of a record in the place of a change that nobody can describe any more: that it was made is all that is known."""
    at = format_timestamp(stamp.now)
    return {
        "entity_id": entity_id,
        "kind": kind,
        "seq": seq,
        "action": LOST,
        "actor": stamp.actor.id,
        "at": at,
        "request_id": stamp.request_id,
        "correlation_id": stamp.correlation_id,
        "recorded_at": at,
        "code_version": code_version,
        "changes": {},
    }


def action(change: StreamChange) -> str:
    """The action: created, updated, deleted (soft) or purged (the item is removed)."""
    if change.new is None:
        return "purged"
    if change.version == 1:
        return "created"
    if "deleted_at" in change.new and "deleted_at" not in (change.old or {}):
        return "deleted"
    return "updated"


def changes(change: StreamChange, entity: type[Entity], seal: SealFunction) -> JsonObject:
    """The changed fields, nested ones by dotted path: {old, new}.

    For a secret field, and for one that this version of the code doesn't know, only that it changed. For a personal field the
    sealed values, or only `personal` where its subject has been erased.
    """
    old, new = codec.decode_item(change.old or {}), codec.decode_item(change.new or {})
    known_fields = {attribute.attr_name for attribute in entity.get_attributes().values()}
    differences: JsonObject = {}
    for name in sorted((old.keys() | new.keys()) - _NOT_FIELDS):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if name in entity.SECRET or name not in known_fields:
            differences[name] = {"changed": True}
        elif name in entity.PERSONAL:
            differences[name] = _personal_difference(change, name, before, after, seal)
        else:
            differences |= _differences(name, before, after)
    return differences


def seal_context(entity_id: str, seq: int, field: str, side: str) -> str:
    """The context that a sealed value is authenticated with."""
    return f"{entity_id}#{seq}#{field}#{side}"


def _personal_difference(change: StreamChange, name: str, before: object, after: object, seal: SealFunction) -> JsonObject:
    difference: JsonObject = {"personal": True}
    for side, value in (("old", before), ("new", after)):
        sealed = None if value is None else seal(seal_context(change.entity_id, change.version, name, side), value)
        if value is None or sealed is not None:
            difference[side] = sealed
    return difference


def _differences(path: str, before: object, after: object) -> JsonObject:
    if isinstance(before, dict) and isinstance(after, dict):
        differences: JsonObject = {}
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                differences |= _differences(f"{path}.{name}", before.get(name), after.get(name))
        return differences
    return {path: {"old": before, "new": after}}


def describes_same_change(existing: AuditRecord, expected: JsonObject, *, erased: bool) -> bool:
    """Whether the existing record describes the same change as `expected`, which then is a replay.

    The consumer's own fields may differ. So may the changed fields, where another version of the code described them, the subject was
    erased since, or one of the two was recovered.
    """
    if existing.hash != chain_hash(existing.prev_hash, existing.body):
        return False
    content = existing.values
    recovered = RECOVERED.keys() & (content.keys() | expected.keys())
    if content.get("code_version") != expected["code_version"] or erased or recovered:
        content, expected = ({**values, "changes": None} for values in (content, expected))
    own = dict.fromkeys((*_CONSUMERS_OWN, *recovered))
    return canonical_json({**expected, **own}) == canonical_json({**content, **own})
