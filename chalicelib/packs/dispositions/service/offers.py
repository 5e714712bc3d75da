"""Offers of a pipeline to many at once: to the best matches, or to a list."""

from dataclasses import replace
from typing import Any, cast

from chalicelib.foundation import idempotency, outbox
from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Invalid, NotFound, Problem, TooLarge
from chalicelib.foundation.http.answers import problem_body
from chalicelib.foundation.idempotency import Replay
from chalicelib.foundation.store.pages import view_of
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import ASSIGNMENTS, Assignment, Buyer
from chalicelib.packs.dispositions.rules import assignments, matching
from chalicelib.packs.dispositions.schemas import OfferResult, OfferResults, Offers
from chalicelib.packs.dispositions.service import matches, offering, opt_out, writing
from chalicelib.packs.dispositions.service.deals import commit
from chalicelib.packs.dispositions.service.offering import Asked
from chalicelib.packs.dispositions.service.rights import need_write
from chalicelib.packs.dispositions.service.seen import BuyerSeen, Seen, read_pipeline
from chalicelib.packs.dispositions.service.shown import assignment_summary
from chalicelib.packs.wholesale.rules import stages
from chalicelib.packs.wholesale.service import dealings

_TOGETHER = 20  # offers of at most four actions; the table takes a hundred in one transaction


def make(ctx: Context, pipeline_id: str, body: Offers) -> OfferResults:
    """Offer a pipeline to several buyers; each has its own result, and the good ones land.

    Twenty land together. Under an Idempotency-Key the first twenty remember themselves, and whom the rest was meant for, so that
    a repetition after a crash goes on where it stopped. Raises Conflict where the pipeline isn't under contract.
    """
    dealings.key(pipeline_id)  # of another form: not found, whatever was asked for
    if (body.best_n is None) == (body.buyer_ids is None):
        raise Invalid.field("best_n", "one of best_n and buyer_ids is needed")
    if body.buyer_ids and len(body.buyer_ids) > matching.BEST_MOST:
        raise TooLarge(f"At most {matching.BEST_MOST} buyers in one request.", limit=matching.BEST_MOST)
    offering.check_expiry(ctx, body.expires_at)
    begun = _begun(ctx, body)
    if begun is None:
        seen, _ = read_pipeline(ctx, pipeline_id, [])
        _check_pipeline(ctx, seen)
        begun = {"wanted": list(body.buyer_ids) if body.buyer_ids else _best(ctx, seen, body.best_n or 0), "results": []}
    wanted, results = begun["wanted"], begun["results"]
    while len(results) < len(wanted):
        results = _land(ctx, pipeline_id, body, wanted, results)
    return {"results": results}


def _begun(ctx: Context, body: Offers) -> dict[str, Any] | None:
    """What the first twenty remember, where a request with this key got so far and no further."""
    record = ctx.idempotency.row("first") if ctx.idempotency and not body.dry_run else None
    raw = ctx.store.get_raw(record.key) if record else None
    return cast(dict[str, Any], idempotency.answer_in(raw)) if raw else None


def _check_pipeline(ctx: Context, seen: Seen) -> None:
    need_write(ctx, seen.pipeline.owner)
    early = ctx.settings.offer_before_contract == assignments.WARN and seen.pipeline.stage in (stages.LEAD, stages.OFFER_MADE)
    if seen.pipeline.stage != stages.UNDER_CONTRACT and not early:
        raise Conflict("The pipeline must be under contract.", code="not_under_contract")


def _best(ctx: Context, seen: Seen, n: int) -> list[str]:
    """The best matches that nothing stands in the way of."""
    found, _, _ = matches.buyers_for(ctx, seen.pipeline)
    return [one.buyer_id for one in matching.best(found, _earlier(ctx, seen), n)]


def _earlier(ctx: Context, seen: Seen) -> list[matching.Earlier]:
    """All assignments that the pipeline ever had, with what became of them."""
    found: list[matching.Earlier] = []
    start: dict[str, Any] = {}
    while True:
        answer = ctx.store.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": seen.pipeline.id}, ":prefix": {"S": ASSIGNMENTS}},
            ConsistentRead=True,
            **start,
        )
        for raw in answer["Items"]:
            one = assignment_summary(view_of(raw), seen.pipeline)
            found.append(matching.Earlier(one["buyer_id"], one["status"], one["fallout_reason"]))
        if "LastEvaluatedKey" not in answer:
            return found
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _land(ctx: Context, pipeline_id: str, body: Offers, wanted: list[str], results: list[OfferResult]) -> list[OfferResult]:
    """The results with those of the next twenty. Two round trips, however many of them there are."""
    some = wanted[len(results) : len(results) + _TOGETHER]
    is_last = len(results) + len(some) == len(wanted)

    def step() -> list[OfferResult]:
        seen, buyers = read_pipeline(ctx, pipeline_id, _well_formed(some))
        _check_pipeline(ctx, seen)
        found, offers = _judged(ctx, seen, body, some, buyers, len(results))
        done = results + found
        if body.dry_run:
            return done
        tx = Transaction(ctx.store)
        if ctx.idempotency:
            record = ctx.idempotency if is_last else ctx.idempotency.row("first")
            idempotency.remember(ctx, tx, {"results": done} if is_last else {"results": done, "wanted": wanted}, record)
        if offers:
            writing.add_offers(ctx, tx, seen, offers)
            for assignment, buyer in offers:
                if body.notify and buyer.email:
                    _mail(ctx, tx, seen, assignment, buyer)
        if len(tx):
            commit(tx)
        return done

    try:
        return ctx.store.settle(step)
    except Replay as replay:
        if is_last:
            raise
        return cast(list[OfferResult], replay.body["results"])


def _well_formed(ids: list[str]) -> list[str]:
    found = []
    for id in ids:
        try:
            Buyer.ID.key(id)
        except NotFound:
            continue
        found.append(id)
    return list(dict.fromkeys(found))


def _judged(
    ctx: Context, seen: Seen, body: Offers, ids: list[str], buyers: dict[str, Buyer], first: int
) -> tuple[list[OfferResult], list[tuple[Assignment, BuyerSeen]]]:
    """What becomes of each, and the offers that can be made, each at the rank after the one before."""
    results: list[OfferResult] = []
    offers: list[tuple[Assignment, BuyerSeen]] = []
    asked = Asked(price=body.assignment_price, expires_at=body.expires_at)
    for index, id in enumerate(ids, first):
        try:
            if id not in buyers:
                raise NotFound("buyer")
            buyer = BuyerSeen.of(buyers[id])
            assignment = offering.offer(ctx, seen, buyer, asked)
        except Invalid:
            raise  # what was asked for is wrong for all of them
        except Problem as problem:
            refused = problem_body(problem, ctx.request_id)
            results.append({"index": index, "buyer_id": id, "status": problem.status, "problem": refused})
            continue
        seen = replace(seen, roster=seen.roster.with_(assignment))
        offers.append((assignment, buyer))
        if body.dry_run:
            results.append({"index": index, "buyer_id": id, "status": 200})
        else:
            notified = body.notify and buyer.email is not None
            results.append({"index": index, "buyer_id": id, "status": 201, "id": assignment.id, "notified": notified})
    return results, offers


def _mail(ctx: Context, tx: Transaction, seen: Seen, assignment: Assignment, buyer: BuyerSeen) -> None:
    """A mail about the offer, with the way to get no more of them."""
    assert buyer.email
    house = dealings.name(seen.pipeline)
    lines = [f"We can offer you this house: {house}."]
    if assignment.assignment_price is not None:
        lines.append(f"The price is {assignment.currency} {assignment.assignment_price:,}.")
    if assignment.expires_at is not None:
        lines.append(f"The offer stands until {instant(assignment.expires_at)}.")
    lines += ["Answer this mail if it interests you.", f"To get no more offers: {opt_out.link(ctx, buyer.id)}"]
    outbox.mail(tx, ctx, to=buyer.email, subject=f"A house for you: {house}", text="\n\n".join(lines) + "\n")
