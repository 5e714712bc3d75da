"""The scorecard of a professional (domain rules D37 and A15), from sums over interactions that add up.

Four measures: reliability (deadlines met), communication, quality, and responsiveness. A score is the mean of a measure over the
interactions that have it; a missing measure counts for nothing. The overall score is the mean of those of the first three that are known.

- Half-life: an interaction weighs 2^(−age / 90 days). In a weighted mean the day on which it is computed cancels out, so the sums don't
  change with time. Each year's are kept by themselves, weighed from its first of January, in whole units of 10^-15: so they can be
  subtracted exactly, however old and however many the interactions are. They are put together when they are read.
- Adjusted: (n·m + 5·prior) / (n + 5), with m the overall score and n the interactions that have one of its measures. The prior is the mean
  over other professionals' interactions of each one's own mean of these measures: of those that were logged under the role, where these are
  10 or more of at least two professionals, else of all of the firm's, where these are 10 or more, else unknown.

Whether the other interactions of a role are of two professionals or more is told by sums, too: each professional has a number, and numbers
are all the same where n·Σx² = (Σx)².
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from typing import NamedTuple

from chalicelib.foundation.counts import Counts, Number

RELIABILITY, COMMUNICATION, QUALITY, RESPONSIVENESS = MEASURES = ("reliability", "communication", "quality", "responsiveness")
OF_OVERALL = (RELIABILITY, COMMUNICATION, QUALITY)
OVERALL = "overall"
IMPROVING, DECLINING, STABLE = TRENDS = ("improving", "declining", "stable")

HALF_LIFE_DAYS = 90
PRIOR_WEIGHT = 5
PRIOR_INTERACTIONS = 10  # that a prior needs
TREND_INTERACTIONS = 5  # that a trend needs
TREND_STEP = Decimal("0.05")
FAST_HOURS, SLOW_HOURS = 4, 72  # a response within 4 hours scores 1, after 72 hours 0
_RANGE = SLOW_HOURS - FAST_HOURS

_EXACT = Context(prec=60)
_HUNDREDTH = Decimal("0.01")
# What rounding on the way may leave, of weights and of thirds: so that 0.705 is 0.705, and shown as 0.71.
_NOISE, _TINY = Decimal(1).scaleb(-12), Decimal(1).scaleb(-20)
_SIXTH = 6  # a mean of one, two or three values is a whole number of sixths of them

Scores = Mapping[str, Decimal | None]  # by measure, and overall; not rounded


@dataclass(frozen=True)
class Record:
    """An interaction as the scorecard takes it: on which day, under which role, and its measures."""

    role: str
    on: date
    met_deadline: bool | None = None
    communication_clarity: Decimal | None = None
    deliverable_quality: Decimal | None = None
    response_time_hours: Decimal | None = None

    @property
    def values(self) -> dict[str, Decimal]:
        """The measures that it has. Responsiveness in hours under 72, of which 68 are a score of 1: that is exact."""
        hours = self.response_time_hours
        found = {
            RELIABILITY: None if self.met_deadline is None else Decimal(self.met_deadline),
            COMMUNICATION: self.communication_clarity,
            QUALITY: self.deliverable_quality,
            RESPONSIVENESS: None if hours is None else min(max(SLOW_HOURS - hours, Decimal(0)), Decimal(_RANGE)),
        }
        return {measure: value for measure, value in found.items() if value is not None}


# -- what an interaction adds


def counts_of(record: Record) -> dict[str, Number]:
    """What it adds to sums over all time, and to those of its month: `interactions`, `<measure>:n`, `<measure>:v`."""
    counts: dict[str, Number] = {"interactions": 1}
    for measure, value in record.values.items():
        counts |= {f"{measure}:n": 1, f"{measure}:v": value}
    return counts


def weighted_of(record: Record) -> dict[str, Number]:
    """What it adds to the decayed sums: `<year>:<measure>:w`, the weight, and `<year>:<measure>:v`, the weighed value."""
    weight = _weight((record.on - date(record.on.year, 1, 1)).days)
    weighted: dict[str, Number] = {}
    for measure, value in record.values.items():
        name = f"{record.on.year}:{measure}"
        weighted |= {f"{name}:w": weight, f"{name}:v": _EXACT.multiply(weight, value)}
    return weighted


@cache
def _weight(days: int) -> int:
    """2^(days/90) in units of 10^-15: a whole number, so that a sum of them which comes to nothing is 0 on every engine."""
    return int(_EXACT.power(2, _EXACT.divide(days, HALF_LIFE_DAYS)).scaleb(15, _EXACT).to_integral_value(context=_EXACT))


def prior_of(record: Record) -> dict[str, Number]:
    """What it adds to the sums of a prior: `n`, and its own mean of the overall's measures, in sixths. Nothing without one of them."""
    values = [value for measure, value in record.values.items() if measure in OF_OVERALL]
    return {"n": 1, "v": sum(values, Decimal(0)) * (_SIXTH // len(values))} if values else {}


def professionals_of(record: Record, professional_id: str) -> dict[str, Number]:
    """What it adds to the sums that tell whether interactions are of several professionals."""
    number = _number_of(professional_id)
    return {"x": number, "xx": number * number} if prior_of(record) else {}


def _number_of(professional_id: str) -> int:
    """A professional's number, below 10^9: its square times many interactions still has few enough digits for any engine."""
    return int.from_bytes(hashlib.sha256(professional_id.encode()).digest()[:8]) % 10**9


# -- scores


def _divide(part: Number, whole: Number) -> Decimal:
    return _EXACT.divide(Decimal(part), Decimal(whole))


def _with_overall(scores: Mapping[str, Decimal | None]) -> dict[str, Decimal | None]:
    """The scores with the overall one: the mean of those of its measures that are known."""
    known = [score for measure in OF_OVERALL if (score := scores[measure]) is not None]
    return {**scores, OVERALL: _divide(sum(known, Decimal(0)), len(known)) if known else None}


def _scale(measure: str) -> int:
    """How much of a sum is a score of 1."""
    return _RANGE if measure == RESPONSIVENESS else 1


def mean_scores(counts: Counts) -> dict[str, Decimal | None]:
    """The scores over all interactions that are counted alike."""
    totals = {measure: counts.get(f"{measure}:n", 0) * _scale(measure) for measure in MEASURES}
    return _with_overall({measure: _divide(counts.get(f"{measure}:v", 0), total) if total else None for measure, total in totals.items()})


def half_life_scores(weighted: Counts) -> dict[str, Decimal | None]:
    """The scores with decayed weights."""
    years = {int(name[:4]) for name, number in weighted.items() if number}
    newest = max(years, default=0)
    decay = {year: _decay((date(newest, 1, 1) - date(year, 1, 1)).days) for year in years}

    def total(measure: str, what: str) -> Decimal:
        parts = [_EXACT.multiply(decay[year], Decimal(weighted.get(f"{year}:{measure}:{what}", 0))) for year in sorted(years)]
        return sum(parts, Decimal(0))

    scores: dict[str, Decimal | None] = {}
    for measure in MEASURES:
        weight = total(measure, "w")
        score = _divide(total(measure, "v"), weight * _scale(measure)) if weight else None
        scores[measure] = None if score is None else score.quantize(_NOISE, context=_EXACT)
    return _with_overall(scores)


def _decay(days: int) -> Decimal:
    return _EXACT.power(2, _EXACT.divide(-days, HALF_LIFE_DAYS))


def printed(score: Decimal | None) -> Decimal | None:
    """A score as it is shown: two decimals, half up."""
    return None if score is None else score.quantize(_TINY, context=_EXACT).quantize(_HUNDREDTH, ROUND_HALF_UP)


# -- the prior


class PriorSums(NamedTuple):
    """Sums over the interactions that have one of the overall's measures: how many, their means in sixths, and whose they are."""

    n: int = 0
    v: Decimal = Decimal(0)
    x: int = 0
    xx: int = 0

    @classmethod
    def of(cls, counts: Counts) -> "PriorSums":
        """Those in an aggregate."""
        names = ("n", "x", "xx")
        return cls(v=Decimal(counts.get("v", 0)), **{name: int(counts.get(name, 0)) for name in names})

    @classmethod
    def of_professional(cls, professional_id: str, counts: Iterable[Counts]) -> "PriorSums":
        """Those of one professional's own."""
        own, number = list(counts), _number_of(professional_id)
        n = int(sum(one.get("n", 0) for one in own))
        return cls(n, sum((Decimal(one.get("v", 0)) for one in own), Decimal(0)), n * number, n * number * number)

    def without(self, other: "PriorSums") -> "PriorSums":
        """Those of the rest."""
        return PriorSums(self.n - other.n, self.v - other.v, self.x - other.x, self.xx - other.xx)

    @property
    def are_of_several(self) -> bool:
        """Whether they are of two professionals or more."""
        return self.n * self.xx != self.x * self.x

    @property
    def mean(self) -> Decimal:
        """The mean of the means."""
        return _divide(self.v, _SIXTH * self.n)


def prior_among(others_of_role: PriorSums, others_of_firm: PriorSums) -> Decimal | None:
    """The score that little is known to differ from: the role's, else the firm's; None where both are of too few interactions."""
    if others_of_role.n >= PRIOR_INTERACTIONS and others_of_role.are_of_several:
        return others_of_role.mean
    return others_of_firm.mean if others_of_firm.n >= PRIOR_INTERACTIONS else None


def adjusted_score(n: int, overall: Decimal | None, prior: Decimal | None) -> Decimal | None:
    """The overall score of `n` interactions, drawn to the prior; None where either is unknown."""
    if overall is None or prior is None:
        return None
    return _divide(n * overall + PRIOR_WEIGHT * prior, n + PRIOR_WEIGHT)


def trend_of(interactions: int, half_life: Decimal | None, overall: Decimal | None) -> str | None:
    """Whether the newer interactions are better than all of them; None under 5 interactions."""
    if interactions < TREND_INTERACTIONS or half_life is None or overall is None:
        return None
    change = (half_life - overall).quantize(_NOISE, context=_EXACT)
    if change >= TREND_STEP:
        return IMPROVING
    return DECLINING if change <= -TREND_STEP else STABLE


# -- the scorecard


@dataclass(frozen=True)
class Sums:
    """The sums that a scorecard is computed from: the professional's own, by role the priors' sums, and the firm's."""

    professional_id: str
    role: str
    own: Counts  # over all time; `<role>:n` and `<role>:v` are those of the prior
    weighted: Counts
    roles: Mapping[str, Counts]
    firm: Counts

    @property
    def interactions(self) -> int:
        """How many interactions count."""
        return int(self.own.get("interactions", 0))

    def own_prior(self, role: str) -> Counts:
        """The professional's own part in a role's sums."""
        return {name: self.own.get(f"{role}:{name}", 0) for name in ("n", "v")}

    @property
    def all_own(self) -> PriorSums:
        """The professional's own part in the firm's sums."""
        roles = {name.partition(":")[0] for name in self.own if name.endswith(":n")} - set(MEASURES)
        return PriorSums.of_professional(self.professional_id, map(self.own_prior, roles))

    @property
    def prior(self) -> Decimal | None:
        """The prior, of the others."""
        own_of_role = PriorSums.of_professional(self.professional_id, [self.own_prior(self.role)])
        others = PriorSums.of(self.roles.get(self.role, {})).without(own_of_role)
        return prior_among(others, PriorSums.of(self.firm).without(self.all_own))

    @property
    def adjusted(self) -> Decimal | None:
        """The adjusted score, not rounded."""
        return adjusted_score(self.all_own.n, mean_scores(self.own)[OVERALL], self.prior)
