"""Offering, reading, listing and changing assignments."""

from datetime import date
from typing import Any, cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Forbidden, NotFound, ValidationFailed, VersionConflict
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.pagination import CursorSigner, decode_view, paginate
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import ASSIGNMENTS, Assignment
from chalicelib.packs.dispositions.permissions import require_write
from chalicelib.packs.dispositions.presenters import assignment_summary, assignment_view, contract_basis, fees_explained, lapse_of
from chalicelib.packs.dispositions.rules import assignments, earnest_money, ranking, terms
from chalicelib.packs.dispositions.schemas import (
    AssignmentCreate,
    AssignmentPage,
    AssignmentPatch,
    AssignmentView,
    ExplainedAssignmentView,
    FeeExplanations,
)
from chalicelib.packs.dispositions.service import offers, writing
from chalicelib.packs.dispositions.service.offers import OfferTerms
from chalicelib.packs.dispositions.service.seen import BuyerSnapshot, PipelineSnapshot, get_pipelines, read_assignment, read_pipeline
from chalicelib.packs.wholesale import public


def create(ctx: Context, body: AssignmentCreate) -> AssignmentView:
    """Offer a pipeline to a buyer. Two round trips."""
    requested = OfferTerms(
        kind=body.kind,
        currency=body.currency,
        price=body.assignment_price,
        fee=body.assignment_fee,
        rank=body.rank,
        costs=offers.to_storable(body.costs.model_dump()) if body.costs else None,
        money=body.earnest_money.model_dump(exclude_unset=True) if body.earnest_money else None,
        expires_at=body.expires_at,
        notes=body.notes,
    )

    def step() -> AssignmentView:
        seen, buyers = read_pipeline(ctx, body.pipeline_id, [body.buyer_id])
        require_write(ctx, seen.pipeline.owner)
        if body.buyer_id not in buyers:
            raise NotFound("buyer")
        buyer = BuyerSnapshot.from_buyer(buyers[body.buyer_id])
        assignment = offers.build_offer(ctx, seen, buyer, requested)
        answer = assignment_view(assignment, seen.pipeline)
        tx = idempotency.idempotent_transaction(ctx, answer)
        writing.add_offers(ctx, tx, seen, [(assignment, buyer)])
        commit(tx)
        return answer

    return ctx.store.retry_on_conflict(step)


def commit(tx: Transaction) -> None:
    """Land it; Stale where the buyer has changed since it was read."""
    try:
        tx.commit()
    except writing.BuyerChanged:
        raise VersionConflict from None


def get(ctx: Context, id: str, *, explain: bool) -> ExplainedAssignmentView:
    """An assignment, seen with its pipeline. One round trip."""
    assignment, seen = read_assignment(ctx, id)
    view = cast(ExplainedAssignmentView, assignment_view(assignment, seen.pipeline))
    if explain:
        view["explain"] = cast(FeeExplanations, fees_explained(ctx, assignment, seen.pipeline))
    return view


def list_by_pipeline(ctx: Context, pipeline_id: str, limit: int, cursor: str | None) -> AssignmentPage:
    """A pipeline's assignments, newest first. Two round trips: the pipeline must be there."""
    pipeline = get_pipelines(ctx, [pipeline_id]).get(pipeline_id)
    if pipeline is None:
        raise NotFound("pipeline")
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, pipeline_id, ctx.actor.id)
    page = paginate(ctx.store, [KeyRange(None, pipeline_id, prefix=ASSIGNMENTS)], seal, limit=limit, cursor=cursor, decode=decode_view)
    return {"items": [assignment_summary(view, pipeline) for view in page.rows], "next_cursor": page.next_cursor}


# -- changes


def edit(ctx: Context, id: str, body: AssignmentPatch) -> AssignmentView:
    """Change an assignment; what is left out stays. Two round trips."""
    sent = body.model_dump(exclude_unset=True)

    def step() -> AssignmentView:
        before, seen = read_assignment(ctx, id)
        require_write(ctx, seen.pipeline.owner)
        ctx.check_if_match(before.revision)
        values = _patch_values(ctx, before, seen, sent)
        if not values:
            return assignment_view(before, seen.pipeline)
        after = before.with_changes(ctx, **values)
        pipeline = _write(ctx, before, after, seen)
        return assignment_view(after, pipeline)

    return ctx.store.retry_on_conflict(step)


def _patch_values(ctx: Context, before: Assignment, seen: PipelineSnapshot, sent: dict[str, Any]) -> dict[str, Any]:
    """What the patch sets; nothing of it where it is as it was."""
    lapse = lapse_of(seen.pipeline, before.status, before.id, before.contract_no)
    status = assignments.FALLOUT if lapse else before.status
    values = _terms_values(ctx, before, seen, status, sent)
    if status not in assignments.LIVE:
        _check_not_final(status, sent)
    if "rank" in sent and sent["rank"] != before.rank:
        ranking.check_free(sent["rank"], [one for one in seen.candidates if one.assignment_id != before.id])
        values["rank"] = sent["rank"]
    if "expires_at" in sent:
        if status != assignments.OFFERED:
            raise Conflict("Only an offer expires.", code="not_offered")
        offers.check_expiry(ctx, sent["expires_at"])
        values["expires_at"] = sent["expires_at"]
    if "costs" in sent:
        values["costs"] = _merge_patch(before.costs, sent["costs"])
    if "earnest_money" in sent:
        values |= _earnest_money_values(ctx, before, status, sent["earnest_money"])
    values |= {name: sent[name] for name in ("kind", "notes") if name in sent}
    if "kind" in values:
        values["kind_of_exit"] = values.pop("kind")
    offers.check_amounts(
        before.currency,
        values.get(terms.PRICE),
        values.get(terms.FEE),
        values.get("costs"),
        values.get("earnest_money"),
    )
    return {name: value for name, value in values.items() if value != before.attribute_values.get(name)}


_FINAL_FIELDS = ("rank", "expires_at", "costs", "kind")


def _check_not_final(status: str, sent: dict[str, Any]) -> None:
    if final_fields := [name for name in _FINAL_FIELDS if name in sent]:
        raise Conflict(f"Of an assignment that is {status}, {', '.join(final_fields)} can't be changed.", code="over")


def _terms_values(ctx: Context, before: Assignment, seen: PipelineSnapshot, status: str, sent: dict[str, Any]) -> dict[str, Any]:
    change = {name: sent[name] for name in (terms.PRICE, terms.FEE) if name in sent}
    if not change:
        if sent.get("reason"):
            raise ValidationFailed.field("reason", "it belongs to a change of the price")
        return {}
    current = terms.Terms(before.assignment_price, before.assignment_fee)
    after = terms.revise_terms(status, current, contract_basis(before, seen.pipeline), change, sent.get("reason"))
    values: dict[str, Any] = {terms.PRICE: after.price, terms.FEE: after.fee}
    if status == assignments.ASSIGNED and current.price is not None and after.price != current.price:
        values["retraded_at"] = ctx.now
    return values


def _earnest_money_values(ctx: Context, before: Assignment, status: str, sent: dict[str, Any] | None) -> dict[str, Any]:
    """What becomes of the earnest money, and of the day of its forfeit."""
    current = before.earnest_money or {}
    source = current.get("status", earnest_money.DUE)
    if sent is None:
        if current and source != earnest_money.DUE:
            raise Conflict("Earnest money that was received can't be taken out of the books.", code="earnest_money_held")
        return {"earnest_money": None}
    reason, target = sent.get("reason"), sent.get("status", source)
    if status not in assignments.LIVE and sent.keys() & {"amount", "due_on"}:
        raise Conflict(f"Of an assignment that is {status}, the earnest money's amount and day can't be changed.", code="over")
    if source in (earnest_money.APPLIED, earnest_money.REFUNDED, earnest_money.FORFEITED) and "amount" in sent:
        raise Conflict("The earnest money has found its end.", code="over")
    merged = _merge_patch(current, {name: value for name, value in sent.items() if name != "reason"}) or {}
    values: dict[str, Any] = {"earnest_money": {**merged, "status": target}}
    if target != source:
        _check_earnest_money_transition(ctx, status, source, target, reason)
        if target == earnest_money.FORFEITED:
            values["forfeited_on"] = ctx.today
    elif reason:
        raise ValidationFailed.field("earnest_money.reason", "it belongs to a move of the status")
    return values


def _check_earnest_money_transition(ctx: Context, status: str, source: str, target: str, reason: str | None) -> None:
    if status == assignments.FALLOUT and source in (earnest_money.RECEIVED, earnest_money.CLEARED):
        earnest_money.MACHINE.transition(
            source, target, initiator=earnest_money.FALLING_OUT
        )  # of an offer that lapsed with the money in hand
    else:
        earnest_money.check_transition(source, target, reason=reason)
    if (source, target) not in earnest_money.WRITER_TRANSITIONS and not ctx.actor.can(assignments.CLOSE):
        raise Forbidden("This move of earnest money is for those who may close.")


def _merge_patch(current: dict[str, Any] | None, sent: dict[str, Any] | None) -> dict[str, Any] | None:
    """Nested values, merged; None clears."""
    if sent is None:
        return None
    texts = {name: value.isoformat() if isinstance(value, date) else value for name, value in sent.items()}
    return {name: value for name, value in {**(current or {}), **texts}.items() if value is not None} or None


def _write(ctx: Context, before: Assignment, after: Assignment, seen: PipelineSnapshot) -> public.Pipeline:
    """Write the change, with the roster where rank or dispute changed, and the pipeline where its price did."""
    pipeline, roster = seen.pipeline, seen.roster
    if after.rank != before.rank:
        roster = roster.with_entry(after)
    was, now = ((one.earnest_money or {}).get("status") for one in (before, after))
    if was == earnest_money.DISPUTED != now:
        roster = roster.with_dispute(after.id, disputed=False)
    changes_pipeline_price = before.status == assignments.ASSIGNED and after.assignment_price != before.assignment_price
    if roster is seen.roster and not changes_pipeline_price and was in (now, None):
        ctx.store.save(after)
        return pipeline
    tx = Transaction(ctx.store)
    if changes_pipeline_price:
        pipeline = public.add_price_change(ctx, tx, pipeline, {"assignment_price": after.assignment_price})
    if roster is not seen.roster:
        writing.put_roster(ctx, tx, roster)
    writing.add_earnest_money_event(ctx, tx, pipeline, before, after)
    tx.save(after)
    tx.commit()
    return pipeline
