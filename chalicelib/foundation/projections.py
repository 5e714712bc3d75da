"""Aggregates maintained from the stream: exact under replays, gaps and reordering, and rebuilt by the same functions.

A pack declares what one item contributes: a pure function from its image to numbers of aggregate rows. A checkpoint row per item
stores its last contribution, and the revision. A newer image applies the difference, in one transaction with its new checkpoint.
So missed and repeated images do not matter: the newest one determines the result.

A difference that is too large for one transaction is applied in parts. The checkpoint always holds what has been applied, so after a
crash between two parts whoever comes next applies the rest; its revision changes with the last part.

Aggregates have a generation. While a new one is being built, live changes go to both; then the configuration is switched to it.
A field of a row that becomes zero is kept as zero, since removing it would need a read first. Readers treat absent and zero alike,
and a rebuild omits it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from typing import Protocol

from botocore.exceptions import ClientError
from pynamodb.expressions.condition import Condition

from chalicelib.foundation.cache import Cache
from chalicelib.foundation.counts import Number as Number
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.manifest import Pack, Projection, import_string
from chalicelib.foundation.store import codec, keys
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import ENTITY
from chalicelib.foundation.store.expressions import ROW_ABSENT, all_of, attribute, unchanged
from chalicelib.foundation.store.store import Store
from chalicelib.foundation.store.transactions import MAX_ACTIONS, Transaction
from chalicelib.foundation.streams import (
    StreamChange,
    is_transient,
)

Contribution = dict[tuple[str, str], dict[str, Number]]  # (pk, sk) of an aggregate row → what is added to its fields

# Longer than records are parked: a redriven record must still find the newer checkpoint.
_CHECKPOINT_TTL = timedelta(days=40)
_CONFIG = keys.config_row("projections")
AGGREGATE, CHECKPOINT = "a", "s"  # values of the attribute `t`
_RESERVED = {"pk", "sk", "t", "g"}
# Of one row in one update: DynamoDB takes an expression of 4 KB, a field takes up to 12 bytes of it, and emulators less.
MAX_FIELDS = 100


class ContributionError(Exception):
    """The contribution of an item cannot be computed or applied, however often it is retried."""


# -- what packs contribute


class ContributionRegistry:
    """The projections of the given packs. Calling it sums an item's contributions; a projection is imported at its first use."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self._projections: dict[str, list[Projection]] = defaultdict(list)
        for pack in packs:
            for projection in pack.projections:
                self._projections[projection.kind].append(projection)
        self.kinds = sorted(self._projections)  # the kinds that contribute to any aggregate
        # Those whose changes leave a marker until they are applied.
        self.tracked = frozenset(kind for kind, of_kind in self._projections.items() if any(one.tracked for one in of_kind))
        self._load = cache(import_string)

    def __call__(self, kind: str, image: JsonObject) -> Contribution:
        """What an item of this kind contributes; Refused where its function can't tell."""
        total: Contribution = {}
        for projection in self._projections.get(kind, ()):
            try:
                contribution = self._load(projection.contribute)(image)
                if foreign := {pk for pk, _ in contribution if _prefix(pk) not in projection.writes}:
                    raise ValueError(f"{sorted(foreign)} are not among the partitions that it declares")
                merge(total, contribution)
            except Exception as error:
                raise ContributionError(f"{projection.contribute}: {type(error).__name__} {error}") from error
        return total


def _prefix(pk: str) -> str:
    """The first part of a partition key: of an id what stands before its ULID."""
    return pk.partition("#")[0].partition("_")[0] if pk[:1].islower() else pk.partition("#")[0]


def merge(total: Contribution, contribution: Contribution, sign: int = 1) -> None:
    """Add `contribution` to `total`, in place; `sign` -1 subtracts it. Numbers that become zero are left out."""
    for row, numbers in contribution.items():
        fields = total.setdefault(row, {})
        for name, number in numbers.items():
            fields[name] = fields.get(name, 0) + sign * number
            if not fields[name]:
                del fields[name]
        if not fields:
            del total[row]


# -- reading


def read_aggregates(store: Store, pk: str, prefix: str = "", *, between: tuple[str, str] | None = None) -> dict[str, dict[str, Number]]:
    """The aggregate rows of a partition whose sort key begins with `prefix`, or is in the range `between`: their fields by sort key.

    One round trip; two during a rebuild, when rows of two generations exist.
    """
    low, high = between or (None, None)
    return live_aggregates(store, store.query_all(KeyRange(None, pk, low, high, prefix or None)))


def live_aggregates(store: Store, raws: Iterable[DynamoItem]) -> dict[str, dict[str, Number]]:
    """The aggregate rows among `raws` (a partition that was read for other things too), of the live generation."""
    aggregates = [codec.decode_item(raw) for raw in raws if raw.get("t", {}).get("S") == AGGREGATE]
    present = {row["g"] for row in aggregates}
    live = generations(store)[0] if len(present) > 1 else next(iter(present), 1)
    return {
        row["sk"].rpartition("@")[0]: {name: value for name, value in row.items() if name not in _RESERVED}
        for row in aggregates
        if row["g"] == live
    }


class CachedReader(Protocol):
    """Who reads, with the process's cache. A Context is one."""

    @property
    def store(self) -> Store:
        """The request's store."""

    @property
    def cache(self) -> Cache:
        """The process's cache."""


def read_with_aggregates(
    ctx: CachedReader, keys: Iterable[ItemKey], aggregates: Iterable[tuple[str, str]]
) -> tuple[dict[ItemKey, DynamoItem], dict[tuple[str, str], dict[str, Number]]]:
    """The items at `keys`, and the fields of these aggregate rows of the live generation, {} for one that is absent.

    One round trip; one more where another generation is live than this process knew, which is so once after a rebuild.
    """
    wanted, rows = list(keys), list(aggregates)
    while True:
        expected = ctx.cache.guess(_CONFIG, 1)
        places = {row: ItemKey(row[0], f"{row[1]}@{expected}") for row in rows}
        items = ctx.store.batch_get([_CONFIG, *wanted, *places.values()])
        live = _generations(items.get(_CONFIG))[0]
        if live == expected:
            numbers = {row: _numbers(items[place]) if place in items else {} for row, place in places.items()}
            return {key: items[key] for key in wanted if key in items}, numbers
        ctx.cache.remember(_CONFIG, live)


def _numbers(raw: DynamoItem) -> dict[str, Number]:
    """The fields of an aggregate row."""
    return {name: value for name, value in codec.decode_item(raw).items() if name not in _RESERVED}


# -- generations


def generations(store: Store) -> list[int]:
    """The generations that changes go to; the first is the one that is read."""
    return _generations(store.get_item(_CONFIG))


def _generations(raw: DynamoItem | None) -> list[int]:
    return [1] if raw is None else [int(number["N"]) for number in raw["writing"]["L"]]


def set_generations(store: Store, numbers: list[int]) -> None:
    """Apply changes to these generations, and read the first one. Effective from the next batch on. One round trip."""
    store.put_values(_CONFIG, {"kind": "config", "writing": numbers})


# -- applying


@dataclass(frozen=True)
class EntityVersion:
    """The newest known image of an entity (None where it was removed) and its version."""

    id: str
    kind: str
    version: int
    image: JsonObject | None
    removed: bool = False

    @classmethod
    def from_change(cls, change: StreamChange) -> "EntityVersion":
        """From a record of the stream; raises Unreadable."""
        return cls.from_image(change.image, change.entity_id, change.kind, change.version, removed=change.new is None)

    @classmethod
    def from_image(cls, raw: DynamoItem, id: str, kind: str, version: int, *, removed: bool = False) -> "EntityVersion":
        """From an item; one that is marked deleted counts as removed."""
        image = None if removed or "deleted_at" in raw else codec.decode_item(raw)
        return cls(id, kind, version, image, removed)


@dataclass(frozen=True)
class _Checkpoint:
    """What has been applied of an entity: its version, and how many parts of the next one (0: it is applied as a whole)."""

    version: int | None = None  # None: there is no checkpoint
    part: int = 0

    @classmethod
    def from_item(cls, raw: DynamoItem | None) -> "_Checkpoint":
        return cls() if raw is None else cls(int(raw["v"]["N"]), int(raw["p"]["N"]) if "p" in raw else 0)

    @property
    def is_as_read(self) -> Condition:
        if self.version is None:
            return ROW_ABSENT
        return all_of(*unchanged({"v": self.version, "p": self.part or None}))

    @property
    def next_part(self) -> "_Checkpoint":
        return _Checkpoint(self.version or 0, self.part + 1)


@dataclass(frozen=True)
class _Step:
    """An entity's update in one generation, or a part of it: the change of the aggregates, and the checkpoint before and after."""

    entity: EntityVersion
    generation: int
    before: _Checkpoint
    after: _Checkpoint
    applied: Contribution  # of the entity, once this step is done
    delta: Contribution

    @property
    def key(self) -> ItemKey:
        return _checkpoint_key(self.entity, self.generation)

    @property
    def fields(self) -> dict[ItemKey, set[str]]:
        """The aggregate rows that it changes, and their fields."""
        return {ItemKey(pk, f"{sk}@{self.generation}"): set(numbers) for (pk, sk), numbers in self.delta.items()}


@dataclass
class ProjectionBatch:
    """The progress of a batch: pending entities, and rejected ones with the reason."""

    pending: dict[str, EntityVersion]
    rejected: dict[str, str] = field(default_factory=dict)


class ProjectionEngine:
    """Applies the newest images of items to the aggregates.

    `only` is a generation to build, independent of the configuration; else the configuration is read with the checkpoints.
    """

    def __init__(self, store: Store, contribute: ContributionRegistry, now: datetime, *, only: int | None = None) -> None:
        self.store, self._contribute, self._now = store, contribute, now
        self._only = only
        self._generations = [only or 1]

    def apply(self, batch: ProjectionBatch) -> None:
        """Apply the pending entities of `batch`: two round trips where there is no conflict.

        Applied entities are removed from `batch.pending`. Raises Unavailable when time runs out; the rest is then still pending.
        """
        self.store.retry_on_conflict(lambda: self._apply(batch))

    def behind(self, states: Iterable[EntityVersion]) -> list[EntityVersion]:
        """Those of these images that the aggregates don't hold yet, and those that can't be computed. One round trip per hundred."""
        states = list(states)
        checkpoints = self._checkpoints(states)
        return [state for state in states if self._is_behind(state, checkpoints)]

    def _is_behind(self, state: EntityVersion, checkpoints: dict[ItemKey, DynamoItem]) -> bool:
        try:
            return next(self._plan(state, checkpoints), None) is not None
        except ContributionError:
            return True

    def _apply(self, batch: ProjectionBatch) -> None:
        if not batch.pending:
            return
        checkpoints = self._checkpoints(batch.pending.values())
        steps: list[_Step] = []
        for state in list(batch.pending.values()):
            try:
                planned = list(self._plan(state, checkpoints))
            except ContributionError as error:
                self._reject(batch, state, str(error))
                continue
            if not planned:
                del batch.pending[state.id]
            steps += planned
        pending_counts = Counter(step.entity.id for step in steps)
        for chunk in _chunks(steps):
            self._apply_chunk(chunk, batch)
            pending_counts.subtract(step.entity.id for step in chunk)
            for step in chunk:
                if not pending_counts[step.entity.id]:
                    batch.pending.pop(step.entity.id, None)

    def _checkpoints(self, states: Iterable[EntityVersion]) -> dict[ItemKey, DynamoItem]:
        states = list(states)
        while True:
            checkpoint_keys = [_checkpoint_key(state, generation) for generation in self._generations for state in states]
            items = self.store.batch_get([_CONFIG, *checkpoint_keys])
            current = [self._only] if self._only else _generations(items.get(_CONFIG))
            if current == self._generations:
                return items
            self._generations = current

    def _plan(self, state: EntityVersion, checkpoints: dict[ItemKey, DynamoItem]) -> Iterator[_Step]:
        new: Contribution | None = None
        for generation in self._generations:
            raw = checkpoints.get(_checkpoint_key(state, generation))
            checkpoint = _Checkpoint.from_item(raw)
            if checkpoint.version is not None and checkpoint.version >= state.version:
                continue
            if new is None:
                new = {} if state.image is None else self._contribute(state.kind, state.image)
            applied = _decode_contribution(raw) if raw else {}
            delta: Contribution = {}
            merge(delta, new)
            merge(delta, applied, -1)
            # No difference and consecutive versions: the older checkpoint is still correct. A removal is always recorded.
            if not delta and (checkpoint.version or 0) == state.version - 1 and not state.removed:
                continue
            *parts, last = _parts(delta)
            for part in parts:
                applied = _sum(applied, part)
                yield _Step(state, generation, checkpoint, checkpoint.next_part, applied, part)
                checkpoint = checkpoint.next_part
            yield _Step(state, generation, checkpoint, _Checkpoint(state.version), new, last)

    def _apply_chunk(self, chunk: list[_Step], batch: ProjectionBatch) -> None:
        chunk = [step for step in chunk if step.entity.id not in batch.rejected]
        if not chunk:
            return
        try:
            self._commit(chunk)
        except ClientError as error:
            if is_transient(error):
                raise
            if len(chunk) > 1:  # one of them is invalid: reject only that one
                for step in chunk:
                    self._apply_chunk([step], batch)
            else:
                self._reject(batch, chunk[0].entity, str(error))

    def _commit(self, chunk: list[_Step]) -> None:
        tx = Transaction(self.store)
        total: dict[int, Contribution] = {}
        for step in chunk:
            values: JsonObject = {
                "t": CHECKPOINT,
                "g": step.generation,
                "v": step.after.version,
                "c": _encode_contribution(step.applied),
            }
            if step.after.part:
                values["p"] = step.after.part
            elif step.entity.removed:
                values["ttl"] = int((self._now + _CHECKPOINT_TTL).timestamp())
            tx.put_values(step.key, values, step.before.is_as_read)
            merge(total.setdefault(step.generation, {}), step.delta)
        for generation, delta in total.items():
            for (pk, sk), numbers in delta.items():
                _add_numbers(tx, ItemKey(pk, f"{sk}@{generation}"), generation, numbers)
        tx.commit()

    @staticmethod
    def _reject(batch: ProjectionBatch, state: EntityVersion, reason: str) -> None:
        batch.rejected[state.id] = reason
        batch.pending.pop(state.id, None)


def _sum(*contributions: Contribution) -> Contribution:
    total: Contribution = {}
    for contribution in contributions:
        merge(total, contribution)
    return total


def _parts(delta: Contribution) -> Iterator[Contribution]:
    """A difference in parts that fit an update of each row, and one transaction with the checkpoint; at least one."""
    longest = max(map(len, delta.values()), default=0)
    for first in range(0, max(1, longest), MAX_FIELDS):
        cut = {row: dict(islice(numbers.items(), first, first + MAX_FIELDS)) for row, numbers in delta.items() if len(numbers) > first}
        rows = list(cut)
        for place in range(0, max(1, len(rows)), MAX_ACTIONS - 1):
            yield {row: cut[row] for row in rows[place : place + MAX_ACTIONS - 1]}


def _chunks(steps: Iterable[_Step]) -> Iterator[list[_Step]]:
    """Group steps into as few transactions as possible, in order: one of each item at the most, since each is complete by itself."""
    chunk: list[_Step] = []
    fields: dict[ItemKey, set[str]] = {}
    for step in steps:
        merged = fields | {row: fields.get(row, set()) | names for row, names in step.fields.items()}
        is_full = len(chunk) + 1 + len(merged) > MAX_ACTIONS or any(len(merged[row]) > MAX_FIELDS for row in step.fields)
        if chunk and (is_full or step.key in {other.key for other in chunk}):
            yield chunk
            chunk, merged = [], step.fields
        chunk.append(step)
        fields = merged
    if chunk:
        yield chunk


def _add_numbers(tx: Transaction, key: ItemKey, generation: int, numbers: dict[str, Number]) -> None:
    assert not _RESERVED & numbers.keys(), f"{sorted(_RESERVED & numbers.keys())} can't be fields of an aggregate"
    tx.update(key, set={"t": AGGREGATE, "g": generation}, add=numbers)


def _checkpoint_key(state: EntityVersion, generation: int) -> ItemKey:
    return _key(state.id, state.kind, generation)


def _key(id: str, kind: str, generation: int) -> ItemKey:
    return ItemKey(keys.join_key("SEEN", id), f"{kind}@{generation}")


def _encode_contribution(contribution: Contribution) -> JsonObject:
    encoded: dict[str, JsonObject] = {}
    for (pk, sk), numbers in contribution.items():
        encoded.setdefault(pk, {})[sk] = numbers
    return encoded


def _decode_contribution(raw: DynamoItem) -> Contribution:
    encoded = codec.decode_value(raw["c"])
    return {(pk, sk): numbers for pk, under in encoded.items() for sk, numbers in under.items()}


# -- the whole table: an operator's work


def scan_entities(store: Store, kinds: Iterable[str]) -> Iterator[EntityVersion]:
    """Every entity of these kinds, by a consistent scan of the table."""
    for raw in store.scan_all(all_of(attribute("t") == ENTITY, attribute("kind").is_in(*kinds))):
        yield EntityVersion.from_image(raw, raw["id"]["S"], raw["kind"]["S"], int(raw["revision"]["N"]))


def scan_aggregates(store: Store, generation: int) -> Contribution:
    """Every aggregate row of a generation, by a consistent scan; fields that are zero are left out."""
    total: Contribution = {}
    for raw in store.scan_all(all_of(attribute("t") == AGGREGATE, attribute("g") == generation)):
        row = codec.decode_item(raw)
        numbers = {name: value for name, value in row.items() if name not in _RESERVED}
        merge(total, {(row["pk"], row["sk"].rpartition("@")[0]): numbers})
    return total


def rows_of_other_generations(store: Store, live: int) -> Iterator[ItemKey]:
    """The rows of every generation but `live`."""
    for raw in store.scan_all(all_of(attribute("t").is_in(AGGREGATE, CHECKPOINT), attribute("g") != live)):
        yield ItemKey(raw["pk"]["S"], raw["sk"]["S"])
