"""Making one offer out of what was asked for: the same for POST /dispo/assignments and for many at once."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Invalid
from chalicelib.foundation.models import check_money
from chalicelib.packs.dispositions.entities import MAX_LIVE, Assignment, facts_of_proof
from chalicelib.packs.dispositions.rules import assignments, earnest_money, prices, ranks
from chalicelib.packs.dispositions.service.seen import BuyerSeen, Seen
from chalicelib.packs.wholesale.rules import exits
from chalicelib.packs.wholesale.service.dealings import Pipeline

_COST_AMOUNTS = ("partner_split", "earnest_money_lost", "closing_ab", "closing_bc", "lender_fee", "make_ready", "rehab")


@dataclass(frozen=True)
class Asked:
    """What was asked for of an offer; None: not said."""

    kind: str | None = None
    currency: str | None = None
    price: Decimal | None = None
    fee: Decimal | None = None
    rank: int | None = None
    costs: dict[str, Any] | None = None
    money: dict[str, Any] | None = None
    expires_at: datetime | None = None
    notes: str | None = None


def offer(ctx: Context, seen: Seen, buyer: BuyerSeen, asked: Asked) -> Assignment:
    """The offer, checked against all that was read. Raises Conflict or Invalid."""
    pipeline, candidates = seen.pipeline, seen.candidates
    if asked.currency not in (None, pipeline.currency):
        raise Invalid.field("currency", f"the pipeline is in {pipeline.currency}")
    rank = asked.rank or ranks.next_free(candidates)
    standing = assignments.Standing(
        now=ctx.now,
        today=ctx.today,
        pipeline_stage=pipeline.stage,
        contract_price=pipeline.contract_price,
        price=asked.price,
        rank=rank,
        buyer=buyer.as_rule,
        has_live=any(one.buyer_id == buyer.id for one in candidates),
    )
    warnings = assignments.check_offer(standing, before_contract=ctx.settings.offer_before_contract)
    if asked.rank is not None:
        ranks.check_free(rank, candidates)
    if len(seen.roster.live) >= MAX_LIVE:
        raise Conflict(f"A pipeline takes {MAX_LIVE} offers at a time.", code="too_many_offers")
    check_amounts(pipeline.currency, asked.price, asked.fee, asked.costs, asked.money)
    terms = prices.agreed(pipeline.contract_price, asked.price, asked.fee)
    check_expiry(ctx, asked.expires_at)
    kind = asked.kind or pipeline.exit_strategy or exits.ASSIGNMENT
    return Assignment.fresh(
        ctx,
        id=Assignment.ID.new(ctx.now, parent=pipeline.id),
        pipeline_id=pipeline.id,
        buyer_id=buyer.id,
        status=assignments.OFFERED,
        kind_of_exit=kind,
        currency=pipeline.currency,
        contract_no=pipeline.contract_no,
        rank=rank,
        assignment_price=terms.price,
        assignment_fee=terms.fee,
        costs=asked.costs or _costs_of(pipeline, kind),
        earnest_money=_first_money(asked.money),
        expires_at=asked.expires_at,
        notes=asked.notes,
        warnings=warnings,
        buyer_revision=buyer.revision,
        buyer_is_active=buyer.is_active,
        buyer_proof=facts_of_proof(buyer.proof),
    )


def check_amounts(
    currency: str, price: Decimal | None, fee: Decimal | None, costs: dict[str, Any] | None, money: dict[str, Any] | None
) -> None:
    """Refuse amounts that the currency can't hold."""
    amounts: dict[str, Decimal | None] = {prices.PRICE: price, prices.FEE: fee}
    amounts |= {f"costs.{name}": Decimal(costs[name]) for name in _COST_AMOUNTS if costs and costs.get(name) is not None}
    if money and money.get("amount") is not None:
        amounts["earnest_money.amount"] = Decimal(money["amount"])
    check_money(currency, amounts)


def check_expiry(ctx: Context, expires_at: datetime | None) -> None:
    """An offer ends in the future."""
    if expires_at is not None and expires_at <= ctx.now:
        raise Invalid.field("expires_at", "must be in the future")


def _costs_of(pipeline: Pipeline, kind: str) -> dict[str, Any] | None:
    """What the pipeline says of the costs of this exit, where it is its own."""
    if kind != (pipeline.exit_strategy or exits.ASSIGNMENT):
        return None
    return {name: cost for name, cost in (pipeline.costs or {}).items() if name in exits.TERMS[kind]} or None


def _first_money(money: dict[str, Any] | None) -> dict[str, Any] | None:
    """Earnest money as it begins: due, or received where somebody who offers had it already."""
    if money is None:
        return None
    money = plain(money)
    status = money.setdefault("status", earnest_money.DUE)
    if status != earnest_money.DUE:
        earnest_money.check_move(earnest_money.DUE, status)
    return money


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Nested values as the table holds them: days as text, and nothing that is null."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items() if value is not None}
