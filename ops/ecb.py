"""The European Central Bank's file of euro rates, `eurofxref-hist.csv`.

One line a day, newest first; one column a currency; `N/A` where there is no rate, and a comma at the end of each line. Columns
of withdrawn ISO 4217 codes are ignored, since no holding can have these currencies.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from chalicelib.foundation.money import MINOR_UNITS
from chalicelib.packs.holdings.rules.fx_rates import rate_error

_NONE = ("", "N/A")


@dataclass(frozen=True)
class Day:
    """The rates of a day: what one euro is worth."""

    on: date
    rates: dict[str, Decimal]


@dataclass(frozen=True)
class Parsed:
    """The days in the file's order, and the errors by line number; a line with an error gives no day."""

    days: list[Day]
    errors: list[tuple[int, str]]


def parse(lines: Iterable[str]) -> Parsed:
    """The rates of a file; raises ValueError where the header isn't that of such a file."""
    reader = csv.reader(lines)
    header = [name.strip().removeprefix("\ufeff") for name in next(reader, [])]
    if not header or header[0] != "Date" or len(set(header[1:])) < len(header) - 1:
        raise ValueError("the first line must name Date and then each currency once")
    days: dict[date, Day] = {}
    errors: list[tuple[int, str]] = []
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        try:
            day = _day(header, row)
            if day.on in days:
                raise ValueError(f"{day.on.isoformat()} comes twice")
        except ValueError as error:
            errors.append((reader.line_num, str(error)))
        else:
            days[day.on] = day
    return Parsed(list(days.values()), errors)


def _day(header: list[str], row: list[str]) -> Day:
    if len(row) != len(header):
        raise ValueError(f"has {len(row)} columns where the first line has {len(header)}")
    try:
        on = date.fromisoformat(row[0].strip())
    except ValueError:
        raise ValueError(f"{row[0].strip()!r} is no date") from None
    columns = zip(header[1:], row[1:], strict=True)
    return Day(on, {name: _rate(name, cell.strip()) for name, cell in columns if name in MINOR_UNITS and cell.strip() not in _NONE})


def _rate(currency: str, text: str) -> Decimal:
    try:
        rate = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{currency}: {text!r} is no rate") from None
    if error := rate_error(rate):
        raise ValueError(f"{currency}: {error}")
    return rate
