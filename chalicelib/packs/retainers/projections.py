"""What a retainer contributes to the capacity of its professional, to the forecast, and to what is overrun."""

from decimal import Decimal
from typing import Any

from chalicelib.foundation.projections import Contribution
from chalicelib.packs.retainers.entities import FORECAST, OVERRUN, Retainer
from chalicelib.packs.retainers.rules.forecast import upcoming
from chalicelib.packs.scorecards.public import numbers_row


def contribute(image: dict[str, Any]) -> Contribution:
    """The contribution of the retainer in this image: minutes left in its open period, whether these are overrun, what the periods to come cost."""
    retainer = Retainer.from_image(image)
    contribution: Contribution = {}
    if retainer.is_active and retainer.account.period is not None:
        left = {"minutes": retainer.account.figures.remaining, "retainers": 1}
        contribution[numbers_row(retainer.professional_id)] = {name: number for name, number in left.items() if number}
    if retainer.is_overrun:
        contribution[OVERRUN, retainer.professional_id] = {retainer.id: 1}
    for period in upcoming(retainer.account, retainer.updated_at):
        row = contribution.setdefault((FORECAST, period.month), {})
        for name, number in ((f"minutes:{retainer.currency}", period.minutes), (f"fees:{retainer.currency}", period.fee)):
            row[name] = row.get(name, 0) + number
    return {key: {name: number for name, number in row.items() if number != Decimal(0)} for key, row in contribution.items()}
