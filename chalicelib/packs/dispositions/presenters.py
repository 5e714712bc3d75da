"""Buyers and assignments as callers see them."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.store.entity import Entity
from chalicelib.packs.dispositions.entities import STATISTICS_SORT_KEY, Assignment, Buyer, optional_decimal
from chalicelib.packs.dispositions.permissions import sees_contacts
from chalicelib.packs.dispositions.rules import assignments, fees
from chalicelib.packs.dispositions.rules.buyer_statistics import Counts, compute_statistics
from chalicelib.packs.dispositions.schemas import AssignmentSummary, AssignmentView, BuyerSummary, BuyerView, StatisticsView
from chalicelib.packs.wholesale.public import Pipeline

_MASK = "•••"
_CONTACTS = ("name", "email", "phone")
_BUYER = ("name", "email", "phone", "company", "buy_box_summary", "buy_box", "funding", "do_not_contact", "is_active", "tags", "notes")
_ASSIGNMENT = (
    "pipeline_id",
    "buyer_id",
    "currency",
    "costs",
    "rank",
    "earnest_money",
    "notes",
    "assigned_by",
    "override_reason",
    "fallout_note",
)


def _resource_values(entity: Entity) -> dict[str, Any]:
    return {
        "id": entity.id,
        "revision": entity.revision,
        "created_at": format_timestamp(entity.created_at),
        "created_by": entity.created_by,
        "updated_at": format_timestamp(entity.updated_at),
        "updated_by": entity.updated_by,
    }


# -- buyers


def statistics_view(counts: Counts) -> StatisticsView:
    """A buyer's record from its counts."""
    view = asdict(compute_statistics(counts))
    view["last_closed_on"] = _day(view["last_closed_on"])
    return cast(StatisticsView, view)


def buyer_view(ctx: Context, buyer: Buyer, records: Mapping[str, Counts], warnings: list[str]) -> BuyerView:
    """A buyer with its record; contacts masked for those who may not see them."""
    values = buyer.attribute_values
    record = statistics_view(records.get(STATISTICS_SORT_KEY, {}))
    view = {
        **_resource_values(buyer),
        **{name: values.get(name) for name in _BUYER},
        "proof_of_funds": values.get("proof_of_funds"),
        "tier": record["tier"],
        "statistics": record,
        "warnings": warnings,
    }
    if not sees_contacts(ctx):
        view |= {name: _masked(view[name]) for name in _CONTACTS}
        if view["proof_of_funds"]:
            view["proof_of_funds"] = {
                name: _masked(value) if name in ("holder", "document") else value for name, value in view["proof_of_funds"].items()
            }
    return cast(BuyerView, view)


_BUYER_SUMMARY: dict[str, Any] = {**dict.fromkeys(BuyerSummary.__annotations__), "do_not_contact": False}


def buyer_summary(ctx: Context, view: dict[str, Any]) -> BuyerSummary:
    """A buyer's view as lists show it."""
    summary = {name: view.get(name, default) for name, default in _BUYER_SUMMARY.items()}
    if not sees_contacts(ctx):
        summary |= {name: _masked(summary[name]) for name in _CONTACTS}
    return cast(BuyerSummary, summary)


def visible_name(ctx: Context, view: dict[str, Any]) -> str:
    """A buyer's name, for those who may see it."""
    return str(view.get("name", "")) if sees_contacts(ctx) else _MASK


def _masked(value: Any) -> Any:
    return None if value is None else _MASK


# -- assignments


def lapse_of(pipeline: Pipeline | None, status: str, id: str, contract_no: int) -> dict[str, Any] | None:
    """Why an offer came to nothing by what became of its pipeline (`reason`, `on`), whether or not that is settled yet.

    None where it stands, or isn't an offer any more.
    """
    if status != assignments.OFFERED:
        return None
    if pipeline is None:
        return {"reason": assignments.PIPELINE_DEAD, "on": None}
    if ended := (pipeline.contracts_ended or {}).get(str(contract_no)):
        return cast(dict[str, Any], ended)
    if pipeline.stage == assignments.CLOSED and pipeline.assignment_id != id:
        return {"reason": assignments.OTHER_BUYER_CLOSED, "on": pipeline.stage_entered_on.isoformat()}
    return None


def contract_basis(assignment: Assignment, pipeline: Pipeline | None) -> Decimal | None:
    """The contract price that its fee is worked on: the pipeline's until it is assigned, then the one that it was assigned on.

    None for an offer that came to nothing, and where the pipeline has gone over to another currency.
    """
    if assignment.contract_price is not None or assignment.status != assignments.OFFERED or pipeline is None:
        return assignment.contract_price
    if pipeline.currency != assignment.currency or lapse_of(pipeline, assignment.status, assignment.id, assignment.contract_no):
        return None
    return pipeline.contract_price


def fees_of(assignment: Assignment, contract_price: Decimal | None) -> fees.Fees:
    """What it earns on this contract price."""
    costs = {name: optional_decimal(cost) for name, cost in (assignment.costs or {}).items()}
    return fees.compute_fees(assignment.kind_of_exit, assignment.assignment_price, contract_price, costs, assignment.currency)


def fees_explained(ctx: Context, assignment: Assignment, pipeline: Pipeline | None) -> fees.FeeExplanations:
    """Where an assignment's fees come from."""
    costs = {name: optional_decimal(cost) for name, cost in (assignment.costs or {}).items()}
    contract_price = contract_basis(assignment, pipeline)
    price, currency, as_of = assignment.assignment_price, assignment.currency, format_timestamp(ctx.now)
    return fees.explain_fees(assignment.kind_of_exit, price, contract_price, costs, currency, as_of)


def assignment_view(assignment: Assignment, pipeline: Pipeline | None) -> AssignmentView:
    """An assignment as it stands, seen with its pipeline."""
    values = assignment.attribute_values
    contract_price = contract_basis(assignment, pipeline)
    computed_fees = fees_of(assignment, contract_price)
    lapse = lapse_of(pipeline, assignment.status, assignment.id, assignment.contract_no)
    fee = assignment.assignment_fee if contract_price is None else computed_fees.gross
    view = {
        **_resource_values(assignment),
        **{name: values.get(name) for name in _ASSIGNMENT},
        "status": assignments.FALLOUT if lapse else assignment.status,
        "kind": assignment.kind_of_exit,
        "assignment_price": assignment.assignment_price,
        "assignment_fee": fee,
        "fee_gross": computed_fees.gross,
        "fee_net": computed_fees.net,
        "missing": list(computed_fees.missing),
        "expires_at": assignment.expires_at and format_timestamp(assignment.expires_at),
        "assigned_at": assignment.assigned_at and format_timestamp(assignment.assigned_at),
        "assigned_on": _day(assignment.assigned_on),
        "closed_on": _day(assignment.closed_on),
        "fell_out_on": lapse["on"] if lapse else _day(assignment.fell_out_on),
        "fell_from": assignments.OFFERED if lapse else assignment.fell_from,
        "fallout_reason": lapse["reason"] if lapse else assignment.fallout_reason,
        "warnings": list(assignment.warnings),
    }
    return cast(AssignmentView, view)


_ASSIGNMENT_SUMMARY: dict[str, Any] = dict.fromkeys(AssignmentSummary.__annotations__)


def assignment_summary(view: dict[str, Any], pipeline: Pipeline | None) -> AssignmentSummary:
    """An assignment's view as lists show it, seen with its pipeline."""
    summary = {name: view.get(name, default) for name, default in _ASSIGNMENT_SUMMARY.items()}
    if lapse := lapse_of(pipeline, view["status"], view["id"], view["contract_no"]):
        summary |= {"status": assignments.FALLOUT, "fallout_reason": lapse["reason"]}
    return cast(AssignmentSummary, summary)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
