"""Money: Decimal, to the minor unit of its ISO 4217 currency, at most 15 significant digits.

15 digits are what a double carries exactly, so a client that reads our JSON numbers as doubles loses nothing.
Rounding is half up, once, at the printed figure.
"""

from decimal import ROUND_HALF_UP, Context, Decimal

MAX_DIGITS = 15
_EXACT = Context(prec=60)

# ISO 4217 (list one of 2026-01-01): minor units other than 2.
_OTHER_UNITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY "
    "COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR "
    "IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD "
    "NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG"
)
MINOR_UNITS: dict[str, int] = dict.fromkeys(_TWO.split(), 2) | {
    code: units for units, codes in _OTHER_UNITS.items() for code in codes.split()
}


def quantum(currency: str) -> Decimal:
    """The smallest amount of a currency: 0.01 for USD, 1 for JPY."""
    return Decimal(1).scaleb(-MINOR_UNITS[currency])


def rounded(amount: Decimal, currency: str) -> Decimal:
    """`amount` half up to the currency's minor unit: the one rounding, at the printed figure."""
    return amount.quantize(quantum(currency), rounding=ROUND_HALF_UP, context=_EXACT)


def significant_digits(amount: Decimal) -> int:
    """How many digits carry the value: 1200.50 has 5 (trailing zeros after the point don't count), 1200 has 4."""
    _, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)  # NaN and Infinity never get here
    whole = list(digits) + [0] * max(0, exponent)
    fraction_zeros = 0
    while fraction_zeros < -exponent and whole and whole[-1] == 0:
        whole.pop()
        fraction_zeros += 1
    return len("".join(map(str, whole)).lstrip("0")) or 1


def fault(amount: Decimal, currency: str) -> str | None:
    """Why `amount` can't be an amount of `currency`; None where it can."""
    units = MINOR_UNITS[currency]
    exponent = amount.normalize(_EXACT).as_tuple().exponent
    if isinstance(exponent, int) and -exponent > units:
        return f"{currency} has {units} decimals"
    if significant_digits(amount) > MAX_DIGITS or amount.adjusted() >= MAX_DIGITS - units:
        return f"at most {MAX_DIGITS} significant digits ({MAX_DIGITS - units} before the point in {currency})"
    return None
