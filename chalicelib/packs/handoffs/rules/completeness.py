"""How complete a packet is (domain rule Completeness).

half_up(100·Σ weight·share/Σ weight) of what applies. Without a deal the deal, contracts and documents don't apply: Σ is 88. A list of
facts is there once it was looked up, even where it is empty; one that no pack looks up isn't.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from chalicelib.packs.handoffs.rules.content import CONTRACTS, DOCUMENTS, TASKS, Facts, Parts

# By the field that is missing where it isn't whole.
WEIGHTS = {
    "action_list": 30,
    "summary": 20,
    "contingencies": 15,
    "risk_status": 10,
    "professional": 5,
    "scorecard": 5,
    "deal": 5,
    CONTRACTS: 4,
    DOCUMENTS: 3,
    TASKS: 3,
}
OF_A_DEAL = ("deal", CONTRACTS, DOCUMENTS)
SENDABLE = 60  # from there on a packet may be sent


@dataclass(frozen=True)
class Completeness:
    """The figure, 0 to 100; the fields that it lacks, in the order of their weight; and the share of each that applies, 0 to 1."""

    figure: int
    missing: tuple[str, ...]
    shares: dict[str, Fraction]


def completeness(facts: Facts, looked_up: Collection[str], parts: Parts, *, has_deal: bool) -> Completeness:
    """How complete a packet with these facts and parts is. `looked_up` are the lists that some pack has looked up."""
    shares = {
        "action_list": _share_of_full_actions(parts["action_list"]),
        **{name: Fraction(bool(parts[name])) for name in ("summary", "contingencies", "risk_status")},
        **{name: Fraction(facts[name] is not None) for name in ("professional", "scorecard", "deal")},
        **{name: Fraction(name in looked_up) for name in (CONTRACTS, DOCUMENTS, TASKS)},
    }
    applicable = {name: share for name, share in shares.items() if has_deal or name not in OF_A_DEAL}
    total = sum(WEIGHTS[name] for name in applicable)
    exact = Fraction(100, total) * sum(WEIGHTS[name] * share for name, share in applicable.items())
    figure = int((Decimal(exact.numerator) / exact.denominator).quantize(Decimal(1), ROUND_HALF_UP))
    return Completeness(figure, tuple(name for name, share in applicable.items() if share < 1), applicable)


def is_full(action: Parts) -> bool:
    """Whether an action says who does it by when."""
    return bool(action.get("owner")) and bool(action.get("due_on"))


def _share_of_full_actions(actions: Collection[Parts]) -> Fraction:
    return Fraction(sum(map(is_full, actions)), len(actions)) if actions else Fraction(0)
