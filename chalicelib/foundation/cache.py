"""F: the process's cache for values that many requests read and that change seldom.

A cached value is valid for its policy's TTL and for one generation. The generation is a number in a row of the stage's
configuration; each process reads it again when its copy is two seconds old, so incrementing it invalidates the cache of every
process within that time. There is no other way to reach the other processes of a Lambda function.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import keys
from chalicelib.foundation.store.store import StoreStamp
from chalicelib.foundation.store.transactions import Transaction

T = TypeVar("T")

GENERATION_TTL = timedelta(seconds=2)
_MAX_GUESSES = 10_000
_GENERATION = keys.config_row("generation")


@dataclass(frozen=True)
class CachePolicy:
    """How long values of one name are cached, and how many at most (least recently used are evicted)."""

    name: str
    ttl: timedelta
    size: int


@dataclass(frozen=True)
class CachedValue(Generic[T]):
    """A value and how old it is, in whole seconds."""

    value: T
    age: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a response made from it."""
        return {"Age": str(self.age)}


@dataclass(frozen=True)
class _Entry:
    value: Any
    loaded_at: datetime
    generation: int


class Cache:
    """One process's cache. Threads may share it; two that miss at once both load, and the last value is kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[CachePolicy, OrderedDict[Hashable, _Entry]] = {}
        self._guesses: OrderedDict[Hashable, Any] = OrderedDict()
        self._generation_lock = threading.Lock()
        self._generation: tuple[int, datetime] | None = None  # and when it was read

    def get(self, ctx: StoreStamp, policy: CachePolicy, key: Hashable, load: Callable[[], T]) -> CachedValue[T]:
        """The value that `load` returned at most `policy.ttl` ago in the current generation, else a new one.

        Costs one consistent read of the generation at most every two seconds. Raises what `load` raises, and then caches nothing.
        """
        generation = self.generation(ctx)
        with self._lock:
            entries = self._entries.setdefault(policy, OrderedDict())
            entry = entries.get(key)
            if entry and entry.generation == generation and ctx.now - entry.loaded_at < policy.ttl:
                entries.move_to_end(key)
                return CachedValue(entry.value, _seconds(ctx.now - entry.loaded_at))
        value = load()
        with self._lock:
            entries[key] = _Entry(
                value, ctx.now, generation
            )  # the generation from before the load, since the value may be older than a newer one
            entries.move_to_end(key)
            while len(entries) > policy.size:
                entries.popitem(last=False)
        return CachedValue(value, 0)

    def generation(self, ctx: StoreStamp) -> int:
        """The stage's generation, at most two seconds old."""
        with self._generation_lock:
            if self._generation is None or ctx.now - self._generation[1] >= GENERATION_TTL:
                row = ctx.store.get_item(_GENERATION)
                self._generation = (int(row["generation"]["N"]) if row else 0, ctx.now)
            return self._generation[0]

    def invalidate_all(self, ctx: StoreStamp) -> int:
        """Start a new generation for every process of the stage; returns its number. One round trip; effective here at once."""
        values = {"updated_at": ctx.now, "updated_by": ctx.actor.id, "request_id": ctx.request_id}
        row = ctx.store.update(_GENERATION, add={"generation": 1}, set=values)
        generation = int(row["generation"]["N"])
        with self._generation_lock:
            self._generation = (generation, ctx.now)
        return generation

    def add_invalidation(self, ctx: StoreStamp, tx: Transaction) -> None:
        """Let a transaction start a new generation when it is committed: one action. This process reads it again after `forget`."""
        tx.update(_GENERATION, add={"generation": 1}, set={"updated_at": ctx.now, "updated_by": ctx.actor.id, "request_id": ctx.request_id})

    def forget(self, policy: CachePolicy, key: Hashable) -> None:
        """Drop a value that turned out to be old, and what this process knows of the generation."""
        with self._lock:
            self._entries.get(policy, OrderedDict[Hashable, _Entry]()).pop(key, None)
        with self._generation_lock:
            self._generation = None

    # -- guesses

    def guess(self, key: Hashable, default: T) -> T:
        """What was last known of `key`. It may be wrong by now: who uses it finds out, and says so (`remember`)."""
        with self._lock:
            value: T = self._guesses.get(key, default)
            return value

    def remember(self, key: Hashable, value: object) -> None:
        """Keep a value for the next guess; the oldest are forgotten."""
        with self._lock:
            self._guesses[key] = value
            self._guesses.move_to_end(key)
            while len(self._guesses) > _MAX_GUESSES:
                self._guesses.popitem(last=False)

    def stats(self, now: datetime) -> list[JsonObject]:
        """For each policy its name, number of values and maximum, and the ages of the oldest and newest value in seconds."""
        with self._lock:
            stats = []
            for policy, entries in self._entries.items():
                ages = sorted(_seconds(now - entry.loaded_at) for entry in entries.values())
                stats.append(
                    {
                        "name": policy.name,
                        "size": len(entries),
                        "max_size": policy.size,
                        "life_seconds": _seconds(policy.ttl),
                        "oldest_age": ages[-1] if ages else None,
                        "newest_age": ages[0] if ages else None,
                        "generations": sorted({entry.generation for entry in entries.values()}),
                    }
                )
        return sorted(stats, key=lambda entry: str(entry["name"]))


def _seconds(span: timedelta) -> int:
    return max(0, int(span.total_seconds()))
