"""Offers of a pipeline: building one from the requested terms, and making several in one request, to the best matches or to a list."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from chalicelib.foundation import bulk
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Conflict, NotFound, Problem, ValidationFailed
from chalicelib.foundation.schema_types import check_money, merge_patch
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions import repository
from chalicelib.packs.dispositions.entities import MAX_LIVE_OFFERS, OPT_OUTS, Assignment, Buyer, PipelineSnapshot
from chalicelib.packs.dispositions.permissions import require_write
from chalicelib.packs.dispositions.presenters import assignment_summary
from chalicelib.packs.dispositions.rules import assignments, earnest_money, matches, ranking, terms
from chalicelib.packs.dispositions.schemas import AssignmentCreate, BulkOfferRequest, BulkOfferResult, BulkOfferView
from chalicelib.packs.dispositions.service.matches import rank_buyers
from chalicelib.packs.dispositions.service.opt_out import LINK
from chalicelib.packs.dispositions.settings import DispositionsSettings
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.public import Pipeline, exit_strategies, stages

_BATCH_SIZE = 16  # of at most six actions each; a transaction has at most a hundred
_COST_AMOUNTS = ("partner_split", "earnest_money_lost", "closing_ab", "closing_bc", "lender_fee", "make_ready", "rehab")


def build_offer(ctx: Context, snapshot: PipelineSnapshot, buyer: Buyer, requested: AssignmentCreate) -> Assignment:
    """The offer, checked against pipeline, roster and buyer. Raises Conflict or ValidationFailed."""
    pipeline, candidates = snapshot.pipeline, snapshot.candidates()
    if requested.currency not in (None, pipeline.currency):
        raise ValidationFailed.field("currency", f"the pipeline is in {pipeline.currency}")
    rank = requested.rank or ranking.next_free(candidates)
    has_live = any(offer.buyer_id == buyer.id for offer in candidates)
    facts = assignments.TransitionFacts(ctx.now, ctx.today, pipeline.stage, rank=rank, buyer=buyer.status(ctx), has_live=has_live)
    warnings = assignments.check_offer(facts, before_contract=ctx.settings.of(DispositionsSettings).offer_before_contract)
    if requested.rank is not None:
        ranking.check_free(rank, candidates)
    if len(snapshot.roster.live) >= MAX_LIVE_OFFERS:
        raise Conflict(f"A pipeline takes {MAX_LIVE_OFFERS} offers at a time.", code="too_many_offers")
    price, fee = requested.assignment_price, requested.assignment_fee
    costs = merge_patch({}, requested.costs.model_dump()) if requested.costs else None
    money = merge_patch({}, requested.earnest_money.model_dump(exclude_unset=True)) if requested.earnest_money else None
    check_amounts(pipeline.currency, {terms.PRICE: price, terms.FEE: fee, "costs": costs, "earnest_money": money})
    agreed_terms = terms.resolve_terms(pipeline.contract_price, price, fee)
    check_expiry(ctx, requested.expires_at)
    if money is not None and money.setdefault("status", earnest_money.DUE) != earnest_money.DUE:  # received: it has been paid already
        earnest_money.MACHINE.check(earnest_money.DUE, money["status"])
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
        costs=costs or _default_costs(pipeline, kind),
        earnest_money=money,
        expires_at=requested.expires_at,
        notes=requested.notes,
        warnings=warnings,
        **buyer.as_offered,
    )


def check_amounts(currency: str, values: Mapping[str, Any]) -> None:
    """Raises ValidationFailed for an assignment's values with more decimals or digits than the currency allows."""
    costs, money = values.get("costs") or {}, values.get("earnest_money") or {}
    amounts = {terms.PRICE: values.get(terms.PRICE), terms.FEE: values.get(terms.FEE)}
    amounts |= {f"costs.{name}": costs.get(name) for name in _COST_AMOUNTS} | {"earnest_money.amount": money.get("amount")}
    check_money(currency, amounts)


def check_expiry(ctx: Context, expires_at: datetime | None) -> None:
    """Raises ValidationFailed unless the expiry is in the future."""
    if expires_at is not None and expires_at <= ctx.now:
        raise ValidationFailed.field("expires_at", "must be in the future")


def _default_costs(pipeline: Pipeline, kind: str) -> dict[str, object] | None:
    """The pipeline's costs of this exit strategy; None where the pipeline has another one."""
    if kind != (pipeline.exit_strategy or exit_strategies.ASSIGNMENT):
        return None
    return {name: cost for name, cost in (pipeline.costs or {}).items() if name in exit_strategies.TERMS[kind]} or None


# -- several in one request


def make_offers(ctx: Context, id: str, body: BulkOfferRequest) -> BulkOfferView:
    """Offer a pipeline to the best matches, or to a list of buyers, in one call."""
    # With an Idempotency-Key the first transaction records the list of buyers, so that a repeated request after a crash continues.
    public.key(id)  # NotFound for a malformed id, before the validation of the body
    if (body.best_n is None) == (body.buyer_ids is None):
        raise ValidationFailed.field("best_n", "one of best_n and buyer_ids is needed")
    bulk.check_row_count(body.buyer_ids or (), matches.MAX_BEST, "buyers")
    check_expiry(ctx, body.expires_at)

    def plan() -> list[str]:
        snapshot, _ = repository.read_pipeline(ctx, id, [])
        _check_pipeline(ctx, snapshot.pipeline)
        return list(body.buyer_ids) if body.buyer_ids else _best_buyers(ctx, snapshot, body.best_n or 0)

    decide = partial(_decide, ctx, id, body)
    return {"results": bulk.run_in_steps(ctx, plan, decide, dry_run=body.dry_run, rows_per_step=_BATCH_SIZE)}


def _check_pipeline(ctx: Context, pipeline: Pipeline) -> None:
    require_write(ctx, pipeline.owner)
    before_contract = ctx.settings.of(DispositionsSettings).offer_before_contract
    if pipeline.stage != stages.UNDER_CONTRACT and not assignments.is_early(pipeline.stage, before_contract):
        raise Conflict("The pipeline must be under contract.", code="not_under_contract")


def _best_buyers(ctx: Context, snapshot: PipelineSnapshot, n: int) -> list[str]:
    """The buyers of the best matches, without those that a prior assignment excludes. An offer that has expired is in no roster."""
    pipeline, live = snapshot.pipeline, snapshot.roster.live
    ranked = rank_buyers(ctx, pipeline).matches
    rows = map(decode_view, ctx.store.query_all(Assignment.children_of(pipeline.id)))
    prior = [
        matches.PriorAssignment(one["buyer_id"], one["status"], one["fallout_reason"])
        for one in (assignment_summary(row, pipeline) for row in rows)
        if one["status"] != assignments.OFFERED or one["id"] in live
    ]
    return [match.buyer_id for match in matches.best(ranked, prior, n)]


def _decide(ctx: Context, pipeline_id: str, body: BulkOfferRequest, ids: list[str], first: int) -> bulk.Step[BulkOfferResult]:
    """The result for each of the next buyers, and the actions that write the valid offers, with consecutive ranks. One round trip."""
    read, buyers = repository.read_pipeline(ctx, pipeline_id, list(filter(Buyer.ID.is_id, ids)))
    _check_pipeline(ctx, read.pipeline)
    if body.dry_run:  # which no condition tells of those who have opted out
        OPT_OUTS.look(ctx, [buyer.email for buyer in buyers.values()])
    snapshot = read
    results: list[BulkOfferResult] = []
    new_offers: list[tuple[Assignment, Buyer]] = []
    price, expires_at = body.assignment_price, body.expires_at
    request = partial(AssignmentCreate.model_construct, pipeline_id=pipeline_id, assignment_price=price, expires_at=expires_at)
    for index, id in enumerate(ids, first):
        try:
            if id not in buyers:
                raise NotFound("buyer")
            assignment = build_offer(ctx, snapshot, buyers[id], request(buyer_id=id))
        except ValidationFailed:
            raise  # the request is invalid for every buyer
        except Problem as problem:
            refused = bulk.refused(ctx, problem)
            results.append({"index": index, "buyer_id": id, "status": refused["status"], "problem": refused["problem"]})
            continue
        snapshot = replace(snapshot, roster=snapshot.roster.with_entry(assignment))
        new_offers.append((assignment, buyers[id]))
        if body.dry_run:
            results.append({"index": index, "buyer_id": id, "status": 200})
        else:
            notified = body.notify and buyers[id].email is not None
            results.append({"index": index, "buyer_id": id, "status": 201, "id": assignment.id, "notified": notified})

    def add(tx: Transaction) -> None:
        repository.add_offers(ctx, tx, read, new_offers)
        for assignment, buyer in new_offers:
            if body.notify and buyer.email:
                _add_offer_mail(ctx, tx, read.pipeline, assignment, buyer)

    return bulk.Step(results, add if new_offers else None)


def _add_offer_mail(ctx: Context, tx: Transaction, pipeline: Pipeline, assignment: Assignment, buyer: Buyer) -> None:
    """Add a mail about the offer, with a link to opt out."""
    name = public.display_name(pipeline)
    lines = [f"We can offer you this house: {name}."]
    if assignment.assignment_price is not None:
        lines.append(f"The price is {assignment.currency} {assignment.assignment_price:,}.")
    if assignment.expires_at is not None:
        lines.append(f"The offer stands until {format_timestamp(assignment.expires_at)}.")
    LINK.add_mail(ctx, tx, buyer, f"A house for you: {name}", [*lines, "Answer this mail if it interests you."])
