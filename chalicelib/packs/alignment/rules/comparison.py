"""How the public signals of a professional compare with an ideal.

The comparison is the older API's, to its numbers: binary floats and Python's `round`, which rounds a half to the even digit. Nothing else
in the system computes so. An alignment differs in two points: a signal that is unknown has no score rather than 0, and the overall score
is weighted and rounded half up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from chalicelib.foundation.explanations import Explanation, explain
from chalicelib.foundation.folding import fold_text
from chalicelib.packs.signals.public import BALANCED

COMPARISON, ALIGNMENT = "alignment.comparison", "alignment.overall"  # formulas
# Incremented whenever the same inputs give another score.
VERSION = 1

WEIGHTED = ("clarity", "professionalism", "transparency", "specialization", "risk_style")
EQUAL_WEIGHT = Decimal("0.2")
EQUAL_WEIGHTS: dict[str, Decimal] = dict.fromkeys(WEIGHTED, EQUAL_WEIGHT)

_LEAST_TARGET = 0.01  # a target of 0 is met by any value
_STYLE_MATCH, _STYLE_NEAR, _STYLE_OFF = 1.0, 0.7, 0.5
_STRONG, _POTENTIAL = Decimal("0.75"), Decimal("0.55")
_HUNDREDTH = Decimal("0.01")
_MATCHED_STYLE = "Risk style matches Valhalla preferences."
_OTHER_STYLE = "Risk style may not align with Valhalla's operational approach."


class _Line(NamedTuple):
    """What is said of a score: a strength above a bound, else a risk."""

    score: str
    above: float
    strength: str
    risk: str


_LINES = (
    _Line("clarity", 0.7, "Clear communication style.", "Communication may require clarification or structure."),
    _Line("professionalism", 0.7, "Consistent professional tone.", "Tone suggests potential inconsistency or informality."),
    _Line(
        "transparency",
        0.6,
        "Provides detailed and concrete information publicly.",
        "Limited transparency in publicly available information.",
    ),
    _Line(
        "specialization",
        0.5,
        "Relevant specialization detected for Valhalla operations.",
        "Specialization does not strongly align with required domains.",
    ),
)


@dataclass(frozen=True)
class Signals:
    """What the public text of a professional shows; shares from 0 to 1, None where it is unknown."""

    communication_clarity: Decimal | None = None
    professionalism_tone: Decimal | None = None
    transparency_level: Decimal | None = None
    service_specialization: tuple[str, ...] = ()
    risk_style: str | None = None

    @property
    def missing(self) -> list[str]:
        """The signals that are unknown. No specialization found is an answer."""
        return [one.name for one in fields(self) if getattr(self, one.name) is None]


@dataclass(frozen=True)
class Ideal:
    """What a professional is compared with: shares from 0 to 1, a style, specializations. The defaults are the older API's."""

    target_clarity: Decimal = Decimal("0.7")
    target_professionalism: Decimal = Decimal("0.7")
    target_transparency: Decimal = Decimal("0.6")
    preferred_risk_style: str = BALANCED
    preferred_specializations: tuple[str, ...] = ("real estate", "corporate")


OLDER_IDEAL = Ideal()


@dataclass(frozen=True)
class Scores:
    """The five scores and the overall one, 2 decimals each; None where a score isn't known or nothing was asked for."""

    clarity: float | None
    professionalism: float | None
    transparency: float | None
    specialization: float | None
    risk_style: float | None
    overall: Decimal | None = None

    @property
    def parts(self) -> dict[str, float | None]:
        """The five scores by name."""
        return {name: getattr(self, name) for name in WEIGHTED}


@dataclass(frozen=True)
class Comparison:
    """Scores, what they mean in words, and those specializations found that are preferred."""

    scores: Scores
    strengths: list[str] = field(default_factory=list)
    risks: list[str] = field(default_factory=list)
    recommendation: str | None = None
    matched_specializations: list[str] = field(default_factory=list)


def compare(signals: Signals, ideal: Ideal = OLDER_IDEAL) -> Comparison:
    """The older comparison: an unknown signal scores 0.0, the overall score is the mean of the scores that there are.

    Without preferred specializations that score is None, and left out of the mean.
    """
    scores = {name: 0.0 if value is None else value for name, value in _scores(signals, ideal).items() if not _is_unasked(name, ideal)}
    overall = Decimal(str(round(sum(scores.values()) / len(scores), 2)))
    return _comparison(Scores(**{name: scores.get(name) for name in WEIGHTED}, overall=overall), signals, ideal)


def align(signals: Signals, ideal: Ideal = OLDER_IDEAL, weights: Mapping[str, Decimal] = EQUAL_WEIGHTS) -> Comparison:
    """The comparison without a number for what is unknown: overall = Σ weight × score / Σ weight of the known scores, half up to 2 decimals.

    None where no weighted score is known.
    """
    scores = _scores(signals, ideal)
    known = {name: Decimal(str(value)) for name, value in scores.items() if value is not None}
    total = sum((weights[name] for name in known), Decimal(0))
    overall = None
    if total:
        overall = (sum((weights[name] * score for name, score in known.items()), Decimal(0)) / total).quantize(_HUNDREDTH, ROUND_HALF_UP)
    return _comparison(Scores(**scores, overall=overall), signals, ideal)


def _scores(signals: Signals, ideal: Ideal) -> dict[str, float | None]:
    return {
        "clarity": _share(signals.communication_clarity, ideal.target_clarity),
        "professionalism": _share(signals.professionalism_tone, ideal.target_professionalism),
        "transparency": _share(signals.transparency_level, ideal.target_transparency),
        "specialization": _specialization(signals.service_specialization, ideal.preferred_specializations),
        "risk_style": _style(signals.risk_style, ideal.preferred_risk_style),
    }


def _is_unasked(name: str, ideal: Ideal) -> bool:
    return name == "specialization" and not ideal.preferred_specializations


def _share(actual: Decimal | None, target: Decimal) -> float | None:
    return None if actual is None else round(min(1.0, float(actual) / max(_LEAST_TARGET, float(target))), 2)


def _specialization(found: Iterable[str], preferred: Iterable[str]) -> float | None:
    wanted = set(map(fold_text, preferred))
    return round(len(wanted & set(map(fold_text, found))) / len(wanted), 2) if wanted else None


def _style(actual: str | None, preferred: str) -> float | None:
    if actual is None:
        return None
    return _STYLE_MATCH if actual == preferred else _STYLE_NEAR if preferred == BALANCED else _STYLE_OFF


def matched_specializations(found: Iterable[str], preferred: Iterable[str]) -> list[str]:
    """Those found that are preferred, each once, as they were found."""
    wanted = set(map(fold_text, preferred))
    matched = {fold_text(name): name for name in reversed(list(found)) if fold_text(name) in wanted}
    return list(reversed(matched.values()))


def _comparison(scores: Scores, signals: Signals, ideal: Ideal) -> Comparison:
    strengths, risks = [], []
    for line in _LINES:
        score = getattr(scores, line.score)
        if score is not None and score > line.above:
            strengths.append(line.strength)
        elif score is not None:
            risks.append(line.risk)
    if scores.risk_style is not None and scores.risk_style >= 0.9:
        strengths.append(_MATCHED_STYLE)
    elif scores.risk_style is not None and scores.risk_style <= _STYLE_OFF:
        risks.append(_OTHER_STYLE)
    matched = matched_specializations(signals.service_specialization, ideal.preferred_specializations)
    return Comparison(scores, strengths, risks, recommend(scores.overall), matched)


def recommend(overall: Decimal | None) -> str | None:
    """What an overall score recommends; None where there is none."""
    if overall is None:
        return None
    if overall >= _STRONG:
        return "Strong candidate for further engagement."
    if overall >= _POTENTIAL:
        return "Potential candidate; recommended for interview."
    return "Low alignment; review other candidates."


def explain_comparison(formula: str, signals: Signals, ideal: Ideal, weights: Mapping[str, Decimal], as_of: str) -> Explanation:
    """The explanation of an overall score: the signals, the ideal, and the weight of each score."""
    inputs = {"signals": vars(signals), "ideal": vars(ideal), "weights": dict(weights)}
    return explain(formula, inputs, as_of, signals.missing, version=VERSION)
