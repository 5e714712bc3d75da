"""How other packs see a deal that they reference, and the deal that refers to a pipeline."""

from typing import Any

from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.references import Holders, counter_key
from chalicelib.foundation.subjects import Rows, SubjectAdapter
from chalicelib.packs.deals.entities import Deal, DealGate, ProfessionalDeal
from chalicelib.packs.deals.rules import value_of
from chalicelib.packs.wholesale import public as wholesale


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


def _gate_key(id: str) -> list[ItemKey]:
    return [counter_key(Deal.ID, id)]


def _pipeline_key(id: str, rows: Rows) -> list[ItemKey]:
    """The pipeline whose price is the deal's value, which its gate names."""
    gate = rows.get(counter_key(Deal.ID, id))
    priced_by = gate and DealGate.from_item(gate).priced_by
    return [wholesale.key(priced_by)] if priced_by else []


def _derived(deal: Deal, rows: Rows) -> dict[str, Any] | None:
    """What the deal is worth, by itself or by its pipeline, and the contracts whose content is fixed. None where either wasn't read."""
    gate = rows.get(counter_key(Deal.ID, deal.id))
    pipeline = wholesale.parse_pipeline(rows.get(wholesale.key(deal.priced_by))) if deal.priced_by else None
    if gate is None or (deal.priced_by and pipeline is None):
        return None
    value = value_of(deal.value, pipeline.contract_price if pipeline else None).amount
    return {"value": value, "contracts": DealGate.from_item(gate).contract_hashes}


DEAL = SubjectAdapter(
    entity=Deal,
    facts=_facts,
    hash_fields=("value", "currency", "kind", "professional_ids", "contracts"),
    requested_by=lambda deal: deal.owner or deal.created_by,
    beside=_gate_key,
    follow=_pipeline_key,
    derived=_derived,
)
