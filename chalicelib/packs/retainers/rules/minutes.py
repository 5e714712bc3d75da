"""Hours as whole minutes: what is logged, what is included, what is shown.

Minutes, since decimal hours break steps of 10, 15 and 20 minutes: six times 10 minutes as 0.17 h would be 1.02 h.
"""

from decimal import ROUND_HALF_UP, Context, Decimal

_EXACT = Context(prec=60)
_SIXTY = Decimal(60)
_HUNDREDTH, _TENTH, _ONE = Decimal("0.01"), Decimal("0.1"), Decimal(1)


def to_minutes(hours: Decimal) -> int:
    """Hours in whole minutes, rounded half up."""
    return _whole(_EXACT.multiply(hours, _SIXTY))


def logged_minutes(hours: Decimal, increment: int) -> int:
    """The minutes that count for logged hours: rounded half up, then up to the next step of `increment` minutes, at least one step."""
    return max(1, -(-to_minutes(hours) // increment)) * increment


def allotment(hours: Decimal, days: int, of: int) -> int:
    """The minutes that `days` of a month of `of` days have of its included hours, rounded half up."""
    return _whole(_EXACT.divide(_EXACT.multiply(hours, _SIXTY * days), Decimal(of)))


def to_hours(minutes: int) -> Decimal:
    """Minutes in hours, to 2 decimals."""
    return _EXACT.divide(Decimal(minutes), _SIXTY).quantize(_HUNDREDTH, ROUND_HALF_UP)


def percent(used: int, available: int) -> Decimal | None:
    """`used` of `available` as a percent number with 1 decimal; None where nothing is available."""
    return None if available <= 0 else _EXACT.divide(Decimal(100 * used), Decimal(available)).quantize(_TENTH, ROUND_HALF_UP)


def _whole(number: Decimal) -> int:
    return int(number.quantize(_ONE, ROUND_HALF_UP))
