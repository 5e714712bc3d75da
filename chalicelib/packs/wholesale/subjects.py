"""How other packs see a pipeline that they reference: facts, content hash, requester and label."""

from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.permissions import seen_contact

# Fields that a deal's rules ask for by name, as they are.
_FIELDS = (
    *("stage", "owner", "deal_id", "external_ref", "property_id", "property", "seller", "buyer", "lead_source", "currency", "asking_price"),
    *("arv_estimate", "repair_estimate", "offer_price", "contract_price", "assignment_price", "assignment_fee_target", "assignment_id"),
    *("exit_strategy", "contract_effective_on", "earnest_money_due_on", "earnest_money_paid_on", "inspection_ends_on"),
    *("inspection_cleared_on", "closes_on", "notes"),
)


def _facts(pipeline: Pipeline) -> dict[str, Any]:
    return {
        **{name: pipeline.attribute_values.get(name) for name in _FIELDS},
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
