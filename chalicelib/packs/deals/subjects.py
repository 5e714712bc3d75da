"""How other packs see a deal that they reference, and the deal that refers to a pipeline."""

from typing import Any

from chalicelib.foundation.ids import ROOT_SORT_KEY
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.deals.entities import Deal, ProfessionalDeal


def _facts(deal: Deal) -> dict[str, Any]:
    return {
        "title": deal.title,
        "kind": deal.kind,
        "status": deal.status,
        "owner": deal.owner,
        "team": deal.team,
        "pipeline_id": deal.pipeline_id,
        "professional_ids": deal.professional_ids,
        "currency": deal.currency,
        "value": deal.value,
    }


def holders_of_pipeline(id: str) -> Holders:
    """The deal that a pipeline is in, which the pipeline itself names."""
    return Holders(KeyRange(None, id, low=ROOT_SORT_KEY, high=ROOT_SORT_KEY), id_in=_deal_in)


def holders_of_professional(id: str) -> Holders:
    """The deals that a professional is in."""
    return Holders(ProfessionalDeal.range(id))


def _deal_in(pipeline: DynamoItem) -> str | None:
    id = pipeline.get("deal_id", {}).get("S", "")
    return id if Deal.ID.is_id(id) else None


DEAL = SubjectAdapter(
    entity=Deal,
    facts=_facts,
    hash_fields=("value", "currency", "kind", "professional_ids"),
    requested_by=lambda deal: deal.owner or deal.created_by,
)
