"""Deals as the rules look at them, made of samples: what each pack tells of its things."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.packs.findings.rules.facts import ScanFacts

TODAY = date(2026, 11, 24)
DEAL = "deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T"
HASH = "a" * 64


@dataclass(frozen=True)
class Thing:
    """A subject."""

    type: str
    id: str
    facts: Mapping[str, Any]


def contract(id: str = "ctr_1", **facts: Any) -> Thing:
    given = {
        "deal_id": DEAL, "title": "Purchase", "kind": "purchase", "status": "signed", "in_force": True, "ended_on": None, "expires_on": None,
        "document_sha256": HASH, "content_hash": HASH, "version": 4, "created_by": "user_ann", "professional_id": None, "self_approved": False,
    }  # fmt: skip
    return Thing("contract", id, given | facts)


def route(id: str = "doc_1", **facts: Any) -> Thing:
    given = {"deal_id": DEAL, "contract_id": None, "status": "sent", "document_sha256": None, "document_type": "disclosure", "title": None}
    return Thing("route", id, given | facts)


def task(id: str = "task_1", **facts: Any) -> Thing:
    given = {"title": "Order the report", "status": "open", "professional_id": "pro_1", "deal_id": DEAL, "due_on": None}
    return Thing("task", id, given | facts)


def item(id: str = "item_1", **facts: Any) -> Thing:
    return Thing("item", id, {"title": "Title clear", "kind": "task", "status": "open", "due_on": None} | facts)


def pipeline(**facts: Any) -> Thing:
    return Thing("pipeline", "pipe_1", {"stage": "under_contract", "currency": "USD", "value": Decimal(118000)} | facts)


def assignment(id: str = "asgn_1", **facts: Any) -> Thing:
    return Thing("assignment", id, {"status": "offered", "currency": "USD", "value": Decimal(131000)} | facts)


def professional(id: str = "pro_1", **licensed_until: str) -> Thing:
    return Thing("professional", id, {"name": "Grace Hopper", "licensed_until": licensed_until})


def decision(id: str = "dec_1", **facts: Any) -> Thing:
    return Thing("decision", id, {"action": "approve", "role": "King", "requested_action": "finalize", "is_final": False} | facts)


def certificate(id: str = "cert_1", **facts: Any) -> Thing:
    named = [{"id": "dec_1", "role": "King"}, {"id": "dec_2", "role": "Queen"}]
    decisions = [{"action": "approve", "requested_action": "finalize", "person": one["role"], **one} for one in named]
    return Thing("certificate", id, {"number": 1, "superseded": None, "policies_met": True, "decisions": decisions} | facts)


def facts(*children: Thing, status: str = "open", active_on: date = TODAY, **more: Any) -> ScanFacts:
    """A deal with these children."""
    by_type: dict[str, list[Thing]] = {}
    for child in children:
        by_type.setdefault(child.type, []).append(child)
    return ScanFacts(Thing("deal", DEAL, {"status": status}), active_on, by_type, **more)
