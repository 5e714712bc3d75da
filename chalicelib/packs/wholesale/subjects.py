"""How other packs see a pipeline that they reference: facts, content hash, requester and label."""

from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.permissions import seen_contact


def _facts(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "stage": pipeline.stage,
        "owner": pipeline.owner,
        "deal_id": pipeline.deal_id,
        "currency": pipeline.currency,
        "value": pipeline.contract_price,  # of a wholesale deal, unless the deal has its own value
        "seller_name": (pipeline.seller or {}).get("name"),
    }


def _label(ctx: Context, pipeline: Pipeline) -> str | None:
    return seen_contact(ctx, pipeline.owner, (pipeline.seller or {}).get("name"))


PIPELINE = SubjectAdapter(
    entity=Pipeline,
    facts=_facts,
    hash_fields=("deal_id", "currency", "contract_price", "contract_effective_on", "closes_on", "exit_strategy"),
    requested_by=lambda pipeline: pipeline.owner or pipeline.created_by,
    label=_label,
)
