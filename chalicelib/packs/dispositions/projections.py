"""What an assignment adds to its buyer's record and to the firm's summary."""

from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.foundation.projections import Contribution
from chalicelib.packs.dispositions.entities import RECORD, decimal, summary_row
from chalicelib.packs.dispositions.rules import fees
from chalicelib.packs.dispositions.rules.statistics import Course, counts_of
from chalicelib.packs.dispositions.rules.summary import rows_of


def contribute(image: dict[str, Any]) -> Contribution:
    """What the assignment of this image adds."""
    course = course_of(image)
    found: Contribution = {(image["buyer_id"], RECORD): dict(counts_of(course))}
    for day, numbers in rows_of(course).items():
        found[summary_row(day)] = dict(numbers)
    return found


def course_of(image: dict[str, Any]) -> Course:
    """How the assignment went."""
    money = image.get("earnest_money") or {}
    costs = {name: decimal(cost) for name, cost in (image.get("costs") or {}).items()}
    earned = fees.earned(
        image["kind_of_exit"], decimal(image.get("assignment_price")), decimal(image.get("contract_price")), costs, image["currency"]
    )
    forfeited_on = _day(image.get("forfeited_on"))
    return Course(
        status=image["status"],
        currency=image["currency"],
        contract_on=_day(image.get("contract_on")),
        assigned_on=_day(image.get("assigned_on")),
        closed_on=_day(image.get("closed_on")),
        fell_out_on=_day(image.get("fell_out_on")),
        fell_from=image.get("fell_from"),
        reason=image.get("fallout_reason"),
        fee_gross=earned.gross,
        fee_net=earned.net,
        forfeited=Decimal(money.get("amount") or 0) if forfeited_on else None,
        forfeited_on=forfeited_on,
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
