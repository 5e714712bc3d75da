"""Checking a chain: each record's place, number, predecessor and hash, and the last one against the entity as it is now.

Pure. `docs/audit.md` says what a whole chain proves, and what it can't.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from chalicelib.foundation.calendar import parse_instant
from chalicelib.foundation.store.codec import Raw
from chalicelib.packs.auditor.records import GENESIS, Record, chained

GRACE = timedelta(minutes=5)  # how far the trail may lag behind the entity before that is a break


class Break(NamedTuple):
    """The first place at which a chain isn't whole, and why."""

    seq: int
    reason: str


@dataclass
class Chain:
    """How far a chain has been checked: `checked` records from the first one on, the last of them with this hash and action."""

    entity_id: str
    checked: int = 0
    hash: str = GENESIS
    action: str = ""

    def follow(self, raws: Iterable[Raw]) -> Break | None:
        """Check the records that come next, in the order of their keys; the first break, or None."""
        for raw in raws:
            if found := self._fault(raw):
                return found
        return None

    def _fault(self, raw: Raw) -> Break | None:
        seq = self.checked + 1
        if raw["sk"]["S"] != f"{seq:010d}":
            return Break(seq, "missing: the next record has another number")
        record = Record.of_item(raw)
        if record.prev_hash != self.hash:
            return Break(seq, "unchained: it doesn't follow from the record before")
        if record.hash != chained(record.prev_hash, record.body):
            return Break(seq, "mutated: its hash isn't that of its content")
        try:
            said = record.values
            place, action = (said["entity_id"], said["seq"]), said["action"]
        except (ValueError, KeyError, TypeError):
            return Break(seq, "mutated: its content is no record")
        if place != (self.entity_id, seq):
            return Break(seq, "misplaced: it tells of another change")
        if self.action == "purged":
            return Break(seq, "inserted: it comes after the removal")
        self.checked, self.hash, self.action = seq, record.hash, action
        return None

    def end(self, entity: Raw | None, now: datetime) -> tuple[Break | None, int]:
        """Hold the end of the chain against the entity, which was read after it: a break, and how many revisions it is behind."""
        if entity is None:
            if self.action == "purged":
                return None, 0
            return Break(self.checked + 1, "truncated: the entity is gone, and no record tells of it"), 0
        revision = int(entity["revision"]["N"])
        if self.action == "purged" or self.checked > revision:
            return Break(self.checked, f"inserted: the entity is there, at revision {revision}"), 0
        behind = revision - self.checked
        if behind and now - parse_instant(entity["updated_at"]["S"]) > GRACE:
            return Break(self.checked + 1, f"truncated: the entity is at revision {revision}"), behind
        return None, behind
