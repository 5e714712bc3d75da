"""One holding through time: what the firm owns of it on a day, and how that moved from day to day.

    owned = (value - liability) x share %        rounded half up, per holding, in its currency

The liability is the whole asset's, like the value. A negative figure stays negative. A holding counts from the day it was
acquired to the day before it was disposed of, while it is active. What can change (value, liability, share, activity, the
groups that it belongs to) holds from a day on, so any past day comes out as it was.

A holding's movements are the differences from day to day. They add up to what is owned on any day, over one holding as over
all, which is what makes a sum over a hundred thousand holdings as cheap as over a thousand.

Money that comes or goes is a flow: part of a movement that is no gain. What is bought or sold, lent or repaid counts as
one also where nobody recorded it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal

from chalicelib.foundation.money import round_money
from chalicelib.packs.holdings.rules.dated import Series

CONTRIBUTION, WITHDRAWAL = "contribution", "withdrawal"
LOAN_DRAWN, LOAN_REPAID = "loan_drawn", "loan_repaid"
SHARE_BOUGHT, SHARE_SOLD = "share_bought", "share_sold"

# Into the holding, or out of it. A loan that is drawn is money taken out of what is owned.
SIGNS = {CONTRIBUTION: 1, WITHDRAWAL: -1, LOAN_DRAWN: -1, LOAN_REPAID: 1, SHARE_BOUGHT: 1, SHARE_SOLD: -1}
_OF_LOANS = frozenset({LOAN_DRAWN, LOAN_REPAID})
_OF_SHARES = frozenset({SHARE_BOUGHT, SHARE_SOLD})

UNASSIGNED = "unassigned"
NOTHING, ALL = Decimal(0), Decimal(100)
_DAY = timedelta(days=1)
_EXACT = Context(prec=60)


@dataclass(frozen=True)
class Value:
    """What the whole asset is worth."""

    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Labels:
    """The groups that a holding belongs to."""

    asset_type: str
    jurisdiction: str = UNASSIGNED
    entity: str = UNASSIGNED


@dataclass(frozen=True)
class Flow:
    """The firm's own money into or out of a holding; `amount` is positive, its direction the kind's."""

    on: date
    amount: Decimal
    currency: str
    kind: str

    @property
    def signed(self) -> Decimal:
        """The amount as it changes what is owned."""
        return SIGNS[self.kind] * self.amount


@dataclass(frozen=True)
class Holding:
    """A holding with its history.

    `currency` is that of a holding without a value yet; a value of None says that from then on there is none. Before its first entry a liability is 0 and a share 100 %: what a
    holding began with is entered for `held_from`. `cost` and `proceeds` are what the whole asset was bought and sold for.
    """

    held_from: date
    labels: Series[Labels]
    currency: str = "USD"
    values: Series[Value | None] = field(default_factory=Series)
    liabilities: Series[Decimal] = field(default_factory=Series)
    shares: Series[Decimal] = field(default_factory=Series)
    activity: Series[bool] = field(default_factory=Series)
    disposed_on: date | None = None
    cost: Decimal | None = None
    proceeds: Decimal | None = None
    flows: tuple[Flow, ...] = ()


@dataclass(frozen=True)
class Position:
    """A holding that counts on a day. `owned` is None while it has no value."""

    labels: Labels
    currency: str
    owned: Decimal | None


@dataclass(frozen=True)
class Movement:
    """What a day changed in one group and currency; `flow` is the part of `owned` that is money in or out."""

    day: date
    labels: Labels
    currency: str
    owned: Decimal = NOTHING
    count: int = 0
    unvalued: int = 0
    flow: Decimal = NOTHING


def labels(asset_type: str, jurisdiction: str | None, entity_id: str | None, entity_name: str | None = None) -> Labels:
    """The groups of a holding. An entity is known by its id, else by its name; what isn't given is `unassigned`, not left out."""
    return Labels(asset_type, jurisdiction or UNASSIGNED, entity_id or entity_name or UNASSIGNED)


def owned(value: Decimal, liability: Decimal, share: Decimal, currency: str) -> Decimal:
    """The owned share of value less liability, half up to the currency's minor unit. `share` is a percent number."""
    return round_money(_EXACT.multiply(_EXACT.subtract(value, liability), share).scaleb(-2, _EXACT), currency)


def _liability(holding: Holding, day: date) -> Decimal:
    found = holding.liabilities.at(day)
    return NOTHING if found is None else found


def _share(holding: Holding, day: date) -> Decimal:
    found = holding.shares.at(day)
    return ALL if found is None else found


def _labels(holding: Holding, day: date) -> Labels:
    found = holding.labels.at(day) or holding.labels.at(holding.labels.days[0])
    assert found is not None
    return found


def _counts(holding: Holding, day: date) -> bool:
    return holding.held_from <= day and not (holding.disposed_on and holding.disposed_on <= day) and holding.activity.at(day) is not False


def position(holding: Holding, day: date) -> Position | None:
    """What the firm owns of it at the end of `day`; None where it doesn't count then."""
    if not _counts(holding, day):
        return None
    value = holding.values.at(day)
    if value is None:
        return Position(_labels(holding, day), holding.currency, None)
    amount = owned(value.amount, _liability(holding, day), _share(holding, day), value.currency)
    return Position(_labels(holding, day), value.currency, amount)


def days_of(holding: Holding) -> list[date]:
    """The days on which something may have moved."""
    days = {holding.held_from, *(flow.on for flow in holding.flows)}
    for series in (holding.values, holding.liabilities, holding.shares, holding.activity, holding.labels):
        days.update(series.days)
    return sorted(days | ({holding.disposed_on} if holding.disposed_on else set()))


def _entered(holding: Holding, day: date, currency: str, *, first: bool) -> Decimal | None:
    """The flow of a holding that begins to count with a value: its cost, else None: the first value itself."""
    if not first or holding.cost is None:
        return None
    return owned(holding.cost, _liability(holding, day), _share(holding, day), currency)


def _left(holding: Holding, day: date, currency: str) -> Decimal | None:
    """The flow of one that is disposed of: its proceeds, else None: the last value itself."""
    if holding.proceeds is None or holding.disposed_on != day:
        return None
    return -owned(holding.proceeds, _liability(holding, day - _DAY), _share(holding, day - _DAY), currency)


def _unrecorded(holding: Holding, day: date, before: Decimal, kinds: set[str]) -> Decimal:
    """The change of loan or share that no flow of the day speaks of, at the value of the day before."""
    value = holding.values.at(day - _DAY)
    assert value is not None
    liability = _liability(holding, day - _DAY if kinds & _OF_LOANS else day)
    share = _share(holding, day - _DAY if kinds & _OF_SHARES else day)
    return owned(value.amount, liability, share, value.currency) - before


def _flow(holding: Holding, day: date, before: Position | None, after: Position | None, *, first: bool) -> Iterator[tuple[str, Decimal]]:
    """The flows of a day, each in its currency."""
    recorded = [flow for flow in holding.flows if flow.on == day]
    was, now = before.owned if before else None, after.owned if after else None
    contained = ""  # the currency whose recorded flows are part of a value that is a flow as a whole
    if after is not None and was is None and now is not None:
        bought = _entered(holding, day, after.currency, first=first)
        yield after.currency, now if bought is None else bought
        contained = after.currency if bought is None else ""
    elif before is not None and was is not None and now is None:
        sold = _left(holding, day, before.currency)
        yield before.currency, -was if sold is None else sold
        contained = before.currency if sold is None else ""
    elif before is not None and after is not None and was is not None and before.currency == after.currency:
        yield after.currency, _unrecorded(holding, day, was, {flow.kind for flow in recorded})
    for flow in recorded:
        if flow.currency != contained:
            yield flow.currency, flow.signed


class _Cells:
    """Movements of a day while they are being added up."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._numbers: dict[tuple[Labels, str], dict[str, Decimal | int]] = defaultdict(lambda: defaultdict(int))

    def add(self, labels: Labels, currency: str, **numbers: Decimal | int) -> None:
        for name, number in numbers.items():
            self._numbers[labels, currency][name] += number

    def position(self, at: Position | None, sign: int) -> None:
        if at is not None:
            self.add(at.labels, at.currency, owned=sign * (at.owned or NOTHING), count=sign, unvalued=sign * int(at.owned is None))

    def movements(self) -> Iterator[Movement]:
        for (labels, currency), numbers in self._numbers.items():
            if any(numbers.values()):
                owned, flow = Decimal(numbers["owned"]), Decimal(numbers["flow"])
                yield Movement(self._day, labels, currency, owned, int(numbers["count"]), int(numbers["unvalued"]), flow)


def movements(holding: Holding, since: date | None = None) -> list[Movement]:
    """All its movements, or those from `since` on, by day. Those of a day in one group and currency are one.

    For movements from `since` on, a history from there on is enough (`Series.since`): what a change of today moves is told
    without reading what was before.
    """
    found: list[Movement] = []
    valued_before = False
    for day in days_of(holding):
        if since is not None and day < since:
            at = position(holding, day)
            valued_before |= at is not None and at.owned is not None
            continue
        before, after = position(holding, day - _DAY), position(holding, day)
        cells = _Cells(day)
        cells.position(before, -1)
        cells.position(after, 1)
        group = after.labels if after else before.labels if before else _labels(holding, day)
        if before and after and before.labels != after.labels and before.owned is not None:
            # It goes from one group to the other at what it was worth: no gain of either, nothing to the whole.
            cells.add(before.labels, before.currency, flow=-before.owned)
            cells.add(after.labels, before.currency, flow=before.owned)
        for currency, amount in _flow(holding, day, before, after, first=not valued_before):
            cells.add(group, currency, flow=amount)
        found += cells.movements()
        valued_before |= after is not None and after.owned is not None
    return found


def by_year(found: Iterable[Movement]) -> dict[int, tuple[Movement, ...]]:
    """The movements of each year: what is kept together, so that a new value rewrites this year and no other."""
    years: dict[int, list[Movement]] = {}
    for movement in found:
        years.setdefault(movement.day.year, []).append(movement)
    return {year: tuple(of) for year, of in years.items()}


def changed_years(before: Iterable[Movement], after: Iterable[Movement]) -> dict[int, tuple[Movement, ...]]:
    """The years to be written again where movements became others; one that has none any more is empty."""
    old, new = by_year(before), by_year(after)
    return {year: new.get(year, ()) for year in sorted(old.keys() | new.keys()) if old.get(year) != new.get(year)}
