"""Assigning, closing, falling out: each one transaction with the pipeline, two round trips as a rule."""

from collections.abc import Mapping
from dataclasses import replace

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Forbidden, InvalidTransition, Problem
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.pending_changes import save_with_marker
from chalicelib.foundation.state_machine import Transition
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import RowChanged, parse_live
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.dispositions import repository
from chalicelib.packs.dispositions.entities import Assignment, Buyer, PipelineSnapshot
from chalicelib.packs.dispositions.permissions import require_write
from chalicelib.packs.dispositions.presenters import assignment_view, fallout_view
from chalicelib.packs.dispositions.repository import BuyerInactive
from chalicelib.packs.dispositions.rules import assignments, earnest_money, proof_of_funds, ranking, terms
from chalicelib.packs.dispositions.rules.assignments import MACHINE, PIPELINE_STAGE_AFTER, TransitionFacts
from chalicelib.packs.dispositions.schemas import AssignmentView, AssignRequest, CloseRequest, FalloutRequest, FalloutView
from chalicelib.packs.dispositions.settings import DispositionsSettings
from chalicelib.packs.governance import public as governance
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.public import stages


def _read(ctx: Context, id: str, target: str) -> tuple[Assignment, PipelineSnapshot, Transition[TransitionFacts]]:
    """The assignment, its pipeline and the transition, after checks of permission and If-Match; InvalidTransition for a lapsed offer."""
    before, snapshot = repository.read_assignment(ctx, id)
    return before, snapshot, _transition(ctx, before, snapshot, target)


def _transition(ctx: Context, before: Assignment, snapshot: PipelineSnapshot, target: str) -> Transition[TransitionFacts]:
    require_write(ctx, snapshot.pipeline.owner)
    ctx.check_if_match(before.revision)
    if lapse := before.lapse(snapshot.pipeline):
        raise InvalidTransition(MACHINE.name, assignments.FALLOUT, target, [], f"It fell out: {lapse['reason']}.")
    return MACHINE.transition(before.status, target)


# -- assign


@retry_on_conflict
def assign(ctx: Context, id: str, body: AssignRequest) -> AssignmentView:
    """Assign the contract to this buyer. At most one assignment of a pipeline is assigned or closed."""
    # The checks use the buyer as of the offer, and the transaction is conditional on that revision. Where the buyer has changed since,
    # the failed condition returns the current item, and the checks are repeated with it: three round trips instead of two.
    Assignment.ID.key(id)
    before, snapshot, rows = repository.read_assignment_with(ctx, id, governance.keys_for(id))
    transition = _transition(ctx, before, snapshot, assignments.ASSIGNED)
    buyer = before.buyer
    is_current = False
    while True:
        try:
            return _assign(ctx, before, snapshot, transition, buyer, body, rows)
        except RowChanged as changed:
            buyer = parse_live(Buyer, changed.row) or buyer.with_values(revision=0, is_active=False)
        except (Conflict, Forbidden) as problem:
            current = None if is_current or not _depends_on_buyer(problem) else ctx.store.find(Buyer, before.buyer_id)
            if current is None or current.revision == buyer.revision:
                raise
            buyer = current  # the buyer may satisfy the guard by now
        is_current = True


def _depends_on_buyer(problem: Problem) -> bool:
    code = str(problem.members.get("code", ""))
    return isinstance(problem, Forbidden) or code == "buyer_inactive" or code.startswith("pof_")


def _assign(
    ctx: Context,
    before: Assignment,
    snapshot: PipelineSnapshot,
    transition: Transition[TransitionFacts],
    buyer: Buyer,
    body: AssignRequest,
    rows: Mapping[ItemKey, DynamoItem],
) -> AssignmentView:
    pipeline, overridden = snapshot.pipeline, body.override_reason is not None
    if overridden:
        ctx.actor.require(assignments.OVERRIDE)
    if before.currency != pipeline.currency:
        raise Conflict(f"It was offered in {before.currency}; the pipeline is in {pipeline.currency} now.", code="currency_changed")
    price, fee = before.assignment_price, before.assignment_fee
    if price is None and fee is not None and pipeline.contract_price is not None:
        price = pipeline.contract_price + fee
    facts = TransitionFacts(
        ctx.now, ctx.today, pipeline.stage, pipeline.contract_price, price,
        buyer=buyer.status(ctx), assigned_id=pipeline.assignment_id, expires_at=before.expires_at, disputed=bool(snapshot.roster.disputed),
    )  # fmt: skip
    transition.check_guards(facts, overridden=overridden)
    error = proof_of_funds.coverage_error(buyer.proof, price, before.currency, ctx.today)
    required = ctx.settings.of(DispositionsSettings).require_pof
    warnings = proof_of_funds.warnings(error, required=required)
    overridden_code = error.code if error and not warnings else assignments.EARNEST_MONEY_DISPUTED if facts.disputed else None
    if overridden and error and not warnings:
        proof_of_funds.check_override(ctx.actor.id, pipeline.owner)
    proof_of_funds.check(error, required=required, overridden=overridden)
    agreed_terms = terms.resolve_terms(pipeline.contract_price, price, None)
    subject = SubjectRegistry(ctx.packs).parse(before.id, rows[before.key], ctx.today)
    leave = governance.require_approval(
        ctx, subject, governance.ASSIGN, kind=before.kind_of_exit, amount=agreed_terms.price, currency=before.currency, rows=rows
    )
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
        **buyer.as_offered,
    )
    view = assignment_view(after, pipeline)
    tx = idempotency.idempotent_transaction(ctx, view)
    current = {"assignment_id": after.id, "assignment_price": after.assignment_price, "buyer": after.buyer_names}
    public.add_transition(ctx, tx, pipeline, PIPELINE_STAGE_AFTER[before.status, after.status], current, initiator=stages.DISPOSITIONS)
    save_with_marker(ctx, tx, after)
    tx.check_unchanged(buyer, RowChanged)
    leave.check(ctx, tx)
    tx.commit()
    return view


def _rank_warnings(ctx: Context, before: Assignment, snapshot: PipelineSnapshot) -> list[str]:
    """The warning where a live offer to an active buyer has a lower rank. One round trip where there are offers of lower rank."""
    earlier = [offer for offer in snapshot.candidates() if offer.rank < before.rank]
    buyers = ctx.store.find_many(Buyer, [offer.buyer_id for offer in earlier])
    active = {id for id, buyer in buyers.items() if buyer.is_active}
    own = ranking.RankedOffer(before.id, before.buyer_id, before.rank, before.status)
    return ranking.warnings(own, [replace(offer, buyer_active=offer.buyer_id in active) for offer in earlier])


# -- close


@retry_on_conflict
def close(ctx: Context, id: str, body: CloseRequest) -> AssignmentView:
    """Close the assignment and its pipeline. The other offers lapse."""
    before, snapshot, transition = _read(ctx, id, assignments.CLOSED)
    money, pipeline = dict(before.earnest_money or {}), snapshot.pipeline
    price, status = before.assignment_price, before.earnest_money_status
    transition.check_guards(TransitionFacts(ctx.now, ctx.today, pipeline.stage, price=price, earnest_money_status=status))
    closed_on = body.closed_on or ctx.today
    assignments.check_closed_on(closed_on, ctx.today)
    if money:
        money["status"] = earnest_money.status_after_closing(status)
    after = before.with_changes(ctx, status=assignments.CLOSED, closed_on=closed_on, closed_by=ctx.actor.id, earnest_money=money or None)
    view = assignment_view(after, pipeline)
    tx = idempotency.idempotent_transaction(ctx, view)
    public.add_transition(ctx, tx, pipeline, PIPELINE_STAGE_AFTER[before.status, after.status], {}, initiator=stages.DISPOSITIONS)
    repository.add_closing(ctx, tx, after)
    repository.put_roster(ctx, tx, snapshot.roster.without_entries(id))
    repository.add_earnest_money_event(ctx, tx, pipeline, before, after)
    tx.commit()
    return view


# -- fallout


@retry_on_conflict
def fall_out(ctx: Context, id: str, body: FalloutRequest) -> FalloutView:
    """Let the assignment fall out. From assigned, the pipeline goes back under contract, and the next backup is returned."""
    # That the backup's buyer is active is a condition of the transaction; where it fails, the next one is tried (a round trip each).
    before, snapshot, transition = _read(ctx, id, assignments.FALLOUT)
    transition.check_reason(body.reason, body.note)
    after = _fallen_out(ctx, before, body)
    others = snapshot.candidates(without=id) if before.status == assignments.ASSIGNED else []
    backups = [*ranking.backups(others), None]
    while True:
        try:
            return _fall_out(ctx, before, after, snapshot, backups[0])
        except BuyerInactive:
            del backups[0]


def _fallen_out(ctx: Context, before: Assignment, body: FalloutRequest) -> Assignment:
    """The assignment after its fallout. The outcome of the earnest money is needed, but for an offer without money received."""
    outcome, status = body.earnest_money_outcome, before.earnest_money_status
    values: dict[str, object] = {"fallout_note": body.note}
    is_received = status in (earnest_money.RECEIVED, earnest_money.CLEARED)
    if before.status != assignments.OFFERED or is_received or outcome is not None:
        after_status = earnest_money.status_after_fallout(status, outcome)
        money = (before.earnest_money or {}) | ({"status": after_status} if after_status else {})
        values |= {"earnest_money": money or None, "forfeited_on": ctx.today if after_status == earnest_money.FORFEITED else None}
    return before.fallen_out(ctx, body.reason, ctx.today, **values)


def _fall_out(
    ctx: Context, before: Assignment, after: Assignment, snapshot: PipelineSnapshot, backup: ranking.RankedOffer | None
) -> FalloutView:
    pipeline = snapshot.pipeline
    view = fallout_view(after, pipeline, backup)
    tx = idempotency.idempotent_transaction(ctx, view)
    if before.status == assignments.ASSIGNED:
        stage = PIPELINE_STAGE_AFTER[before.status, after.status]
        no_assignment = dict.fromkeys(("assignment_id", "assignment_price", "buyer"))
        public.add_transition(ctx, tx, pipeline, stage, no_assignment, initiator=stages.DISPOSITIONS, released=1)
    else:
        public.remove_reference(tx, pipeline.id)
    repository.add_fallout(ctx, tx, after)
    repository.add_earnest_money_event(ctx, tx, pipeline, before, after)
    roster = snapshot.roster.without_entries(after.id)
    if after.earnest_money_status == earnest_money.DISPUTED:
        roster = roster.with_dispute(after.id, disputed=True)
    repository.put_roster(ctx, tx, roster)
    if backup:
        repository.check_buyer_active(tx, backup.buyer_id)
    tx.commit()
    return view
