"""Snapshots: totals, groups and rates of a day as they were known, with a hash of the content.

The close of a day is created after the firm's day has ended, and after midnight UTC, when its rates are published. Snapshots created
by hand are of another kind (`intraday`). A correction is a new version; the old one is kept.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.foundation.dates import business_date, start_of_day
from chalicelib.packs.holdings.rules.aggregates import GroupKey, GroupTotals
from chalicelib.packs.holdings.rules.fx_rates import Rates

INTRADAY, CLOSE = "intraday", "close"
KINDS = (INTRADAY, CLOSE)
_DAY = timedelta(days=1)


def closed_day(now: datetime, zone: str) -> date:
    """The latest day that can be closed at `now`: it has ended in the firm's time zone `zone`, and in UTC."""
    return min(business_date(now, zone), now.astimezone(UTC).date()) - _DAY


def may_wait(day: date, now: datetime, zone: str) -> bool:
    """Whether the close of a day may still wait for the totals to catch up: until a day after its end."""
    return now < start_of_day(day + 2 * _DAY, zone)


def content(day: date, kind: str, sums: Mapping[GroupKey, GroupTotals], rates: Rates) -> dict[str, object]:
    """The content of a snapshot: the totals of each group in their own currencies, and every rate in force on the day.

    Nothing is converted: with the rates it can be shown in any currency, always with the same result.
    """
    return {
        "date": day,
        "kind": kind,
        "max_age_days": rates.max_age,
        "rates": [{"base": base, "date": on, "rates": quotes} for base, on, quotes in rates.in_force(day)],
        "sums": [{**asdict(group), **asdict(totals)} for group, totals in sorted(sums.items())],
    }


def decode_content(content: Mapping[str, Any]) -> tuple[dict[GroupKey, GroupTotals], Rates]:
    """Totals and rates of stored content, in which days may be text or dates, and numbers of any type."""
    sums = {
        GroupKey(row["dimension"], row["group"], row["currency"]): GroupTotals(
            Decimal(row["owned"]), int(row["count"]), int(row["unvalued"])
        )
        for row in content["sums"]
    }
    days = ((row["base"], _day(row["date"]), {quote: Decimal(rate) for quote, rate in row["rates"].items()}) for row in content["rates"])
    return sums, Rates(days, max_age=int(content["max_age_days"]))


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)
