"""Deals as answers."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from chalicelib.foundation import explanations
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.presentation import present, present_row
from chalicelib.packs.deals.entities import Deal
from chalicelib.packs.deals.rules import value_of
from chalicelib.packs.deals.schemas import DealExplanations, DealPartyView, DealSummary, DealView
from chalicelib.packs.wholesale.public import Pipeline


def deal_view(ctx: Context, deal: Deal, pipeline: Pipeline | None, *, explain: bool) -> DealView:
    """A deal. `pipeline` is the one that it is priced by, where it is (`Deal.priced_by`)."""
    parties: list[DealPartyView] = [
        {"name": party["name"], "organization": party.get("organization"), "role": party.get("role"), "side": party["side"]}
        for party in deal.parties
    ]
    price = pipeline.contract_price if pipeline else None
    value = value_of(deal.value, price)
    explanation = {"explain": _explain(ctx, deal.priced_by, deal.value, price)} if explain else {}
    return present(DealView, deal, parties=parties, value=value.amount, value_basis=value.basis, **explanation)


def deal_summary(ctx: Context, row: Mapping[str, Any], pipeline: Pipeline | None, *, explain: bool) -> DealSummary:
    """A deal of a list, from its list view."""
    given, price = row.get("value"), pipeline.contract_price if pipeline else None
    explanation = {"explain": _explain(ctx, row.get("priced_by"), given, price)} if explain else {}
    return present_row(DealSummary, row, value=value_of(given, price).amount, **explanation)


def _explain(ctx: Context, priced_by: str | None, given: Decimal | None, contract_price: Decimal | None) -> DealExplanations:
    """Where the value comes from: what was given, or the contract price of the pipeline that the deal is priced by."""
    inputs: dict[str, object] = {"value": given}
    if priced_by:
        inputs["contract_price"] = contract_price
    missing = [] if value_of(given, contract_price).basis else list(inputs)
    return {"value": explanations.explain("deals.value", inputs, format_timestamp(ctx.now), missing)}
