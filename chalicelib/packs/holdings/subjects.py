"""Holdings as subjects that other packs refer to."""

from typing import Any

from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.holdings.entities import Holding


def _facts(holding: Holding) -> dict[str, Any]:
    return {
        "asset_type": holding.asset_type,
        "label": holding.label,
        "entity_id": holding.entity_id,
        "currency": holding.currency,
        "value": holding.value_estimate,
        "owned_value": holding.owned_value,
        "is_active": holding.is_listed,
    }


HOLDING = SubjectAdapter(entity=Holding, facts=_facts, hash_fields=("currency", "value_estimate", "ownership_pct"))
