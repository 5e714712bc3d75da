"""Values that hold from a day on, until the next one's day.

History is never rewritten: what is entered for a day that has an entry already is recorded beside it and counts instead.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """`value` holds from `on`. `recorded` orders entries of one day: text that sorts by time, an instant or an id."""

    on: date
    recorded: str
    value: T


class Series(Generic[T]):
    """The entries of one dated value, in any order."""

    def __init__(self, entries: Iterable[Entry[T]] = ()) -> None:
        ordered = sorted(entries, key=lambda entry: (entry.on, entry.recorded))
        self._in_force = {entry.on: entry for entry in ordered}
        self.days = list(self._in_force)

    @classmethod
    def of(cls, value: T, on: date) -> "Series[T]":
        """One value from that day on."""
        return cls([Entry(on, "", value)])

    def at(self, day: date) -> T | None:
        """The value in force on `day`: of the latest entry on or before it, never of a later one; None before the first."""
        place = bisect_right(self.days, day)
        return None if place == 0 else self._in_force[self.days[place - 1]].value

    def since(self, day: date) -> list[Entry[T]]:
        """The entries that say what holds from the eve of `day` on: those after the eve, and the one in force on it."""
        place = bisect_right(self.days, day - timedelta(days=1))
        return [self._in_force[on] for on in self.days[max(0, place - 1) :]]


def moved(entries: Iterable[Entry[T]], start: date, new_start: date) -> list[Entry[T]]:
    """The entries after the first day of what they are about was corrected: those of that day move along."""
    return [Entry(new_start if entry.on == start else entry.on, entry.recorded, entry.value) for entry in entries]
