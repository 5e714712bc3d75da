"""How well a buyer and a property match: twelve criteria, each met, missed or unknown, weighted to a score of 0 to 100.

A value that is missing on either side makes a criterion unknown, which counts a quarter of its weight. Market, price and type
are required: a miss of one excludes the match. The result for a pair is the same from either side.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Literal

from chalicelib.foundation.explanations import Explanation, explain
from chalicelib.packs.dispositions.rules import proof_of_funds
from chalicelib.packs.dispositions.rules.assignments import BUYER_FAULTS, FALLOUT, LIVE
from chalicelib.packs.dispositions.rules.buyer_statistics import TIERS
from chalicelib.packs.dispositions.rules.markets import UNKNOWN_LOCATION, Location, Market
from chalicelib.packs.dispositions.rules.markets import contains as lies_in

# Incremented whenever the formula gives another score for the same pair.
VERSION = 1
FORMULA = "dispositions.match"

MET, MISSED, UNKNOWN = "met", "missed", "unknown"
Verdict = Literal["met", "missed", "unknown"]

WEIGHTS: dict[str, int] = {
    "market": 25, "price": 20, "type": 15, "max_repairs": 8, "pct_of_arv": 7, "proof_of_funds": 6,
    "strategy": 5, "bedrooms": 4, "record": 4, "bathrooms": 3, "sqft": 2, "year_built": 1,
}  # fmt: skip
REQUIRED_CRITERIA = ("market", "price", "type")
_VERDICTS: dict[bool | None, Verdict] = {True: "met", False: "missed", None: "unknown"}
_WEIGHT_FRACTIONS = {MET: Decimal(1), UNKNOWN: Decimal("0.25"), MISSED: Decimal(0)}
_TENTH = Decimal("0.1")

GOOD_TIERS = ("A", "B")
FAULTS_FOR_MISS = 2

MIN_BEST_SCORE = Decimal(40)
MAX_BEST = 25


@dataclass(frozen=True)
class BuyBox:
    """What a buyer buys; None and empty: not stated. Amounts are in `currency`."""

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
    """A buyer as the matching takes it. `recent_buyer_faults` are those of the last 12 months, `last_offer_at` the last offer to them."""

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
    """A pipeline as the matching takes it; None: unknown. Amounts are in `currency`."""

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
    """The match of a buyer and a property.

    `exclusions` are the required criteria that were missed, `inactive` and `do_not_contact`; a match with any is not listed.
    """

    buyer_id: str
    pipeline_id: str
    verdicts: Mapping[str, Verdict]
    exclusions: tuple[str, ...] = ()
    tier: str = TIERS[-1]
    last_offer_at: datetime | None = None

    @cached_property
    def score(self) -> Decimal:
        """The score, with 1 decimal."""
        return score(self.verdicts)

    @cached_property
    def coverage(self) -> int:
        """The weight, of 100, of what is known on both sides."""
        return sum(WEIGHTS[name] for name, verdict in self.verdicts.items() if verdict != UNKNOWN)

    def criteria(self, verdict: Verdict) -> list[str]:
        """The criteria with this verdict, by descending weight."""
        return [name for name in WEIGHTS if self.verdicts[name] == verdict]


def offered_price(assignment_price: Decimal | None, contract_price: Decimal | None, fee_target: Decimal | None) -> Decimal | None:
    """The price for a buyer: the assignment price, else contract price plus fee target, else None."""
    if assignment_price is not None:
        return assignment_price
    return None if contract_price is None or fee_target is None else contract_price + fee_target


def score(verdicts: Mapping[str, Verdict]) -> Decimal:
    """The score of these verdicts, rounded half up to 1 decimal."""
    total = sum((WEIGHTS[name] * _WEIGHT_FRACTIONS[verdict] for name, verdict in verdicts.items()), Decimal(0))
    return total.quantize(_TENTH, ROUND_HALF_UP)


def _at_least(value: Decimal | None, least: Decimal | None) -> bool | None:
    return None if value is None or least is None else value >= least


def _price(profile: PropertyProfile, box: BuyBox) -> bool | None:
    """Whether the price is in the buyer's range. A range in another currency can't be compared."""
    if profile.price is None or profile.currency != box.currency or (box.price_min is None and box.price_max is None):
        return None
    return (box.price_min is None or box.price_min <= profile.price) and (box.price_max is None or profile.price <= box.price_max)


def _type(profile: PropertyProfile, box: BuyBox) -> bool | None:
    if not profile.type or not box.property_types:
        return None
    return profile.type.casefold() in {property_type.casefold() for property_type in box.property_types}


def _repairs(profile: PropertyProfile, box: BuyBox) -> bool | None:
    return _at_least(box.max_repairs, profile.repairs) if profile.currency == box.currency else None


def _pct_of_arv(profile: PropertyProfile, box: BuyBox) -> bool | None:
    """(price + repairs) / ARV against the buyer's limit. Repairs count because the buyer pays for them as well."""
    if profile.price is None or profile.repairs is None or profile.arv is None or profile.arv <= 0 or box.max_pct_of_arv is None:
        return None
    return (profile.price + profile.repairs) * 100 <= box.max_pct_of_arv * profile.arv


def _proof(profile: PropertyProfile, buyer: BuyerProfile, day: date) -> bool | None:
    error = proof_of_funds.coverage_error(buyer.proof, profile.price, profile.currency, day)
    if error is None:
        return True if profile.price is not None else None
    return None if error.code in (proof_of_funds.MISSING, proof_of_funds.OTHER_CURRENCY) else False


def _strategy(profile: PropertyProfile, box: BuyBox) -> bool | None:
    return None if not profile.suited_for or not box.strategies else not set(profile.suited_for).isdisjoint(box.strategies)


def _record(buyer: BuyerProfile) -> bool | None:
    return True if buyer.tier in GOOD_TIERS else False if buyer.recent_buyer_faults >= FAULTS_FOR_MISS else None


def evaluate_match(buyer: BuyerProfile, profile: PropertyProfile, day: date) -> Match:
    """The match of buyer and property on `day`. Lists leave out matches with `exclusions`."""
    box = buyer.box
    results = {
        "market": lies_in(box.markets, profile.location),
        "price": _price(profile, box),
        "type": _type(profile, box),
        "max_repairs": _repairs(profile, box),
        "pct_of_arv": _pct_of_arv(profile, box),
        "proof_of_funds": _proof(profile, buyer, day),
        "strategy": _strategy(profile, box),
        "bedrooms": _at_least(profile.bedrooms, box.bedrooms_min),
        "record": _record(buyer),
        "bathrooms": _at_least(profile.bathrooms, box.bathrooms_min),
        "sqft": _at_least(profile.sqft, box.sqft_min),
        "year_built": _at_least(profile.year_built, box.year_built_min),
    }
    buyer_exclusions = {"inactive": not buyer.is_active, "do_not_contact": buyer.do_not_contact}
    exclusions = [code for code, holds in buyer_exclusions.items() if holds]
    exclusions += [name for name in REQUIRED_CRITERIA if results[name] is False]
    verdicts = {name: _VERDICTS[fits] for name, fits in results.items()}
    return Match(buyer.id, profile.id, verdicts, tuple(exclusions), buyer.tier, buyer.last_offer_at)


def sort_key(match: Match) -> tuple[int, int, int, int, str, str]:
    """The sort key of a match in lists: score, coverage, tier, the oldest last offer (none sorts first), ids."""
    last = int(match.last_offer_at.timestamp() * 1000) if match.last_offer_at else -1
    return -int(match.score * 10), -match.coverage, TIERS.index(match.tier), last, match.buyer_id, match.pipeline_id


def ranked(matches: Iterable[Match]) -> list[Match]:
    """The matches without exclusions, the best first."""
    return sorted((match for match in matches if not match.exclusions), key=sort_key)


@dataclass(frozen=True)
class PriorAssignment:
    """An earlier assignment of the same pipeline to a buyer."""

    buyer_id: str
    status: str
    reason: str | None = None

    @property
    def blocks_offer(self) -> bool:
        """Whether it excludes the buyer from automatic offers: it is live, or fell out for a reason on the buyer's side."""
        return self.status in LIVE or (self.status == FALLOUT and self.reason in BUYER_FAULTS)


def best(matches: Iterable[Match], prior: Iterable[PriorAssignment], n: int) -> list[Match]:
    """The best `n` (at most 25) matches to send an offer to: a score of at least 40, and no prior assignment that blocks it."""
    blocked = {assignment.buyer_id for assignment in prior if assignment.blocks_offer}
    return [match for match in ranked(matches) if match.score >= MIN_BEST_SCORE and match.buyer_id not in blocked][: min(n, MAX_BEST)]


def explain_match(match: Match, as_of: str) -> Explanation:
    """The explanation of the score: each criterion's weight and verdict, on the day `as_of`."""
    inputs = {name: {"weight": weight, "verdict": match.verdicts[name]} for name, weight in WEIGHTS.items()}
    return explain(FORMULA, inputs, as_of, match.criteria("unknown"), version=VERSION)
