"""Creating, reading, listing and changing assignments."""

from decimal import Decimal
from typing import Any

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Forbidden, NotFound, ValidationFailed
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams, merge_patch
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.dispositions import repository, schemas
from chalicelib.packs.dispositions.entities import Assignment, Buyer, PipelineSnapshot
from chalicelib.packs.dispositions.permissions import require_write
from chalicelib.packs.dispositions.presenters import assignment_summary, assignment_view, contract_basis, explained_assignment_view
from chalicelib.packs.dispositions.rules import assignments, earnest_money, proof_of_funds, ranking, terms
from chalicelib.packs.dispositions.service import offers
from chalicelib.packs.dispositions.settings import DispositionsSettings
from chalicelib.packs.wholesale.public import Pipeline

_FINAL_FIELDS = ("rank", "expires_at", "costs", "kind")


@retry_on_conflict
def create_assignment(ctx: Context, body: schemas.AssignmentCreate) -> schemas.AssignmentView:
    """Offer a pipeline to a buyer."""
    snapshot, buyers = repository.read_pipeline(ctx, body.pipeline_id, [body.buyer_id])
    require_write(ctx, snapshot.pipeline.owner)
    if body.buyer_id not in buyers:
        raise NotFound("buyer")
    buyer = buyers[body.buyer_id]
    assignment = offers.build_offer(ctx, snapshot, buyer, body)
    view = assignment_view(assignment, snapshot.pipeline)
    tx = idempotency.idempotent_transaction(ctx, view)
    repository.add_offers(ctx, tx, snapshot, [(assignment, buyer)])
    tx.commit()
    return view


def get_assignment(ctx: Context, id: str, query: ExplainParams) -> schemas.ExplainedAssignmentView:
    """An assignment; an offer whose contract has ended is shown as fallen out."""
    assignment, snapshot = repository.read_assignment(ctx, id)
    return explained_assignment_view(ctx, assignment, snapshot.pipeline, explain=query.explain)


def list_pipeline_assignments(ctx: Context, pipeline_id: str, query: PageParams) -> PageOf[schemas.AssignmentSummary]:
    """A pipeline's assignments, newest first."""
    pipeline = ctx.store.require(Pipeline, pipeline_id)
    return ctx.paginate(Assignment.children_of(pipeline_id), query, lambda row: assignment_summary(row, pipeline))


# -- changes


@retry_on_conflict
def edit_assignment(ctx: Context, id: str, body: schemas.AssignmentPatch) -> schemas.AssignmentView:
    """Change terms, rank, earnest money or notes. The status changes by assign, close and fallout."""
    before, snapshot = repository.read_assignment(ctx, id)
    require_write(ctx, snapshot.pipeline.owner)
    ctx.check_if_match(before.revision)
    values = _patch_values(ctx, before, snapshot, body.model_dump(exclude_unset=True))
    if not values:
        return assignment_view(before, snapshot.pipeline)
    after, roster = before.with_changes(ctx, **values), snapshot.roster
    if (after.rank, after.expires_at) != (before.rank, before.expires_at):
        roster = roster.with_entry(after)
    if before.earnest_money_status == earnest_money.DISPUTED != after.earnest_money_status:
        roster = roster.with_dispute(after.id, disputed=False)
    return assignment_view(after, repository.save_assignment(ctx, snapshot, roster, before, after))


def _patch_values(ctx: Context, before: Assignment, snapshot: PipelineSnapshot, sent: dict[str, Any]) -> dict[str, Any]:
    """The values that the patch changes."""
    has_ended = before.lapse(snapshot.pipeline) or (before.offer_expires_at and before.offer_expires_at < ctx.now)
    status = assignments.FALLOUT if has_ended else before.status
    values = _terms_values(ctx, before, snapshot, status, sent)
    final_fields = [name for name in _FINAL_FIELDS if name in sent]
    if status not in assignments.LIVE and final_fields:
        raise Conflict(f"Of an assignment that is {status}, {', '.join(final_fields)} can't be changed.", code="over")
    if "rank" in sent and sent["rank"] != before.rank:
        ranking.check_free(sent["rank"], snapshot.candidates(without=before.id))
        values["rank"] = sent["rank"]
    if "expires_at" in sent:
        if status != assignments.OFFERED:
            raise Conflict("Only an offer expires.", code="not_offered")
        offers.check_expiry(ctx, sent["expires_at"])
        values["expires_at"] = sent["expires_at"]
    if "costs" in sent:
        values["costs"] = (sent["costs"] and merge_patch(before.costs or {}, sent["costs"])) or None
    if "earnest_money" in sent:
        values |= _earnest_money_values(ctx, before, status, sent["earnest_money"])
    values |= {stored: sent[name] for name, stored in (("kind", "kind_of_exit"), ("notes", "notes")) if name in sent}
    offers.check_amounts(before.currency, values)
    return {name: value for name, value in values.items() if value != before.attribute_values.get(name)}


def _terms_values(ctx: Context, before: Assignment, snapshot: PipelineSnapshot, status: str, sent: dict[str, Any]) -> dict[str, Any]:
    change = {name: sent[name] for name in (terms.PRICE, terms.FEE) if name in sent}
    if not change:
        if sent.get("reason"):
            raise ValidationFailed.field("reason", "it belongs to a change of the price")
        return {}
    current = terms.Terms(before.assignment_price, before.assignment_fee)
    after = terms.revise_terms(status, current, contract_basis(before, snapshot.pipeline), change, sent.get("reason"))
    values: dict[str, Any] = {terms.PRICE: after.price, terms.FEE: after.fee}
    if status == assignments.ASSIGNED and after.price != current.price:
        values |= _price_values(ctx, before, current.price, after.price) | ({"retraded_at": ctx.now} if current.price is not None else {})
    return values


def _price_values(ctx: Context, assigned: Assignment, current: Decimal | None, price: Decimal | None) -> dict[str, object]:
    """The warnings of a changed price, by the buyer's present proof of funds; Conflict for a higher one where proof is required."""
    buyer = ctx.store.find(Buyer, assigned.buyer_id) or assigned.buyer
    error = proof_of_funds.coverage_error(buyer.proof, price, assigned.currency, ctx.today)
    if ctx.settings.of(DispositionsSettings).require_pof and (current is None or price is None or price > current):
        proof_of_funds.check(error, required=True)
    return {"warnings": proof_of_funds.replace_warning(assigned.warnings, error)}


def _earnest_money_values(ctx: Context, before: Assignment, status: str, sent: dict[str, Any] | None) -> dict[str, object]:
    """The new earnest money, and the day of its forfeit."""
    current = before.earnest_money or {}
    source: str = current.get("status", earnest_money.DUE)
    if sent is None:
        if current and source != earnest_money.DUE:
            raise Conflict("Earnest money that was received can't be taken out of the books.", code="earnest_money_held")
        return {"earnest_money": None}
    reason, target = sent.get("reason"), sent.get("status") or source
    if status not in assignments.LIVE and sent.keys() & {"amount", "due_on"}:
        raise Conflict(f"Of an assignment that is {status}, the earnest money's amount and day can't be changed.", code="over")
    if source in (earnest_money.APPLIED, earnest_money.REFUNDED, earnest_money.FORFEITED) and "amount" in sent:
        raise Conflict("The earnest money has found its end.", code="over")
    merged = merge_patch(current, {name: value for name, value in sent.items() if name != "reason"})
    values: dict[str, object] = {"earnest_money": {**merged, "status": target}}
    if target != source:
        _check_earnest_money_transition(ctx, status, source, target, reason)
        if target == earnest_money.FORFEITED:
            values["forfeited_on"] = ctx.today
    elif reason:
        raise ValidationFailed.field("earnest_money.reason", "it belongs to a move of the status")
    return values


def _check_earnest_money_transition(ctx: Context, status: str, source: str, target: str, reason: str | None) -> None:
    if status == assignments.FALLOUT and source in (earnest_money.RECEIVED, earnest_money.CLEARED):
        # an offer that lapsed after money was received
        earnest_money.MACHINE.transition(source, target, initiator=earnest_money.FALLING_OUT)
    else:
        earnest_money.MACHINE.check(source, target, reason=reason)
    if (source, target) not in earnest_money.WRITER_TRANSITIONS and not ctx.actor.can(assignments.CLOSE):
        raise Forbidden("This move of earnest money is for those who may close.")
