"""What an assignment contributes to its buyer's statistics and to the summary."""

from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.foundation.projections import Contribution
from chalicelib.packs.dispositions.entities import STATISTICS_SORT_KEY, SUMMARY_PARTITION, decimals
from chalicelib.packs.dispositions.rules import fees
from chalicelib.packs.dispositions.rules.buyer_statistics import AssignmentRecord, count_contribution
from chalicelib.packs.dispositions.rules.summary import summary_contribution


def contribute(image: dict[str, Any]) -> Contribution:
    """The contribution of the assignment in this image."""
    record = assignment_record(image)
    contribution: Contribution = {(image["buyer_id"], STATISTICS_SORT_KEY): dict(count_contribution(record))}
    return contribution | {(SUMMARY_PARTITION, day.isoformat()): dict(numbers) for day, numbers in summary_contribution(record).items()}


def assignment_record(image: dict[str, Any]) -> AssignmentRecord:
    """The assignment as the statistics take it."""
    amounts, costs = decimals(image, ("assignment_price", "contract_price")), decimals(image.get("costs"))
    price, contract_price = amounts["assignment_price"], amounts["contract_price"]
    computed_fees = fees.compute_fees(image["kind_of_exit"], price, contract_price, costs, image["currency"])
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
        forfeited=Decimal((image.get("earnest_money") or {}).get("amount") or 0) if forfeited_on else None,
        forfeited_on=forfeited_on,
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
