"""The summary of dispositions: fees by month, forfeits, rates, days from contract to assignment.

It is computed from one row of counts and sums a day, so that it is exact for any range of days and reads no other rows: closed and
fallout of assigned ones that ended; `days:<n>`, closings whose assignment came n days after the contract; fees earned, `gross:<CUR>` and
`net:<CUR>`; `unknown:<CUR>`, closings whose net is unknown; `forfeits:<CUR>`, forfeited earnest money: income, but not a fee.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chalicelib.foundation.counts import Counts, Number, add_up, by_suffix
from chalicelib.foundation.dates import days_between
from chalicelib.packs.dispositions.rules.assignments import CLOSED
from chalicelib.packs.dispositions.rules.buyer_statistics import DAYS, AssignmentRecord, close_and_fallout_rates, median_days

GROSS, NET, UNKNOWN, FORFEITS = "gross:", "net:", "unknown:", "forfeits:"


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


def summary_contribution(record: AssignmentRecord) -> dict[date, dict[str, Number]]:
    """The contribution of one assignment to the rows of the days on which it ended and its earnest money was forfeited."""
    rows: dict[date, dict[str, Number]] = {}

    def add(day: date | None, name: str, number: Number) -> None:
        if day is not None and number:
            rows.setdefault(day, {})[name] = number

    if record.status == CLOSED:
        add(record.closed_on, "closed", 1)
        add(record.closed_on, f"{GROSS}{record.currency}", record.fee_gross or 0)
        add(record.closed_on, f"{NET}{record.currency}", record.fee_net or 0)
        add(record.closed_on, f"{UNKNOWN}{record.currency}", int(record.fee_net is None))
        if (days := days_between(record.contract_on, record.assigned_on)) is not None:
            add(record.closed_on, f"{DAYS}{days}", 1)
    if record.is_fallout:
        add(record.fell_out_on, "fallout", 1)
    add(record.forfeited_on, f"{FORFEITS}{record.currency}", record.forfeited or 0)
    return rows


def _fees_of_month(month: str, total: Counts) -> list[MonthlyFees]:
    net, gross, unknown = (by_suffix(total, prefix) for prefix in (NET, GROSS, UNKNOWN))
    return [
        MonthlyFees(month, currency, Decimal(net.get(currency, 0)), Decimal(gross.get(currency, 0)), int(unknown.get(currency, 0)))
        for currency in sorted(net.keys() | gross.keys() | unknown.keys())
    ]


def summarize(rows: Mapping[date, Counts]) -> Summary:
    """The summary of these days' rows."""
    by_month: dict[str, list[Counts]] = defaultdict(list)
    for day, row in rows.items():
        by_month[day.isoformat()[:7]].append(row)
    months = tuple(fees for month, days in sorted(by_month.items()) for fees in _fees_of_month(month, add_up(days)))
    total = add_up(rows.values())
    forfeits = {currency: Decimal(amount) for currency, amount in sorted(by_suffix(total, FORFEITS).items()) if amount}
    return Summary(months, forfeits, *close_and_fallout_rates(total), median_days(total))
