"""Values as people read them in a document: days, instants in the firm's zone, amounts of money."""

from datetime import datetime
from decimal import Decimal

from chalicelib.foundation.dates import day_in_words, instant_in_words, parse_timestamp
from chalicelib.foundation.money import round_money

NONE = "—"  # stands for what there isn't


def day_text(day: str | None) -> str:
    """A day, as March 1, 2026 or Nov 24, 2026."""
    if day is None:
        return NONE
    moment = datetime.fromisoformat(day)
    return day_in_words(moment) if len(f"{moment:%B}") <= 4 else f"{moment:%b} {moment.day}, {moment.year}"


def instant_text(moment: str, zone: str) -> str:
    """An instant in a time zone, as November 24, 2026, 10:00 PST."""
    return instant_in_words(parse_timestamp(moment), zone)


def money_text(amount: Decimal | None, currency: str) -> str:
    """An amount with its currency and the decimals of that, as USD 1,200.50."""
    return NONE if amount is None else f"{currency} {round_money(Decimal(amount), currency):,}"
