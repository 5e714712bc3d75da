"""Buyers and assignments as callers see them."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any, cast

from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.store.entity import Entity
from chalicelib.packs.dispositions.entities import RECORD, Assignment, Buyer, decimal
from chalicelib.packs.dispositions.rules import assignments, fees
from chalicelib.packs.dispositions.rules.statistics import Counts, statistics
from chalicelib.packs.dispositions.schemas import AssignmentSummary, AssignmentView, BuyerSummary, BuyerView, StatisticsView
from chalicelib.packs.dispositions.service.rights import sees_contacts
from chalicelib.packs.wholesale.service.dealings import Pipeline

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


def _audited(entity: Entity) -> dict[str, Any]:
    return {
        "id": entity.id,
        "revision": entity.revision,
        "created_at": instant(entity.created_at),
        "created_by": entity.created_by,
        "updated_at": instant(entity.updated_at),
        "updated_by": entity.updated_by,
    }


# -- buyers


def statistics_view(counts: Counts) -> StatisticsView:
    """A buyer's record from its counts."""
    shown = asdict(statistics(counts))
    shown["last_closed_on"] = _day(shown["last_closed_on"])
    return cast(StatisticsView, shown)


def buyer_view(ctx: Context, buyer: Buyer, records: Mapping[str, Counts], warnings: list[str]) -> BuyerView:
    """A buyer with its record; contacts masked for those who may not see them."""
    values = buyer.attribute_values
    record = statistics_view(records.get(RECORD, {}))
    shown = {
        **_audited(buyer),
        **{name: values.get(name) for name in _BUYER},
        "proof_of_funds": values.get("proof_of_funds"),
        "tier": record["tier"],
        "statistics": record,
        "warnings": warnings,
    }
    if not sees_contacts(ctx):
        shown |= {name: _masked(shown[name]) for name in _CONTACTS}
        if shown["proof_of_funds"]:
            shown["proof_of_funds"] = {
                name: _masked(value) if name in ("holder", "document") else value for name, value in shown["proof_of_funds"].items()
            }
    return cast(BuyerView, shown)


_BUYER_SUMMARY: dict[str, Any] = {**dict.fromkeys(BuyerSummary.__annotations__), "do_not_contact": False}


def buyer_summary(ctx: Context, view: dict[str, Any]) -> BuyerSummary:
    """A buyer's view as lists show it."""
    shown = {name: view.get(name, default) for name, default in _BUYER_SUMMARY.items()}
    if not sees_contacts(ctx):
        shown |= {name: _masked(shown[name]) for name in _CONTACTS}
    return cast(BuyerSummary, shown)


def name_of(ctx: Context, view: dict[str, Any]) -> str:
    """A buyer's name, for those who may see it."""
    return str(view.get("name", "")) if sees_contacts(ctx) else _MASK


def _masked(value: Any) -> Any:
    return None if value is None else _MASK


# -- assignments


def lapsed(pipeline: Pipeline | None, status: str, id: str, contract_no: int) -> dict[str, Any] | None:
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


def basis(assignment: Assignment, pipeline: Pipeline | None) -> Decimal | None:
    """The contract price that its fee is worked on: the pipeline's until it is assigned, then the one that it was assigned on.

    None for an offer that came to nothing, and where the pipeline has gone over to another currency.
    """
    if assignment.contract_price is not None or assignment.status != assignments.OFFERED or pipeline is None:
        return assignment.contract_price
    if pipeline.currency != assignment.currency or lapsed(pipeline, assignment.status, assignment.id, assignment.contract_no):
        return None
    return pipeline.contract_price


def earned(assignment: Assignment, contract_price: Decimal | None) -> fees.Fees:
    """What it earns on this contract price."""
    costs = {name: decimal(cost) for name, cost in (assignment.costs or {}).items()}
    return fees.earned(assignment.kind_of_exit, assignment.assignment_price, contract_price, costs, assignment.currency)


def fees_explained(ctx: Context, assignment: Assignment, pipeline: Pipeline | None) -> fees.Explanations:
    """Where an assignment's fees come from."""
    costs = {name: decimal(cost) for name, cost in (assignment.costs or {}).items()}
    contract_price = basis(assignment, pipeline)
    price, currency, as_of = assignment.assignment_price, assignment.currency, instant(ctx.now)
    return fees.explain(assignment.kind_of_exit, price, contract_price, costs, currency, as_of)


def assignment_view(assignment: Assignment, pipeline: Pipeline | None) -> AssignmentView:
    """An assignment as it stands, seen with its pipeline."""
    values = assignment.attribute_values
    contract_price = basis(assignment, pipeline)
    found = earned(assignment, contract_price)
    lapse = lapsed(pipeline, assignment.status, assignment.id, assignment.contract_no)
    fee = assignment.assignment_fee if contract_price is None else found.gross
    shown = {
        **_audited(assignment),
        **{name: values.get(name) for name in _ASSIGNMENT},
        "status": assignments.FALLOUT if lapse else assignment.status,
        "kind": assignment.kind_of_exit,
        "assignment_price": assignment.assignment_price,
        "assignment_fee": fee,
        "fee_gross": found.gross,
        "fee_net": found.net,
        "missing": list(found.missing),
        "expires_at": assignment.expires_at and instant(assignment.expires_at),
        "assigned_at": assignment.assigned_at and instant(assignment.assigned_at),
        "assigned_on": _day(assignment.assigned_on),
        "closed_on": _day(assignment.closed_on),
        "fell_out_on": lapse["on"] if lapse else _day(assignment.fell_out_on),
        "fell_from": assignments.OFFERED if lapse else assignment.fell_from,
        "fallout_reason": lapse["reason"] if lapse else assignment.fallout_reason,
        "warnings": list(assignment.warnings),
    }
    return cast(AssignmentView, shown)


_ASSIGNMENT_SUMMARY: dict[str, Any] = dict.fromkeys(AssignmentSummary.__annotations__)


def assignment_summary(view: dict[str, Any], pipeline: Pipeline | None) -> AssignmentSummary:
    """An assignment's view as lists show it, seen with its pipeline."""
    shown = {name: view.get(name, default) for name, default in _ASSIGNMENT_SUMMARY.items()}
    if lapse := lapsed(pipeline, view["status"], view["id"], view["contract_no"]):
        shown |= {"status": assignments.FALLOUT, "fallout_reason": lapse["reason"]}
    return cast(AssignmentSummary, shown)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
