"""Items and certificates as subjects that other packs refer to, and where those that refer to a deal are found."""

from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.subjects import Rows, SubjectAdapter
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization.entities import Certificate, Item, children_of
from chalicelib.packs.finalization.repository import surroundings_of
from chalicelib.packs.finalization.rules.certificate import are_met
from chalicelib.packs.finalization.rules.items import due_on, standing
from chalicelib.packs.wholesale import public as wholesale


def _item(item: Item) -> JsonObject:
    """What is told by itself; its status as it was last moved."""
    names = ("deal_id", "kind", "title", "status", "field", "role", "due", "confirmations", "evidence", "decision_id")
    return {name: getattr(item, name) for name in names}


def _deal_key(id: str) -> list[ItemKey]:
    return [deals.key(Item.ID.key(id).pk)]


def _pipeline_key(id: str, rows: Rows) -> list[ItemKey]:
    """The pipeline of its deal, by which an item of information may be done, and from whose days it may be due."""
    deal = deals.parse_deal(rows.get(_deal_key(id)[0]))
    return [wholesale.key(deal.pipeline_id)] if deal and deal.pipeline_id else []


def _now(item: Item, rows: Rows) -> JsonObject:
    """Its status and its day as they are now, as far as the rows tell: where it is waived or has evidence, that these hold."""
    deal = deals.parse_deal(rows.get(_deal_key(item.id)[0]))
    if deal is None:
        return {}
    pipeline = wholesale.parse_pipeline(rows.get(wholesale.key(deal.pipeline_id))) if deal.pipeline_id else None
    waivers = frozenset({item.decision_id} if item.decision_id else ())
    around = surroundings_of(deal, pipeline.attribute_values if pipeline else None, waivers)
    return {"status": standing(item, around).status, "due_on": due_on(item, around)}


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
    hash_fields=("kind_of_item", "title", "field", "role", "due", "moved_to", "confirmations", "evidence", "reason", "decision_id"),
    beside=_deal_key,
    follow=_pipeline_key,
    derived=_now,
)
CERTIFICATE = SubjectAdapter(entity=Certificate, facts=_certificate, hash_fields=("deal_id", "number", "content_hash"))
