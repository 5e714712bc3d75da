"""Verifying all chains and all seals of a stage from one pass over its rows, in whatever order they come.

Rows are read while others are written, so a chain that looks broken may be one that was read at two moments: it is only a suspect, whose
chain and entity are then read again, strongly and after one another. A pass costs a fraction of reading each chain by itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from chalicelib.foundation.json_codec import loads
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import ENTITY
from chalicelib.packs.audit.entities import DailySeal
from chalicelib.packs.audit.records import PREFIX, AuditRecord
from chalicelib.packs.audit.repository import BROKEN_EVENT
from chalicelib.packs.audit.seals import FIRST, DayRecords, Leaf, PublicKeys, Seal, records_error, seal_error
from chalicelib.packs.audit.verification import ChainVerifier


@dataclass(frozen=True)
class SealBreak:
    """A day whose seal, or whose records, aren't as they were sealed."""

    date: str
    reason: str


@dataclass
class _Chain:
    """A chain as far as it was read: verified up to a record, and those that came before the one that is next."""

    verifier: ChainVerifier
    waiting: dict[str, DynamoItem] = field(default_factory=dict)
    is_broken: bool = False

    def add(self, raw: DynamoItem) -> None:
        self.waiting[raw["sk"]["S"]] = raw
        while not self.is_broken and (following := self.waiting.pop(f"{self.verifier.checked + 1:010d}", None)) is not None:
            self.is_broken = self.verifier.check_records([following]) is not None


class StageVerifier:
    """What was read of a stage, or of a part of it that holds whole partitions."""

    def __init__(self) -> None:
        self._chains: dict[str, _Chain] = {}
        self._entities: dict[str, DynamoItem] = {}  # what tells where a chain should end
        self._days: dict[str, DayRecords] = {}
        self._seals: list[Seal] = []
        self._reported: set[str] = set()  # whose chain was once reported as broken

    def add(self, rows: Iterable[DynamoItem]) -> None:
        """Add rows, in any order."""
        for raw in rows:
            pk = raw["pk"]["S"]
            if pk.startswith(PREFIX):
                self._add_record(pk.removeprefix(PREFIX), raw)
            elif pk == DailySeal.PARTITION:
                self._seals.append(DailySeal.from_item(raw).seal)
            elif raw.get("t", {}).get("S") == ENTITY:
                self._entities[raw["id"]["S"]] = {name: raw[name] for name in ("revision", "updated_at")}
                if raw.get("event", {}).get("S") == BROKEN_EVENT:
                    self._reported.add(raw["subject_id"]["S"])

    def _add_record(self, entity_id: str, raw: DynamoItem) -> None:
        self._chains.setdefault(entity_id, _Chain(ChainVerifier(entity_id))).add(raw)
        record = AuditRecord.from_item(raw)
        try:
            content = loads(record.body)
            day, leaf = content["recorded_at"][:10], Leaf(content["entity_id"], content["seq"], record.hash)
        except (ValueError, KeyError, TypeError):
            return  # the chain is broken there
        self._days.setdefault(day, DayRecords()).add(leaf)

    def merge(self, other: "StageVerifier") -> None:
        """Add what was read of other partitions."""
        self._chains |= other._chains
        self._entities |= other._entities
        self._seals += other._seals
        self._reported |= other._reported
        for day, recorded in other._days.items():
            self._days.setdefault(day, DayRecords()).merge(recorded)

    # -- what was found

    @property
    def entities(self) -> list[str]:
        """The ids of all entities that have a trail or should have one."""
        return sorted(self._chains.keys() | self._entities.keys())

    def suspects(self, now: datetime) -> list[str]:
        """The entities whose chains are to be read by themselves: they look broken, or were reported as broken before."""
        return [id for id in self.entities if id in self._reported or self._looks_broken(id, now)]

    def _looks_broken(self, entity_id: str, now: datetime) -> bool:
        chain = self._chains.get(entity_id) or _Chain(ChainVerifier(entity_id))
        return chain.is_broken or bool(chain.waiting) or chain.verifier.check_end(self._entities.get(entity_id), now)[0] is not None

    @property
    def seals(self) -> Sequence[Seal]:
        """All seals, by their days."""
        return sorted(self._seals, key=lambda seal: seal.date)

    def broken_seals(self, keys: PublicKeys) -> Iterator[SealBreak]:
        """The days that aren't as they were sealed."""
        previous: Seal | None = None
        for seal in self.seals:
            reason = seal_error(seal, previous, keys)
            if reason is None and previous is None and seal.prev_hash != FIRST:
                reason = "missing: the seal of the day before"
            reason = reason or records_error(seal, self._days.get(seal.date) or DayRecords())
            if reason:
                yield SealBreak(seal.date, reason)
            previous = seal

    @property
    def first_day_without_seal(self) -> date | None:
        """The first day with records that comes after the last seal; None where there is none."""
        last = self.seals[-1].date if self._seals else ""
        return min((date.fromisoformat(day) for day in self._days if day > last), default=None)
