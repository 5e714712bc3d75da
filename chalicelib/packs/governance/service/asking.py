"""Asking for a decision: one request is pending for a subject and an act, whoever asks for it."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from chalicelib.foundation.context import Context
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import Subject
from chalicelib.packs.governance import repository
from chalicelib.packs.governance.entities import ApprovalRequest, GovernanceHead, partition_of
from chalicelib.packs.governance.repository import Head
from chalicelib.packs.governance.rules.acts import ANY, PENDING
from chalicelib.packs.governance.rules.policies import Requirement, approving_roles
from chalicelib.packs.governance.rules.verdicts import person_of


class Asked(NamedTuple):
    """The pending request, and whether it is new."""

    request: ApprovalRequest
    is_new: bool


Begin = Callable[[Asked], Transaction]


@retry_on_conflict
def ask(ctx: Context, subject: Subject, act: str, requirement: Requirement | None, note: str | None, begin: Begin | None = None) -> Asked:
    """Ask for a decision: a new request, or another who asks for what is pending. A known request is left as it is.

    `begin` makes the transaction that the request is written in. Two round trips; three where one is pending.
    """
    head_key, counter_key = GovernanceHead.key_of(subject.id), reference_counter(partition_of(subject.id))
    items = ctx.store.batch_get([head_key, counter_key])
    head = repository.parse_head(items.get(head_key))
    pending = ctx.store.find(ApprovalRequest, head.pending[act]) if act in head.pending else None
    asked = _asked(ctx, subject, act, requirement, note, pending)
    tx = begin(asked) if begin else Transaction(ctx.store)
    if asked.is_new:
        tx.create(asked.request)
        repository.add_reference(ctx, tx, counter_key.pk, items.get(counter_key))
        add_notifications(ctx, tx, _events(ctx, subject, asked.request))
    elif pending is not None and asked.request is not pending:
        tx.save(asked.request)
    if asked.request is not pending:
        repository.add_head(tx, subject.id, head, _with_asker(ctx, head, act, asked.request))
    if len(tx):
        tx.commit()
    return asked


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
        return Asked(request, True)
    if ctx.actor.id in pending.requested_by and not [each for each in notes if each not in pending.notes]:
        return Asked(pending, False)
    requested_by = list(dict.fromkeys([*pending.requested_by, ctx.actor.id]))
    return Asked(pending.with_changes(ctx, requested_by=requested_by, notes=[*pending.notes, *notes]), False)


def _with_asker(ctx: Context, head: Head, act: str, request: ApprovalRequest) -> Head:
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
