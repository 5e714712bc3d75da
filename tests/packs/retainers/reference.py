"""The calculation of retainers once more, as simply as it can be said: day by day, minute by minute, in fractions.

It shares nothing with the engine. A month is found by walking days; minutes lie in a list, each under the name of where it came from; what
is left after a period is what nobody has taken out of the list.
"""

import calendar
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

ONE = timedelta(days=1)


def half_up(value):
    """A fraction to the nearest whole number, halves away from zero."""
    sign = -1 if value < 0 else 1
    return sign * int(abs(value) + Fraction(1, 2))


def cents(value):
    return Fraction(half_up(value * 100), 100)


def is_boundary(day, anchor_day):
    last = calendar.monthrange(day.year, day.month)[1]
    return day.day == min(anchor_day, last)


def plus_months(day, months, anchor_day):
    """That many boundaries later, by walking there."""
    while months:
        day += ONE
        months -= is_boundary(day, anchor_day)
    return day


def anchor_day_of(starts_on, renewal_date):
    """The day of the month: the start's, where walking from boundary to boundary meets the renewal."""
    day = starts_on
    while day < renewal_date:
        day = plus_months(day, 1, starts_on.day)
    return starts_on.day if day == renewal_date else renewal_date.day


@dataclass
class Agreement:
    starts_on: date
    renewal_date: date
    hours: Fraction
    fee: Fraction
    price: Fraction | None
    term_months: int = 1
    auto_renew: bool = True
    mode: str = "none"
    cap: Fraction | None = None  # hours
    keeps: int | None = None  # periods
    carry_overuse: bool = False
    uplift: Fraction = Fraction(0)
    increment: int = 6


@dataclass
class Bill:
    """A period as it was closed."""

    n: int
    starts_on: date
    ends_on: date
    included: int
    rolled_over: int
    used: int
    overage: int
    fee: Fraction
    overage_fee: Fraction | None


@dataclass
class Reference:
    """A retainer that lives day by day. `day` is the present one; things happen on it, then `next_day` comes."""

    agreed: Agreement
    day: date = None
    status: str = "active"
    bills: list = field(default_factory=list)

    def __post_init__(self):
        self.day = self.agreed.starts_on
        self.anchor_day = anchor_day_of(self.agreed.starts_on, self.agreed.renewal_date)
        self.renewal_date, self.fee = self.agreed.renewal_date, self.agreed.fee
        self.n, self.stock, self.debt, self.last_day = 0, [], 0, None
        self.is_open = False
        self._open(self.day)

    # -- periods

    def _open(self, first):
        self.n += 1
        self.is_open, self.first, self.used, self.taken_from, self.opening_fee = True, first, 0, [], self.fee
        last = first
        while not is_boundary(last + ONE, self.anchor_day):
            last += ONE
        self.last = last
        start = first
        while not is_boundary(start, self.anchor_day):
            start -= ONE
        self.month_days = (last - start).days + 1
        self.paused_days = set()
        self.opened_ahead = first > self.day

    def _counted(self, through):
        days = (self.first + number * ONE for number in range((through - self.first).days + 1))
        return sum(1 for day in days if day not in self.paused_days)

    def included(self, through=None):
        through = self.last if through is None else through
        return half_up(self.agreed.hours * 60 * self._counted(through) / self.month_days)

    def available(self):
        return self.included() + len(self.stock) - self.debt

    def _close(self, through, final):
        if not self.is_open:
            if not (final and self.debt):
                return
            self.n += 1  # a debt is left, and a period of no days bills it
            self.first = self.last = through = self.day
            self.used, self.month_days, self.paused_days, self.opening_fee = 0, 30, {self.day}, Fraction(0)
        included, counted = self.included(through), self._counted(through)
        over = max(0, self.used - (included + len(self.stock) - self.debt))
        is_billed = over and (final or not self.agreed.carry_overuse)
        price = Fraction(0) if not is_billed else None if self.agreed.price is None else cents(self.agreed.price * over / 60)
        fee = cents(self.opening_fee * counted / self.month_days)
        self.bills.append(
            Bill(self.n, self.first, max(self.first, through), included, len(self.stock) - self.debt, self.used, over, fee, price)
        )
        self._roll(included, over)
        self.is_open = False

    def _roll(self, included, over):
        """What is left in the list: minutes are (number of their period, last period in which they can be used)."""
        stock = sorted(self.stock, key=lambda minute: (minute[1] is None, minute[1] or 0, minute[0]))
        from_stock = min(max(self.used, 0), len(stock))
        stock = stock[from_stock:]
        left_of_this = max(0, included - self.debt - (self.used - from_stock))
        if self.agreed.mode == "none":
            self.stock = []
        else:
            stock = [minute for minute in stock if minute[1] is None or minute[1] > self.n]
            if self.agreed.mode == "capped":
                left_of_this = min(left_of_this, max(0, half_up(self.agreed.cap * 60) - len(stock)))
            through = None if self.agreed.keeps is None else self.n + self.agreed.keeps
            self.stock = stock + [(self.n, through)] * left_of_this
        self.debt = over if self.agreed.carry_overuse else 0

    def _next_term(self, first):
        self.fee = cents(self.fee * (1 + self.agreed.uplift / 100))
        self.renewal_date = plus_months(first, self.agreed.term_months, self.anchor_day)

    def _end(self, status):
        self.status = status

    # -- time

    def next_day(self):
        self.day += ONE
        if self.status in ("expired", "cancelled"):
            return
        if self.day == self.renewal_date or (self.is_open and self.day > self.last):
            self._turn()
        if self.status in ("expired", "cancelled"):
            return
        if self.status == "paused" and self.is_open:
            self.paused_days.add(self.day)
        if self.last_day == self.day:
            self._cut()

    def _turn(self):
        """A period, or a term, is over with the day before."""
        at_renewal = self.day >= self.renewal_date and not (self.agreed.auto_renew and self.last_day is not None)
        if at_renewal and not self.agreed.auto_renew:
            self._close(self.last if self.is_open else None, final=True)
            self._end("expired")
            return
        if self.is_open and self.day > self.last:
            self._close(self.last, final=False)
        if at_renewal:
            self._next_term(self.day)
        if self.status == "active" and not self.is_open:
            self._open(self.day)

    def _cut(self):
        self._close(self.day, final=True)
        self._end("cancelled")

    # -- people

    def log(self, hours):
        minutes = max(1, half_up(hours * 60))
        minutes = -(-minutes // self.agreed.increment) * self.agreed.increment
        self.used += minutes
        return minutes

    def take_back(self, minutes):
        self.used -= minutes

    def pause(self):
        self.status = "paused"
        if self.is_open:
            self.paused_days.add(self.day)

    def resume(self):
        self.status = "active"
        if self.is_open:
            self.paused_days.discard(self.day)
        else:
            self._open(self.day)

    def renew(self):
        first = self.last + ONE
        self._close(self.last, final=False)
        self._next_term(first)
        self._open(first)

    def cancel(self, last_day):
        self.last_day = last_day
        if last_day == self.day:
            self._cut()
