"""What periods to come will cost: simulated by the very steps of the lifecycle, without anything that people may still do."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from chalicelib.foundation.dates import add_months
from chalicelib.packs.retainers.rules.accounts import Account, PeriodFigures
from chalicelib.packs.retainers.rules.lifecycle import next_change
from chalicelib.packs.retainers.rules.states import ACTIVE

MONTHS = 3  # that a forecast shows
# A retainer is written at each close, so at most a month before somebody reads; the months shown begin after the present one.
_MONTHS_AHEAD = MONTHS + 3


@dataclass(frozen=True)
class Upcoming:
    """A period that starts in a month (YYYY-MM): its minutes and its fee."""

    month: str
    minutes: int
    fee: Decimal


def upcoming(account: Account, at: datetime) -> list[Upcoming]:
    """The open period and those after it that will start within the months ahead; none of what isn't active."""
    if account.status != ACTIVE:
        return []
    unused = replace(account.with_period(used=0), debt=0) if account.period else replace(account, debt=0)
    first = unused.period.starts_on if unused.period else unused.next_on
    return [
        Upcoming(f"{figures.starts_on:%Y-%m}", figures.included, figures.fee)
        for figures in _periods(unused, add_months(first, _MONTHS_AHEAD), at)
    ]


def _periods(account: Account, until: date, at: datetime) -> Iterator[PeriodFigures]:
    """The figures of the open period and of those that follow it, as they will close."""
    while change := next_change(account, until, at):
        account = change.account
        if change.closed is not None:
            yield change.closed
    if account.period is not None:
        yield account.figures


def forecast_months(today: date) -> list[str]:
    """The calendar months that a forecast shows: those after the present one."""
    first = today.replace(day=1)
    return [f"{add_months(first, number):%Y-%m}" for number in range(1, MONTHS + 1)]
