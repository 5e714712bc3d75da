"""Offering, reading, listing and changing assignments."""

from datetime import date
from typing import Any, cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from chalicelib.foundation.store.pages import CursorSeal, Partition, page
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import ASSIGNMENTS, Assignment
from chalicelib.packs.dispositions.rules import assignments, earnest_money, prices, ranks
from chalicelib.packs.dispositions.schemas import (
    AssignmentCreate,
    AssignmentPage,
    AssignmentPatch,
    AssignmentView,
    ExplainedAssignment,
    FeesExplained,
)
from chalicelib.packs.dispositions.service import offering, writing
from chalicelib.packs.dispositions.service.offering import Asked
from chalicelib.packs.dispositions.service.rights import need_write
from chalicelib.packs.dispositions.service.seen import BuyerSeen, Seen, pipelines_of, read_assignment, read_pipeline
from chalicelib.packs.dispositions.service.shown import assignment_summary, assignment_view, basis, fees_explained, lapsed
from chalicelib.packs.wholesale.service import dealings


def create(ctx: Context, body: AssignmentCreate) -> AssignmentView:
    """Offer a pipeline to a buyer. Two round trips."""
    asked = Asked(
        kind=body.kind,
        currency=body.currency,
        price=body.assignment_price,
        fee=body.assignment_fee,
        rank=body.rank,
        costs=offering.plain(body.costs.model_dump()) if body.costs else None,
        money=body.earnest_money.model_dump(exclude_unset=True) if body.earnest_money else None,
        expires_at=body.expires_at,
        notes=body.notes,
    )

    def step() -> AssignmentView:
        seen, buyers = read_pipeline(ctx, body.pipeline_id, [body.buyer_id])
        need_write(ctx, seen.pipeline.owner)
        if body.buyer_id not in buyers:
            raise NotFound("buyer")
        buyer = BuyerSeen.of(buyers[body.buyer_id])
        assignment = offering.offer(ctx, seen, buyer, asked)
        answer = assignment_view(assignment, seen.pipeline)
        tx = idempotency.transaction(ctx, answer)
        writing.add_offers(ctx, tx, seen, [(assignment, buyer)])
        commit(tx)
        return answer

    return ctx.store.settle(step)


def commit(tx: Transaction) -> None:
    """Land it; Stale where the buyer has changed since it was read."""
    try:
        tx.commit()
    except writing.BuyerChanged:
        raise Stale from None


def get(ctx: Context, id: str, *, explain: bool) -> ExplainedAssignment:
    """An assignment, seen with its pipeline. One round trip."""
    assignment, seen = read_assignment(ctx, id)
    view = cast(ExplainedAssignment, assignment_view(assignment, seen.pipeline))
    if explain:
        view["explain"] = cast(FeesExplained, fees_explained(ctx, assignment, seen.pipeline))
    return view


def by_pipeline(ctx: Context, pipeline_id: str, limit: int, cursor: str | None) -> AssignmentPage:
    """A pipeline's assignments, newest first. Two round trips: the pipeline must be there."""
    pipeline = pipelines_of(ctx, [pipeline_id]).get(pipeline_id)
    if pipeline is None:
        raise NotFound("pipeline")
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, pipeline_id, ctx.actor.id)
    found = page(ctx.store, [Partition(None, pipeline_id, prefix=ASSIGNMENTS)], seal, limit=limit, cursor=cursor)
    return {"items": [assignment_summary(view, pipeline) for view in found.rows], "next_cursor": found.next_cursor}


# -- changes


def edit(ctx: Context, id: str, body: AssignmentPatch) -> AssignmentView:
    """Change an assignment; what is left out stays. Two round trips."""
    sent = body.model_dump(exclude_unset=True)

    def step() -> AssignmentView:
        before, seen = read_assignment(ctx, id)
        need_write(ctx, seen.pipeline.owner)
        ctx.expect_revision(before.revision)
        values = _changes(ctx, before, seen, sent)
        if not values:
            return assignment_view(before, seen.pipeline)
        after = before.changed(ctx, **values)
        pipeline = _write(ctx, before, after, seen)
        return assignment_view(after, pipeline)

    return ctx.store.settle(step)


def _changes(ctx: Context, before: Assignment, seen: Seen, sent: dict[str, Any]) -> dict[str, Any]:
    """What the patch sets; nothing of it where it is as it was."""
    lapse = lapsed(seen.pipeline, before.status, before.id, before.contract_no)
    status = assignments.FALLOUT if lapse else before.status
    values = _terms(ctx, before, seen, status, sent)
    if status not in assignments.LIVE:
        _refuse_when_over(status, sent)
    if "rank" in sent and sent["rank"] != before.rank:
        ranks.check_free(sent["rank"], [one for one in seen.candidates if one.assignment_id != before.id])
        values["rank"] = sent["rank"]
    if "expires_at" in sent:
        if status != assignments.OFFERED:
            raise Conflict("Only an offer expires.", code="not_offered")
        offering.check_expiry(ctx, sent["expires_at"])
        values["expires_at"] = sent["expires_at"]
    if "costs" in sent:
        values["costs"] = _merged(before.costs, sent["costs"])
    if "earnest_money" in sent:
        values |= _money(ctx, before, status, sent["earnest_money"])
    values |= {name: sent[name] for name in ("kind", "notes") if name in sent}
    if "kind" in values:
        values["kind_of_exit"] = values.pop("kind")
    offering.check_amounts(
        before.currency,
        values.get(prices.PRICE),
        values.get(prices.FEE),
        values.get("costs"),
        values.get("earnest_money"),
    )
    return {name: value for name, value in values.items() if value != before.attribute_values.get(name)}


_FROZEN = ("rank", "expires_at", "costs", "kind")


def _refuse_when_over(status: str, sent: dict[str, Any]) -> None:
    if fixed := [name for name in _FROZEN if name in sent]:
        raise Conflict(f"Of an assignment that is {status}, {', '.join(fixed)} can't be changed.", code="over")


def _terms(ctx: Context, before: Assignment, seen: Seen, status: str, sent: dict[str, Any]) -> dict[str, Any]:
    change = {name: sent[name] for name in (prices.PRICE, prices.FEE) if name in sent}
    if not change:
        if sent.get("reason"):
            raise Invalid.field("reason", "it belongs to a change of the price")
        return {}
    held = prices.Terms(before.assignment_price, before.assignment_fee)
    after = prices.revised(status, held, basis(before, seen.pipeline), change, sent.get("reason"))
    values: dict[str, Any] = {prices.PRICE: after.price, prices.FEE: after.fee}
    if status == assignments.ASSIGNED and held.price is not None and after.price != held.price:
        values["retraded_at"] = ctx.now
    return values


def _money(ctx: Context, before: Assignment, status: str, sent: dict[str, Any] | None) -> dict[str, Any]:
    """What becomes of the earnest money, and of the day of its forfeit."""
    held = before.earnest_money or {}
    was = held.get("status", earnest_money.DUE)
    if sent is None:
        if held and was != earnest_money.DUE:
            raise Conflict("Earnest money that was received can't be taken out of the books.", code="earnest_money_held")
        return {"earnest_money": None}
    reason, target = sent.get("reason"), sent.get("status", was)
    if status not in assignments.LIVE and sent.keys() & {"amount", "due_on"}:
        raise Conflict(f"Of an assignment that is {status}, the earnest money's amount and day can't be changed.", code="over")
    if was in (earnest_money.APPLIED, earnest_money.REFUNDED, earnest_money.FORFEITED) and "amount" in sent:
        raise Conflict("The earnest money has found its end.", code="over")
    merged = _merged(held, {name: value for name, value in sent.items() if name != "reason"}) or {}
    values: dict[str, Any] = {"earnest_money": {**merged, "status": target}}
    if target != was:
        _check_money_move(ctx, status, was, target, reason)
        if target == earnest_money.FORFEITED:
            values["forfeited_on"] = ctx.today
    elif reason:
        raise Invalid.field("earnest_money.reason", "it belongs to a move of the status")
    return values


def _check_money_move(ctx: Context, status: str, was: str, target: str, reason: str | None) -> None:
    if status == assignments.FALLOUT and was in (earnest_money.RECEIVED, earnest_money.CLEARED):
        earnest_money.MACHINE.move(was, target, by=earnest_money.FALLING_OUT)  # of an offer that lapsed with the money in hand
    else:
        earnest_money.check_move(was, target, reason=reason)
    if (was, target) not in earnest_money.ANYBODYS_MOVES and not ctx.actor.may(assignments.CLOSE):
        raise Forbidden("This move of earnest money is for those who may close.")


def _merged(held: dict[str, Any] | None, sent: dict[str, Any] | None) -> dict[str, Any] | None:
    """Nested values, merged; None clears."""
    if sent is None:
        return None
    texts = {name: value.isoformat() if isinstance(value, date) else value for name, value in sent.items()}
    return {name: value for name, value in {**(held or {}), **texts}.items() if value is not None} or None


def _write(ctx: Context, before: Assignment, after: Assignment, seen: Seen) -> dealings.Pipeline:
    """Write the change, with the roster where rank or dispute changed, and the pipeline where its price did."""
    pipeline, roster = seen.pipeline, seen.roster
    if after.rank != before.rank:
        roster = roster.with_(after)
    was, now = ((one.earnest_money or {}).get("status") for one in (before, after))
    if was == earnest_money.DISPUTED != now:
        roster = roster.marked(after.id, disputed=False)
    stands = before.status == assignments.ASSIGNED and after.assignment_price != before.assignment_price
    if roster is seen.roster and not stands and was in (now, None):
        ctx.store.save(after)
        return pipeline
    tx = Transaction(ctx.store)
    if stands:
        pipeline = dealings.reprice(ctx, tx, pipeline, {"assignment_price": after.assignment_price})
    if roster is not seen.roster:
        writing.put_roster(ctx, tx, roster)
    writing.tell_of_money(ctx, tx, pipeline, before, after)
    tx.save(after)
    tx.commit()
    return pipeline
