"""What a retainer costs. An amount is rounded half up once, where it is printed; the unit price is printed, too, and rounded before it multiplies."""

from decimal import Context, Decimal

from chalicelib.foundation.money import round_money

_EXACT = Context(prec=60)
_ZERO = Decimal(0)


def unit_price(hourly_rate: Decimal | None, rate: Decimal | None, multiplier: Decimal | None, currency: str) -> Decimal | None:
    """The price of an hour beyond the available: the `rate`, else `hourly_rate` × `multiplier` (1); None where no rate is known."""
    if rate is not None:
        return round_money(rate, currency)
    if hourly_rate is None:
        return None
    return round_money(_EXACT.multiply(hourly_rate, Decimal(1) if multiplier is None else multiplier), currency)


def price_of(minutes: int, price: Decimal | None, currency: str) -> Decimal | None:
    """The price of minutes at a price for the hour; nothing costs nothing, at an unknown price, too."""
    if not minutes:
        return round_money(_ZERO, currency)
    return None if price is None else round_money(_EXACT.divide(price * minutes, Decimal(60)), currency)


def part_of_fee(fee: Decimal | None, days: int, of: int, currency: str) -> Decimal:
    """The fee for `days` of a month of `of` days; zero where there is none."""
    return round_money(_EXACT.divide((fee or _ZERO) * days, Decimal(of)), currency)


def uplifted(fee: Decimal | None, pct: Decimal, currency: str) -> Decimal | None:
    """The monthly fee of the next term: raised by `pct` percent."""
    return None if fee is None else round_money(_EXACT.multiply(fee, 1 + pct / 100), currency)
