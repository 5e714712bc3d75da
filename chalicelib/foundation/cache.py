"""F: what many requests read and seldom changes, kept in the process for a while.

A kept value is good for its policy's life and for one generation. The generation is a number in a row of the stage's
configuration; each process reads it again when what it knows is two seconds old, and raising it empties every process's
cache within that time: nobody can reach into other sandboxes.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from chalicelib.foundation.calendar import instant
from chalicelib.foundation.store import keys

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

T = TypeVar("T")

RECHECK = timedelta(seconds=2)
_GENERATION = keys.config("generation")


@dataclass(frozen=True)
class Policy:
    """How long values of one name are kept, and how many at the most (the one used longest ago goes first)."""

    name: str
    life: timedelta
    size: int


@dataclass(frozen=True)
class Held(Generic[T]):
    """A value and how old it is, in whole seconds."""

    value: T
    age: int

    @property
    def headers(self) -> dict[str, str]:
        """What an answer made of it carries."""
        return {"Age": str(self.age)}


@dataclass(frozen=True)
class _Entry:
    value: Any
    loaded_at: datetime
    generation: int


class Cache:
    """One process's cache. Threads may share it; two that miss at once both load, and one of the values stays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[Policy, OrderedDict[Hashable, _Entry]] = {}
        self._recheck = threading.Lock()
        self._generation: tuple[int, datetime] | None = None  # and when it was read

    def get(self, ctx: "Context", policy: Policy, key: Hashable, load: Callable[[], T]) -> Held[T]:
        """The value that `load` gave at most `policy.life` ago in the present generation, or gives now.

        It costs a strong read of the generation at most every two seconds. Raises what `load` raises, and keeps nothing then.
        """
        generation = self.generation(ctx)
        with self._lock:
            kept = self._entries.setdefault(policy, OrderedDict())
            entry = kept.get(key)
            if entry and entry.generation == generation and ctx.now - entry.loaded_at < policy.life:
                kept.move_to_end(key)
                return Held(entry.value, _seconds(ctx.now - entry.loaded_at))
        value = load()
        with self._lock:
            kept[key] = _Entry(value, ctx.now, generation)  # the generation from before the load: what changed since doesn't count
            kept.move_to_end(key)
            while len(kept) > policy.size:
                kept.popitem(last=False)
        return Held(value, 0)

    def generation(self, ctx: "Context") -> int:
        """The stage's generation, at most two seconds old."""
        with self._recheck:
            if self._generation is None or ctx.now - self._generation[1] >= RECHECK:
                row = ctx.store.get_raw(_GENERATION)
                self._generation = (int(row["generation"]["N"]) if row else 0, ctx.now)
            return self._generation[0]

    def raise_generation(self, ctx: "Context") -> int:
        """Begin a new generation for every process of the stage; gives its number. Here it holds at once."""
        answer = ctx.store.update(
            _GENERATION,
            "ADD generation :one SET updated_at = :at, updated_by = :by, request_id = :request",
            ExpressionAttributeValues={
                ":one": {"N": "1"},
                ":at": {"S": instant(ctx.now)},
                ":by": {"S": ctx.actor.id},
                ":request": {"S": ctx.request_id},
            },
            ReturnValues="UPDATED_NEW",
        )
        generation = int(answer["Attributes"]["generation"]["N"])
        with self._recheck:
            self._generation = (generation, ctx.now)
        return generation

    def contents(self, now: datetime) -> list[dict[str, Any]]:
        """Of each policy: its name, how many values are held of how many, the oldest and newest one's age in seconds."""
        with self._lock:
            found = []
            for policy, kept in self._entries.items():
                ages = sorted(_seconds(now - entry.loaded_at) for entry in kept.values())
                found.append(
                    {
                        "name": policy.name,
                        "size": len(kept),
                        "max_size": policy.size,
                        "life_seconds": _seconds(policy.life),
                        "oldest_age": ages[-1] if ages else None,
                        "newest_age": ages[0] if ages else None,
                        "generations": sorted({entry.generation for entry in kept.values()}),
                    }
                )
        return sorted(found, key=lambda one: str(one["name"]))


def _seconds(span: timedelta) -> int:
    return max(0, int(span.total_seconds()))
