"""Offers of a pipeline to many at once: to the best matches, or to a list."""

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

_BATCH_SIZE = 20  # offers of at most four actions; the table takes a hundred in one transaction


def make_offers(ctx: Context, pipeline_id: str, body: BulkOfferRequest) -> BulkOfferView:
    """Offer a pipeline to several buyers; each has its own result, and the good ones land.

    Twenty land together. Under an Idempotency-Key the first twenty remember themselves, and whom the rest was meant for, so that
    a repetition after a crash goes on where it stopped. Raises Conflict where the pipeline isn't under contract.
    """
    public.key(pipeline_id)  # of another form: not found, whatever was asked for
    if (body.best_n is None) == (body.buyer_ids is None):
        raise ValidationFailed.field("best_n", "one of best_n and buyer_ids is needed")
    if body.buyer_ids and len(body.buyer_ids) > matching.MAX_BEST:
        raise TooLarge(f"At most {matching.MAX_BEST} buyers in one request.", limit=matching.MAX_BEST)
    offers.check_expiry(ctx, body.expires_at)
    progress = _progress(ctx, body)
    if progress is None:
        seen, _ = read_pipeline(ctx, pipeline_id, [])
        _check_pipeline(ctx, seen)
        progress = {"wanted": list(body.buyer_ids) if body.buyer_ids else _best_buyers(ctx, seen, body.best_n or 0), "results": []}
    buyer_ids, results = progress["wanted"], progress["results"]
    while len(results) < len(buyer_ids):
        results = _write_batch(ctx, pipeline_id, body, buyer_ids, results)
    return {"results": results}


def _progress(ctx: Context, body: BulkOfferRequest) -> dict[str, Any] | None:
    """What the first twenty remember, where a request with this key got so far and no further."""
    record = ctx.idempotency.for_row("first") if ctx.idempotency and not body.dry_run else None
    raw = ctx.store.get_item(record.key) if record else None
    return cast(dict[str, Any], idempotency.stored_response(raw)) if raw else None


def _check_pipeline(ctx: Context, seen: PipelineSnapshot) -> None:
    require_write(ctx, seen.pipeline.owner)
    early = ctx.settings.offer_before_contract == assignments.WARN and seen.pipeline.stage in (stages.LEAD, stages.OFFER_MADE)
    if seen.pipeline.stage != stages.UNDER_CONTRACT and not early:
        raise Conflict("The pipeline must be under contract.", code="not_under_contract")


def _best_buyers(ctx: Context, seen: PipelineSnapshot, n: int) -> list[str]:
    """The best matches that nothing stands in the way of."""
    matches, _, _ = rank_buyers(ctx, seen.pipeline)
    return [one.buyer_id for one in matching.best(matches, _prior_assignments(ctx, seen), n)]


def _prior_assignments(ctx: Context, seen: PipelineSnapshot) -> list[matching.PriorAssignment]:
    """All assignments that the pipeline ever had, with what became of them."""
    prior: list[matching.PriorAssignment] = []
    start: dict[str, Any] = {}
    while True:
        response = ctx.store.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": seen.pipeline.id}, ":prefix": {"S": ASSIGNMENTS}},
            ConsistentRead=True,
            **start,
        )
        for raw in response["Items"]:
            summary = assignment_summary(decode_view(raw), seen.pipeline)
            prior.append(matching.PriorAssignment(summary["buyer_id"], summary["status"], summary["fallout_reason"]))
        if "LastEvaluatedKey" not in response:
            return prior
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


def _write_batch(
    ctx: Context, pipeline_id: str, body: BulkOfferRequest, buyer_ids: list[str], results: list[BulkOfferResult]
) -> list[BulkOfferResult]:
    """The results with those of the next twenty. Two round trips, however many of them there are."""
    batch = buyer_ids[len(results) : len(results) + _BATCH_SIZE]
    is_last = len(results) + len(batch) == len(buyer_ids)

    def step() -> list[BulkOfferResult]:
        seen, buyers = read_pipeline(ctx, pipeline_id, _valid_ids(batch))
        _check_pipeline(ctx, seen)
        found, offers = _evaluate_offers(ctx, seen, body, batch, buyers, len(results))
        done = results + found
        if body.dry_run:
            return done
        tx = Transaction(ctx.store)
        if ctx.idempotency:
            record = ctx.idempotency if is_last else ctx.idempotency.for_row("first")
            idempotency.record_response(ctx, tx, {"results": done} if is_last else {"results": done, "wanted": buyer_ids}, record)
        if offers:
            writing.add_offers(ctx, tx, seen, offers)
            for assignment, buyer in offers:
                if body.notify and buyer.email:
                    _add_offer_mail(ctx, tx, seen, assignment, buyer)
        if len(tx):
            commit(tx)
        return done

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
    ctx: Context, seen: PipelineSnapshot, body: BulkOfferRequest, ids: list[str], buyers: dict[str, Buyer], first: int
) -> tuple[list[BulkOfferResult], list[tuple[Assignment, BuyerSnapshot]]]:
    """What becomes of each, and the offers that can be made, each at the rank after the one before."""
    results: list[BulkOfferResult] = []
    new_offers: list[tuple[Assignment, BuyerSnapshot]] = []
    terms = OfferTerms(price=body.assignment_price, expires_at=body.expires_at)
    for index, id in enumerate(ids, first):
        try:
            if id not in buyers:
                raise NotFound("buyer")
            buyer = BuyerSnapshot.from_buyer(buyers[id])
            assignment = offers.build_offer(ctx, seen, buyer, terms)
        except ValidationFailed:
            raise  # what was asked for is wrong for all of them
        except Problem as problem:
            problem_values = problem_body(problem, ctx.request_id)
            results.append({"index": index, "buyer_id": id, "status": problem.status, "problem": problem_values})
            continue
        seen = replace(seen, roster=seen.roster.with_entry(assignment))
        new_offers.append((assignment, buyer))
        if body.dry_run:
            results.append({"index": index, "buyer_id": id, "status": 200})
        else:
            notified = body.notify and buyer.email is not None
            results.append({"index": index, "buyer_id": id, "status": 201, "id": assignment.id, "notified": notified})
    return results, new_offers


def _add_offer_mail(ctx: Context, tx: Transaction, seen: PipelineSnapshot, assignment: Assignment, buyer: BuyerSnapshot) -> None:
    """A mail about the offer, with the way to get no more of them."""
    assert buyer.email
    house = public.display_name(seen.pipeline)
    lines = [f"We can offer you this house: {house}."]
    if assignment.assignment_price is not None:
        lines.append(f"The price is {assignment.currency} {assignment.assignment_price:,}.")
    if assignment.expires_at is not None:
        lines.append(f"The offer stands until {format_timestamp(assignment.expires_at)}.")
    lines += ["Answer this mail if it interests you.", f"To get no more offers: {opt_out.link(ctx, buyer.id)}"]
    outbox.add_mail(tx, ctx, to=buyer.email, subject=f"A house for you: {house}", text="\n\n".join(lines) + "\n")
