"""A retainer as the rules see it: what was agreed, where it stands, its open period, and the figures of any period."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from chalicelib.packs.retainers.rules import buckets, prices
from chalicelib.packs.retainers.rules.buckets import Bucket, Rollover
from chalicelib.packs.retainers.rules.calendar import Days, count_days
from chalicelib.packs.retainers.rules.minutes import allotment, percent
from chalicelib.packs.retainers.rules.states import PAUSED

OPEN, CLOSED = "open", "closed"  # statuses of a period
MAX_PAST = 16  # earlier periods whose start is kept: those that late work may have been done in, and periods renewed ahead


@dataclass(frozen=True)
class Terms:
    """What was agreed. `hours` and `fee` are of a month; `hard_cap_pct` is of the available minutes, `increment` is in minutes."""

    currency: str
    starts_on: date
    hours: Decimal
    fee: Decimal | None = None
    hourly_rate: Decimal | None = None
    term_months: int = 1
    auto_renew: bool = False
    rollover: Rollover = field(default_factory=Rollover)
    rate: Decimal | None = None
    multiplier: Decimal | None = None
    hard_cap_pct: Decimal | None = None
    increment: int = 6
    notice_days: int = 0
    uplift_pct: Decimal = Decimal(0)

    @property
    def unit_price(self) -> Decimal | None:
        """The price of an hour beyond the available ones."""
        return prices.unit_price(self.hourly_rate, self.rate, self.multiplier, self.currency)


@dataclass(frozen=True)
class Period:
    """The open period, with hours and fee as they were when it opened.

    `month_days` are those of the whole month that it is in or is a part of; `unapproved` are minutes; `pauses` are those that are over.
    """

    n: int
    starts_on: date
    ends_on: date
    month_days: int
    hours: Decimal
    fee: Decimal | None
    opened_at: datetime
    pauses: tuple[Days, ...] = ()
    used: int = 0
    unapproved: int = 0
    crossed: tuple[int, ...] = ()


@dataclass(frozen=True)
class PeriodFigures:
    """The figures of a period, open or closed. Hours are minutes; a negative `rolled_over` is a debt.

    `billed` are minutes beyond the available that are billed, `debt` those that were carried from period to period until now.
    """

    n: int
    starts_on: date
    ends_on: date
    days: int
    month_days: int
    included: int
    rolled_over: int
    used: int
    unapproved: int
    billed: int
    debt: int
    fee: Decimal
    unit_price: Decimal | None
    currency: str
    opened_at: datetime
    closed_at: datetime | None = None

    @property
    def status(self) -> str:
        """Whether it is closed."""
        return OPEN if self.closed_at is None else CLOSED

    @property
    def available(self) -> int:
        """What may be used: included and carried over. Negative where the debt is greater."""
        return self.included + self.rolled_over

    @property
    def remaining(self) -> int:
        """What is left. Negative where more is used than available."""
        return self.available - self.used

    @property
    def overage(self) -> int:
        """What is used beyond the available."""
        return max(0, -self.remaining)

    @property
    def utilization_pct(self) -> Decimal | None:
        """The share of the available that is used; None where nothing is available."""
        return percent(self.used, self.available)

    @property
    def overage_fee(self) -> Decimal | None:
        """The price of what is billed beyond the fee; None where it is unknown."""
        parts = [prices.price_of(minutes, self.unit_price, self.currency) for minutes in (self.billed, self.debt)]
        known = [part for part in parts if part is not None]
        return sum(known, Decimal(0)) if len(known) == len(parts) else None

    @property
    def total(self) -> Decimal | None:
        """Fee and overage; None where the price of the overage is unknown."""
        return None if self.overage_fee is None else self.fee + self.overage_fee


@dataclass(frozen=True)
class Account:
    """Where a retainer stands.

    `carried` and `debt` are those of the open period: what the one before it left. Where no period is open `next_on` is the day on which
    the next may open. `past` are the starts of earlier periods by their numbers; `periods` counts those that were opened, `term` the terms.
    """

    terms: Terms
    status: str
    anchor: date
    renewal_date: date
    next_on: date
    term: int = 1
    term_starts_on: date | None = None
    periods: int = 0
    period: Period | None = None
    carried: tuple[Bucket, ...] = ()
    debt: int = 0
    paused_on: date | None = None
    cancels_on: date | None = None
    past: tuple[tuple[int, date], ...] = ()

    @cached_property
    def days(self) -> int:
        """The days of the open period that count. A pause that isn't over counts as if it lasted until the period's end."""
        period = self.open_period
        pauses = period.pauses
        if self.status == PAUSED and self.paused_on is not None:
            pauses = (*pauses, (self.paused_on, period.ends_on))
        return count_days(period.starts_on, period.ends_on, pauses)

    @property
    def open_period(self) -> Period:
        """The open period. Only where there is one."""
        assert self.period is not None, "no period is open"
        return self.period

    @cached_property
    def own(self) -> int:
        """The minutes of the open period itself, its debt deducted."""
        return allotment(self.open_period.hours, self.days, self.open_period.month_days) - self.debt

    @cached_property
    def figures(self) -> PeriodFigures:
        """The figures of the open period as they are now."""
        return self.figures_at_close(None, final=False)

    def figures_at_close(self, at: datetime | None, *, final: bool) -> PeriodFigures:
        """The figures with which the open period closes; where it is the last one a debt is billed."""
        period, terms = self.open_period, self.terms
        rolled_over = buckets.carried_minutes(self.carried) - self.debt
        included = self.own + self.debt
        overage = max(0, period.used - included - rolled_over)
        billed = debt = 0
        if terms.rollover.carry_overuse:
            debt = overage if final else 0
        else:
            debt = min(overage, max(0, -included - rolled_over))
            billed = overage - debt
        return PeriodFigures(
            n=period.n,
            starts_on=period.starts_on,
            ends_on=period.ends_on,
            days=self.days,
            month_days=period.month_days,
            included=included,
            rolled_over=rolled_over,
            used=period.used,
            unapproved=period.unapproved,
            billed=billed,
            debt=debt,
            fee=prices.part_of_fee(period.fee, self.days, period.month_days, terms.currency),
            unit_price=terms.unit_price,
            currency=terms.currency,
            opened_at=period.opened_at,
            closed_at=at,
        )

    def period_worked_in(self, day: date) -> int | None:
        """The number of the earlier period that a day belongs to; None where it belongs to the open one."""
        if day >= self.open_period.starts_on:
            return None
        return max((entry for entry in self.past if entry[1] <= day), key=lambda entry: entry[1], default=(None, day))[0]

    def with_period(self, **values: object) -> "Account":
        """With the open period changed."""
        return replace(self, period=replace(self.open_period, **values))  # type: ignore[arg-type]
