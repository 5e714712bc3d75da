"""What a pipeline contributes to the aggregates of the board and the funnel.

Only sums and counts are stored, because they can be added and subtracted. The oldest pipeline of a stage and the median of stage
intervals are computed from counts by day when they are read.
"""

from typing import Any

from chalicelib.foundation.projections import Contribution
from chalicelib.packs.wholesale.entities import board_days, board_sums, funnel_intervals, funnel_month, to_pricing_inputs
from chalicelib.packs.wholesale.rules.pricing import compute_pricing
from chalicelib.packs.wholesale.rules.stages import DEAD


def contribute(image: dict[str, Any]) -> Contribution:
    """The contribution of a pipeline, from its item as plain values."""
    spread = compute_pricing(to_pricing_inputs(image)).counted_spread
    stage, entered_on, currency = image["stage"], image["stage_entered_on"], image["currency"]
    sums = {"count": 1, "arv": image.get("arv_estimate"), "spread": spread, "fees": image.get("assignment_fee_target")}
    totals: dict[str, Any] = {"created": 1, f"top_{image['highest_stage']}": 1}
    if stage != DEAD:  # a dead pipeline has no expected spread
        totals[f"spread_{currency}"] = spread
    month = image["cohort"]
    contribution: Contribution = {
        board_sums(stage, currency): {name: number for name, number in sums.items() if number},
        board_days(stage, entered_on[:7]): {f"d{entered_on[8:]}": 1},
        funnel_month(month): {name: number for name, number in totals.items() if number},
    }
    for completed_stage, days in image["stays"].items():
        contribution[funnel_intervals(month, completed_stage)] = {f"t{length}": number for length, number in days.items()}
    return contribution
