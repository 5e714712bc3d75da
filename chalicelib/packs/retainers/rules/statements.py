"""The statement of a period: a line for the fee, one for what was used beyond the available, one for a debt that is billed at the end."""

from dataclasses import dataclass
from decimal import Decimal

from chalicelib.packs.retainers.rules import prices
from chalicelib.packs.retainers.rules.accounts import PeriodFigures
from chalicelib.packs.retainers.rules.minutes import to_hours

FEE, OVERAGE, DEBT = LINES = ("fee", "overage", "debt")
UNKNOWN_PRICE = "hourly_rate"  # what an unknown price of an hour lacks


@dataclass(frozen=True)
class Line:
    """A line of a statement; price and amount are None where the price is unknown, the price of the fee's line always."""

    kind: str
    description: str
    hours: Decimal
    unit_price: Decimal | None
    amount: Decimal | None


def lines_of(figures: PeriodFigures) -> list[Line]:
    """The lines. The amounts of overage and debt add up to the overage fee, all of them to the total."""
    part = "" if figures.days == figures.month_days else f", {figures.days} of {figures.month_days} days"
    lines = [Line(FEE, f"Monthly fee{part}", to_hours(figures.included), None, figures.fee)]
    for kind, minutes, text in (
        (OVERAGE, figures.billed, "Hours beyond those available"),
        (DEBT, figures.debt, "Hours carried from period to period as a debt"),
    ):
        if minutes:
            amount = prices.price_of(minutes, figures.unit_price, figures.currency)
            lines.append(Line(kind, text, to_hours(minutes), figures.unit_price, amount))
    return lines


def missing_of(figures: PeriodFigures) -> list[str]:
    """What the statement lacks to be complete."""
    return [] if figures.total is not None else [UNKNOWN_PRICE]
