"""What a pipeline adds to the board and to the funnel.

Sums add up, and so do counts by day: from them come the oldest of a stage and the median of stays, which don't.
"""

from typing import Any

from chalicelib.foundation.projections import Contribution
from chalicelib.packs.wholesale.entities import board_days, board_sums, funnel_month, funnel_stays, inputs
from chalicelib.packs.wholesale.rules.numbers import evaluate
from chalicelib.packs.wholesale.rules.stages import DEAD


def contribute(image: dict[str, Any]) -> Contribution:
    """What the pipeline of this image adds."""
    spread = evaluate(inputs(image)).counted_spread
    stage, entered_on, currency = image["stage"], image["stage_entered_on"], image["currency"]
    sums = {"count": 1, "arv": image.get("arv_estimate"), "spread": spread, "fees": image.get("assignment_fee_target")}
    totals: dict[str, Any] = {"created": 1, f"top_{image['highest_stage']}": 1}
    if stage != DEAD:  # nothing is expected of a dead one any more
        totals[f"spread_{currency}"] = spread
    month = image["cohort"]
    found: Contribution = {
        board_sums(stage, currency): {name: number for name, number in sums.items() if number},
        board_days(stage, entered_on[:7]): {f"d{entered_on[8:]}": 1},
        funnel_month(month): {name: number for name, number in totals.items() if number},
    }
    for passed, days in image["stays"].items():
        found[funnel_stays(month, passed)] = {f"t{count}": number for count, number in days.items()}
    return found
