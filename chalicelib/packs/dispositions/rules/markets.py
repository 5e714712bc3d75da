"""Markets: where a buyer buys, and how the two sides find each other without reading everybody.

A buyer's market is a postal code (`98103`), the beginning of one (`981*`) or a city (`Seattle/WA`). A postal one without its
country is of the United States, as an address without one is; another country's says so (`CA:V6B*`). Case doesn't matter.

The index has a partition a market. A buyer's row goes to the partitions of the buyer's markets (or to the one of everywhere,
without any); a house reads those that could hold it: its postal code, each beginning of it, its city, everywhere.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

COUNTRY = "US"
MAX_MARKETS = 20
# A postal code of the United States has 5 digits; the four that may follow narrow it to a street.
_US_DIGITS = 5
_AREA = 3  # characters of a postal code by which houses are partitioned

Partition = tuple[str, ...]  # the parts of a key
EVERYWHERE: Partition = ("*",)

_POSTAL = re.compile(r"(?:(?P<country>[A-Z]{2}):)?(?P<code>[A-Z0-9][A-Z0-9 -]*)(?P<rest>\*?)", re.ASCII)


@dataclass(frozen=True)
class Location:
    """Where a house is, as its address says; None: unknown."""

    postal_code: str | None = None
    city: str | None = None
    region: str | None = None
    country: str = COUNTRY


UNKNOWN_LOCATION = Location()


@dataclass(frozen=True)
class PostalMarket:
    """The market of a postal code, or of all that begin so."""

    country: str
    code: str
    is_prefix: bool = False

    def __str__(self) -> str:
        country = "" if self.country == COUNTRY else f"{self.country}:"
        return f"{country}{self.code}{'*' if self.is_prefix else ''}"

    @property
    def partition(self) -> Partition:
        """Where the index keeps who buys here."""
        return (self.country, f"{self.code}*" if self.is_prefix else self.code)

    def contains(self, place: Location) -> bool | None:
        """Whether the place lies in it; None where that can't be told."""
        code = postal_code(place.postal_code or "", place.country)
        if not code:
            return None if place.country == self.country else False
        return place.country == self.country and (code.startswith(self.code) if self.is_prefix else code == self.code)


@dataclass(frozen=True)
class CityMarket:
    """The market of a city, written `City/REGION`."""

    city: str
    region: str

    def __str__(self) -> str:
        return f"{self.city}/{self.region}"

    @property
    def partition(self) -> Partition:
        """Where the index keeps who buys here."""
        return ("CITY", fold_name(self.region), fold_name(self.city))

    def contains(self, place: Location) -> bool | None:
        """Whether the place lies in it; None where that can't be told."""
        pairs = ((self.city, place.city), (self.region, place.region))
        known = [fold_name(ours) == fold_name(theirs) for ours, theirs in pairs if theirs]
        if False in known:
            return False
        return True if len(known) == len(pairs) else None


Market = PostalMarket | CityMarket


def fold_name(text: str) -> str:
    """One form for one name: case, width, spaces and how an accent is written don't count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def postal_code(text: str, country: str = COUNTRY) -> str:
    """A postal code in one form: SW1A 1AA and sw1a1aa are the same, 98103-1234 is 98103."""
    code = "".join(character for character in text.upper() if character.isascii() and character.isalnum())
    return code[:_US_DIGITS] if country == COUNTRY else code


def parse(text: str) -> Market:
    """The market that `text` writes; raises ValueError, saying what is wrong."""
    city, slash, region = (part.strip() for part in text.partition("/"))
    if slash:
        if not city or not region or "/" in region or "*" in text:
            raise ValueError("a city is written City/REGION")
        return CityMarket(" ".join(city.split()), region.upper())
    match = _POSTAL.fullmatch(text.strip().upper())
    if match is None:
        raise ValueError("a market is a postal code (98103), the beginning of one (981*) or a city (Seattle/WA)")
    country = match["country"] or COUNTRY
    code, is_prefix = postal_code(match["code"], country), bool(match["rest"])
    if country == COUNTRY and not code.isdigit():
        raise ValueError(f"a postal code of another country says which, e.g. CA:{code}{match['rest']}")
    if country == COUNTRY and (len(code) < _US_DIGITS) != is_prefix:
        if not is_prefix:
            raise ValueError(f"a postal code has {_US_DIGITS} digits; its beginning is written {code}*")
        is_prefix = False  # a beginning as long as the whole is the whole
    return PostalMarket(country, code, is_prefix)


def market_error(text: str) -> str | None:
    """Why `text` can't be a market; None where it can."""
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return None


def contains(markets: Iterable[Market], location: Location) -> bool | None:
    """Whether the place lies in one of the markets: True, False, or None where there are none or it can't be told."""
    results = [market.contains(location) for market in markets]
    if True in results:
        return True
    return None if None in results or not results else False


def buyer_partitions(markets: Iterable[Market]) -> list[Partition]:
    """The partitions that a buyer with these markets stands in: one a market; everywhere, without any."""
    return list(dict.fromkeys(market.partition for market in markets)) or [EVERYWHERE]


@dataclass(frozen=True)
class PartitionPlan:
    """The partitions to read, and whether they hold everybody who isn't known to be outside.

    A house without postal code or city could lie in markets that nobody can look up: then the answer says that it is cut.
    """

    partitions: tuple[Partition, ...]
    complete: bool


def partitions_for(location: Location) -> PartitionPlan:
    """Where the buyers of a house stand: seven partitions for an address in the United States."""
    code = postal_code(location.postal_code or "", location.country)
    postal: list[Market] = [PostalMarket(location.country, code)] if code else []
    # A whole code of the United States is never written as a beginning; elsewhere it may be.
    longest = len(code) - 1 if location.country == COUNTRY else len(code)
    postal += [PostalMarket(location.country, code[:length], is_prefix=True) for length in range(longest, 0, -1)]
    city: list[Market] = [CityMarket(location.city, location.region)] if location.city and location.region else []
    partitions = [market.partition for market in (*postal, *city)]
    return PartitionPlan((*partitions, EVERYWHERE), bool(postal and city))


@dataclass(frozen=True)
class Area:
    """A partition of houses (country and the first characters of the postal code), and the beginning asked for in it."""

    country: str
    area: str
    prefix: str


@dataclass(frozen=True)
class AreaPlan:
    """The areas to read, and the markets that aren't covered by any."""

    areas: tuple[Area, ...]
    uncovered: tuple[Market, ...]


def areas_for(markets: Iterable[Market]) -> AreaPlan:
    """Where the houses of a buyer lie, by postal code: houses are kept by its first three characters.

    Two digits of the United States are ten areas; a single one and a city are no areas at all and come back uncovered.
    """
    areas: list[Area] = []
    uncovered: list[Market] = []
    for market in markets:
        if isinstance(market, PostalMarket) and len(market.code) >= _AREA:
            areas.append(Area(market.country, market.code[:_AREA], market.code))
        elif isinstance(market, PostalMarket) and market.country == COUNTRY and len(market.code) == _AREA - 1:
            areas += [Area(market.country, f"{market.code}{digit}", f"{market.code}{digit}") for digit in range(10)]
        else:
            uncovered.append(market)
    # A beginning that another one begins brings the same houses.
    wider = {area for area in areas for other in areas if area != other and _within(area, other)}
    return AreaPlan(tuple(dict.fromkeys(area for area in areas if area not in wider)), tuple(uncovered))


def _within(area: Area, other: Area) -> bool:
    return area.country == other.country and area.prefix.startswith(other.prefix)
