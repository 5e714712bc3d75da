"""Asking for a decision: one request is pending for a subject and an act, whoever asks for it."""

from collections.abc import Iterable
from typing import NamedTuple

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import Subject
from chalicelib.packs.governance import repository
from chalicelib.packs.governance.entities import ApprovalRequest, GovernanceHead, partition_of
from chalicelib.packs.governance.repository import Head, SubjectSnapshot
from chalicelib.packs.governance.rules.acts import ANY, PENDING
from chalicelib.packs.governance.rules.policies import Requirement, approving_roles
from chalicelib.packs.governance.rules.verdicts import person_of

MAX_NOTES = 10  # on one request


class Asked(NamedTuple):
    """The pending request, whether it is new, and whether there is anything to write."""

    request: ApprovalRequest
    is_new: bool
    is_changed: bool


@retry_on_conflict
def ask(ctx: Context, subject: Subject, act: str, requirement: Requirement | None) -> Asked:
    """Ask for a decision on an act of which somebody was refused. Two round trips; three, or two and no write, where one is pending."""
    head_key, counter_key = GovernanceHead.key_of(subject.id), reference_counter(partition_of(subject.id))
    items = ctx.store.batch_get([head_key, counter_key])
    head = repository.parse_head(items.get(head_key))
    if act in head.pending:
        items |= ctx.store.batch_get([ApprovalRequest.ID.key(head.pending[act])])
    asked = next_request(ctx, SubjectSnapshot(subject, head, items), act, requirement, None)
    if asked.is_changed:
        tx = Transaction(ctx.store)
        add_request(ctx, tx, SubjectSnapshot(subject, head, items), asked)
        tx.commit()
    return asked


def next_request(ctx: Context, snapshot: SubjectSnapshot, act: str, requirement: Requirement | None, note: str | None) -> Asked:
    """The request once the caller has asked: a new one, or the pending one with the caller. Whoever asked before changes nothing of it."""
    pending_id = snapshot.head.pending.get(act)
    pending = None if pending_id is None else parse_live(ApprovalRequest, snapshot.rows.get(ApprovalRequest.ID.key(pending_id)))
    return _asked(ctx, snapshot.subject, act, requirement, note, pending)


def add_request(ctx: Context, tx: Transaction, snapshot: SubjectSnapshot, asked: Asked) -> None:
    """Add a request that is new or changed, with the head, and what tells those who are asked of a new one."""
    request = asked.request
    if asked.is_new:
        tx.create(request)
        repository.add_reference(ctx, tx, partition_of(request.subject_id), snapshot.counter)
        add_notifications(ctx, tx, _events(ctx, snapshot.subject, request))
    else:
        tx.save(request)
    repository.add_head(tx, request.subject_id, snapshot.head, _with_asker(ctx, snapshot.head, request))


def _asked(
    ctx: Context, subject: Subject, act: str, requirement: Requirement | None, note: str | None, pending: ApprovalRequest | None
) -> Asked:
    notes = [] if note is None else [{"by": ctx.actor.id, "note": note}]
    if pending is None:
        request = ApprovalRequest.new(
            ctx,
            id=ApprovalRequest.ID.new(ctx.now, partition_of(subject.id)),
            subject_type=subject.type,
            subject_id=subject.id,
            requested_action=act,
            status=PENDING,
            roles=list(requirement.roles if requirement else approving_roles(subject.type)),
            requested_by=[ctx.actor.id],
            notes=notes,
        )
        return Asked(request, is_new=True, is_changed=True)
    if ctx.actor.id in pending.requested_by and not [each for each in notes if each not in pending.notes]:
        return Asked(pending, is_new=False, is_changed=False)
    if notes and len(pending.notes) >= MAX_NOTES:
        raise Conflict(f"There are {MAX_NOTES} notes on the request, and no more are taken.", code="too_many_notes")
    requested_by = list(dict.fromkeys([*pending.requested_by, ctx.actor.id]))
    changed = pending.with_changes(ctx, requested_by=requested_by, notes=[*pending.notes, *notes])
    return Asked(changed, is_new=False, is_changed=True)


def _with_asker(ctx: Context, head: Head, request: ApprovalRequest) -> Head:
    act = request.requested_action
    people = {*head.askers.get(act, ()), person_of(ctx.actor.id, ctx.actor.professional_id)}
    return head._replace(asks=head.asks + 1, pending={**head.pending, act: request.id}, askers={**head.askers, act: people})


def _events(ctx: Context, subject: Subject, request: ApprovalRequest) -> Iterable[Notification]:
    """One for each role that is asked."""
    act = "any act" if request.requested_action == ANY else request.requested_action.replace("_", " ")
    name = subject.facts.get("title")
    about = f"{subject.type} {name}" if name else subject.type
    data: JsonObject = {"request_id": request.id, "requested_action": request.requested_action, "requested_by": ctx.actor.id}
    for role in request.roles:
        yield Notification.for_occasion(
            ctx,
            f"{request.id}/{role}",
            on=ctx.today,
            event="governance.requested",
            title=f"A decision is asked for ({act}): {about}"[:200],
            subject_type=subject.type,
            subject_id=subject.id,
            for_user=None,
            for_role=role,
            data=data,
        )
