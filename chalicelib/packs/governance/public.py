"""The interface of this pack to other packs: whether an act on a subject is denied, and whether it has the approval that it needs.

Who acts reads the subject's head (`head_key`, `parse_head`), asks `require_approval`, and commits on condition of what it returns
(`Leave.check`). What decides on many things at once (a finalization, a scan) reads all heads in one batch and uses `judge`, which is pure but
for a rate. The rules take decisions, or a head's `records` in their place: verdicts by either are the same.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from chalicelib.foundation import run_time_settings
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ApprovalRequired, Conflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import Rows, Subject
from chalicelib.packs.governance import repository
from chalicelib.packs.governance.entities import Decision as Decision
from chalicelib.packs.governance.entities import GovernanceHead, PolicySettings, partition_of
from chalicelib.packs.governance.repository import POLICIES_KEY as POLICIES_KEY
from chalicelib.packs.governance.repository import Head as Head
from chalicelib.packs.governance.repository import check_head as check_head
from chalicelib.packs.governance.repository import check_policies as check_policies
from chalicelib.packs.governance.repository import not_counted as not_counted
from chalicelib.packs.governance.repository import parse_head as parse_head
from chalicelib.packs.governance.repository import parse_policies as parse_policies
from chalicelib.packs.governance.repository import policies as policies
from chalicelib.packs.governance.repository import requirement as requirement
from chalicelib.packs.governance.rules.acts import ACCEPT_RISK as ACCEPT_RISK
from chalicelib.packs.governance.rules.acts import ANY as ANY
from chalicelib.packs.governance.rules.acts import APPROVED as APPROVED
from chalicelib.packs.governance.rules.acts import ASSIGN as ASSIGN
from chalicelib.packs.governance.rules.acts import DENIED as DENIED
from chalicelib.packs.governance.rules.acts import DENY as DENY
from chalicelib.packs.governance.rules.acts import FINALIZE as FINALIZE
from chalicelib.packs.governance.rules.acts import OVERRIDE as OVERRIDE
from chalicelib.packs.governance.rules.acts import PENDING as PENDING
from chalicelib.packs.governance.rules.acts import RENEW as RENEW
from chalicelib.packs.governance.rules.acts import REOPEN as REOPEN
from chalicelib.packs.governance.rules.acts import SIGN as SIGN
from chalicelib.packs.governance.rules.acts import WAIVE as WAIVE
from chalicelib.packs.governance.rules.policies import FINDING as FINDING
from chalicelib.packs.governance.rules.policies import REFUSE as REFUSE
from chalicelib.packs.governance.rules.policies import Policies as Policies
from chalicelib.packs.governance.rules.policies import Policy as Policy
from chalicelib.packs.governance.rules.policies import Requirement as Requirement
from chalicelib.packs.governance.rules.verdicts import Approval as Approval
from chalicelib.packs.governance.rules.verdicts import DecisionRecord as DecisionRecord
from chalicelib.packs.governance.rules.verdicts import Verdict as Verdict
from chalicelib.packs.governance.rules.verdicts import person_of
from chalicelib.packs.governance.rules.verdicts import standing as standing
from chalicelib.packs.governance.rules.verdicts import standing_flags as standing_flags
from chalicelib.packs.governance.rules.verdicts import standing_in as standing_in
from chalicelib.packs.governance.rules.verdicts import states as states
from chalicelib.packs.governance.rules.verdicts import verdict as verdict


def head_key(subject_id: str) -> ItemKey:
    """The key of a subject's head, to be read in a batch."""
    return GovernanceHead.key_of(subject_id)


def keys_for(subject_id: str) -> tuple[ItemKey, ItemKey]:
    """The rows that `require_approval` takes, for a batch that somebody reads who acts: the subject's head, and the policies."""
    return head_key(subject_id), POLICIES_KEY


def decisions_of(rows: Iterable[DynamoItem], subject_id: str) -> list[Decision]:
    """The decisions on a subject among rows of its partition, the oldest first."""
    return repository.decisions_in(rows, subject_id)


def denials(head: Head, act: str, subject_hash: str, ctx: Context) -> list[str]:
    """The ids of the denials of an act (or of every act) that stand."""
    return [record.id for record in standing(head.records, act, subject_hash, ctx.now) if record.action == DENY]


class Leave(NamedTuple):
    """That an act may be done, as of what was read."""

    subject_id: str
    head: Head
    policies: Policies

    def check(self, ctx: Context, tx: Transaction) -> None:
        """Let the act's transaction stand only while nobody decided since, and the policies are the same: two actions.

        It fails with VersionConflict: the use case reads again.
        """
        check_head(tx, self.subject_id, self.head)
        check_policies(ctx, tx, self.policies)


def judge(
    ctx: Context,
    subject: Subject,
    head: Head,
    policies: Policies,
    act: str,
    *,
    kind: str | None,
    amount: Decimal | None,
    currency: str | None,
) -> Verdict:
    """The verdict on an act that the caller is about to do: neither their own approval is counted, nor that of who asked or is responsible.

    `amount` is what the act is worth, None where that is unknown. One round trip where a rate of today decides, else none.
    """
    needed = requirement(ctx, policies, act, subject.type, kind, amount, currency)
    return verdict(head.records, act, needed, subject.content_hash, ctx.now, _not_counted(ctx, head, subject, act))


def require_approval(
    ctx: Context,
    subject: Subject,
    act: str,
    *,
    kind: str | None,
    amount: Decimal | None,
    currency: str | None,
    rows: Rows | None = None,
) -> Leave:
    """That nothing bars the act and it has the approval that policies want; the act's transaction depends on what this returns.

    Raises Conflict `denied` where a denial stands, and ApprovalRequired where approvals are missing: that refusal writes the request for
    them. `rows` are those of `keys_for` that were read; without them it is one round trip. One more where a rate decides.
    """
    rows = ctx.store.batch_get(keys_for(subject.id)) if rows is None else rows
    head, in_force = parse_head(rows.get(head_key(subject.id))), parse_policies(rows.get(POLICIES_KEY))
    found = judge(ctx, subject, head, in_force, act, kind=kind, amount=amount, currency=currency)
    refuse_denied(ctx, subject, head, act)
    if found.required and found.verdict != APPROVED:
        raise missing_approval(ctx, subject, act, found)
    return Leave(subject.id, head, in_force)


def refuse_denied(ctx: Context, subject: Subject, head: Head, act: str) -> None:
    """Raise Conflict `denied`, with the ids of the decisions, where a denial of the act stands."""
    if ids := denials(head, act, subject.content_hash, ctx):
        raise Conflict(f"It is denied to {act.replace('_', ' ')} this {subject.type}.", code="denied", decision_ids=ids)


def missing_approval(ctx: Context, subject: Subject, act: str, found: Verdict) -> ApprovalRequired:
    """The refusal of an act whose approvals are missing. It asks for them: those who may approve are told, once. Two or three round trips."""
    from chalicelib.packs.governance.service.asking import ask

    missing = [approval for approval in found.approvals if not approval.is_met]
    needed = Requirement(tuple(approval.policy for approval in missing))
    asked = ask(ctx, subject, act, needed)
    approvals = [
        {
            "requested_action": act,
            "subject_type": subject.type,
            "subject_id": subject.id,
            "roles": list(approval.policy.roles),
            "people_needed": approval.policy.people,
            "people": approval.people,
        }
        for approval in missing
    ]
    return ApprovalRequired("It needs approval first.", approvals=approvals, approval_request_id=asked.request.id)


def standing_decision(ctx: Context, decision_id: str, subject_id: str, act: str, final: bool = False) -> Decision | None:
    """The decision where it is a standing approval or override of a subject for exactly this act; with `final` a final override only.

    None for what the caller decided, who is about to act by it, and for what those decided whose approval isn't counted (`not_counted`).
    Two round trips, three where the subject's content lies in rows that others name. Raises NotFound for a subject that isn't there.
    """
    snapshot = repository.read_subject(ctx, subject_id)
    rows = ctx.store.query_all(Decision.children_of(partition_of(subject_id)))
    return decision_to_act_by(ctx, decisions_of(rows, subject_id), decision_id, snapshot.subject, snapshot.head, act, final=final)


def decision_to_act_by(
    ctx: Context, decisions: Iterable[Decision], decision_id: str, subject: Subject, head: Head, act: str, *, final: bool = False
) -> Decision | None:
    """`standing_decision`, among decisions that were read. Nothing is read."""
    askers = _not_counted(ctx, head, subject, act)
    return standing_in(decisions, decision_id, act, subject.content_hash, ctx.now, final=final, askers=askers)


def _not_counted(ctx: Context, head: Head, subject: Subject, act: str) -> set[str]:
    """The people whose approval isn't counted for an act of the caller's: by acting one asks for it."""
    return {*not_counted(head, subject, act), person_of(ctx.actor.id, ctx.actor.professional_id)}


def denied_professionals(ctx: Context) -> frozenset[str]:
    """The professionals of whom a denial stands, of any act. One round trip; two where any was denied."""
    return repository.read_denied(ctx, "pro")


def probe(ctx: Context) -> None:
    """Check what this pack depends on: that the policies can be read. One round trip."""
    run_time_settings.read(ctx, PolicySettings)
