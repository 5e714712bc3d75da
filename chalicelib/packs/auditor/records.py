"""The trail's record: what it says of a change, and how it is chained to the one before.

Pure. A record's body is canonical JSON; its hash is SHA-256 over the hash before it, a line break, and the body. The body is kept
as the very text that was hashed, so that checking it needs no second rendering.
"""

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.foundation.calendar import instant
from chalicelib.foundation.ids import Key
from chalicelib.foundation.json import dumps, loads
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import joined, part
from chalicelib.foundation.store.store import wire_key
from chalicelib.foundation.streams import Change
from chalicelib.packs.auditor.canonical import canonical

GENESIS = "0" * 64  # what stands for the hash before the first record
SHARDS = 4  # of a day's index: the one collection that sees every write
# What every revision carries, and what follows from other fields: said by the record itself, or by nobody's decision.
_NOT_FIELDS = {
    "pk", "sk", "t", "kind", "sv", "view", "id", "revision", "created_at", "created_by",
    "updated_at", "updated_by", "request_id", "correlation_id",
    *(f"gsi{n}{end}" for n in range(1, 5) for end in ("pk", "sk")),
}  # fmt: skip
# What the consumer itself adds: a replay of the same change may differ in it.
_CONSUMERS_OWN = ("recorded_at", "code_version")

Seal = Callable[[str, Any], dict[str, str] | None]  # place, value → what the trail keeps of a personal value


@dataclass(frozen=True)
class Record:
    """One record of a chain. `body` is the canonical text."""

    body: str
    prev_hash: str
    hash: str

    @property
    def values(self) -> dict[str, Any]:
        """What the body says."""
        found: dict[str, Any] = loads(self.body)
        return found

    @classmethod
    def of(cls, values: dict[str, Any], prev_hash: str) -> "Record":
        """A record, chained to the one before."""
        body = canonical(values)
        return cls(body, prev_hash, chained(prev_hash, body))

    @classmethod
    def of_item(cls, raw: Raw) -> "Record":
        """The record in a row, as it stands there: nothing is checked."""
        return cls(*(raw.get(name, {}).get("S", "") for name in ("body", "prev_hash", "hash")))

    def to_item(self) -> Raw:
        """The row: under its entity by number, in the index of the day it was recorded, and in its actor's month."""
        said = self.values
        name = f"{said['entity_id']}#{said['seq']:010d}"
        values = {
            "kind": said["kind"],
            "body": self.body,
            "prev_hash": self.prev_hash,
            "hash": self.hash,
            "view": dumps({field: said[field] for field in ("entity_id", "kind", "seq", "action", "actor", "at", "recorded_at")}),
            "gsi1pk": day_partition(said["recorded_at"][:10], shard(said["entity_id"])),
            "gsi1sk": f"{said['recorded_at']}#{name}",
            "gsi2pk": actor_partition(said["actor"], said["at"][:7]),
            "gsi2sk": f"{said['at']}#{name}",
        }
        return wire_key(key(said["entity_id"], said["seq"])) | codec.wire(values)


def key(entity_id: str, seq: int) -> Key:
    """Where a record lies."""
    return Key(partition(entity_id), f"{seq:010d}")


def partition(entity_id: str) -> str:
    """The partition of an entity's chain."""
    return f"AUD#{entity_id}"


def day_partition(day: str, shard: int) -> str:
    """A shard of the index of a day (UTC, of recording)."""
    return f"AUD#DAY#{day}#{shard}"


def actor_partition(actor: str, month: str) -> str:
    """The index of what an actor did in a month."""
    return joined("AUD", "ACT", part(actor), month)  # a caller may ask for any text


def shard(entity_id: str) -> int:
    """The shard of the day's index in which an entity's records lie."""
    return zlib.crc32(entity_id.encode()) % SHARDS


def chained(prev_hash: str, body: str) -> str:
    """The hash of a record."""
    return hashlib.sha256(f"{prev_hash}\n{body}".encode()).hexdigest()


def describe(change: Change, entity: type[Entity], seal: Seal, recorded_at: datetime, code_version: str) -> dict[str, Any]:
    """What the trail says of a change of an entity: who, what, when, in which request; secrets left out, personal values sealed."""
    image = codec.plain(change.image)
    gone = change.new is None
    return {
        "entity_id": image["id"],
        "kind": image["kind"],
        "seq": change.version,
        "action": action(change),
        # A removal carries no one's name: it is the work of the clock or of the retention job, after a marked deletion that does.
        "actor": ("system:expiry" if change.expired else "system:retention") if gone else image["updated_by"],
        "at": instant(change.at) if gone else image["updated_at"],
        "request_id": change.event_id if gone else image["request_id"],
        "correlation_id": change.event_id if gone else image.get("correlation_id", image["request_id"]),
        "recorded_at": instant(recorded_at),
        "code_version": code_version,
        "changes": {} if gone else changes(change, entity, seal),
    }


def action(change: Change) -> str:
    """What was done: created, updated, deleted (marked so) or purged (the row is gone)."""
    if change.new is None:
        return "purged"
    if change.version == 1:
        return "created"
    if "deleted_at" in change.new and "deleted_at" not in (change.old or {}):
        return "deleted"
    return "updated"


def changes(change: Change, entity: type[Entity], seal: Seal) -> dict[str, Any]:
    """Field by field what is different, nested ones by dotted path: {old, new}.

    Of a secret field, and of one that this version of the code doesn't know, only that it changed. Of a personal one the sealed
    values; nothing but the mark where its subject has been erased.
    """
    old, new = codec.plain(change.old or {}), codec.plain(change.new or {})
    known = {attribute.attr_name for attribute in entity.get_attributes().values()}
    found: dict[str, Any] = {}
    for name in sorted((old.keys() | new.keys()) - _NOT_FIELDS):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if name in entity.SECRET or name not in known:
            found[name] = {"changed": True}
        elif name in entity.PERSONAL:
            found[name] = _personal(change, name, before, after, seal)
        else:
            found |= _compared(name, before, after)
    return found


def place(entity_id: str, seq: int, field: str, side: str) -> str:
    """What a sealed value is bound to."""
    return f"{entity_id}#{seq}#{field}#{side}"


def _personal(change: Change, name: str, before: Any, after: Any, seal: Seal) -> dict[str, Any]:
    found: dict[str, Any] = {"personal": True}
    for side, value in (("old", before), ("new", after)):
        kept = None if value is None else seal(place(change.entity_id, change.version, name, side), value)
        if value is None or kept is not None:
            found[side] = kept
    return found


def _compared(path: str, before: Any, after: Any) -> dict[str, Any]:
    if isinstance(before, dict) and isinstance(after, dict):
        found: dict[str, Any] = {}
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                found |= _compared(f"{path}.{name}", before.get(name), after.get(name))
        return found
    return {path: {"old": before, "new": after}}


def same_change(standing: Record, ours: dict[str, Any], *, erased: bool) -> bool:
    """Whether the record that stands there already tells of the change that `ours` describes: then ours is a replay.

    What the consumer itself adds may differ. So may the fields, where another version of the code described them or the
    subject was erased since.
    """
    if standing.hash != chained(standing.prev_hash, standing.body):
        return False
    theirs = standing.values
    if theirs.get("code_version") != ours["code_version"] or erased:
        theirs, ours = ({**one, "changes": None} for one in (theirs, ours))
    return canonical({**ours, **dict.fromkeys(_CONSUMERS_OWN)}) == canonical({**theirs, **dict.fromkeys(_CONSUMERS_OWN)})
