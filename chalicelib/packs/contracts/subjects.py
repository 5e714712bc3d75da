"""Contracts as subjects that other packs refer to, and where those that refer to a deal or a professional are found."""

from datetime import date

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.contracts.entities import Contract


def _facts(contract: Contract) -> JsonObject:
    return {
        "deal_id": contract.deal_id,
        "title": contract.title,
        "kind": contract.kind,
        "status": contract.status,
        "version": contract.version,
        "professional_id": contract.professional_id,
        "value": contract.value,
        "currency": contract.currency,
        "document_sha256": contract.document_sha256,
        "document": contract.document,
        "content_hash": contract.content_hash,
        "signed_on": contract.signed_on,
        "created_by": contract.created_by,
        "self_approved": contract.is_self_approved,
        "self_approvers": sorted(contract.self_approvers),
        "amends": contract.amends,
    }


def _dated_facts(contract: Contract, today: date) -> JsonObject:
    return {
        "in_force": contract.in_force(today),
        "ended_on": contract.ended_on(today),
        "expires_on": contract.term_ends_on(today),
    }


def holders_of_deal(id: str) -> Holders:
    """The contracts of a deal."""
    return Holders(Contract.children_of(id))


def holders_of_professional(id: str) -> Holders:
    """The contracts that name a professional."""
    return Holders(Contract.BY_PROFESSIONAL.range(professional_id=id))


CONTRACT = SubjectAdapter(
    entity=Contract,
    facts=_facts,
    dated_facts=_dated_facts,
    hash_fields=("content_hash",),
    requested_by=lambda contract: contract.submitted_by or contract.created_by,
)
