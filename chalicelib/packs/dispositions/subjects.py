"""Buyers and assignments as subjects that other packs refer to."""

from typing import Any

from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.subjects import LiveList, SubjectAdapter
from chalicelib.packs.dispositions.entities import Assignment, Buyer, OfferRoster
from chalicelib.packs.dispositions.rules.assignments import FALLOUT


def _buyer(buyer: Buyer) -> dict[str, Any]:
    return {"name": buyer.name, "is_active": buyer.is_active, "do_not_contact": buyer.do_not_contact}


def _assignment(assignment: Assignment) -> dict[str, Any]:
    return {
        "status": assignment.status,
        "kind": assignment.kind_of_exit,
        "pipeline_id": assignment.pipeline_id,
        "buyer_id": assignment.buyer_id,
        "currency": assignment.currency,
        "value": assignment.assignment_price,
    }


def holders_of_pipeline(id: str) -> Holders:
    """The assignments that refer to a pipeline: those that didn't fall out."""
    return Holders(Assignment.children_of(id), lambda row: row["status"] != FALLOUT)


def holders_of_buyer(id: str) -> Holders:
    """The assignments that refer to a buyer, likewise."""
    return Holders(Assignment.BY_BUYER.range(buyer_id=id), lambda row: row["status"] != FALLOUT)


BUYER = SubjectAdapter(entity=Buyer, facts=_buyer, hash_fields=("name", "email", "buy_box", "proof_of_funds"))
ASSIGNMENT = SubjectAdapter(
    entity=Assignment,
    facts=_assignment,
    hash_fields=("assignment_price", "assignment_fee", "currency", "buyer_id", "kind_of_exit"),
    live_list=LiveList(OfferRoster.key_of, lambda roster: list(OfferRoster.from_item(roster).entries)),
)
