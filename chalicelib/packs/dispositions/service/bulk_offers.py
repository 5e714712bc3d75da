"""Offers of a pipeline to several buyers in one request: to the best matches, or to a list."""

from dataclasses import replace
from typing import Any, cast

from chalicelib.foundation import idempotency, outbox
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Conflict, NotFound, Problem, TooLarge, ValidationFailed
from chalicelib.foundation.http.responses import problem_body
from chalicelib.foundation.idempotency import IdempotentReplay
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import ASSIGNMENTS, Assignment, Buyer
from chalicelib.packs.dispositions.permissions import require_write
from chalicelib.packs.dispositions.presenters import assignment_summary
from chalicelib.packs.dispositions.rules import assignments, matching
from chalicelib.packs.dispositions.schemas import BulkOfferRequest, BulkOfferResult, BulkOfferView
from chalicelib.packs.dispositions.service import offers, opt_out, writing
from chalicelib.packs.dispositions.service.assignments import commit
from chalicelib.packs.dispositions.service.matching import rank_buyers
from chalicelib.packs.dispositions.service.offers import OfferTerms
from chalicelib.packs.dispositions.service.seen import BuyerSnapshot, PipelineSnapshot, read_pipeline
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.rules import stages

_BATCH_SIZE = 20  # of at most four actions each; a transaction has at most a hundred


from chalicelib.packs.dispositions.settings import DispositionsSettings


def make_offers(ctx: Context, pipeline_id: str, body: BulkOfferRequest) -> BulkOfferView:
    """Offer a pipeline to several buyers; each has its own result, and the valid offers are written.

    Twenty are written in one transaction. With an Idempotency-Key the first transaction records its results and the list of
    buyers, so that a repeated request after a crash continues. Raises Conflict where the pipeline isn't under contract.
    """
    public.key(pipeline_id)  # NotFound for a malformed id, before the validation of the body
    if (body.best_n is None) == (body.buyer_ids is None):
        raise ValidationFailed.field("best_n", "one of best_n and buyer_ids is needed")
    if body.buyer_ids and len(body.buyer_ids) > matching.MAX_BEST:
        raise TooLarge(f"At most {matching.MAX_BEST} buyers in one request.", limit=matching.MAX_BEST)
    offers.check_expiry(ctx, body.expires_at)
    progress = _progress(ctx, body)
    if progress is None:
        snapshot, _ = read_pipeline(ctx, pipeline_id, [])
        _check_pipeline(ctx, snapshot)
        progress = {"wanted": list(body.buyer_ids) if body.buyer_ids else _best_buyers(ctx, snapshot, body.best_n or 0), "results": []}
    buyer_ids, results = progress["wanted"], progress["results"]
    while len(results) < len(buyer_ids):
        results = _write_batch(ctx, pipeline_id, body, buyer_ids, results)
    return {"results": results}


def _progress(ctx: Context, body: BulkOfferRequest) -> dict[str, Any] | None:
    """The results and the buyers that the first transaction of this request recorded, if it was interrupted later."""
    record = ctx.idempotency.for_row("first") if ctx.idempotency and not body.dry_run else None
    raw = ctx.store.get_item(record.key) if record else None
    return cast(dict[str, Any], idempotency.stored_response(raw)) if raw else None


def _check_pipeline(ctx: Context, snapshot: PipelineSnapshot) -> None:
    require_write(ctx, snapshot.pipeline.owner)
    early = ctx.settings.of(DispositionsSettings).offer_before_contract == assignments.WARN and snapshot.pipeline.stage in (stages.LEAD, stages.OFFER_MADE)
    if snapshot.pipeline.stage != stages.UNDER_CONTRACT and not early:
        raise Conflict("The pipeline must be under contract.", code="not_under_contract")


def _best_buyers(ctx: Context, snapshot: PipelineSnapshot, n: int) -> list[str]:
    """The buyers of the best matches, without those that a prior assignment excludes."""
    matches, _, _ = rank_buyers(ctx, snapshot.pipeline)
    return [match.buyer_id for match in matching.best(matches, _prior_assignments(ctx, snapshot), n)]


def _prior_assignments(ctx: Context, snapshot: PipelineSnapshot) -> list[matching.PriorAssignment]:
    """All assignments of the pipeline, with status and fallout reason."""
    prior: list[matching.PriorAssignment] = []
    start: dict[str, Any] = {}
    while True:
        response = ctx.store.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": snapshot.pipeline.id}, ":prefix": {"S": ASSIGNMENTS}},
            ConsistentRead=True,
            **start,
        )
        for raw in response["Items"]:
            summary = assignment_summary(decode_view(raw), snapshot.pipeline)
            prior.append(matching.PriorAssignment(summary["buyer_id"], summary["status"], summary["fallout_reason"]))
        if "LastEvaluatedKey" not in response:
            return prior
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


def _write_batch(
    ctx: Context, pipeline_id: str, body: BulkOfferRequest, buyer_ids: list[str], results: list[BulkOfferResult]
) -> list[BulkOfferResult]:
    """The results including those of the next batch. Two round trips."""
    batch = buyer_ids[len(results) : len(results) + _BATCH_SIZE]
    is_last = len(results) + len(batch) == len(buyer_ids)

    def step() -> list[BulkOfferResult]:
        snapshot, buyers = read_pipeline(ctx, pipeline_id, _valid_ids(batch))
        _check_pipeline(ctx, snapshot)
        batch_results, new_offers = _evaluate_offers(ctx, snapshot, body, batch, buyers, len(results))
        all_results = results + batch_results
        if body.dry_run:
            return all_results
        tx = Transaction(ctx.store)
        if ctx.idempotency:
            record = ctx.idempotency if is_last else ctx.idempotency.for_row("first")
            idempotency.record_response(
                ctx, tx, {"results": all_results} if is_last else {"results": all_results, "wanted": buyer_ids}, record
            )
        if new_offers:
            writing.add_offers(ctx, tx, snapshot, new_offers)
            for assignment, buyer in new_offers:
                if body.notify and buyer.email:
                    _add_offer_mail(ctx, tx, snapshot, assignment, buyer)
        if len(tx):
            commit(tx)
        return all_results

    try:
        return ctx.store.retry_on_conflict(step)
    except IdempotentReplay as replay:
        if is_last:
            raise
        return cast(list[BulkOfferResult], replay.body["results"])


def _valid_ids(ids: list[str]) -> list[str]:
    valid = []
    for id in ids:
        try:
            Buyer.ID.key(id)
        except NotFound:
            continue
        valid.append(id)
    return list(dict.fromkeys(valid))


def _evaluate_offers(
    ctx: Context, snapshot: PipelineSnapshot, body: BulkOfferRequest, ids: list[str], buyers: dict[str, Buyer], first: int
) -> tuple[list[BulkOfferResult], list[tuple[Assignment, BuyerSnapshot]]]:
    """The result for each buyer, and the valid offers, with consecutive ranks."""
    results: list[BulkOfferResult] = []
    new_offers: list[tuple[Assignment, BuyerSnapshot]] = []
    terms = OfferTerms(price=body.assignment_price, expires_at=body.expires_at)
    for index, id in enumerate(ids, first):
        try:
            if id not in buyers:
                raise NotFound("buyer")
            buyer = BuyerSnapshot.from_buyer(buyers[id])
            assignment = offers.build_offer(ctx, snapshot, buyer, terms)
        except ValidationFailed:
            raise  # the request is invalid for every buyer
        except Problem as problem:
            problem_view = problem_body(problem, ctx.request_id)
            results.append({"index": index, "buyer_id": id, "status": problem.status, "problem": problem_view})
            continue
        snapshot = replace(snapshot, roster=snapshot.roster.with_entry(assignment))
        new_offers.append((assignment, buyer))
        if body.dry_run:
            results.append({"index": index, "buyer_id": id, "status": 200})
        else:
            notified = body.notify and buyer.email is not None
            results.append({"index": index, "buyer_id": id, "status": 201, "id": assignment.id, "notified": notified})
    return results, new_offers


def _add_offer_mail(ctx: Context, tx: Transaction, snapshot: PipelineSnapshot, assignment: Assignment, buyer: BuyerSnapshot) -> None:
    """Add a mail about the offer, with a link to opt out."""
    assert buyer.email
    name = public.display_name(snapshot.pipeline)
    lines = [f"We can offer you this house: {name}."]
    if assignment.assignment_price is not None:
        lines.append(f"The price is {assignment.currency} {assignment.assignment_price:,}.")
    if assignment.expires_at is not None:
        lines.append(f"The offer stands until {format_timestamp(assignment.expires_at)}.")
    lines += ["Answer this mail if it interests you.", f"To get no more offers: {opt_out.link(ctx, buyer.id)}"]
    outbox.add_mail(tx, ctx, to=buyer.email, subject=f"A house for you: {name}", text="\n\n".join(lines) + "\n")
