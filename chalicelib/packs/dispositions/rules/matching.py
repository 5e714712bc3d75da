"""How well a buyer and a house fit: twelve criteria, each met, missed or unknown, weighed to a score of 0 to 100.

A value that is missing on either side is unknown: it counts a quarter of its weight, never as a miss. Market, price and type
are gates: known on both sides and outside is out. The same pair is judged the same from either side.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, TypedDict, TypeVar

from chalicelib.packs.dispositions.rules import proofs
from chalicelib.packs.dispositions.rules.assignments import FALLOUT, LIVE, OWN_FAULTS
from chalicelib.packs.dispositions.rules.markets import NOWHERE, Market, Place
from chalicelib.packs.dispositions.rules.markets import holds as lies_in
from chalicelib.packs.dispositions.rules.statistics import TIERS

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
GATES = ("market", "price", "type")
_SHARES = {MET: Decimal(1), UNKNOWN: Decimal("0.25"), MISSED: Decimal(0)}
_TENTH = Decimal("0.1")

GOOD_TIERS = ("A", "B")
FAULTS_MISSED = 2

BEST_SCORE = Decimal(40)
BEST_MOST = 25


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
class Buyer:
    """A buyer as matching sees one. `recent_own_faults` are those of the last 12 months, `last_offer_at` the last offer to them."""

    id: str
    box: BuyBox = BuyBox()
    proof: proofs.Proof | None = None
    tier: str = TIERS[-1]
    recent_own_faults: int = 0
    is_active: bool = True
    do_not_contact: bool = False
    last_offer_at: datetime | None = None


@dataclass(frozen=True)
class House:
    """A pipeline as matching sees one; None: unknown. Amounts are in `currency`."""

    id: str
    place: Place = NOWHERE
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
    house_id: str
    verdicts: Mapping[str, Verdict]
    out: tuple[str, ...] = ()
    tier: str = TIERS[-1]
    last_offer_at: datetime | None = None
    score: Decimal = field(init=False)
    coverage: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "score", score(self.verdicts))
        object.__setattr__(self, "coverage", sum(WEIGHTS[name] for name, verdict in self.verdicts.items() if verdict != UNKNOWN))

    def named(self, verdict: Verdict) -> list[str]:
        """The criteria with this verdict, the weightiest first."""
        return [name for name in WEIGHTS if self.verdicts[name] == verdict]


def offered_price(assignment_price: Decimal | None, contract_price: Decimal | None, fee_target: Decimal | None) -> Decimal | None:
    """What a buyer would pay: the assignment price, else contract price and fee target together, else unknown."""
    if assignment_price is not None:
        return assignment_price
    return None if contract_price is None or fee_target is None else contract_price + fee_target


def score(verdicts: Mapping[str, Verdict]) -> Decimal:
    """The score of these verdicts, half up to 1 decimal."""
    return sum((WEIGHTS[name] * _SHARES[verdict] for name, verdict in verdicts.items()), Decimal(0)).quantize(_TENTH, ROUND_HALF_UP)


def _verdict(fits: bool | None) -> Verdict:
    return "unknown" if fits is None else "met" if fits else "missed"


def _at_least(value: Decimal | None, least: Decimal | None) -> bool | None:
    return None if value is None or least is None else value >= least


def _price(house: House, box: BuyBox) -> bool | None:
    """Inside what is said of the range. A range in another currency can't be compared."""
    if house.price is None or house.currency != box.currency or (box.price_min is None and box.price_max is None):
        return None
    return (box.price_min is None or box.price_min <= house.price) and (box.price_max is None or house.price <= box.price_max)


def _type(house: House, box: BuyBox) -> bool | None:
    return None if not house.type or not box.property_types else house.type.casefold() in {each.casefold() for each in box.property_types}


def _repairs(house: House, box: BuyBox) -> bool | None:
    return _at_least(box.max_repairs, house.repairs) if house.currency == box.currency else None


def _pct_of_arv(house: House, box: BuyBox) -> bool | None:
    """(price + repairs) / ARV: what the buyer has in it, of what it will be worth. Price alone would flatter a ruin."""
    if house.price is None or house.repairs is None or house.arv is None or house.arv <= 0 or box.max_pct_of_arv is None:
        return None
    return (house.price + house.repairs) * 100 <= box.max_pct_of_arv * house.arv


def _proof(house: House, buyer: Buyer, day: date) -> bool | None:
    found = proofs.fault(buyer.proof, house.price, house.currency, day)
    if found is None:
        return True if house.price is not None else None
    return None if found.code in (proofs.MISSING, proofs.OTHER_CURRENCY) else False


def _strategy(house: House, box: BuyBox) -> bool | None:
    return None if not house.suited_for or not box.strategies else not set(house.suited_for).isdisjoint(box.strategies)


def _record(buyer: Buyer) -> bool | None:
    if buyer.tier in GOOD_TIERS:
        return True
    return False if buyer.recent_own_faults >= FAULTS_MISSED else None


def match(buyer: Buyer, house: House, day: date) -> Match:
    """How buyer and house fit on `day`. Whoever is `out` of it is to be left out of a list."""
    box = buyer.box
    fits = {
        "market": lies_in(box.markets, house.place),
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
    out = [code for code, holds in barred.items() if holds] + [gate for gate in GATES if fits[gate] is False]
    verdicts = {name: _verdict(fit) for name, fit in fits.items()}
    return Match(buyer.id, house.id, verdicts, tuple(out), buyer.tier, buyer.last_offer_at)


def place(found: Match) -> tuple[int, int, int, int, str, str]:
    """Where it comes in a list, as plain values that sort: by score, coverage, tier, the oldest last offer (never is oldest), id."""
    last = int(found.last_offer_at.timestamp() * 1000) if found.last_offer_at else -1
    return -int(found.score * 10), -found.coverage, TIERS.index(found.tier), last, found.buyer_id, found.house_id


Ordered = TypeVar("Ordered", bound=Match)


def ranked(found: Iterable[Ordered]) -> list[Ordered]:
    """Those that aren't out, the best first."""
    return sorted((each for each in found if not each.out), key=place)


@dataclass(frozen=True)
class Earlier:
    """An earlier assignment of the same house to a buyer."""

    buyer_id: str
    status: str
    reason: str | None = None

    @property
    def bars(self) -> bool:
        """Whether no other offer of it should go to the buyer by itself: one is live, or it ended by the buyer's own doing."""
        return self.status in LIVE or (self.status == FALLOUT and self.reason in OWN_FAULTS)


def best(found: Iterable[Ordered], earlier: Iterable[Earlier], n: int) -> list[Ordered]:
    """The best `n` (at most 25) to send an offer to: at least 40 points, and nothing live or declined between the two."""
    barred = {each.buyer_id for each in earlier if each.bars}
    return [each for each in ranked(found) if each.score >= BEST_SCORE and each.buyer_id not in barred][: min(n, BEST_MOST)]


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


def explain(found: Match, as_of: str) -> Explanation:
    """Where the score comes from."""
    return {
        "inputs": {name: {"weight": weight, "verdict": found.verdicts[name]} for name, weight in WEIGHTS.items()},
        "formula": {"id": FORMULA, "version": VERSION},
        "as_of": as_of,
        "missing": found.named("unknown"),
    }
