"""What an assignment contributes to its buyer's statistics and to the summary."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from chalicelib.foundation.projections import Contribution
from chalicelib.packs.dispositions.entities import STATISTICS_SORT_KEY, SUMMARY_PARTITION, Assignment
from chalicelib.packs.dispositions.rules import fees
from chalicelib.packs.dispositions.rules.buyer_statistics import AssignmentRecord, count_contribution
from chalicelib.packs.dispositions.rules.summary import summary_contribution


def contribute(image: dict[str, Any]) -> Contribution:
    """The contribution of the assignment in this image."""
    assignment = Assignment.from_image(image)
    record = _full_record(assignment)
    contribution: Contribution = {(assignment.buyer_id, STATISTICS_SORT_KEY): dict(count_contribution(record))}
    return contribution | {(SUMMARY_PARTITION, day.isoformat()): numbers for day, numbers in summary_contribution(record).items()}


def _full_record(one: Assignment) -> AssignmentRecord:
    """The assignment as the statistics take it, with its fees and forfeit."""
    earned = fees.compute_fees(one.kind, one.assignment_price, one.contract_price, one.known_costs, one.currency)
    forfeited = Decimal((one.earnest_money or {}).get("amount") or 0) if one.forfeited_on else None
    record = replace(one.record, currency=one.currency, fee_gross=earned.gross, fee_net=earned.net, forfeited=forfeited)
    return replace(record, contract_on=one.contract_on, assigned_on=one.assigned_on, forfeited_on=one.forfeited_on)
