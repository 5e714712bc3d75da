"""Building one offer from the requested terms, for single and bulk requests."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.foundation.schema_types import check_money
from chalicelib.packs.dispositions.entities import MAX_LIVE_OFFERS, Assignment, proof_values
from chalicelib.packs.dispositions.rules import assignments, earnest_money, ranking, terms
from chalicelib.packs.dispositions.service.seen import BuyerSnapshot, PipelineSnapshot
from chalicelib.packs.wholesale.public import Pipeline
from chalicelib.packs.wholesale.rules import exit_strategies

_COST_AMOUNTS = ("partner_split", "earnest_money_lost", "closing_ab", "closing_bc", "lender_fee", "make_ready", "rehab")


from chalicelib.packs.dispositions.settings import DispositionsSettings


@dataclass(frozen=True)
class OfferTerms:
    """The requested terms of an offer; None: not given."""

    kind: str | None = None
    currency: str | None = None
    price: Decimal | None = None
    fee: Decimal | None = None
    rank: int | None = None
    costs: dict[str, Any] | None = None
    money: dict[str, Any] | None = None
    expires_at: datetime | None = None
    notes: str | None = None


def build_offer(ctx: Context, snapshot: PipelineSnapshot, buyer: BuyerSnapshot, requested: OfferTerms) -> Assignment:
    """The offer, checked against pipeline, roster and buyer. Raises Conflict or ValidationFailed."""
    pipeline, candidates = snapshot.pipeline, snapshot.candidates
    if requested.currency not in (None, pipeline.currency):
        raise ValidationFailed.field("currency", f"the pipeline is in {pipeline.currency}")
    rank = requested.rank or ranking.next_free(candidates)
    facts = assignments.TransitionFacts(
        now=ctx.now,
        today=ctx.today,
        pipeline_stage=pipeline.stage,
        contract_price=pipeline.contract_price,
        price=requested.price,
        rank=rank,
        buyer=buyer.status,
        has_live=any(offer.buyer_id == buyer.id for offer in candidates),
    )
    warnings = assignments.check_offer(facts, before_contract=ctx.settings.of(DispositionsSettings).offer_before_contract)
    if requested.rank is not None:
        ranking.check_free(rank, candidates)
    if len(snapshot.roster.live) >= MAX_LIVE_OFFERS:
        raise Conflict(f"A pipeline takes {MAX_LIVE_OFFERS} offers at a time.", code="too_many_offers")
    check_amounts(pipeline.currency, requested.price, requested.fee, requested.costs, requested.money)
    agreed_terms = terms.resolve_terms(pipeline.contract_price, requested.price, requested.fee)
    check_expiry(ctx, requested.expires_at)
    kind = requested.kind or pipeline.exit_strategy or exit_strategies.ASSIGNMENT
    return Assignment.new(
        ctx,
        id=Assignment.ID.new(ctx.now, parent=pipeline.id),
        pipeline_id=pipeline.id,
        buyer_id=buyer.id,
        status=assignments.OFFERED,
        kind_of_exit=kind,
        currency=pipeline.currency,
        contract_no=pipeline.contract_no,
        rank=rank,
        assignment_price=agreed_terms.price,
        assignment_fee=agreed_terms.fee,
        costs=requested.costs or _default_costs(pipeline, kind),
        earnest_money=_initial_earnest_money(requested.money),
        expires_at=requested.expires_at,
        notes=requested.notes,
        warnings=warnings,
        buyer_revision=buyer.revision,
        buyer_is_active=buyer.is_active,
        buyer_proof=proof_values(buyer.proof),
    )


def check_amounts(
    currency: str, price: Decimal | None, fee: Decimal | None, costs: dict[str, Any] | None, money: dict[str, Any] | None
) -> None:
    """Raises ValidationFailed for amounts with more decimals or digits than the currency allows."""
    amounts: dict[str, Decimal | None] = {terms.PRICE: price, terms.FEE: fee}
    amounts |= {f"costs.{name}": Decimal(costs[name]) for name in _COST_AMOUNTS if costs and costs.get(name) is not None}
    if money and money.get("amount") is not None:
        amounts["earnest_money.amount"] = Decimal(money["amount"])
    check_money(currency, amounts)


def check_expiry(ctx: Context, expires_at: datetime | None) -> None:
    """Raises ValidationFailed unless the expiry is in the future."""
    if expires_at is not None and expires_at <= ctx.now:
        raise ValidationFailed.field("expires_at", "must be in the future")


def _default_costs(pipeline: Pipeline, kind: str) -> dict[str, Any] | None:
    """The pipeline's costs of this exit strategy; None where the pipeline has another one."""
    if kind != (pipeline.exit_strategy or exit_strategies.ASSIGNMENT):
        return None
    return {name: cost for name, cost in (pipeline.costs or {}).items() if name in exit_strategies.TERMS[kind]} or None


def _initial_earnest_money(money: dict[str, Any] | None) -> dict[str, Any] | None:
    """The earnest money of a new offer: due, or received where it has been paid already."""
    if money is None:
        return None
    money = to_storable(money)
    status = money.setdefault("status", earnest_money.DUE)
    if status != earnest_money.DUE:
        earnest_money.check_transition(earnest_money.DUE, status)
    return money


def to_storable(values: dict[str, Any]) -> dict[str, Any]:
    """Nested values as they are stored: dates as text, without nulls."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items() if value is not None}
