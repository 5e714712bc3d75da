"""Buyers, assignments and matches as responses."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any, cast

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.explanations import Explained
from chalicelib.foundation.presentation import present, present_row
from chalicelib.packs.dispositions.entities import Assignment, Buyer
from chalicelib.packs.dispositions.permissions import CONTACTS
from chalicelib.packs.dispositions.rules import assignments, fees, matches
from chalicelib.packs.dispositions.rules.buyer_statistics import Counts, compute_statistics, explain_statistics
from chalicelib.packs.dispositions.rules.ranking import RankedOffer
from chalicelib.packs.dispositions.schemas import (
    AssignmentSummary,
    AssignmentView,
    BuyerSummary,
    BuyerView,
    ExplainedAssignmentView,
    FalloutView,
    MatchView,
    StatisticsView,
)
from chalicelib.packs.wholesale.public import Pipeline

_CONTACT_FIELDS = ("name", "email", "phone")
_PROOF_CONTACT_FIELDS = ("holder", "document")

# -- buyers


def statistics_view(counts: Counts) -> StatisticsView:
    """A buyer's statistics from its counts."""
    return cast(StatisticsView, asdict(compute_statistics(counts)))


def record_explanation(ctx: Context, counts: Counts, *, explain: bool) -> Explained:
    """The explanation of tier, rates and median on request; nothing else."""
    return {"explain": explain_statistics(counts, format_timestamp(ctx.now))} if explain else {}


def buyer_view(ctx: Context, buyer: Buyer, counts: Counts, warnings: list[str], *, explain: bool = False) -> BuyerView:
    """A buyer with its statistics; contacts are masked for callers without the permission."""
    statistics = statistics_view(counts)
    return present(
        BuyerView,
        buyer,
        proof_of_funds=access.mask_unless(ctx, CONTACTS, buyer.proof_of_funds, _PROOF_CONTACT_FIELDS),
        tier=statistics["tier"],
        statistics=statistics,
        warnings=warnings,
        **record_explanation(ctx, counts, explain=explain),
        **_contacts(ctx, buyer.attribute_values),
    )


def buyer_summary(ctx: Context, row: dict[str, Any]) -> BuyerSummary:
    """A buyer of a list; contacts are masked for callers without the permission."""
    return present_row(BuyerSummary, row, do_not_contact=row.get("do_not_contact", False), **_contacts(ctx, row))


def _contacts(ctx: Context, values: dict[str, Any]) -> dict[str, str | None]:
    return {name: access.shown(ctx, CONTACTS, values.get(name)) for name in _CONTACT_FIELDS}


# -- assignments


def contract_basis(assignment: Assignment, pipeline: Pipeline | None) -> Decimal | None:
    """The contract price for the fees: the pipeline's until the assignment, then the one at the assignment.

    None for an offer that fell out, and where the pipeline's currency has changed since.
    """
    if assignment.contract_price is not None or assignment.status != assignments.OFFERED or pipeline is None:
        return assignment.contract_price
    if pipeline.currency != assignment.currency or assignment.lapse(pipeline):
        return None
    return pipeline.contract_price


def assignment_view(assignment: Assignment, pipeline: Pipeline | None) -> AssignmentView:
    """An assignment, with the effect of its pipeline: an offer whose contract has ended is shown as fallen out."""
    return present(AssignmentView, assignment, **_computed(assignment, pipeline))


def explained_assignment_view(ctx: Context, assignment: Assignment, pipeline: Pipeline | None, *, explain: bool) -> ExplainedAssignmentView:
    """An assignment and, on request, the explanations of its fees."""
    explanations = {}
    if explain:
        price, basis, as_of = assignment.assignment_price, contract_basis(assignment, pipeline), format_timestamp(ctx.now)
        explanations["explain"] = fees.explain_fees(assignment.kind, price, basis, assignment.known_costs, assignment.currency, as_of)
    return present(ExplainedAssignmentView, assignment, **explanations, **_computed(assignment, pipeline))


def fallout_view(assignment: Assignment, pipeline: Pipeline, backup: RankedOffer | None) -> FalloutView:
    """An assignment after its fallout, with the next backup."""
    next_backup = {"assignment_id": backup.assignment_id, "buyer_id": backup.buyer_id, "rank": backup.rank} if backup else None
    return present(FalloutView, assignment, next_backup=next_backup, **_computed(assignment, pipeline))


def _computed(assignment: Assignment, pipeline: Pipeline | None) -> dict[str, object]:
    basis = contract_basis(assignment, pipeline)
    computed_fees = fees.compute_fees(
        assignment.kind_of_exit, assignment.assignment_price, basis, assignment.known_costs, assignment.currency
    )
    values: dict[str, object] = {
        "assignment_fee": assignment.assignment_fee if basis is None else computed_fees.gross,
        "fee_gross": computed_fees.gross,
        "fee_net": computed_fees.net,
        "missing": list(computed_fees.missing),
    }
    if lapse := assignment.lapse(pipeline):
        values |= {"status": assignments.FALLOUT, "fell_out_on": lapse["on"], "fell_from": assignments.OFFERED}
        values["fallout_reason"] = lapse["reason"]
    return values


def assignment_summary(row: dict[str, Any], pipeline: Pipeline | None) -> AssignmentSummary:
    """An assignment of a list, with the effect of its pipeline."""
    lapse = assignments.lapse_of(pipeline, row["status"], row["id"], row["contract_no"])
    lapsed = {"status": assignments.FALLOUT, "fallout_reason": lapse["reason"]} if lapse else {}
    return present_row(AssignmentSummary, row, **lapsed)


# -- matches


def match_view(ctx: Context, match: matches.Match, *, explain: bool) -> MatchView:
    """A match, without what only one side's list shows of the other side."""
    view: MatchView = {
        "buyer_id": match.buyer_id,
        "score": match.score,
        "coverage": match.coverage,
        "met": match.criteria("met"),
        "missed": match.criteria("missed"),
        "unknown": match.criteria("unknown"),
    }
    if explain:
        view["explain"] = matches.explain_match(match, ctx.today.isoformat())
    return view
