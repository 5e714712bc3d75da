"""How well professionals fit a piece of work: five parts, weighted to a score of 0 to 100, and what rules somebody out.

A part that isn't asked for drops out with its weight; one that is asked for and isn't known counts a quarter of it. Whoever is ruled out
is scored all the same, so that what stands in the way is seen beside what it costs. Nobody is left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

FORMULA = "alignment.match"
# Incremented whenever the same candidate gets another score or another verdict for the same need.
VERSION = 1

WEIGHTS: dict[str, int] = {"scorecard": 30, "specialization": 25, "capacity": 20, "alignment": 15, "rate": 10}
UNKNOWN_VALUE = Decimal("0.25")
MAX_BLOCKED = 200  # of those ruled out, the best so many are listed

OVER_RATE, LICENCE_MISSING, LICENCE_EXPIRED = "over_rate", "licence_missing", "licence_expired"
DENIED, CONFLICT = "denied", "conflict"
BLOCKS = (OVER_RATE, LICENCE_MISSING, LICENCE_EXPIRED, DENIED, CONFLICT)

_ONE, _ZERO = Decimal(1), Decimal(0)
_TENTH, _POINTS, _VALUES = Decimal("0.1"), Decimal("0.0001"), Decimal("0.000001")
# Thirds and the like are computed to 28 digits. Cutting their error off before the one rounding keeps a half a half.
_EXACT = Decimal("1e-18")


@dataclass(frozen=True)
class Need:
    """What is looked for; None and empty: not asked for. `max_rate` is an hour's, above 0, in `currency`; `hours` are above 0.

    Specializations and the jurisdiction are folded, as those of the candidates are; `place` is the jurisdiction as it was written.
    """

    starts_on: date
    specializations: frozenset[str] = frozenset()
    jurisdiction: str | None = None
    place: str = ""
    max_rate: Decimal | None = None
    currency: str = "USD"
    hours: Decimal | None = None


@dataclass(frozen=True)
class Candidate:
    """An active professional, with what is known of them.

    `scorecard` is the adjusted score, `alignment` the overall one, both 0 to 1; `free_hours` are those of active retainers that nothing
    is planned for. None: unknown. `licenses` has the last day (as ISO text, which sorts) of each folded jurisdiction's licences.
    `conflicting_deals` are other deals of theirs with an adverse party.
    """

    id: str
    name: str
    specializations: frozenset[str] = frozenset()
    licenses: Mapping[str, str] = field(default_factory=dict)
    rate: Decimal | None = None
    currency: str = "USD"
    scorecard: Decimal | None = None
    free_hours: Decimal | None = None
    alignment: Decimal | None = None
    is_denied: bool = False
    conflicting_deals: tuple[str, ...] = ()


class Part(NamedTuple):
    """A part of a score: its weight, its value from 0 to 1 (None: unknown), and the points that it adds."""

    weight: int
    value: Decimal | None

    @property
    def points(self) -> Decimal:
        """Weight × value, of what is unknown a quarter of the weight."""
        return self.weight * (UNKNOWN_VALUE if self.value is None else self.value)


@dataclass(frozen=True)
class Fit:
    """A candidate's parts (None: not asked for), score with 1 decimal, coverage (the weight that is known), and what rules them out.

    `would_do` says, of what rules out, what would not.
    """

    candidate: Candidate
    parts: Mapping[str, Part | None]
    score: Decimal
    coverage: int
    blocked_by: tuple[str, ...] = ()
    would_do: tuple[str, ...] = ()

    @property
    def sort_key(self) -> tuple[Decimal, int, str]:
        """By score, coverage, id."""
        return -self.score, -self.coverage, self.candidate.id


@dataclass(frozen=True)
class Ranking:
    """The best of those eligible and of those ruled out, how many of each there are, and whether there are more than those listed."""

    items: list[Fit]
    blocked: list[Fit]
    eligible: int
    ruled_out: int

    @property
    def is_cut(self) -> bool:
        """Whether it leaves out any."""
        return len(self.items) < self.eligible or len(self.blocked) < self.ruled_out


# -- the parts


def evaluate(candidate: Candidate, need: Need) -> Fit:
    """How a candidate fits: score = 100 × Σ points / Σ weights of what is asked for, half up to 1 decimal."""
    values = {"scorecard": candidate.scorecard, "alignment": candidate.alignment, **_asked(candidate, need)}
    parts = {name: Part(weight, values[name]) if name in values else None for name, weight in WEIGHTS.items()}
    asked = [part for part in parts.values() if part is not None]
    score = 100 * sum((part.points for part in asked), _ZERO) / sum(part.weight for part in asked)
    coverage = sum(part.weight for part in asked if part.value is not None)
    blocks = list(_blocks(candidate, need))
    would_do = tuple(text for _, text in blocks if text)
    return Fit(candidate, parts, _half_up(score, _TENTH), coverage, tuple(code for code, _ in blocks), would_do)


def _asked(candidate: Candidate, need: Need) -> dict[str, Decimal | None]:
    """The values of those parts that the need may leave out."""
    values: dict[str, Decimal | None] = {}
    if need.specializations:
        values["specialization"] = _specialization(candidate.specializations, need.specializations)
    if need.hours is not None:
        values["capacity"] = None if candidate.free_hours is None else min(_ONE, max(_ZERO, candidate.free_hours) / need.hours)
    if need.max_rate is not None:
        rate = comparable_rate(candidate, need)
        values["rate"] = None if rate is None else max(_ZERO, 1 - rate / (2 * need.max_rate))
    return values


def _specialization(has: frozenset[str], needed: frozenset[str]) -> Decimal | None:
    """The share of the needed; unknown where a professional states none."""
    return Decimal(len(needed & has)) / len(needed) if has else None


def free_hours(minutes_left: int, hours_estimated: Decimal) -> Decimal:
    """The hours left of active retainers (below zero where more was used) less those estimated for unfinished tasks; never below zero."""
    return max(_ZERO, Decimal(minutes_left) / 60 - hours_estimated)


def to_hours(minutes: int) -> Decimal:
    """Minutes as hours, at most 4 decimals."""
    return Decimal(plain(_half_up(Decimal(minutes) / 60, _POINTS)))


def comparable_rate(candidate: Candidate, need: Need) -> Decimal | None:
    """The candidate's rate; None where none is stated, or in another currency."""
    return candidate.rate if candidate.currency == need.currency else None


# -- what rules out


def _blocks(candidate: Candidate, need: Need) -> Iterable[tuple[str, str]]:
    """What rules the candidate out, and what would not."""
    rate = comparable_rate(candidate, need)
    if need.max_rate is not None and rate is not None and rate > need.max_rate:
        yield OVER_RATE, f"max_rate {plain(rate)} would do"
    if need.jurisdiction is not None and (licence := license_block(candidate.licenses, need.jurisdiction, need.starts_on)):
        yield licence, f"a licence of {need.place or need.jurisdiction} that holds on {need.starts_on.isoformat()} would do"
    if candidate.is_denied:
        yield DENIED, ""
    if candidate.conflicting_deals:
        yield CONFLICT, ""


def license_block(licenses: Mapping[str, str], jurisdiction: str, day: date) -> str | None:
    """Why no licence of the jurisdiction, of any kind, holds on a day, its last one included; None where one does."""
    last = licenses.get(jurisdiction)
    if last is None:
        return LICENCE_MISSING
    return None if last >= day.isoformat() else LICENCE_EXPIRED


def plain(number: Decimal) -> str:
    """A number as people write it: 201, 201.5."""
    return format(number.normalize(), "f")


# -- all of them


def rank(candidates: Iterable[Candidate], need: Need, limit: int) -> Ranking:
    """All candidates by how they fit, the best `limit` of those eligible and the best 200 of those ruled out."""
    fits = sorted((evaluate(candidate, need) for candidate in candidates), key=lambda fit: fit.sort_key)
    eligible = [fit for fit in fits if not fit.blocked_by]
    ruled_out = [fit for fit in fits if fit.blocked_by]
    return Ranking(eligible[:limit], ruled_out[:MAX_BLOCKED], len(eligible), len(ruled_out))


# -- as they are printed


def printed_share(value: Decimal | None) -> Decimal | None:
    """A value from 0 to 1, at most 6 decimals."""
    return None if value is None else Decimal(plain(_half_up(value, _VALUES)))


def printed_points(part: Part) -> Decimal:
    """A part's points, at most 4 decimals."""
    return Decimal(plain(_half_up(part.points, _POINTS)))


def _half_up(number: Decimal, step: Decimal) -> Decimal:
    return number.quantize(_EXACT).quantize(step, ROUND_HALF_UP)
