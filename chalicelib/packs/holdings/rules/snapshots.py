"""Snapshots: a day's totals, groups and rates, kept as they were, with a hash of what they hold.

The close of a day is taken after midnight UTC, when its rates are out, whatever was taken by hand in between: that is another
kind, so that noon never passes for the close. A correction is a new version; the old one is kept.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from json import dumps
from typing import Any

from chalicelib.packs.holdings.rules.fx import Rates
from chalicelib.packs.holdings.rules.sums import Cell, Sums

INTRADAY, CLOSE = "intraday", "close"
KINDS = (INTRADAY, CLOSE)


def closed_day(now: datetime) -> date:
    """The day whose close is to be taken at `now`: the one before, by UTC."""
    return now.astimezone(UTC).date() - timedelta(days=1)


def intraday_day(now: datetime) -> date:
    """The day of a snapshot taken by hand at `now`, by UTC."""
    return now.astimezone(UTC).date()


def content(day: date, kind: str, sums: Mapping[Cell, Sums], rates: Rates) -> dict[str, Any]:
    """What a snapshot holds: each group's sums in their own currencies, and every rate in force on the day.

    Nothing in it is converted: with its own rates it can be shown in any currency, and always comes out the same.
    """
    return {
        "date": day,
        "kind": kind,
        "max_age_days": rates.max_age,
        "rates": [{"base": base, "date": on, "rates": quotes} for base, on, quotes in rates.in_force(day)],
        "sums": [
            {
                "dimension": cell.dimension,
                "group": cell.group,
                "currency": cell.currency,
                "owned": at.owned,
                "count": at.count,
                "unvalued": at.unvalued,
            }
            for cell, at in sorted(sums.items())
        ],
    }


def read(kept: Mapping[str, Any]) -> tuple[dict[Cell, Sums], Rates]:
    """Sums and rates of a snapshot as it was kept: days as text or days, whole numbers of any kind."""
    sums = {
        Cell(row["dimension"], row["group"], row["currency"]): Sums(Decimal(row["owned"]), int(row["count"]), int(row["unvalued"]))
        for row in kept["sums"]
    }
    days = ((row["base"], _day(row["date"]), {quote: Decimal(rate) for quote, rate in row["rates"].items()}) for row in kept["rates"])
    return sums, Rates(days, max_age=int(kept["max_age_days"]))


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _canonical(value: Any) -> Any:
    """One form for one value: a number is its shortest plain digits as text, so that 1.50 and 1.5 are the same."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | Decimal):
        return _digits(Decimal(value))
    if isinstance(value, date):  # an instant is one, too, and both have one ISO form
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _canonical(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _digits(number: Decimal) -> str:
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def canonical(content: Mapping[str, Any]) -> str:
    """The content as JSON: names sorted, no spaces, numbers as text, dates as ISO 8601."""
    return dumps(_canonical(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical content, in hexadecimal. It doesn't matter in which order or how padded the content was kept."""
    return sha256(canonical(content).encode()).hexdigest()
