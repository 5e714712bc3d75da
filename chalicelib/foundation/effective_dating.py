"""Effective dating: values that are in force from a day until the day of the next one.

History is never rewritten: of several values for one day, the one recorded last counts.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class EffectiveValue(Generic[T]):
    """`value` is in force from `on`. `recorded` orders the values of one day: a text that sorts by time of entry."""

    on: date
    recorded: str
    value: T


class EffectiveSeries(Generic[T]):
    """The values of one effective-dated attribute, given in any order."""

    def __init__(self, entries: Iterable[EffectiveValue[T]] = ()) -> None:
        ordered = sorted(entries, key=lambda entry: (entry.on, entry.recorded))
        self._in_force = {entry.on: entry for entry in ordered}
        self.days = list(self._in_force)

    @classmethod
    def of(cls, value: T, on: date) -> "EffectiveSeries[T]":
        """A series of one value from that day on."""
        return cls([EffectiveValue(on, "", value)])

    def value_on(self, day: date) -> T | None:
        """The value in force on `day`; None before the first."""
        index = bisect_right(self.days, day)
        return None if index == 0 else self._in_force[self.days[index - 1]].value

    def value_on_or_first(self, day: date) -> T:
        """The value in force on `day`; before the first one, the first. There must be one."""
        return self._in_force[self.days[max(0, bisect_right(self.days, day) - 1)]].value
