"""Markets: where a buyer buys, and how matching finds buyers and properties without reading all of them.

A buyer's market is a postal code (`98103`), the beginning of one (`981*`) or a city (`Seattle/WA`). A postal market
without a country is in the United States, like an address without one; others have a prefix (`CA:V6B*`). Case is ignored.

The market index has one partition for each market. A buyer has a row in the partitions of its markets (or in that of everywhere,
without any). For a property, the partitions are read that may contain it: its postal code, each prefix of it, its city, everywhere.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.foundation.folding import fold_text
from chalicelib.foundation.postal_codes import AREA_LENGTH, DEFAULT_COUNTRY, US_DIGITS, delivery_code

MAX_MARKETS = 20

Partition = tuple[str, ...]  # the parts of a key
EVERYWHERE: Partition = ("*",)

_POSTAL = re.compile(r"(?:(?P<country>[A-Z]{2}):)?(?P<code>[A-Z0-9][A-Z0-9 -]*)(?P<rest>\*?)", re.ASCII)


@dataclass(frozen=True)
class Location:
    """The location of a property, from its address; None: unknown."""

    postal_code: str | None = None
    city: str | None = None
    region: str | None = None
    country: str = DEFAULT_COUNTRY


UNKNOWN_LOCATION = Location()


@dataclass(frozen=True)
class PostalMarket:
    """The market of a postal code, or of all with this prefix."""

    country: str
    code: str
    is_prefix: bool = False

    def __str__(self) -> str:
        country = "" if self.country == DEFAULT_COUNTRY else f"{self.country}:"
        return f"{country}{self.code}{'*' if self.is_prefix else ''}"

    @property
    def partition(self) -> Partition:
        """The partition of the market index."""
        return (self.country, f"{self.code}*" if self.is_prefix else self.code)

    def contains(self, location: Location) -> bool | None:
        """Whether the location is in the market; None where that is unknown."""
        code = delivery_code(location.postal_code or "", location.country)
        if not code:
            return None if location.country == self.country else False
        return location.country == self.country and (code.startswith(self.code) if self.is_prefix else code == self.code)


@dataclass(frozen=True)
class CityMarket:
    """The market of a city, written `City/REGION`."""

    city: str
    region: str

    def __str__(self) -> str:
        return f"{self.city}/{self.region}"

    @property
    def partition(self) -> Partition:
        """The partition of the market index."""
        return ("CITY", fold_text(self.region), fold_text(self.city))

    def contains(self, location: Location) -> bool | None:
        """Whether the location is in the market; None where that is unknown."""
        pairs = ((self.city, location.city), (self.region, location.region))
        known = [fold_text(ours) == fold_text(theirs) for ours, theirs in pairs if theirs]
        if False in known:
            return False
        return True if len(known) == len(pairs) else None


Market = PostalMarket | CityMarket


def parse(text: str) -> Market:
    """The market written as `text`; raises ValueError with the reason."""
    city, slash, region = (part.strip() for part in text.partition("/"))
    if slash:
        if not city or not region or "/" in region or "*" in text:
            raise ValueError("a city is written City/REGION")
        return CityMarket(" ".join(city.split()), region.upper())
    match = _POSTAL.fullmatch(text.strip().upper())
    if match is None:
        raise ValueError("a market is a postal code (98103), the beginning of one (981*) or a city (Seattle/WA)")
    country = match["country"] or DEFAULT_COUNTRY
    code, is_prefix = delivery_code(match["code"], country), bool(match["rest"])
    if country == DEFAULT_COUNTRY and not code.isdigit():
        raise ValueError(f"a postal code of another country says which, e.g. CA:{code}{match['rest']}")
    if country == DEFAULT_COUNTRY and (len(code) < US_DIGITS) != is_prefix:
        if not is_prefix:
            raise ValueError(f"a postal code has {US_DIGITS} digits; its beginning is written {code}*")
        is_prefix = False  # a prefix as long as the code is the code
    return PostalMarket(country, code, is_prefix)


def contains(markets: Iterable[Market], location: Location) -> bool | None:
    """Whether the location is in one of the markets: True, False, or None where there are none or it is unknown."""
    results = {market.contains(location) for market in markets}
    return True if True in results else False if results == {False} else None


def buyer_partitions(markets: Iterable[Market]) -> list[Partition]:
    """The partitions of a buyer with these markets: one for each; that of everywhere, without any."""
    return list(dict.fromkeys(market.partition for market in markets)) or [EVERYWHERE]


@dataclass(frozen=True)
class PartitionPlan:
    """The partitions to read, and whether these hold every buyer that may match: not those of a location without postal code or city."""

    partitions: tuple[Partition, ...]
    complete: bool


def partitions_for(location: Location) -> PartitionPlan:
    """The partitions of the buyers for a location: seven for an address in the United States."""
    code = delivery_code(location.postal_code or "", location.country)
    postal: list[Market] = [PostalMarket(location.country, code)] if code else []
    # A full code of the United States is never written as a prefix; elsewhere it may be.
    longest = len(code) - 1 if location.country == DEFAULT_COUNTRY else len(code)
    postal += [PostalMarket(location.country, code[:length], is_prefix=True) for length in range(longest, 0, -1)]
    city: list[Market] = [CityMarket(location.city, location.region)] if location.city and location.region else []
    partitions = [market.partition for market in (*postal, *city)]
    return PartitionPlan((*partitions, EVERYWHERE), bool(postal and city))


@dataclass(frozen=True)
class Area:
    """A partition of pipelines (country and the first characters of the postal code), and the postal code prefix to read in it."""

    country: str
    area: str
    prefix: str


@dataclass(frozen=True)
class AreaPlan:
    """The areas to read, and the markets that no area covers."""

    areas: tuple[Area, ...]
    uncovered: tuple[Market, ...]


def areas_for(markets: Iterable[Market]) -> AreaPlan:
    """The areas of the pipelines in these markets. Pipelines are partitioned by the first three characters of the postal code.

    Two digits in the United States are ten areas; a single digit and a city have no area and are returned as uncovered.
    """
    areas: list[Area] = []
    uncovered: list[Market] = []
    for market in markets:
        if isinstance(market, PostalMarket) and len(market.code) >= AREA_LENGTH:
            areas.append(Area(market.country, market.code[:AREA_LENGTH], market.code))
        elif isinstance(market, PostalMarket) and market.country == DEFAULT_COUNTRY and len(market.code) == AREA_LENGTH - 1:
            areas += [Area(market.country, f"{market.code}{digit}", f"{market.code}{digit}") for digit in range(10)]
        else:
            uncovered.append(market)
    # A prefix of which a shorter one is read as well adds no pipelines.
    narrower = {area for area in areas for other in areas if area != other and _within(area, other)}
    return AreaPlan(tuple(dict.fromkeys(area for area in areas if area not in narrower)), tuple(uncovered))


def _within(area: Area, other: Area) -> bool:
    return area.country == other.country and area.prefix.startswith(other.prefix)
