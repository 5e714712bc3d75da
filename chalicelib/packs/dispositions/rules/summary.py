"""The summary of dispositions: fees by month, forfeits, rates, days from contract to assignment.

It is computed from one row a day of counts and sums that add up, so that it is exact for any range of days, and reads only
the rows of the range. The names in a row:

    closed, fallout             of assigned ones that ended on the day
    days:<n>                    closings of the day whose assignment came n days after the contract
    gross:<CUR>, net:<CUR>      fees earned on the day
    unknown:<CUR>               closings of the day whose net is unknown
    forfeits:<CUR>              forfeited earnest money: income of its day, but not a fee
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chalicelib.packs.dispositions.rules.assignments import CLOSED
from chalicelib.packs.dispositions.rules.buyer_statistics import (
    DAYS,
    AssignmentRecord,
    Counts,
    close_and_fallout_rates,
    days_between,
    median_days,
)

GROSS, NET, UNKNOWN, FORFEITS = "gross:", "net:", "unknown:", "forfeits:"

Rows = dict[date, dict[str, int | Decimal]]


@dataclass(frozen=True)
class MonthlyFees:
    """The fees of a month (YYYY-MM) in one currency: net, gross, and how many closings are missing from the net."""

    month: str
    currency: str
    fees: Decimal
    fees_gross: Decimal
    unknown: int


@dataclass(frozen=True)
class Summary:
    """The summary: months in order, forfeits by currency, rates like a buyer's, the median of days."""

    months: tuple[MonthlyFees, ...]
    forfeits: dict[str, Decimal]
    close_rate: Decimal | None
    fallout_rate: Decimal | None
    days_contract_to_assignment: Decimal | None


def summary_contribution(record: AssignmentRecord) -> Rows:
    """The contribution of one assignment to the rows of the days on which it ended and its earnest money was forfeited."""
    rows: Rows = {}

    def add(day: date | None, name: str, amount: int | Decimal) -> None:
        if day is not None and amount:
            row = rows.setdefault(day, {})
            row[name] = row.get(name, 0) + amount

    if record.status == CLOSED:
        add(record.closed_on, "closed", 1)
        add(record.closed_on, f"{GROSS}{record.currency}", record.fee_gross or 0)
        add(record.closed_on, f"{NET}{record.currency}", record.fee_net or 0)
        add(record.closed_on, f"{UNKNOWN}{record.currency}", int(record.fee_net is None))
        days = days_between(record.contract_on, record.assigned_on)
        if days is not None:
            add(record.closed_on, f"{DAYS}{days}", 1)
    if record.is_fallout:
        add(record.fell_out_on, "fallout", 1)
    add(record.forfeited_on, f"{FORFEITS}{record.currency}", record.forfeited or 0)
    return rows


def _totals(rows: Mapping[date, Counts]) -> dict[str, int | Decimal]:
    total: dict[str, int | Decimal] = {}
    for row in rows.values():
        for name, amount in row.items():
            total[name] = total.get(name, 0) + amount
    return total


def _months(rows: Mapping[date, Counts]) -> tuple[MonthlyFees, ...]:
    sums: dict[tuple[str, str, str], Decimal] = {}
    for day, row in rows.items():
        for name, amount in row.items():
            kind, colon, currency = name.partition(":")
            if kind + colon in (GROSS, NET, UNKNOWN) and amount:
                key = (day.isoformat()[:7], currency, kind + colon)
                sums[key] = sums.get(key, Decimal(0)) + amount
    zero = Decimal(0)
    return tuple(
        MonthlyFees(
            month,
            currency,
            sums.get((month, currency, NET), zero),
            sums.get((month, currency, GROSS), zero),
            int(sums.get((month, currency, UNKNOWN), zero)),
        )
        for month, currency in sorted({key[:2] for key in sums})
    )


def summarize(rows: Mapping[date, Counts]) -> Summary:
    """The summary of these days' rows."""
    total = _totals(rows)
    close_rate, fallout_rate = close_and_fallout_rates(int(total.get("closed", 0)), int(total.get("fallout", 0)))
    return Summary(
        months=_months(rows),
        forfeits={
            name.removeprefix(FORFEITS): Decimal(amount) for name, amount in sorted(total.items()) if name.startswith(FORFEITS) and amount
        },
        close_rate=close_rate,
        fallout_rate=fallout_rate,
        days_contract_to_assignment=median_days(total),
    )
