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

INTRADAY, CLOSE = "intraday", "close"
KINDS = (INTRADAY, CLOSE)


def closed_day(now: datetime) -> date:
    """The day whose close is to be taken at `now`: the one before, by UTC."""
    return now.astimezone(UTC).date() - timedelta(days=1)


def intraday_day(now: datetime) -> date:
    """The day of a snapshot taken by hand at `now`, by UTC."""
    return now.astimezone(UTC).date()


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
