"""How well a buyer and a house fit: twelve criteria, each met, missed or unknown, weighed to a score of 0 to 100.

A value that is missing on either side is unknown: it counts a quarter of its weight, never as a miss. Market, price and type
are gates: known on both sides and outside is out. The same pair is judged the same from either side.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, TypedDict, TypeVar

from chalicelib.packs.dispositions.rules import proof_of_funds
from chalicelib.packs.dispositions.rules.assignments import BUYER_FAULTS, FALLOUT, LIVE
from chalicelib.packs.dispositions.rules.buyer_statistics import TIERS
from chalicelib.packs.dispositions.rules.markets import UNKNOWN_LOCATION, Location, Market
from chalicelib.packs.dispositions.rules.markets import contains as lies_in

# Raised whenever another score comes of the same pair.
VERSION = 1
FORMULA = "dispositions.match"

MET, MISSED, UNKNOWN = "met", "missed", "unknown"
Verdict = Literal["met", "missed", "unknown"]

WEIGHTS: dict[str, int] = {
    "market": 25,
    "price": 20,
    "type": 15,
    "max_repairs": 8,
    "pct_of_arv": 7,
    "proof_of_funds": 6,
    "strategy": 5,
    "bedrooms": 4,
    "record": 4,
    "bathrooms": 3,
    "sqft": 2,
    "year_built": 1,
}
REQUIRED_CRITERIA = ("market", "price", "type")
_WEIGHT_FRACTIONS = {MET: Decimal(1), UNKNOWN: Decimal("0.25"), MISSED: Decimal(0)}
_TENTH = Decimal("0.1")

GOOD_TIERS = ("A", "B")
FAULTS_FOR_MISS = 2

MIN_BEST_SCORE = Decimal(40)
MAX_BEST = 25


@dataclass(frozen=True)
class BuyBox:
    """What a buyer buys; None and empty: not said. Amounts are in `currency`."""

    property_types: tuple[str, ...] = ()
    markets: tuple[Market, ...] = ()
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    bedrooms_min: Decimal | None = None
    bathrooms_min: Decimal | None = None
    sqft_min: Decimal | None = None
    year_built_min: Decimal | None = None
    max_repairs: Decimal | None = None
    max_pct_of_arv: Decimal | None = None
    strategies: tuple[str, ...] = ()
    currency: str = "USD"


@dataclass(frozen=True)
class BuyerProfile:
    """A buyer as matching sees one. `recent_own_faults` are those of the last 12 months, `last_offer_at` the last offer to them."""

    id: str
    box: BuyBox = BuyBox()
    proof: proof_of_funds.ProofOfFunds | None = None
    tier: str = TIERS[-1]
    recent_buyer_faults: int = 0
    is_active: bool = True
    do_not_contact: bool = False
    last_offer_at: datetime | None = None


@dataclass(frozen=True)
class PropertyProfile:
    """A pipeline as matching sees one; None: unknown. Amounts are in `currency`."""

    id: str
    location: Location = UNKNOWN_LOCATION
    type: str | None = None
    price: Decimal | None = None
    repairs: Decimal | None = None
    arv: Decimal | None = None
    bedrooms: Decimal | None = None
    bathrooms: Decimal | None = None
    sqft: Decimal | None = None
    year_built: Decimal | None = None
    suited_for: tuple[str, ...] = ()
    currency: str = "USD"


@dataclass(frozen=True)
class Match:
    """A buyer and a house that fit, unless `out` says why not.

    `score` has 1 decimal; `coverage` is the weight, of 100, of what is known on both sides. `out` names the gates that were
    missed, `inactive` and `do_not_contact`.
    """

    buyer_id: str
    pipeline_id: str
    verdicts: Mapping[str, Verdict]
    exclusions: tuple[str, ...] = ()
    tier: str = TIERS[-1]
    last_offer_at: datetime | None = None
    score: Decimal = field(init=False)
    coverage: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "score", score(self.verdicts))
        object.__setattr__(self, "coverage", sum(WEIGHTS[name] for name, verdict in self.verdicts.items() if verdict != UNKNOWN))

    def criteria(self, verdict: Verdict) -> list[str]:
        """The criteria with this verdict, the weightiest first."""
        return [name for name in WEIGHTS if self.verdicts[name] == verdict]


def offered_price(assignment_price: Decimal | None, contract_price: Decimal | None, fee_target: Decimal | None) -> Decimal | None:
    """What a buyer would pay: the assignment price, else contract price and fee target together, else unknown."""
    if assignment_price is not None:
        return assignment_price
    return None if contract_price is None or fee_target is None else contract_price + fee_target


def score(verdicts: Mapping[str, Verdict]) -> Decimal:
    """The score of these verdicts, half up to 1 decimal."""
    return sum((WEIGHTS[name] * _WEIGHT_FRACTIONS[verdict] for name, verdict in verdicts.items()), Decimal(0)).quantize(
        _TENTH, ROUND_HALF_UP
    )


def _verdict(fits: bool | None) -> Verdict:
    return "unknown" if fits is None else "met" if fits else "missed"


def _at_least(value: Decimal | None, least: Decimal | None) -> bool | None:
    return None if value is None or least is None else value >= least


def _price(house: PropertyProfile, box: BuyBox) -> bool | None:
    """Inside what is said of the range. A range in another currency can't be compared."""
    if house.price is None or house.currency != box.currency or (box.price_min is None and box.price_max is None):
        return None
    return (box.price_min is None or box.price_min <= house.price) and (box.price_max is None or house.price <= box.price_max)


def _type(house: PropertyProfile, box: BuyBox) -> bool | None:
    return None if not house.type or not box.property_types else house.type.casefold() in {each.casefold() for each in box.property_types}


def _repairs(house: PropertyProfile, box: BuyBox) -> bool | None:
    return _at_least(box.max_repairs, house.repairs) if house.currency == box.currency else None


def _pct_of_arv(house: PropertyProfile, box: BuyBox) -> bool | None:
    """(price + repairs) / ARV: what the buyer has in it, of what it will be worth. Price alone would flatter a ruin."""
    if house.price is None or house.repairs is None or house.arv is None or house.arv <= 0 or box.max_pct_of_arv is None:
        return None
    return (house.price + house.repairs) * 100 <= box.max_pct_of_arv * house.arv


def _proof(house: PropertyProfile, buyer: BuyerProfile, day: date) -> bool | None:
    error = proof_of_funds.coverage_error(buyer.proof, house.price, house.currency, day)
    if error is None:
        return True if house.price is not None else None
    return None if error.code in (proof_of_funds.MISSING, proof_of_funds.OTHER_CURRENCY) else False


def _strategy(house: PropertyProfile, box: BuyBox) -> bool | None:
    return None if not house.suited_for or not box.strategies else not set(house.suited_for).isdisjoint(box.strategies)


def _record(buyer: BuyerProfile) -> bool | None:
    if buyer.tier in GOOD_TIERS:
        return True
    return False if buyer.recent_buyer_faults >= FAULTS_FOR_MISS else None


def evaluate_match(buyer: BuyerProfile, house: PropertyProfile, day: date) -> Match:
    """How buyer and house fit on `day`. Whoever is `out` of it is to be left out of a list."""
    box = buyer.box
    results = {
        "market": lies_in(box.markets, house.location),
        "price": _price(house, box),
        "type": _type(house, box),
        "max_repairs": _repairs(house, box),
        "pct_of_arv": _pct_of_arv(house, box),
        "proof_of_funds": _proof(house, buyer, day),
        "strategy": _strategy(house, box),
        "bedrooms": _at_least(house.bedrooms, box.bedrooms_min),
        "record": _record(buyer),
        "bathrooms": _at_least(house.bathrooms, box.bathrooms_min),
        "sqft": _at_least(house.sqft, box.sqft_min),
        "year_built": _at_least(house.year_built, box.year_built_min),
    }
    barred = {"inactive": not buyer.is_active, "do_not_contact": buyer.do_not_contact}
    out = [code for code, holds in barred.items() if holds] + [gate for gate in REQUIRED_CRITERIA if results[gate] is False]
    verdicts = {name: _verdict(fit) for name, fit in results.items()}
    return Match(buyer.id, house.id, verdicts, tuple(out), buyer.tier, buyer.last_offer_at)


def sort_key(match: Match) -> tuple[int, int, int, int, str, str]:
    """Where it comes in a list, as plain values that sort: by score, coverage, tier, the oldest last offer (never is oldest), id."""
    last = int(match.last_offer_at.timestamp() * 1000) if match.last_offer_at else -1
    return -int(match.score * 10), -match.coverage, TIERS.index(match.tier), last, match.buyer_id, match.pipeline_id


M = TypeVar("Ordered", bound=Match)


def ranked(matches: Iterable[M]) -> list[M]:
    """Those that aren't out, the best first."""
    return sorted((each for each in matches if not each.exclusions), key=sort_key)


@dataclass(frozen=True)
class PriorAssignment:
    """An earlier assignment of the same house to a buyer."""

    buyer_id: str
    status: str
    reason: str | None = None

    @property
    def blocks_offer(self) -> bool:
        """Whether no other offer of it should go to the buyer by itself: one is live, or it ended by the buyer's own doing."""
        return self.status in LIVE or (self.status == FALLOUT and self.reason in BUYER_FAULTS)


def best(matches: Iterable[M], prior: Iterable[PriorAssignment], n: int) -> list[M]:
    """The best `n` (at most 25) to send an offer to: at least 40 points, and nothing live or declined between the two."""
    blocked = {each.buyer_id for each in prior if each.blocks_offer}
    return [each for each in ranked(matches) if each.score >= MIN_BEST_SCORE and each.buyer_id not in blocked][: min(n, MAX_BEST)]


class Formula(TypedDict):
    """A formula's name, and which edition of it."""

    id: str
    version: int


class Explanation(TypedDict):
    """`inputs`: each criterion's weight and verdict; `missing` those that are unknown; `as_of` the day they hold for."""

    inputs: dict[str, dict[str, int | str]]
    formula: Formula
    as_of: str
    missing: list[str]


def explain_match(match: Match, as_of: str) -> Explanation:
    """Where the score comes from."""
    return {
        "inputs": {name: {"weight": weight, "verdict": match.verdicts[name]} for name, weight in WEIGHTS.items()},
        "formula": {"id": FORMULA, "version": VERSION},
        "as_of": as_of,
        "missing": match.criteria("unknown"),
    }
