"""Sensitivity of the pricing to errors in the estimates: a grid of 5 ARVs by 4 repair costs, at a fixed fee target."""

from dataclasses import dataclass, replace
from decimal import Decimal

from chalicelib.foundation.money import round_money
from chalicelib.packs.wholesale.rules.exit_strategies import percent
from chalicelib.packs.wholesale.rules.pricing import PricingInputs, compute_pricing

# Deviations from the estimates in percent. Repair costs exceed estimates more often than they fall below.
ARV_STEPS = (-10, -5, 0, 5, 10)
REPAIR_STEPS = (-20, 0, 20, 40)


@dataclass(frozen=True)
class SensitivityCell:
    """The rounded figures at one ARV and one repair cost; None where an input is missing."""

    arv: Decimal | None
    repairs: Decimal | None
    ceiling: Decimal | None
    mao: Decimal | None
    spread: Decimal | None


def _scaled(amount: Decimal | None, percent_points: int) -> Decimal | None:
    return None if amount is None else percent(Decimal(100 + percent_points), amount)


def _cell(inputs: PricingInputs, arv_step: int, repair_step: int) -> SensitivityCell:
    arv, repairs = _scaled(inputs.arv_estimate, arv_step), _scaled(inputs.repair_estimate, repair_step)
    # The caller's own figures don't depend on the estimates; the grid has the computed ones.
    pricing = compute_pricing(replace(inputs, arv_estimate=arv, repair_estimate=repairs, max_allowable_offer=None, expected_spread=None))

    def round_known(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else round_money(amount, inputs.currency)

    return SensitivityCell(round_known(arv), round_known(repairs), pricing.ceiling, pricing.mao_computed, pricing.spread_computed)


def grid(inputs: PricingInputs) -> list[SensitivityCell]:
    """The cells by ascending ARV, then by ascending repairs.

    Ceiling, MAO and spread are computed from the unrounded ARV and repairs; a cell's ARV and repairs are rounded separately.
    """
    return [_cell(inputs, arv_step, repair_step) for arv_step in ARV_STEPS for repair_step in REPAIR_STEPS]
