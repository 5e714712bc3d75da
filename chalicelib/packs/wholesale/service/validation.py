"""What must hold of a pipeline whatever changes it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.foundation.schema_types import check_money
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.rules import stages

AMOUNTS = (
    "asking_price", "arv_estimate", "repair_estimate", "max_allowable_offer", "offer_price", "contract_price",
    "assignment_fee_target", "expected_spread",
)  # fmt: skip
_COST_AMOUNTS = ("closing_ab", "closing_bc", "lender_fee", "retail_price", "make_ready", "resale_price", "rehab")


def check_amounts(currency: str, values: Mapping[str, Any], names: Iterable[str] = AMOUNTS) -> None:
    """Raise ValidationFailed for amounts with more decimals than the currency has."""
    costs = values.get("costs") or {}
    amounts = {name: values.get(name) for name in names}
    amounts |= {f"costs.{name}": Decimal(costs[name]) for name in _COST_AMOUNTS if costs.get(name) is not None}
    check_money(currency, amounts)


def check_change(before: Pipeline, after: Pipeline) -> None:
    """Raise ValidationFailed or Conflict where an edit leaves amounts, next action or currency in a state that isn't allowed."""
    check_amounts(after.currency, after.attribute_values)
    if after.next_action is not None and not after.next_action.get("what"):
        raise ValidationFailed.field("next_action.what", "what is to be done is needed")
    if after.currency != before.currency and before.stage in (stages.ASSIGNED, stages.CLOSED):
        raise Conflict("The currency is fixed while an assignment stands.")
    if after.deal_id != before.deal_id and before.deal is not None:
        raise Conflict("The pipeline is in a deal of this system.", code="in_deal", deal_id=before.deal)
    if after.currency != before.currency and before.deal is not None:
        raise ValidationFailed.field("currency", f"its deal is in {before.currency}")
