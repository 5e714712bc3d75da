"""Money: Decimal, to the minor unit of its ISO 4217 currency, at most 15 significant digits.

A double represents 15 digits exactly, so a client that reads the JSON numbers as doubles loses nothing.
Amounts are rounded half up, once, when they are output.
"""

from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

MAX_DIGITS = 15
_EXACT = Context(prec=60)

# ISO 4217 (list one of 2026-01-01): minor units other than 2.
_OTHER_MINOR_UNITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_TWO_DECIMALS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY "
    "COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR "
    "IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD "
    "NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG"
)
MINOR_UNITS: dict[str, int] = dict.fromkeys(_TWO_DECIMALS.split(), 2) | {
    code: units for units, codes in _OTHER_MINOR_UNITS.items() for code in codes.split()
}


def quantum(currency: str) -> Decimal:
    """The smallest amount of a currency: 0.01 for USD, 1 for JPY."""
    return Decimal(1).scaleb(-MINOR_UNITS[currency])


def round_money(amount: Decimal, currency: str) -> Decimal:
    """`amount` half up to the currency's minor unit: the only rounding, at output."""
    return amount.quantize(quantum(currency), rounding=ROUND_HALF_UP, context=_EXACT)


def round_fraction(amount: Fraction, currency: str) -> Decimal:
    """An exact amount rounded half up (away from zero) to the currency's minor unit."""
    units = MINOR_UNITS[currency]
    scaled = abs(amount) * 10**units
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole if amount >= 0 else -whole).scaleb(-units, _EXACT)


def significant_digits(amount: Decimal) -> int:
    """The number of significant digits: 1200.50 has 5 (trailing zeros after the point do not count), 1200 has 4."""
    if not amount:
        return 1
    _, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)  # callers have refused NaN and Infinity
    count = len(digits)  # without leading zeros
    while exponent < 0 and digits[count - 1] == 0:
        count, exponent = count - 1, exponent + 1
    return count + max(0, exponent)


def money_error(amount: Decimal, currency: str) -> str | None:
    """Why `amount` is not a valid amount of `currency`; None where it is."""
    units = MINOR_UNITS[currency]
    exponent = amount.normalize(_EXACT).as_tuple().exponent
    if isinstance(exponent, int) and -exponent > units:
        return f"{currency} has {units} decimals"
    if significant_digits(amount) > MAX_DIGITS or amount.adjusted() >= MAX_DIGITS - units:
        return f"at most {MAX_DIGITS} significant digits ({MAX_DIGITS - units} before the point in {currency})"
    return None
