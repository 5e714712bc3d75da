"""Assigning, closing, falling out: each one transaction with the pipeline, two round trips as a rule."""

from dataclasses import replace
from typing import cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Forbidden, InvalidTransition, Problem
from chalicelib.foundation.store.store import alive
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import Assignment, Buyer, facts_of_proof, proof_of
from chalicelib.packs.dispositions.rules import assignments, earnest_money, prices, proofs, ranks
from chalicelib.packs.dispositions.schemas import Assign, AssignmentView, Backup, Close, Fallout, FalloutView
from chalicelib.packs.dispositions.service import writing
from chalicelib.packs.dispositions.service.rights import need_write
from chalicelib.packs.dispositions.service.seen import BuyerSeen, Seen, read_assignment
from chalicelib.packs.dispositions.service.shown import assignment_view, lapsed
from chalicelib.packs.wholesale.rules import stages
from chalicelib.packs.wholesale.service import dealings


def _to_move(ctx: Context, id: str, target: str) -> tuple[Assignment, Seen]:
    """What is to be moved, by somebody who may, if there is such a move at all."""
    before, seen = read_assignment(ctx, id)
    need_write(ctx, seen.pipeline.owner)
    ctx.expect_revision(before.revision)
    if lapse := lapsed(seen.pipeline, before.status, before.id, before.contract_no):
        raise InvalidTransition("assignment", assignments.FALLOUT, target, [], f"It fell out: {lapse['reason']}.")
    assignments.MACHINE.move(before.status, target)
    return before, seen


# -- assign


def assign(ctx: Context, id: str, body: Assign) -> AssignmentView:
    """Carry the contract to a buyer.

    It is decided on what was seen of the buyer when the offer was made, which the transaction holds the buyer to. Where the
    buyer has changed since, the refusal brings what is otherwise, and a third round trip decides on that.
    """

    def step() -> AssignmentView:
        before, seen = _to_move(ctx, id, assignments.ASSIGNED)
        buyer = BuyerSeen(before.buyer_id, before.buyer_revision, before.buyer_is_active, proof=proof_of(before.buyer_proof))
        fresh = False
        while True:
            try:
                return _assign(ctx, before, seen, buyer, body)
            except writing.BuyerChanged as changed:
                buyer = _as_it_is(ctx, before, changed)
            except (Conflict, Forbidden) as refusal:
                now = None if fresh or not _is_of_buyer(refusal) else ctx.store.find(Buyer, before.buyer_id)
                if now is None or now.revision == buyer.revision:
                    raise
                buyer = BuyerSeen.of(now)  # what it was refused for may be mended by now
            fresh = True

    return ctx.store.settle(step)


def _is_of_buyer(refusal: Problem) -> bool:
    code = str(refusal.members.get("code", ""))
    return isinstance(refusal, Forbidden) or code == "buyer_inactive" or code.startswith("pof_")


def _as_it_is(ctx: Context, before: Assignment, changed: writing.BuyerChanged) -> BuyerSeen:
    """The buyer in the refusal's row, read anew where it brought none; one that is gone is as good as inactive."""
    buyer = alive(Buyer, changed.row) if changed.row else ctx.store.find(Buyer, before.buyer_id)
    return BuyerSeen.of(buyer) if buyer else BuyerSeen(before.buyer_id, 0, is_active=False)


def _assign(ctx: Context, before: Assignment, seen: Seen, buyer: BuyerSeen, body: Assign) -> AssignmentView:
    pipeline = seen.pipeline
    overridden = body.override_reason is not None
    if overridden:
        ctx.actor.need(assignments.OVERRIDE)
    if before.currency != pipeline.currency:
        raise Conflict(f"It was offered in {before.currency}; the pipeline is in {pipeline.currency} now.", code="currency_changed")
    price, fee = before.assignment_price, before.assignment_fee
    if price is None and fee is not None and pipeline.contract_price is not None:
        price = pipeline.contract_price + fee
    standing = assignments.Standing(
        now=ctx.now,
        today=ctx.today,
        pipeline_stage=pipeline.stage,
        contract_price=pipeline.contract_price,
        price=price,
        buyer=buyer.as_rule,
        taken_by=seen.taken_by,
        expires_at=before.expires_at,
        disputed=bool(seen.roster.disputed),
    )
    assignments.check_conditions(assignments.OFFERED, assignments.ASSIGNED, standing, overridden=overridden)
    fault = proofs.fault(buyer.proof, price, before.currency, ctx.today)
    required = ctx.settings.require_pof
    warnings = proofs.warnings(fault, required=required)
    lifted = fault.code if fault and not warnings else assignments.EARNEST_MONEY_DISPUTED if standing.disputed else None
    if overridden and fault and not warnings:
        proofs.check_override(ctx.actor.id, pipeline.owner)
    proofs.check(fault, required=required, overridden=overridden)
    terms = prices.agreed(pipeline.contract_price, price, None)
    due = {"status": earnest_money.DUE, "due_on": earnest_money.default_due_on(ctx.today).isoformat()}
    after = before.changed(
        ctx,
        status=assignments.ASSIGNED,
        assigned_at=ctx.now,
        assigned_on=ctx.today,
        assigned_by=ctx.actor.id,
        contract_price=pipeline.contract_price,
        contract_on=pipeline.contract_effective_on,
        assignment_price=terms.price,
        assignment_fee=terms.fee,
        earnest_money={**due, **(before.earnest_money or {})},
        override_reason=body.override_reason if lifted else None,
        overridden=lifted if overridden else None,
        warnings=[*before.warnings, *warnings, *_out_of_rank(ctx, before, seen)],
        buyer_revision=buyer.revision,
        buyer_is_active=buyer.is_active,
        buyer_proof=facts_of_proof(buyer.proof),
    )
    answer = assignment_view(after, pipeline)
    tx = idempotency.transaction(ctx, answer)
    standing_now = {"assignment_id": after.id, "assignment_price": after.assignment_price}
    dealings.add_move(ctx, tx, pipeline, stages.ASSIGNED, standing_now, by=stages.DISPOSITIONS)
    tx.save(after)
    writing.as_seen(tx, buyer)
    tx.commit()
    return answer


def _out_of_rank(ctx: Context, before: Assignment, seen: Seen) -> list[str]:
    """Whether an earlier one, whose buyer is active, waits still. Its buyer is looked up: one round trip, where there is one."""
    earlier = [one for one in seen.candidates if one.rank < before.rank]
    if not earlier:
        return []
    keys = {Buyer.ID.key(one.buyer_id): one for one in earlier}
    rows = ctx.store.get_many(keys)
    waiting = [replace(one, buyer_active=_is_active(alive(Buyer, rows.get(key)))) for key, one in keys.items()]
    me = ranks.Candidate(before.id, before.buyer_id, before.rank, before.status)
    return ranks.warnings(me, waiting)


def _is_active(buyer: Buyer | None) -> bool:
    return buyer is not None and buyer.is_active


# -- close


def close(ctx: Context, id: str, body: Close) -> AssignmentView:
    """Close it, and the pipeline with it. The other offers have lapsed from then on."""

    def step() -> AssignmentView:
        before, seen = _to_move(ctx, id, assignments.CLOSED)
        money = dict(before.earnest_money or {})
        standing = assignments.Standing(
            now=ctx.now,
            today=ctx.today,
            pipeline_stage=seen.pipeline.stage,
            price=before.assignment_price,
            earnest_money_status=money.get("status"),
        )
        assignments.check_conditions(assignments.ASSIGNED, assignments.CLOSED, standing)
        closed_on = body.closed_on or ctx.today
        assignments.check_closed_on(closed_on, ctx.today)
        if money:
            money["status"] = earnest_money.at_closing(money.get("status"))
        after = before.changed(ctx, status=assignments.CLOSED, closed_on=closed_on, closed_by=ctx.actor.id, earnest_money=money or None)
        answer = assignment_view(after, seen.pipeline)
        tx = idempotency.transaction(ctx, answer)
        dealings.add_move(ctx, tx, seen.pipeline, stages.CLOSED, {}, by=stages.DISPOSITIONS)
        tx.save(after)
        writing.put_roster(ctx, tx, seen.roster.without(id))
        writing.tell_of_money(ctx, tx, seen.pipeline, before, after)
        tx.commit()
        return answer

    return ctx.store.settle(step)


# -- fallout


class _Inactive(Problem):
    """The buyer who would have been next isn't active. Never shown."""

    kind = "conflict"

    def __init__(self, buyer_id: str) -> None:
        super().__init__("The buyer is inactive.")
        self.buyer_id = buyer_id


def fall_out(ctx: Context, id: str, body: Fallout) -> FalloutView:
    """It came to nothing. From assigned the pipeline goes back under contract, and who is next is named.

    That the next one's buyer is active is a condition of the transaction: only where it fails another round trip looks further.
    """
    passed_over: set[str] = set()

    def step() -> FalloutView:
        before, seen = _to_move(ctx, id, assignments.FALLOUT)
        assignments.check_move(before.status, assignments.FALLOUT, reason=body.reason, note=body.note)
        if before.status == assignments.OFFERED:
            return _out_of_offered(ctx, before, seen, body)
        while True:
            try:
                return _out_of_assigned(ctx, before, seen, body, passed_over)
            except _Inactive as found:
                passed_over.add(found.buyer_id)

    return ctx.store.settle(step)


def _out_of_offered(ctx: Context, before: Assignment, seen: Seen, body: Fallout) -> FalloutView:
    money, outcome = before.earnest_money, body.earnest_money_outcome
    held = bool(money) and money is not None and money.get("status") in (earnest_money.RECEIVED, earnest_money.CLEARED)
    if held or outcome is not None:
        after = _with_outcome(ctx, before, body)
    else:
        after = writing.fallen(ctx, before, body.reason, fallout_note=body.note)
    answer = _answer(after, seen, None)
    tx = idempotency.transaction(ctx, answer)
    writing.add_fallen(tx, after)
    writing.tell_of_money(ctx, tx, seen.pipeline, before, after)
    _leave(ctx, tx, after, seen)
    dealings.release(tx, seen.pipeline.id)
    tx.commit()
    return answer


def _out_of_assigned(ctx: Context, before: Assignment, seen: Seen, body: Fallout, passed_over: set[str]) -> FalloutView:
    after = _with_outcome(ctx, before, body)
    others = [one for one in seen.candidates if one.assignment_id != before.id]
    next_one = ranks.next_backup(replace(one, buyer_active=one.buyer_id not in passed_over) for one in others)
    answer = _answer(after, seen, next_one)
    tx = idempotency.transaction(ctx, answer)
    none_stands = {"assignment_id": None, "assignment_price": None}
    dealings.add_move(ctx, tx, seen.pipeline, stages.UNDER_CONTRACT, none_stands, by=stages.DISPOSITIONS)
    writing.add_fallen(tx, after)
    writing.tell_of_money(ctx, tx, seen.pipeline, before, after)
    _leave(ctx, tx, after, seen)
    dealings.release(tx, seen.pipeline.id)
    if next_one:
        condition = "is_active = :yes AND attribute_not_exists(deleted_at)"
        tx.check(Buyer.ID.key(next_one.buyer_id), condition, _Inactive(next_one.buyer_id), {":yes": True})
    tx.commit()
    return answer


def _with_outcome(ctx: Context, before: Assignment, body: Fallout) -> Assignment:
    money = dict(before.earnest_money or {})
    status = earnest_money.at_fallout(money.get("status"), body.earnest_money_outcome)
    if status:
        money["status"] = status
    return writing.fallen(
        ctx,
        before,
        body.reason,
        fallout_note=body.note,
        earnest_money=money or None,
        forfeited_on=ctx.today if status == earnest_money.FORFEITED else None,
    )


def _leave(ctx: Context, tx: Transaction, after: Assignment, seen: Seen) -> None:
    """Take it out of the roster, and note a dispute there."""
    roster = seen.roster.without(after.id)
    if (after.earnest_money or {}).get("status") == earnest_money.DISPUTED:
        roster = roster.marked(after.id, disputed=True)
    writing.put_roster(ctx, tx, roster)


def _answer(after: Assignment, seen: Seen, next_one: ranks.Candidate | None) -> FalloutView:
    shown: Backup | None = None
    if next_one:
        shown = {"assignment_id": next_one.assignment_id, "buyer_id": next_one.buyer_id, "rank": next_one.rank}
    return cast(FalloutView, {**assignment_view(after, seen.pipeline), "next_backup": shown})
