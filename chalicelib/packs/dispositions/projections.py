"""What an assignment adds to its buyer's record and to the firm's summary."""

from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.foundation.projections import Contribution
from chalicelib.packs.dispositions.entities import STATISTICS_SORT_KEY, optional_decimal, summary_key
from chalicelib.packs.dispositions.rules import fees
from chalicelib.packs.dispositions.rules.buyer_statistics import AssignmentRecord, count_contribution
from chalicelib.packs.dispositions.rules.summary import summary_contribution


def contribute(image: dict[str, Any]) -> Contribution:
    """What the assignment of this image adds."""
    record = assignment_record(image)
    contribution: Contribution = {(image["buyer_id"], STATISTICS_SORT_KEY): dict(count_contribution(record))}
    for day, numbers in summary_contribution(record).items():
        contribution[summary_key(day)] = dict(numbers)
    return contribution


def assignment_record(image: dict[str, Any]) -> AssignmentRecord:
    """How the assignment went."""
    money = image.get("earnest_money") or {}
    costs = {name: optional_decimal(cost) for name, cost in (image.get("costs") or {}).items()}
    computed_fees = fees.compute_fees(
        image["kind_of_exit"],
        optional_decimal(image.get("assignment_price")),
        optional_decimal(image.get("contract_price")),
        costs,
        image["currency"],
    )
    forfeited_on = _day(image.get("forfeited_on"))
    return AssignmentRecord(
        status=image["status"],
        currency=image["currency"],
        contract_on=_day(image.get("contract_on")),
        assigned_on=_day(image.get("assigned_on")),
        closed_on=_day(image.get("closed_on")),
        fell_out_on=_day(image.get("fell_out_on")),
        fell_from=image.get("fell_from"),
        reason=image.get("fallout_reason"),
        fee_gross=computed_fees.gross,
        fee_net=computed_fees.net,
        forfeited=Decimal(money.get("amount") or 0) if forfeited_on else None,
        forfeited_on=forfeited_on,
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
