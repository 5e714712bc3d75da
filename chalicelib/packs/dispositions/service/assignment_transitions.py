"""Assigning, closing, falling out: each one transaction with the pipeline, two round trips as a rule."""

from dataclasses import replace
from typing import cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Forbidden, InvalidTransition, Problem
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import Assignment, Buyer, parse_proof, proof_values
from chalicelib.packs.dispositions.permissions import require_write
from chalicelib.packs.dispositions.presenters import assignment_view
from chalicelib.packs.dispositions.rules import assignments, earnest_money, proof_of_funds, ranking, terms
from chalicelib.packs.dispositions.schemas import AssignmentView, AssignRequest, BackupOffer, CloseRequest, FalloutRequest, FalloutView
from chalicelib.packs.dispositions.service import writing
from chalicelib.packs.dispositions.service.seen import BuyerSnapshot, PipelineSnapshot, read_assignment
from chalicelib.packs.dispositions.settings import DispositionsSettings
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.rules import stages


def _get_for_transition(ctx: Context, id: str, target: str) -> tuple[Assignment, PipelineSnapshot]:
    """The assignment and its pipeline, after checks of permission, If-Match and the transition; InvalidTransition for a lapsed offer."""
    before, snapshot = read_assignment(ctx, id)
    require_write(ctx, snapshot.pipeline.owner)
    ctx.check_if_match(before.revision)
    if lapse := assignments.lapse_of(snapshot.pipeline, before.status, before.id, before.contract_no):
        raise InvalidTransition("assignment", assignments.FALLOUT, target, [], f"It fell out: {lapse['reason']}.")
    assignments.MACHINE.transition(before.status, target)
    return before, snapshot


# -- assign


def assign(ctx: Context, id: str, body: AssignRequest) -> AssignmentView:
    """Assign the contract to a buyer.

    The checks use the buyer as of the offer, and the transaction is conditional on that revision. Where the buyer has changed
    since, the failed condition returns the current item, and the checks are repeated with it: three round trips instead of two.
    """

    def step() -> AssignmentView:
        before, snapshot = _get_for_transition(ctx, id, assignments.ASSIGNED)
        buyer = BuyerSnapshot(before.buyer_id, before.buyer_revision, before.buyer_is_active, proof=parse_proof(before.buyer_proof))
        is_current = False
        while True:
            try:
                return _assign(ctx, before, snapshot, buyer, body)
            except writing.BuyerChanged as changed:
                buyer = _refreshed_buyer(ctx, before, changed)
            except (Conflict, Forbidden) as problem:
                current = None if is_current or not _depends_on_buyer(problem) else ctx.store.find(Buyer, before.buyer_id)
                if current is None or current.revision == buyer.revision:
                    raise
                buyer = BuyerSnapshot.from_buyer(current)  # the buyer may satisfy the guard by now
            is_current = True

    return ctx.store.retry_on_conflict(step)


def _depends_on_buyer(problem: Problem) -> bool:
    code = str(problem.members.get("code", ""))
    return isinstance(problem, Forbidden) or code == "buyer_inactive" or code.startswith("pof_")


def _refreshed_buyer(ctx: Context, before: Assignment, changed: writing.BuyerChanged) -> BuyerSnapshot:
    """The buyer from the failed condition, else read again; a deleted one counts as inactive."""
    buyer = parse_live(Buyer, changed.row) if changed.row else ctx.store.find(Buyer, before.buyer_id)
    return BuyerSnapshot.from_buyer(buyer) if buyer else BuyerSnapshot(before.buyer_id, 0, is_active=False)


def _assign(ctx: Context, before: Assignment, snapshot: PipelineSnapshot, buyer: BuyerSnapshot, body: AssignRequest) -> AssignmentView:
    pipeline = snapshot.pipeline
    overridden = body.override_reason is not None
    if overridden:
        ctx.actor.require(assignments.OVERRIDE)
    if before.currency != pipeline.currency:
        raise Conflict(f"It was offered in {before.currency}; the pipeline is in {pipeline.currency} now.", code="currency_changed")
    price, fee = before.assignment_price, before.assignment_fee
    if price is None and fee is not None and pipeline.contract_price is not None:
        price = pipeline.contract_price + fee
    facts = assignments.TransitionFacts(
        now=ctx.now,
        today=ctx.today,
        pipeline_stage=pipeline.stage,
        contract_price=pipeline.contract_price,
        price=price,
        buyer=buyer.status,
        assigned_id=snapshot.assigned_id,
        expires_at=before.expires_at,
        disputed=bool(snapshot.roster.disputed),
    )
    assignments.check_transition_guards(assignments.OFFERED, assignments.ASSIGNED, facts, overridden=overridden)
    error = proof_of_funds.coverage_error(buyer.proof, price, before.currency, ctx.today)
    required = ctx.settings.of(DispositionsSettings).require_pof
    warnings = proof_of_funds.warnings(error, required=required)
    overridden_code = error.code if error and not warnings else assignments.EARNEST_MONEY_DISPUTED if facts.disputed else None
    if overridden and error and not warnings:
        proof_of_funds.check_override(ctx.actor.id, pipeline.owner)
    proof_of_funds.check(error, required=required, overridden=overridden)
    agreed_terms = terms.resolve_terms(pipeline.contract_price, price, None)
    defaults = {"status": earnest_money.DUE, "due_on": earnest_money.default_due_on(ctx.today).isoformat()}
    after = before.with_changes(
        ctx,
        status=assignments.ASSIGNED,
        assigned_at=ctx.now,
        assigned_on=ctx.today,
        assigned_by=ctx.actor.id,
        contract_price=pipeline.contract_price,
        contract_on=pipeline.contract_effective_on,
        assignment_price=agreed_terms.price,
        assignment_fee=agreed_terms.fee,
        earnest_money={**defaults, **(before.earnest_money or {})},
        override_reason=body.override_reason if overridden_code else None,
        overridden=overridden_code if overridden else None,
        warnings=[*before.warnings, *warnings, *_rank_warnings(ctx, before, snapshot)],
        buyer_revision=buyer.revision,
        buyer_is_active=buyer.is_active,
        buyer_proof=proof_values(buyer.proof),
    )
    view = assignment_view(after, pipeline)
    tx = idempotency.idempotent_transaction(ctx, view)
    pipeline_values = {"assignment_id": after.id, "assignment_price": after.assignment_price}
    public.add_transition(ctx, tx, pipeline, stages.ASSIGNED, pipeline_values, initiator=stages.DISPOSITIONS)
    tx.save(after)
    writing.check_buyer_unchanged(tx, buyer)
    tx.commit()
    return view


def _rank_warnings(ctx: Context, before: Assignment, snapshot: PipelineSnapshot) -> list[str]:
    """The warning where a live offer to an active buyer has a lower rank. One round trip where there are offers of lower rank."""
    earlier = [offer for offer in snapshot.candidates if offer.rank < before.rank]
    if not earlier:
        return []
    keys = {Buyer.ID.key(offer.buyer_id): offer for offer in earlier}
    rows = ctx.store.batch_get(keys)
    waiting = [replace(offer, buyer_active=_is_active(parse_live(Buyer, rows.get(key)))) for key, offer in keys.items()]
    own = ranking.RankedOffer(before.id, before.buyer_id, before.rank, before.status)
    return ranking.warnings(own, waiting)


def _is_active(buyer: Buyer | None) -> bool:
    return buyer is not None and buyer.is_active


# -- close


def close(ctx: Context, id: str, body: CloseRequest) -> AssignmentView:
    """Close the assignment and its pipeline; the other offers lapse. Two round trips."""

    def step() -> AssignmentView:
        before, snapshot = _get_for_transition(ctx, id, assignments.CLOSED)
        money = dict(before.earnest_money or {})
        facts = assignments.TransitionFacts(
            now=ctx.now,
            today=ctx.today,
            pipeline_stage=snapshot.pipeline.stage,
            price=before.assignment_price,
            earnest_money_status=money.get("status"),
        )
        assignments.check_transition_guards(assignments.ASSIGNED, assignments.CLOSED, facts)
        closed_on = body.closed_on or ctx.today
        assignments.check_closed_on(closed_on, ctx.today)
        if money:
            money["status"] = earnest_money.status_after_closing(money.get("status"))
        after = before.with_changes(
            ctx, status=assignments.CLOSED, closed_on=closed_on, closed_by=ctx.actor.id, earnest_money=money or None
        )
        view = assignment_view(after, snapshot.pipeline)
        tx = idempotency.idempotent_transaction(ctx, view)
        public.add_transition(ctx, tx, snapshot.pipeline, stages.CLOSED, {}, initiator=stages.DISPOSITIONS)
        tx.save(after)
        writing.put_roster(ctx, tx, snapshot.roster.without_entries(id))
        writing.add_earnest_money_event(ctx, tx, snapshot.pipeline, before, after)
        tx.commit()
        return view

    return ctx.store.retry_on_conflict(step)


# -- fallout


class _BackupInactive(Problem):
    """The buyer of the next backup is not active. Never returned to a client."""

    kind = "conflict"

    def __init__(self, buyer_id: str) -> None:
        super().__init__("The buyer is inactive.")
        self.buyer_id = buyer_id


def fall_out(ctx: Context, id: str, body: FalloutRequest) -> FalloutView:
    """Let the assignment fall out. From assigned, the pipeline goes back under contract, and the next backup is returned.

    That the backup's buyer is active is a condition of the transaction; where it fails, the next one is tried (a round trip each).
    """
    inactive_buyers: set[str] = set()

    def step() -> FalloutView:
        before, snapshot = _get_for_transition(ctx, id, assignments.FALLOUT)
        assignments.check_transition(before.status, assignments.FALLOUT, reason=body.reason, note=body.note)
        if before.status == assignments.OFFERED:
            return _fall_out_offer(ctx, before, snapshot, body)
        while True:
            try:
                return _fall_out_assigned(ctx, before, snapshot, body, inactive_buyers)
            except _BackupInactive as inactive:
                inactive_buyers.add(inactive.buyer_id)

    return ctx.store.retry_on_conflict(step)


def _fall_out_offer(ctx: Context, before: Assignment, snapshot: PipelineSnapshot, body: FalloutRequest) -> FalloutView:
    money, outcome = before.earnest_money, body.earnest_money_outcome
    is_received = bool(money) and money is not None and money.get("status") in (earnest_money.RECEIVED, earnest_money.CLEARED)
    if is_received or outcome is not None:
        after = _with_outcome(ctx, before, body)
    else:
        after = writing.with_fallout(ctx, before, body.reason, fallout_note=body.note)
    view = _fallout_view(after, snapshot, None)
    tx = idempotency.idempotent_transaction(ctx, view)
    writing.add_fallout(tx, after)
    writing.add_earnest_money_event(ctx, tx, snapshot.pipeline, before, after)
    _remove_from_roster(ctx, tx, after, snapshot)
    public.remove_reference(tx, snapshot.pipeline.id)
    tx.commit()
    return view


def _fall_out_assigned(
    ctx: Context, before: Assignment, snapshot: PipelineSnapshot, body: FalloutRequest, inactive_buyers: set[str]
) -> FalloutView:
    after = _with_outcome(ctx, before, body)
    others = [offer for offer in snapshot.candidates if offer.assignment_id != before.id]
    next_backup = ranking.next_backup(replace(offer, buyer_active=offer.buyer_id not in inactive_buyers) for offer in others)
    view = _fallout_view(after, snapshot, next_backup)
    tx = idempotency.idempotent_transaction(ctx, view)
    no_assignment = {"assignment_id": None, "assignment_price": None}
    public.add_transition(ctx, tx, snapshot.pipeline, stages.UNDER_CONTRACT, no_assignment, initiator=stages.DISPOSITIONS)
    writing.add_fallout(tx, after)
    writing.add_earnest_money_event(ctx, tx, snapshot.pipeline, before, after)
    _remove_from_roster(ctx, tx, after, snapshot)
    public.remove_reference(tx, snapshot.pipeline.id)
    if next_backup:
        condition = "is_active = :yes AND attribute_not_exists(deleted_at)"
        tx.check_by_expression(Buyer.ID.key(next_backup.buyer_id), condition, _BackupInactive(next_backup.buyer_id), {":yes": True})
    tx.commit()
    return view


def _with_outcome(ctx: Context, before: Assignment, body: FalloutRequest) -> Assignment:
    money = dict(before.earnest_money or {})
    status = earnest_money.status_after_fallout(money.get("status"), body.earnest_money_outcome)
    if status:
        money["status"] = status
    return writing.with_fallout(
        ctx,
        before,
        body.reason,
        fallout_note=body.note,
        earnest_money=money or None,
        forfeited_on=ctx.today if status == earnest_money.FORFEITED else None,
    )


def _remove_from_roster(ctx: Context, tx: Transaction, after: Assignment, snapshot: PipelineSnapshot) -> None:
    """Remove the assignment from the roster, and record a dispute of its earnest money there."""
    roster = snapshot.roster.without_entries(after.id)
    if (after.earnest_money or {}).get("status") == earnest_money.DISPUTED:
        roster = roster.with_dispute(after.id, disputed=True)
    writing.put_roster(ctx, tx, roster)


def _fallout_view(after: Assignment, snapshot: PipelineSnapshot, next_backup: ranking.RankedOffer | None) -> FalloutView:
    backup: BackupOffer | None = None
    if next_backup:
        backup = {"assignment_id": next_backup.assignment_id, "buyer_id": next_backup.buyer_id, "rank": next_backup.rank}
    return cast(FalloutView, {**assignment_view(after, snapshot.pipeline), "next_backup": backup})
