"""The formulas of the signals. Exact arithmetic, rounded half up once: the same text has the same answer on any machine."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

from chalicelib.packs.signals.rules.markers import AGGRESSIVE, BALANCED, CLARITY, CONSERVATIVE, RESPONSE, SPECIALIZATION, TONE, TRANSPARENCY

MIN_KNOWN = 50  # of the weight of the lead score's parts
_WEIGHTS = {"transparency": 30, "clarity": 25, "tone": 25, "specialization": 10, "response": 10}


class LeadPart(NamedTuple):
    """A part of the lead score; `value` is 0..1, None where it is unknown."""

    weight: int
    value: Decimal | None


def clarity(words: int, sentences: int, syllables: int, deviation: Decimal) -> Decimal:
    """0.75·clamp((FRE − 10)/60) + 0.25·clamp(1 − (sd of words a sentence − 6)/12); FRE is Flesch's reading ease."""
    reading_ease = Decimal("206.835") - Decimal("1.015") * words / sentences - Decimal("84.6") * syllables / words
    return Decimal("0.75") * _clamp((reading_ease - 10) / 60) + Decimal("0.25") * _clamp(1 - (deviation - 6) / 12)


def deviation(lengths: Sequence[int]) -> Decimal:
    """The population's standard deviation of the words of sentences."""
    count = len(lengths)
    variance = Fraction(sum(length * length for length in lengths), count) - Fraction(sum(lengths), count) ** 2
    with localcontext(prec=40):
        return (Decimal(variance.numerator) / variance.denominator).sqrt()


def tone(formal: int, informal: int) -> Fraction:
    """(formal + 1)/(formal + informal + 2)."""
    return Fraction(formal + 1, formal + informal + 2)


def transparency(facts: int, words: int) -> Fraction:
    """min(1, facts a hundred words/4)."""
    return min(Fraction(1), Fraction(facts * 100, words * 4))


def response_hours(hits: Sequence[Fraction]) -> Fraction | None:
    """The time that most hits say, of a tie the longest; None without any."""
    counts = Counter(hits)
    return max(counts, key=lambda hours: (counts[hours], hours), default=None)


def risk_style(aggressive: int, conservative: int) -> str:
    """What there are more hits of; balanced where neither."""
    return AGGRESSIVE if aggressive > conservative else CONSERVATIVE if conservative > aggressive else BALANCED


def lead_parts(signals: Mapping[str, object]) -> dict[str, LeadPart]:
    """The parts of the lead score from the answered signals, of what is rounded."""
    values = {
        "transparency": _known(signals[TRANSPARENCY]),
        "clarity": _known(signals[CLARITY]),
        "tone": _known(signals[TONE]),
        "specialization": Decimal(1 if signals[SPECIALIZATION] else 0),
        "response": _of_response(_known(signals[RESPONSE])),
    }
    return {name: LeadPart(weight, values[name]) for name, weight in _WEIGHTS.items()}


def _known(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


def _of_response(hours: Decimal | None) -> Decimal | None:
    """1 up to a day, a half up to two, else 0."""
    if hours is None:
        return None
    return Decimal(1) if hours <= 24 else Decimal("0.5") if hours <= 48 else Decimal(0)


def lead_score(parts: Mapping[str, LeadPart]) -> int | None:
    """half_up(100·Σ weight·value/Σ weight of what is known); None where less than half of the weight is known."""
    known = [(part.weight, Fraction(part.value)) for part in parts.values() if part.value is not None]
    weight = sum(weight for weight, _ in known)
    if weight < MIN_KNOWN:
        return None
    return int(half_up(100 * sum((weight * value for weight, value in known), Fraction(0)) / weight, 0))


def half_up(number: Decimal | Fraction, places: int = 2) -> Decimal:
    """A number rounded half up, without trailing zeros, as the table gives it back."""
    if isinstance(number, Fraction):
        number = Decimal(number.numerator) / number.denominator
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return Decimal(format(rounded.normalize(), "f"))


def _clamp(number: Decimal) -> Decimal:
    return min(Decimal(1), max(Decimal(0), number))
