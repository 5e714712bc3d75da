"""What the rules look at: a deal and all that it touches, as it was read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from chalicelib.foundation.ids import ItemKey

Item = Mapping[str, Any]  # a row as the table has it


class Part(Protocol):
    """Something of a deal: its id, and the facts that its pack tells of it."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What its pack tells of it."""


class Thing(Part, Protocol):
    """A subject (foundation.subjects)."""

    @property
    def type(self) -> str:
        """What kind of thing it is."""


@dataclass(frozen=True)
class OverrunRetainer:
    """A retainer on which more was used than there is."""

    id: str
    professional_id: str


@dataclass(frozen=True)
class StandingFinding:
    """A finding that isn't resolved."""

    id: str
    code: str
    severity: str
    status: str
    message: str
    subject_type: str
    subject_id: str
    fingerprint: str
    until: date | None = None
    professional_id: str | None = None


@dataclass(frozen=True)
class ScanFacts:
    """A deal with what the rules look at, and the rows that it was read from.

    `children` are the things in the deal's partition by type. `assignments` are the live ones of its pipeline, `professionals` those of
    the deal that are there. `active_on` is the last day on which somebody did something on the deal or its pipeline. `standing` are the
    findings on the deal that aren't resolved. `items` are the rows that were read besides the deal's partition, by key: what else is to
    be known of them (governance heads) is there.
    """

    deal: Thing
    active_on: date
    children: Mapping[str, Sequence[Thing]] = field(default_factory=dict)
    pipeline: Thing | None = None
    assignments: Sequence[Thing] = ()
    professionals: Sequence[Thing] = ()
    overrun_retainers: Sequence[OverrunRetainer] = ()
    standing: Sequence[StandingFinding] = ()
    items: Mapping[ItemKey, Item] = field(default_factory=dict)

    def of_type(self, type: str) -> Sequence[Thing]:
        """The deal's children of a type."""
        return self.children.get(type, ())


def as_day(value: date | str | None) -> date | None:
    """A day among facts, which are values or as they are written."""
    return date.fromisoformat(value) if isinstance(value, str) else value
