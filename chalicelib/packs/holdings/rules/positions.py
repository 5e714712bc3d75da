"""Positions and movements of one holding: what the firm owns of it on a day, and the changes from day to day.

    owned = (value - liability) x share %        rounded half up, per holding, in its currency

The liability is that of the whole asset, like the value. The result may be negative. A holding counts from the day of its
acquisition to the day before its disposal, while it is active. Value, liability, share, activity and groups are
effective-dated, so that the position on a past day can be computed at any time.

A holding's movements are the differences from day to day. They add up to what is owned on any day, for one holding and for
all, so that the cost of totals doesn't depend on the number of holdings.

Money put in or taken out is a flow: the part of a movement that is no gain. Purchases, sales, loans and repayments count as
flows even where none was recorded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal

from chalicelib.foundation.effective_dating import EffectiveSeries
from chalicelib.foundation.money import round_money

CONTRIBUTION, WITHDRAWAL = "contribution", "withdrawal"
LOAN_DRAWN, LOAN_REPAID = "loan_drawn", "loan_repaid"
SHARE_BOUGHT, SHARE_SOLD = "share_bought", "share_sold"

# 1: into the holding, -1: out of it. Drawing a loan reduces what is owned.
SIGNS = {CONTRIBUTION: 1, WITHDRAWAL: -1, LOAN_DRAWN: -1, LOAN_REPAID: 1, SHARE_BOUGHT: 1, SHARE_SOLD: -1}
_OF_LOANS = frozenset({LOAN_DRAWN, LOAN_REPAID})
_OF_SHARES = frozenset({SHARE_BOUGHT, SHARE_SOLD})

UNASSIGNED = "unassigned"
ZERO, FULL_OWNERSHIP = Decimal(0), Decimal(100)
_DAY = timedelta(days=1)
_EXACT = Context(prec=60)


@dataclass(frozen=True)
class AssetValue:
    """The value of the whole asset."""

    amount: Decimal
    currency: str


@dataclass(frozen=True)
class GroupKeys:
    """The groups that a holding belongs to."""

    asset_type: str
    jurisdiction: str = UNASSIGNED
    entity: str = UNASSIGNED


@dataclass(frozen=True)
class Flow:
    """Money put into or taken out of a holding; `amount` is positive, the kind gives the direction."""

    on: date
    amount: Decimal
    currency: str
    kind: str

    @property
    def signed(self) -> Decimal:
        """The amount with its sign: positive into the holding."""
        return SIGNS[self.kind] * self.amount


@dataclass(frozen=True)
class HoldingHistory:
    """A holding with its history.

    `currency` is that of a holding without a value yet; a value of None says that from then on there is none. Before its first entry a liability is 0 and a share 100 %: what a
    holding began with is entered for `held_from`. `cost` and `proceeds` are what the whole asset was bought and sold for.
    """

    held_from: date
    groups: EffectiveSeries[GroupKeys]
    currency: str = "USD"
    values: EffectiveSeries[AssetValue | None] = field(default_factory=EffectiveSeries)
    liabilities: EffectiveSeries[Decimal] = field(default_factory=EffectiveSeries)
    shares: EffectiveSeries[Decimal] = field(default_factory=EffectiveSeries)
    activity: EffectiveSeries[bool] = field(default_factory=EffectiveSeries)
    disposed_on: date | None = None
    cost: Decimal | None = None
    proceeds: Decimal | None = None
    flows: tuple[Flow, ...] = ()


@dataclass(frozen=True)
class Position:
    """What the firm owns of a holding on a day. `owned` is None while it has no value."""

    groups: GroupKeys
    currency: str
    owned: Decimal | None


@dataclass(frozen=True)
class Movement:
    """The change of a day in one set of groups and currency; `flow` is the part of `owned` that is money in or out."""

    day: date
    groups: GroupKeys
    currency: str
    owned: Decimal = ZERO
    count: int = 0
    unvalued: int = 0
    flow: Decimal = ZERO

    def __add__(self, other: "Movement") -> "Movement":
        numbers = (self.owned + other.owned, self.count + other.count, self.unvalued + other.unvalued, self.flow + other.flow)
        return Movement(self.day, self.groups, self.currency, *numbers)

    def __neg__(self) -> "Movement":
        return Movement(self.day, self.groups, self.currency, -self.owned, -self.count, -self.unvalued, -self.flow)


def group_keys(asset_type: str, jurisdiction: str | None, entity_id: str | None, entity_name: str | None = None) -> GroupKeys:
    """The groups of a holding. The entity's key is its id, else its name; a missing one is `unassigned`."""
    return GroupKeys(asset_type, jurisdiction or UNASSIGNED, entity_id or entity_name or UNASSIGNED)


def owned_value(value: Decimal, liability: Decimal, share: Decimal, currency: str) -> Decimal:
    """The owned share of value less liability, half up to the currency's minor unit. `share` is a percent number."""
    return round_money(_EXACT.multiply(_EXACT.subtract(value, liability), share).scaleb(-2, _EXACT), currency)


def _liability(holding: HoldingHistory, day: date) -> Decimal:
    liability = holding.liabilities.value_on(day)
    return ZERO if liability is None else liability


def _share(holding: HoldingHistory, day: date) -> Decimal:
    share = holding.shares.value_on(day)
    return FULL_OWNERSHIP if share is None else share


def position(holding: HoldingHistory, day: date) -> Position | None:
    """What the firm owns of it at the end of `day`; None where it doesn't count on that day."""
    is_disposed = holding.disposed_on is not None and holding.disposed_on <= day
    if day < holding.held_from or is_disposed or holding.activity.value_on(day) is False:
        return None
    value, groups = holding.values.value_on(day), holding.groups.value_on_or_first(day)
    if value is None:
        return Position(groups, holding.currency, None)
    amount = owned_value(value.amount, _liability(holding, day), _share(holding, day), value.currency)
    return Position(groups, value.currency, amount)


def days_of(holding: HoldingHistory) -> list[date]:
    """The days that may have movements."""
    days = {holding.held_from, *(flow.on for flow in holding.flows)}
    for series in (holding.values, holding.liabilities, holding.shares, holding.activity, holding.groups):
        days.update(series.days)
    return sorted(days | ({holding.disposed_on} if holding.disposed_on else set()))


def _acquisition_flow(holding: HoldingHistory, day: date, currency: str, *, first: bool) -> Decimal | None:
    """The flow of the first valued day: the cost; None where the value itself is the flow."""
    if not first or holding.cost is None:
        return None
    return owned_value(holding.cost, _liability(holding, day), _share(holding, day), currency)


def _disposal_flow(holding: HoldingHistory, day: date, currency: str) -> Decimal | None:
    """The flow of the disposal: the proceeds; None where the last value itself is the flow."""
    if holding.proceeds is None or holding.disposed_on != day:
        return None
    return -owned_value(holding.proceeds, _liability(holding, day - _DAY), _share(holding, day - _DAY), currency)


def _implied_flow(holding: HoldingHistory, day: date, before: Decimal, kinds: set[str]) -> Decimal:
    """The flow implied by a change of liability or share without a recorded flow, at the value of the day before."""
    value = holding.values.value_on(day - _DAY)
    assert value is not None
    liability = _liability(holding, day - _DAY if kinds & _OF_LOANS else day)
    share = _share(holding, day - _DAY if kinds & _OF_SHARES else day)
    return owned_value(value.amount, liability, share, value.currency) - before


def _day_flows(
    holding: HoldingHistory, day: date, before: Position | None, after: Position | None, *, first: bool
) -> Iterator[tuple[str, Decimal]]:
    """The flows of a day, each in its currency."""
    recorded = [flow for flow in holding.flows if flow.on == day]
    owned_before, owned_after = before.owned if before else None, after.owned if after else None
    included_currency = ""  # recorded flows in this currency are part of the value that is the flow
    if after is not None and owned_before is None and owned_after is not None:
        bought = _acquisition_flow(holding, day, after.currency, first=first)
        yield after.currency, owned_after if bought is None else bought
        included_currency = after.currency if bought is None else ""
    elif before is not None and owned_before is not None and owned_after is None:
        sold = _disposal_flow(holding, day, before.currency)
        yield before.currency, -owned_before if sold is None else sold
        included_currency = before.currency if sold is None else ""
    elif before is not None and after is not None and owned_before is not None and before.currency == after.currency:
        yield after.currency, _implied_flow(holding, day, owned_before, {flow.kind for flow in recorded})
    for flow in recorded:
        if flow.currency != included_currency:
            yield flow.currency, flow.signed


def _counted(day: date, at: Position, sign: int) -> Movement:
    return Movement(day, at.groups, at.currency, sign * (at.owned or ZERO), sign, sign * int(at.owned is None))


def _merged(parts: Iterable[Movement]) -> Iterator[Movement]:
    """One movement for the same day, groups and currency; what is nothing is left out."""
    sums: dict[tuple[date, GroupKeys, str], Movement] = {}
    for part in parts:
        key = part.day, part.groups, part.currency
        sums[key] = sums[key] + part if key in sums else part
    return (movement for movement in sums.values() if movement.owned or movement.count or movement.unvalued or movement.flow)


def movements(holding: HoldingHistory) -> list[Movement]:
    """All its movements, by day. Those of a day with the same groups and currency are one."""
    result: list[Movement] = []
    valued_before = False
    for day in days_of(holding):
        before, after = position(holding, day - _DAY), position(holding, day)
        parts = [_counted(day, at, sign) for at, sign in ((before, -1), (after, 1)) if at]
        if before and after and before.groups != after.groups and before.owned is not None:
            # A change of groups is a flow out of the old and into the new ones, at the previous value.
            parts.append(Movement(day, before.groups, before.currency, flow=-before.owned))
            parts.append(Movement(day, after.groups, before.currency, flow=before.owned))
        groups = after.groups if after else before.groups if before else holding.groups.value_on_or_first(day)
        flows = _day_flows(holding, day, before, after, first=not valued_before)
        result += _merged([*parts, *(Movement(day, groups, currency, flow=amount) for currency, amount in flows)])
        valued_before |= after is not None and after.owned is not None
    return result


def difference(before: Iterable[Movement], after: Iterable[Movement]) -> list[Movement]:
    """What is to be added to the movements `before` so that they are those `after`, by day."""
    return sorted(_merged([*after, *(-movement for movement in before)]), key=lambda movement: movement.day)
