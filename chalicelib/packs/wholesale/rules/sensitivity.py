"""How the numbers bend when the estimates are off: 20 cells of ARV by repairs, the fee target fixed."""

from dataclasses import dataclass, replace
from decimal import Decimal

from chalicelib.foundation.money import rounded
from chalicelib.packs.wholesale.rules.exits import percent
from chalicelib.packs.wholesale.rules.numbers import Inputs, evaluate

# Per cent off the estimates. Repairs run over more often than under.
ARV_STEPS = (-10, -5, 0, 5, 10)
REPAIR_STEPS = (-20, 0, 20, 40)


@dataclass(frozen=True)
class Cell:
    """The numbers at one ARV and one repair bill, as printed; None where an input is missing."""

    arv: Decimal | None
    repairs: Decimal | None
    ceiling: Decimal | None
    mao: Decimal | None
    spread: Decimal | None


def _off(amount: Decimal | None, by: int) -> Decimal | None:
    return None if amount is None else percent(Decimal(100 + by), amount)


def _cell(given: Inputs, arv_step: int, repair_step: int) -> Cell:
    arv, repairs = _off(given.arv_estimate, arv_step), _off(given.repair_estimate, repair_step)
    # Given figures stand still; the grid is about the computed ones.
    numbers = evaluate(replace(given, arv_estimate=arv, repair_estimate=repairs, max_allowable_offer=None, expected_spread=None))

    def printed(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else rounded(amount, given.currency)

    return Cell(printed(arv), printed(repairs), numbers.ceiling, numbers.mao_computed, numbers.spread_computed)


def grid(given: Inputs) -> list[Cell]:
    """The cells, ARV from the lowest, under each repairs from the lowest.

    Ceiling, MAO and spread come from the unrounded ARV and repairs: a cell's printed ARV is rounded for itself.
    """
    return [_cell(given, arv_step, repair_step) for arv_step in ARV_STEPS for repair_step in REPAIR_STEPS]
