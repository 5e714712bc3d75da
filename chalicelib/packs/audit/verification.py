"""Verifying a chain: each record's position, number, predecessor and hash, and the last record against the current entity.

Pure functions. `docs/audit.md` says what a valid chain proves, and what it can't.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from chalicelib.foundation.dates import parse_timestamp
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.packs.audit.records import GENESIS, AuditRecord, chain_hash

GRACE = timedelta(minutes=5)  # how far the trail may lag behind the entity before that is a break


class ChainBreak(NamedTuple):
    """The first invalid record of a chain, and why."""

    seq: int
    reason: str


@dataclass
class ChainVerifier:
    """Progress of verifying a chain: `checked` records from the first on, the last of them with `hash` and `action`."""

    entity_id: str
    checked: int = 0
    hash: str = GENESIS
    action: str = ""

    def check_records(self, raws: Iterable[DynamoItem]) -> ChainBreak | None:
        """Verify the next records, in key order; the first break, or None."""
        for raw in raws:
            if error := self._record_error(raw):
                return error
        return None

    def _record_error(self, raw: DynamoItem) -> ChainBreak | None:
        seq = self.checked + 1
        if raw["sk"]["S"] != f"{seq:010d}":
            return ChainBreak(seq, "missing: the next record has another number")
        record = AuditRecord.from_item(raw)
        if record.prev_hash != self.hash:
            return ChainBreak(seq, "unchained: it doesn't follow from the record before")
        if record.hash != chain_hash(record.prev_hash, record.body):
            return ChainBreak(seq, "mutated: its hash isn't that of its content")
        try:
            content = record.values
            position, action = (content["entity_id"], content["seq"]), content["action"]
        except (ValueError, KeyError, TypeError):
            return ChainBreak(seq, "mutated: its content is no record")
        if position != (self.entity_id, seq):
            return ChainBreak(seq, "misplaced: it tells of another change")
        if self.action == "purged":
            return ChainBreak(seq, "inserted: it comes after the removal")
        self.checked, self.hash, self.action = seq, record.hash, action
        return None

    def check_end(self, entity: DynamoItem | None, now: datetime) -> tuple[ChainBreak | None, int]:
        """Compare the end of the chain with the entity, which was read after it: a break, and how many revisions the chain lags."""
        if entity is None:
            if self.action == "purged":
                return None, 0
            return ChainBreak(self.checked + 1, "truncated: the entity is gone, and no record tells of it"), 0
        revision = int(entity["revision"]["N"])
        if self.action == "purged" or self.checked > revision:
            return ChainBreak(self.checked, f"inserted: the entity is there, at revision {revision}"), 0
        behind = revision - self.checked
        if behind and now - parse_timestamp(entity["updated_at"]["S"]) > GRACE:
            return ChainBreak(self.checked + 1, f"truncated: the entity is at revision {revision}"), behind
        return None, behind
