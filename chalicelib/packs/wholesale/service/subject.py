"""What others may ask of a pipeline that they refer to."""

from typing import Any

from chalicelib.foundation.subjects import SubjectType
from chalicelib.packs.wholesale.entities import Pipeline


def _facts(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "stage": pipeline.stage,
        "owner": pipeline.owner,
        "deal_id": pipeline.deal_id,
        "currency": pipeline.currency,
        "value": pipeline.contract_price,  # of a wholesale deal, unless its deal says otherwise
        "seller_name": (pipeline.seller or {}).get("name"),
    }


def _requested_by(pipeline: Pipeline) -> str:
    """Whoever owns it acts in it; where nobody does, whoever created it."""
    return pipeline.owner or pipeline.created_by


PIPELINE = SubjectType(
    entity=Pipeline,
    facts=_facts,
    hash_fields=("deal_id", "currency", "contract_price", "contract_effective_on", "closes_on", "exit_strategy"),
    requested_by=_requested_by,
)
