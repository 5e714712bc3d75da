"""The scorecard computed simply, from the interactions themselves: with fractions, and weights seen from today."""

from collections.abc import Iterable
from datetime import date
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

MEASURES = ("reliability", "communication", "quality", "responsiveness")
TODAY = date(2026, 11, 24)
_PRECISE = Context(prec=80)


def values(one: Any) -> dict[str, Fraction]:
    """The scores of one interaction, as the API shows it."""
    found = {
        "reliability": None if one["met_deadline"] is None else Fraction(one["met_deadline"]),
        "communication": None if one["communication_clarity"] is None else Fraction(one["communication_clarity"]),
        "quality": None if one["deliverable_quality"] is None else Fraction(one["deliverable_quality"]),
        "responsiveness": None,
    }
    if one["response_time_hours"] is not None:
        found["responsiveness"] = max(Fraction(0), min(Fraction(1), 1 - (Fraction(one["response_time_hours"]) - 4) / 68))
    return {name: value for name, value in found.items() if value is not None}


def counted(interactions: Iterable[Any]) -> list[Any]:
    return [
        one for one in interactions if one["reversed_at"] is None and (one["dispute"] or {"status": "rejected"})["status"] == "rejected"
    ]


def shown(value: Fraction | None) -> Decimal | None:
    if value is None:
        return None
    whole = (value * 100 * 2 + 1) // 2
    return (Decimal(whole) / 100).quantize(Decimal("0.01"))


def with_overall(scores: dict[str, Fraction | None]) -> dict[str, Fraction | None]:
    known = [score for name in MEASURES[:3] if (score := scores[name]) is not None]
    return {**scores, "overall": sum(known) / len(known) if known else None}


def weighted(interactions: list[Any], weight: Any) -> dict[str, Fraction | None]:
    scores: dict[str, Fraction | None] = {}
    for name in MEASURES:
        pairs = [(weight(one), values(one)[name]) for one in interactions if name in values(one)]
        total = sum((w for w, _ in pairs), Fraction(0))
        scores[name] = sum((w * v for w, v in pairs), Fraction(0)) / total if total else None
    return with_overall(scores)


def decayed(one: Any) -> Fraction:
    """2^(−age/90)."""
    age = (TODAY - firm_day(one)).days
    return Fraction(_PRECISE.power(2, _PRECISE.divide(Decimal(-age), Decimal(90))))


def firm_day(one: Any) -> date:
    from chalicelib.foundation.dates import business_date, parse_timestamp

    return business_date(parse_timestamp(one["occurred_at"]), "America/Los_Angeles")


def without_noise(score: Fraction | None) -> Fraction | None:
    """The weights are irrational: what lies within 10^-10 of a tie is one."""
    return None if score is None else Fraction(round(score * 10**10), 10**10)


def own_mean(one: Any) -> Fraction | None:
    found = [value for name, value in values(one).items() if name != "responsiveness"]
    return sum(found, Fraction(0)) / len(found) if found else None


def prior(professional: str, role: str, everybody: dict[str, list[Any]]) -> Fraction | None:
    others = [(id, one) for id, ones in everybody.items() if id != professional for one in counted(ones) if own_mean(one) is not None]
    of_role = [(id, one) for id, one in others if one["role"] == role]
    for found, least in ((of_role, 2), (others, 1)):
        if len(found) >= 10 and len({id for id, _ in found}) >= least:
            return sum((own_mean(one) for _, one in found), Fraction(0)) / len(found)
    return None


def scorecard(professional: str, role: str, everybody: dict[str, list[Any]]) -> dict[str, Any]:
    """What GET …/scorecard answers, `as_of` aside; `everybody` are the interactions of each professional."""
    own = counted(everybody[professional])
    scores, half_life = weighted(own, lambda one: Fraction(1)), weighted(own, decayed)
    half_life = {name: without_noise(score) for name, score in half_life.items()}
    of_overall = [one for one in own if own_mean(one) is not None]
    expected = prior(professional, role, everybody)
    adjusted = None
    if scores["overall"] is not None and expected is not None:
        adjusted = (len(of_overall) * scores["overall"] + 5 * expected) / (len(of_overall) + 5)
    trend = None
    if len(own) >= 5 and scores["overall"] is not None and half_life["overall"] is not None:
        change = without_noise(half_life["overall"] - scores["overall"])
        trend = "improving" if change >= Fraction(1, 20) else "declining" if change <= -Fraction(1, 20) else "stable"
    return {
        "professional_id": professional,
        **{f"{name}_score": shown(score) for name, score in scores.items()},
        "parts": [name for name in MEASURES[:3] if scores[name] is not None],
        "half_life": {f"{name}_score": shown(score) for name, score in half_life.items()},
        "adjusted_score": shown(adjusted),
        "trend": trend,
        "counts": {"interactions": len(own), **{name: sum(name in values(one) for one in own) for name in MEASURES}},
        "insufficient_data": scores["overall"] is None,
    }


def history(interactions: list[Any]) -> list[dict[str, Any]]:
    """What GET …/history lists."""
    own = counted(interactions)
    months = sorted({f"{firm_day(one):%Y-%m}" for one in own}, reverse=True)
    rows = []
    for month in months:
        of_month = [one for one in own if f"{firm_day(one):%Y-%m}" == month]
        scores = {f"{name}_score": shown(score) for name, score in weighted(of_month, lambda one: Fraction(1)).items()}
        rows.append({"month": month, **scores, "interactions": len(of_month)})
    return rows
