"""Deciding: who may, what bars it, and what one transaction writes with it."""

from datetime import timedelta

from chalicelib.foundation.access import require_live_caller, user_key
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound, ValidationFailed
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.governance import repository
from chalicelib.packs.governance.entities import ApprovalRequest, Decision, OverrideReview, partition_of
from chalicelib.packs.governance.permissions import Decider, decider_keys, read_decider
from chalicelib.packs.governance.presenters import decision_view
from chalicelib.packs.governance.repository import MAX_DECISIONS, Head, SubjectSnapshot
from chalicelib.packs.governance.rules import powers
from chalicelib.packs.governance.rules.acts import APPROVE, FLAG, OVERRIDE, PENDING, STANDING, concerns
from chalicelib.packs.governance.rules.policies import Policies
from chalicelib.packs.governance.rules.verdicts import standing_finals, verdict
from chalicelib.packs.governance.schemas import DecisionCreate, DecisionView

MAX_REVIEW_DAYS = 30  # until an override is looked at again


@retry_on_conflict
def create_decision(ctx: Context, body: DecisionCreate) -> DecisionView:
    """Decide on a subject: approve, deny, flag, or override what was denied or final.

    It takes a person who holds the role now, and who neither created nor owns the subject nor asked for the decision.
    """
    _check_form(ctx, body)
    caller_keys = decider_keys(ctx)
    subject_id = repository.resolve(ctx, body.subject_type, body.subject_id)
    snapshot = _read(ctx, subject_id, body, caller_keys)
    decider = read_decider(ctx, snapshot.rows)
    _check(ctx, snapshot, decider, body)
    in_force = snapshot.policies
    decision = _decision(ctx, snapshot, decider, body, in_force)
    return _write(ctx, snapshot, decision, in_force)


def _check_form(ctx: Context, body: DecisionCreate) -> None:
    """Raise ValidationFailed for fields that contradict each other, or days and instants that are out of range."""
    errors: dict[str, str] = {}
    if body.action != APPROVE and not body.reason:
        errors["reason"] = "it is needed but for an approval"
    if body.action == FLAG and body.is_final:
        errors["is_final"] = "a flag isn't final"
    if body.expires_at is not None and (body.action == FLAG or body.expires_at <= ctx.now):
        errors["expires_at"] = "a flag doesn't lapse" if body.action == FLAG else "it must lie ahead"
    if body.action == OVERRIDE:
        last = ctx.today + timedelta(days=MAX_REVIEW_DAYS)
        if body.review_date is None or not ctx.today <= body.review_date <= last:
            errors["review_date"] = f"an override needs one from today to {last.isoformat()}"
    elif body.review_date is not None:
        errors["review_date"] = "only an override has one"
    if errors:
        raise ValidationFailed([{"loc": [field], "message": message, "type": "value_error"} for field, message in errors.items()])


def _read(ctx: Context, subject_id: str, body: DecisionCreate, caller_keys: tuple[ItemKey, ...]) -> SubjectSnapshot:
    """The subject with its head, the caller's rows, the flag that is resolved, and the requests that the decision may end."""
    flags = [] if body.resolves is None else [Decision.ID.key(body.resolves)]

    def requests(head: Head) -> list[ItemKey]:
        return [ApprovalRequest.ID.key(id) for act, id in head.pending.items() if concerns(body.requested_action, act)]

    return repository.read_subject(ctx, subject_id, (*caller_keys, *flags), further=requests, replays=True)


def _check(ctx: Context, snapshot: SubjectSnapshot, decider: Decider, body: DecisionCreate) -> None:
    """Raise Forbidden for who may not decide this, and Conflict for what is decided already."""
    subject, head = snapshot.subject, snapshot.head
    decider.require_role(body.role)
    powers.check_power(body.role, body.action, subject.type, is_final=body.is_final)
    responsible = subject.responsible | _same_person(ctx, decider, subject.responsible)
    powers.check_not_barred(decider.names, responsible, head.people_who_asked(body.requested_action))
    finals = standing_finals(head.records, body.requested_action, subject.content_hash, ctx.now)
    powers.check_finals(body.role, decider.person, body.action, finals)
    if body.resolves is not None:
        flag = parse_live(Decision, snapshot.rows.get(Decision.ID.key(body.resolves)))
        if flag is None:
            raise NotFound(Decision.ID.name)
        is_flag = flag.subject_id == subject.id and flag.action == FLAG
        powers.check_resolution(flag if is_flag else None, [each.id for each in head.flags], body.action, decider.person)
    if head.ver >= MAX_DECISIONS:
        raise Conflict(f"There are {MAX_DECISIONS} decisions on it, and no more are taken.", code="too_many_decisions")


def _same_person(ctx: Context, decider: Decider, responsible: frozenset[str]) -> frozenset[str]:
    """The professional, where another user of theirs is responsible. One round trip for a decider who is a professional, else none."""
    users = sorted(id for id in responsible if id.startswith(f"{User.ID.prefix}_") and id != decider.user_id)
    if decider.professional_id is None or not users:
        return frozenset()
    rows = ctx.store.batch_get(map(user_key, users)).values()
    return frozenset(id for row in rows if (id := row.get("professional_id", {}).get("S")))


def _decision(ctx: Context, snapshot: SubjectSnapshot, decider: Decider, body: DecisionCreate, in_force: Policies) -> Decision:
    values = body.model_dump(exclude={"subject_type", "subject_id"})
    return Decision.new(
        ctx,
        id=Decision.ID.new(ctx.now, partition_of(snapshot.subject.id)),
        subject_type=snapshot.subject.type,
        subject_id=snapshot.subject.id,
        number=snapshot.head.ver + 1,
        person=decider.person,
        subject_hash=snapshot.subject.content_hash,
        policy_version=in_force.version,
        **values,
    )


def _write(ctx: Context, snapshot: SubjectSnapshot, decision: Decision, in_force: Policies) -> DecisionView:
    """Write the decision, with its subject's head and the requests that it ends. One round trip, one more where a rate decides."""
    view = decision_view(decision, STANDING)
    tx = idempotent_transaction(ctx, view)
    require_live_caller(ctx, tx)
    tx.create(decision)
    if decision.action == OVERRIDE:
        tx.create(_review(ctx, decision))
    head = snapshot.head.with_decision(decision)
    head = _end_requests(ctx, tx, snapshot, head, decision, in_force)
    repository.add_head(tx, decision.subject_id, snapshot.head, head)
    repository.add_reference(ctx, tx, partition_of(decision.subject_id), snapshot.counter)
    tx.commit()
    return view


def _review(ctx: Context, decision: Decision) -> OverrideReview:
    names = ("subject_type", "subject_id", "role", "requested_action", "person", "review_date")
    values = {name: getattr(decision, name) for name in names}
    return OverrideReview.new(ctx, id=OverrideReview.id_of(decision.id), decision_id=decision.id, **values)


def _end_requests(ctx: Context, tx: Transaction, snapshot: SubjectSnapshot, head: Head, decision: Decision, in_force: Policies) -> Head:
    """Add the end of each request on whose act the verdict is no longer pending; the head without these."""
    pending = dict(head.pending)
    judged = False
    for act, id in head.pending.items():
        if decision.action == FLAG or not concerns(decision.requested_action, act):
            continue
        request = parse_live(ApprovalRequest, snapshot.rows.get(ApprovalRequest.ID.key(id)))
        needed = repository.requirement_for(ctx, in_force, act, snapshot.subject)
        judged = True
        askers = repository.not_counted(head, snapshot.subject, act)
        found = verdict(head.records, act, needed, snapshot.subject.content_hash, ctx.now, askers)
        if request is not None and found.verdict != PENDING:
            tx.save(request.with_changes(ctx, status=found.verdict, ended_at=ctx.now, decision_id=decision.id))
            del pending[act]
    if judged:
        repository.check_policies(ctx, tx, in_force)
    return head._replace(pending=pending)
