"""Aggregates that are kept from the stream: exact under replays, gaps and any order, and rebuilt by the same function.

A pack says what one item contributes: a pure function from its image to numbers of aggregate rows. Beside each item stands
what it contributed last, and at which revision. A newer image applies the difference, in one transaction with what is kept.
So it doesn't matter which images were missed, or how often one comes: the newest one decides.

Aggregates have a generation. While a new one is being built, live changes go to both; then the configuration names the new one.
A row's field that comes to zero stays, as zero: taking it away would need a look at the row first, readers take absent and zero
for the same, and a rebuild leaves it out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.foundation.errors import Stale
from chalicelib.foundation.ids import Key
from chalicelib.foundation.manifest import Pack, load
from chalicelib.foundation.store import codec, keys
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.store import Store, wire_key
from chalicelib.foundation.store.transactions import MAX_ACTIONS, Transaction
from chalicelib.foundation.streams import ENTITY, Change, passing

Number = int | Decimal
Contribution = dict[tuple[str, str], dict[str, Number]]  # (pk, sk) of an aggregate row → what is added to its fields

# Longer than records are parked: one that is redriven must still find what it is older than.
_MEMORY_LIFE = timedelta(days=40)
_CONFIG = keys.config("projections")
_AGGREGATE, _MEMORY = "a", "s"
_RESERVED = {"pk", "sk", "t", "g"}


class Refused(Exception):
    """What an item contributes can't be had or applied, now or ever."""


# -- what packs contribute


class Contributions:
    """The sum of what the packs' projections say of an item. Each is loaded when its kind first comes."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self._paths: dict[str, list[str]] = defaultdict(list)
        for pack in packs:
            for projection in pack.projections:
                self._paths[projection.kind].append(projection.contribute)
        self.kinds = sorted(self._paths)  # that contribute to any aggregate
        self._load = cache(load)

    def __call__(self, kind: str, image: dict[str, Any]) -> Contribution:
        """What an item of this kind contributes; Refused where its function can't tell."""
        total: Contribution = {}
        for path in self._paths.get(kind, ()):
            try:
                merge(total, self._load(path)(image))
            except Exception as error:
                raise Refused(f"{path}: {type(error).__name__} {error}") from error
        return total


def merge(total: Contribution, one: Contribution, sign: int = 1) -> None:
    """Add `one` to `total`, in place; `sign` -1 takes it away. Numbers that come to zero are left out."""
    for row, numbers in one.items():
        fields = total.setdefault(row, {})
        for name, number in numbers.items():
            fields[name] = fields.get(name, 0) + sign * number
            if not fields[name]:
                del fields[name]
        if not fields:
            del total[row]


# -- reading


def rows(store: Store, pk: str, prefix: str = "", *, between: tuple[str, str] | None = None) -> dict[str, dict[str, Number]]:
    """The aggregate rows of a partition whose sort key begins so, or lies `between`: their fields by sort key. One round trip.

    (Two while a rebuild is under way: only then do rows of two generations stand side by side.)
    """
    values = {":pk": {"S": pk}}
    condition = "pk = :pk"
    if prefix:
        condition, values[":prefix"] = condition + " AND begins_with(sk, :prefix)", {"S": prefix}
    elif between:
        condition, values[":low"], values[":high"] = condition + " AND sk BETWEEN :low AND :high", {"S": between[0]}, {"S": between[1]}
    found: list[Raw] = []
    start: dict[str, Any] = {}
    while True:
        answer = store.query(KeyConditionExpression=condition, ExpressionAttributeValues=values, ConsistentRead=True, **start)
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return shown(store, found)
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def shown(store: Store, raws: Iterable[Raw]) -> dict[str, dict[str, Number]]:
    """The aggregate rows among `raws` (a partition that was read for other things too), of the generation that counts."""
    aggregates = [codec.plain(raw) for raw in raws if raw.get("t", {}).get("S") == _AGGREGATE]
    found = {row["g"] for row in aggregates}
    live = generations(store)[0] if len(found) > 1 else next(iter(found), 1)
    return {
        row["sk"].rpartition("@")[0]: {name: value for name, value in row.items() if name not in _RESERVED}
        for row in aggregates
        if row["g"] == live
    }


# -- generations


def generations(store: Store) -> list[int]:
    """The generations that changes go to; the first is the one that is read."""
    return _generations(store.get_raw(_CONFIG))


def _generations(raw: Raw | None) -> list[int]:
    return [1] if raw is None else [int(one["N"]) for one in raw["writing"]["L"]]


def write_to(store: Store, numbers: list[int]) -> None:
    """Let changes go to these generations, and the first one be read. Holds from the next batch on."""
    row = wire_key(_CONFIG) | codec.wire({"kind": "config", "writing": numbers})
    store.call("put_item", TableName=store.table, Item=row)


# -- applying


@dataclass(frozen=True)
class State:
    """An item as it was seen: its newest image (None where it is gone) and that image's number."""

    id: str
    kind: str
    version: int
    image: dict[str, Any] | None
    removed: bool = False

    @classmethod
    def of(cls, change: Change) -> "State":
        """From a record of the stream; raises Unreadable."""
        return cls.of_image(change.image, change.entity_id, change.kind, change.version, removed=change.new is None)

    @classmethod
    def of_image(cls, raw: Raw, id: str, kind: str, version: int, *, removed: bool = False) -> "State":
        """From an item; one that is marked deleted contributes as little as one that is gone."""
        image = None if removed or "deleted_at" in raw else codec.plain(raw)
        return cls(id, kind, version, image, removed)


@dataclass
class _Step:
    """One item's move in one generation: what is kept of it, and what changes by it."""

    state: State
    generation: int
    kept_version: int | None
    contribution: Contribution
    delta: Contribution

    @property
    def key(self) -> Key:
        return _memory_key(self.state, self.generation)

    @property
    def rows(self) -> set[Key]:
        return {Key(pk, f"{sk}@{self.generation}") for pk, sk in self.delta}


@dataclass
class Work:
    """What became of a batch: the items that are still to do, and those that can't be done, with the reason."""

    todo: dict[str, State]
    refused: dict[str, str] = field(default_factory=dict)


class Engine:
    """Applies the newest images of items to the aggregates.

    `only` names a generation to build, whatever the configuration says; else it is read along with the items' memory.
    """

    def __init__(self, store: Store, contribute: Contributions, now: datetime, *, only: int | None = None) -> None:
        self._store, self._contribute, self._now = store, contribute, now
        self._only = only
        self._generations = [only or 1]

    def apply(self, work: Work) -> None:
        """Bring the aggregates up to what `work` has seen: two round trips where no one gets in between.

        What is done leaves `work.todo`. Raises Unavailable when time runs out; what is left is then still to do.
        """
        self._store.settle(lambda: self._apply(work))

    def _apply(self, work: Work) -> None:
        if not work.todo:
            return
        memory = self._memory(work.todo.values())
        steps: list[_Step] = []
        for state in list(work.todo.values()):
            try:
                found = self._plan(state, memory)
            except Refused as refusal:
                self._refuse(work, state, str(refusal))
                continue
            if not found:
                del work.todo[state.id]
            steps += found
        left = Counter(step.state.id for step in steps)
        for chunk in _chunks(steps):
            self._land(chunk, work)
            left.subtract(step.state.id for step in chunk)
            for step in chunk:
                if not left[step.state.id]:
                    work.todo.pop(step.state.id, None)

    def _memory(self, states: Iterable[State]) -> dict[Key, Raw]:
        states = list(states)
        while True:
            wanted = [_memory_key(state, generation) for generation in self._generations for state in states]
            found = self._store.get_many([_CONFIG, *wanted])
            current = [self._only] if self._only else _generations(found.get(_CONFIG))
            if current == self._generations:
                return found
            self._generations = current

    def _plan(self, state: State, memory: dict[Key, Raw]) -> list[_Step]:
        steps = []
        new: Contribution | None = None
        for generation in self._generations:
            raw = memory.get(_memory_key(state, generation))
            kept_version = int(raw["v"]["N"]) if raw else None
            if kept_version is not None and kept_version >= state.version:
                continue
            if new is None:
                new = {} if state.image is None else self._contribute(state.kind, state.image)
            delta: Contribution = {}
            merge(delta, new)
            merge(delta, _unpacked(raw) if raw else {}, -1)
            # Alike, and nothing can lie between the two: the older number serves as well. A removal is always noted.
            if not delta and (kept_version or 0) == state.version - 1 and not state.removed:
                continue
            step = _Step(state, generation, kept_version, new, delta)
            if len(step.rows) >= MAX_ACTIONS:
                raise Refused(f"one item changes {len(step.rows)} aggregate rows")
            steps.append(step)
        return steps

    def _land(self, chunk: list[_Step], work: Work) -> None:
        try:
            self._commit(chunk)
        except ClientError as error:
            if passing(error):
                raise
            if len(chunk) > 1:  # one of them can't be written: it alone is refused
                for step in chunk:
                    self._land([step], work)
            else:
                self._refuse(work, chunk[0].state, str(error))

    def _commit(self, chunk: list[_Step]) -> None:
        tx = Transaction(self._store)
        total: dict[int, Contribution] = {}
        for step in chunk:
            values: dict[str, Any] = {"t": _MEMORY, "g": step.generation, "v": step.state.version, "c": _packed(step.contribution)}
            if step.state.removed:
                values["ttl"] = int((self._now + _MEMORY_LIFE).timestamp())
            item = wire_key(step.key) | codec.wire(values)
            if step.kept_version is None:
                tx.put(item, "attribute_not_exists(pk)", Stale())
            else:
                tx.put(item, "v = :kept", Stale(), {":kept": step.kept_version})
            merge(total.setdefault(step.generation, {}), step.delta)
        for generation, delta in total.items():
            for (pk, sk), numbers in delta.items():
                _add(tx, Key(pk, f"{sk}@{generation}"), generation, numbers)
        tx.commit()

    @staticmethod
    def _refuse(work: Work, state: State, reason: str) -> None:
        work.refused[state.id] = reason
        work.todo.pop(state.id, None)


def _chunks(steps: list[_Step]) -> Iterator[list[_Step]]:
    """Steps in as few transactions as hold them. The steps of one item may land apart: each is whole by itself."""
    chunk: list[_Step] = []
    touched: set[Key] = set()
    for step in steps:
        if chunk and len(chunk) + 1 + len(touched | step.rows) > MAX_ACTIONS:
            yield chunk
            chunk, touched = [], set()
        chunk.append(step)
        touched |= step.rows
    if chunk:
        yield chunk


def _add(tx: Transaction, key: Key, generation: int, numbers: dict[str, Number]) -> None:
    assert not _RESERVED & numbers.keys(), f"{sorted(_RESERVED & numbers.keys())} can't be fields of an aggregate"
    names = {f"#f{place}": name for place, name in enumerate(numbers)} | {"#t": "t", "#g": "g"}
    values: dict[str, Any] = {f":f{place}": number for place, number in enumerate(numbers.values())}
    values |= {":t": _AGGREGATE, ":g": generation}
    sums = ", ".join(f"#f{place} :f{place}" for place in range(len(numbers)))
    tx.update(key, f"SET #t = :t, #g = :g ADD {sums}", values=values, names=names)


def _memory_key(state: State, generation: int) -> Key:
    return Key(keys.joined("SEEN", state.id), f"{state.kind}@{generation}")


def _packed(contribution: Contribution) -> dict[str, Any]:
    packed: dict[str, dict[str, Any]] = {}
    for (pk, sk), numbers in contribution.items():
        packed.setdefault(pk, {})[sk] = numbers
    return packed


def _unpacked(raw: Raw) -> Contribution:
    packed = codec.decode(raw["c"])
    return {(pk, sk): numbers for pk, under in packed.items() for sk, numbers in under.items()}


# -- the whole table: an operator's work


def entities(store: Store, wanted: Iterable[str]) -> Iterator[State]:
    """Every entity of these kinds as it is now, by a strong scan of the table."""
    names = {f":k{place}": {"S": kind} for place, kind in enumerate(wanted)}
    condition = f"#t = :entity AND #kind IN ({', '.join(names)})"
    yield from (
        State.of_image(raw, raw["id"]["S"], raw["kind"]["S"], int(raw["revision"]["N"]))
        for raw in scan(store, condition, {"#t": "t", "#kind": "kind"}, {":entity": {"S": ENTITY}, **names})
    )


def aggregates(store: Store, generation: int) -> Contribution:
    """Every aggregate row of a generation, by a strong scan; fields at zero are left out."""
    condition = "#t = :aggregate AND #g = :generation"
    found: Contribution = {}
    values = {":aggregate": {"S": _AGGREGATE}, ":generation": {"N": str(generation)}}
    for raw in scan(store, condition, {"#t": "t", "#g": "g"}, values):
        row = codec.plain(raw)
        numbers = {name: value for name, value in row.items() if name not in _RESERVED}
        merge(found, {(row["pk"], row["sk"].rpartition("@")[0]): numbers})
    return found


def outdated(store: Store, live: int) -> Iterator[Key]:
    """The rows of every generation but `live`."""
    names = {"#t": "t", "#g": "g"}
    values = {":aggregate": {"S": _AGGREGATE}, ":memory": {"S": _MEMORY}, ":live": {"N": str(live)}}
    for raw in scan(store, "#t IN (:aggregate, :memory) AND #g <> :live", names, values):
        yield Key(raw["pk"]["S"], raw["sk"]["S"])


def scan(store: Store, condition: str, names: dict[str, str], values: dict[str, Any]) -> Iterator[Raw]:
    """The rows of the whole table for which `condition` holds, strongly read. Never for a request: it reads everything."""
    start: dict[str, Any] = {}
    while True:
        answer = store.call(
            "scan",
            TableName=store.table,
            ConsistentRead=True,
            FilterExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            **start,
        )
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
