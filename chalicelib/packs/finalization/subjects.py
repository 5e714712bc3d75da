"""Items and certificates as subjects that other packs refer to, and where those that refer to a deal are found."""

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.finalization.entities import Certificate, Item, children_of
from chalicelib.packs.finalization.rules.certificate import are_met


def _item(item: Item) -> JsonObject:
    """What is stored of it: whether its field is filled, and when it is due, is told by `deals.public.is_filled` and `day_of`."""
    return {
        "deal_id": item.deal_id,
        "kind": item.kind_of_item,
        "title": item.title,
        "status": item.status,
        "field": item.field,
        "role": item.role,
        "due": item.due,
        "confirmations": item.confirmations,
        "evidence": item.evidence,
        "decision_id": item.decision_id,
    }


def _certificate(certificate: Certificate) -> JsonObject:
    return {
        "deal_id": certificate.deal_id,
        "number": certificate.number,
        "content_hash": certificate.content_hash,
        "policy_version": certificate.policy_version,
        "approvals": certificate.approvals,
        "decisions": certificate.decisions,
        "policies_met": are_met(certificate.approvals, certificate.decisions),
        "superseded": certificate.superseded,
        "finalized_at": certificate.created_at,
        "finalized_by": certificate.created_by,
    }


def holders_of_deal(id: str) -> Holders:
    """The items and certificates of a deal."""
    return Holders(children_of(id))


ITEM = SubjectAdapter(
    entity=Item,
    facts=_item,
    hash_fields=("kind_of_item", "title", "field", "role", "due", "status", "confirmations", "evidence", "reason", "decision_id"),
)
CERTIFICATE = SubjectAdapter(entity=Certificate, facts=_certificate, hash_fields=("deal_id", "number", "content_hash"))
