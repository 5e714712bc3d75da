"""Moving a contract from one status to another, as people do; parties sign and decline elsewhere."""

from collections.abc import Collection
from datetime import date

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Forbidden, ValidationFailed
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.contracts import repository
from chalicelib.packs.contracts.entities import Contract
from chalicelib.packs.contracts.permissions import ANY_DEAL, require_own, require_person
from chalicelib.packs.contracts.presenters import contract_view
from chalicelib.packs.contracts.repository import ContractSnapshot
from chalicelib.packs.contracts.rules import deadlines, parties
from chalicelib.packs.contracts.rules.statuses import (
    APPROVED,
    ARCHIVED,
    DRAFT,
    MACHINE,
    PERSONS_ONLY,
    SENT,
    SIGNED,
    TERMINATED,
    UNDER_REVIEW,
    VERSIONED,
    MoveFacts,
)
from chalicelib.packs.contracts.schemas import ContractMoveRequest, ContractView
from chalicelib.packs.contracts.service import documents, mails
from chalicelib.packs.contracts.service.notifications import event_of
from chalicelib.packs.deals import public as deals
from chalicelib.packs.governance import public as governance

MAX_KEPT = 60  # approvals, and returns to draft, that a contract keeps: the latest ones
DEAL_OPEN = "deal_open"  # a warning
_SINGLE_MOVE_FIELDS = {"document_sha256": SIGNED, "signed_on": SIGNED, "terminated_on": TERMINATED}


@retry_on_conflict
def move_contract(ctx: Context, id: str, body: ContractMoveRequest, query: ExplainParams) -> ContractView:
    """Submit, approve, send, take back, attest, terminate or archive a contract.

    It is signed once each of its parties has signed. Here counsel attests that one without parties was signed by hand.
    """
    return _move(ctx, id, body, explained=query.explain)


@retry_on_conflict
def archive_contract(ctx: Context, id: str, query: ExplainParams) -> ContractView:
    """Archive a contract: the older form of the move."""
    return _move(ctx, id, ContractMoveRequest(status=ARCHIVED), explained=query.explain)


def _move(ctx: Context, id: str, body: ContractMoveRequest, *, explained: bool) -> ContractView:
    Contract.ID.key(id)  # an id of another form is not found, whatever the request says
    ctx.warnings.clear()  # of an attempt before
    for field, target in _SINGLE_MOVE_FIELDS.items():
        if getattr(body, field) is not None and body.status != target:
            raise ValidationFailed.field(field, f"it goes with {target}")
    snapshot = repository.read(ctx, id, governance.keys_for(id))
    before = snapshot.contract
    policies = _check_caller(ctx, snapshot, body)
    facts, document = _facts(ctx, before, body.status)
    MACHINE.check(
        before.status,
        body.status,
        facts,
        actor=ctx.actor,
        reason=body.reason,
        note=body.note,
        fields={"document_sha256": body.document_sha256},
    )
    statuses = _deal_statuses(body.status)
    if snapshot.gate.status not in statuses:
        raise deals.not_open(snapshot.gate.status)
    leave = _leave_to_sign(ctx, snapshot) if body.status == SENT else None
    after = _moved(ctx, before, body, document)
    if body.status == ARCHIVED and before.status == SIGNED and snapshot.gate.status == deals.OPEN:
        ctx.warnings.append(DEAL_OPEN)
    view = contract_view(ctx, after, arrived=after.document is not None and facts.document == "arrived", explained=explained)
    tx = idempotent_transaction(ctx, view)
    repository.add_move(ctx, tx, before, after, deal_statuses=statuses, any_deal=ANY_DEAL)
    if policies is not None:
        governance.check_policies(ctx, tx, policies)
    if leave is not None:
        leave.check(ctx, tx)
    _add_messages(ctx, tx, snapshot, after)
    tx.commit()
    return view


# -- who may


def _check_caller(ctx: Context, snapshot: ContractSnapshot, body: ContractMoveRequest) -> governance.Policies | None:
    """Raise what bars this caller from the move, or the move itself; the policies that let a self-approval pass, where it is one."""
    before = snapshot.contract
    require_own(ctx, snapshot.gate)
    ctx.check_if_match(before.revision)
    transition = MACHINE.transition(before.status, body.status)
    transition.check_permission(ctx.actor)
    if (before.status, body.status) in PERSONS_ONLY:
        require_person(ctx)
    transition.check_reason(body.reason, body.note)
    _check_day("signed_on", body.signed_on, ctx.today, None)
    _check_day("terminated_on", body.terminated_on, ctx.today, _first_day(before))
    if body.status == APPROVED:
        return check_self_approval(ctx, before.drafters)
    return check_self_approval(ctx, before.drafters | approvers(before)) if body.status == SIGNED else None


def approvers(contract: Contract) -> frozenset[str]:
    """Who approved what it says now."""
    approval = contract.standing_approval
    return frozenset({str(approval["by"])} if approval else ())


def check_self_approval(ctx: Context, involved: Collection[str]) -> governance.Policies | None:
    """Raise Forbidden `self_approval` where the caller is one of those involved and the policies refuse that; else the policies, if they are.

    No round trip while the policies are cached. What passes is a finding.
    """
    if ctx.actor.id not in involved:
        return None
    policies = governance.policies(ctx)
    if policies.self_approval == governance.REFUSE:
        raise Forbidden("Who drafted or approved it may not do this: somebody else must.", code="self_approval")
    return policies


def _check_day(field: str, day: date | None, today: date, first: date | None) -> None:
    if day is not None and day > today:
        raise ValidationFailed.field(field, "it lies in the future")
    if day is not None and first is not None and day < first:
        raise ValidationFailed.field(field, f"it lies before {first.isoformat()}, when the contract began")


def _first_day(contract: Contract) -> date | None:
    days = [day for day in (contract.terms.starts_on, contract.signed_on) if day is not None]
    return min(days, default=None)


def _deal_statuses(target: str) -> tuple[str, ...]:
    """Under which statuses of the deal staff may do this: what ends a contract they may do with one that is over, too."""
    return (deals.OPEN, deals.FINALIZED, deals.CANCELLED) if target in (TERMINATED, ARCHIVED) else (deals.OPEN,)


def _leave_to_sign(ctx: Context, snapshot: ContractSnapshot) -> governance.Leave:
    """That nobody denies sending it to be signed, and policies are met. Raises Conflict or ApprovalRequired."""
    contract = snapshot.contract
    subject = SubjectRegistry(ctx.packs).parse(contract.id, contract.to_item(), ctx.today)
    return governance.require_approval(
        ctx, subject, governance.SIGN, kind=contract.kind, amount=contract.value, currency=contract.currency, rows=snapshot.items
    )


# -- what becomes of it


def _facts(ctx: Context, before: Contract, target: str) -> tuple[MoveFacts, JsonObject | None]:
    """What the move is decided on; and the document, which is fixed where it is submitted."""
    state, document = documents.with_fixed_document(ctx, before)
    approval = before.standing_approval
    facts = MoveFacts(
        today=ctx.today,
        document=state,
        approval_stands=approval is not None and approval["content_hash"] == before.content_hash,
        has_parties=bool(before.parties),
        without_email=tuple(parties.without_email(before.parties)),
        sign_by=before.sign_by,
    )
    return facts, document if target == UNDER_REVIEW else before.document


def _moved(ctx: Context, before: Contract, body: ContractMoveRequest, document: JsonObject | None) -> Contract:
    """The contract after the move."""
    entry = repository.HISTORY.entry(ctx, body.status, reason=body.reason, note=body.note)
    version = before.version + (body.status in VERSIONED)
    after = before.with_changes(ctx, **entry, version=version, document=document)
    stamp = {"by": ctx.actor.id, "at": format_timestamp(ctx.now), "version": version}
    match body.status:
        case "under_review":
            return after.with_values(submitted_by=ctx.actor.id)
        case "approved":
            approval = {**stamp, "content_hash": before.content_hash}
            return after.with_values(approvals=[*before.approvals, approval][-MAX_KEPT:])
        case "draft":
            back = {**stamp, "why": body.reason}
            status = parties.VOID if before.status == SENT else parties.PENDING
            return after.with_values(
                returns=[*before.returns, back][-MAX_KEPT:], parties=[{**party, "status": status} for party in before.parties]
            )
        case "sent":
            asked = parties.restarted(before.parties)
            turn = parties.to_notify(asked, before.signing)
            notified = parties.changed(asked, turn, status=parties.NOTIFIED, notified_at=format_timestamp(ctx.now))
            return after.with_values(sending=before.sending + 1, parties=notified)
        case "signed":
            signed = after.with_values(attested_by=ctx.actor.id, signed_file_sha256=body.document_sha256)
            return as_signed(ctx, signed, body.signed_on or ctx.today)
        case "terminated":
            return after.with_values(terminated_on=body.terminated_on or ctx.today)
    return after


def as_signed(ctx: Context, contract: Contract, signed_on: date) -> Contract:
    """A contract that has come into `signed`, with what that begins."""
    signed = contract.with_values(signed_at=ctx.now, signed_on=signed_on)
    return signed.with_values(terms_told=deadlines.told_at_signing(signed.terms, ctx.today).terms)


def _add_messages(ctx: Context, tx: Transaction, snapshot: ContractSnapshot, after: Contract) -> None:
    """Add the mails and the notification that go with the move."""
    before = snapshot.contract
    if after.status == SENT:
        asked = [party["id"] for party in after.parties if party["status"] == parties.NOTIFIED]
        mails.add_sign_links(ctx, tx, after, asked)
    if (before.status, after.status) == (SENT, DRAFT):
        mails.add_endings(ctx, tx, before, "was taken back")
    if after.status == SIGNED:
        add_notifications(ctx, tx, [signed_event(ctx, after, snapshot.gate)])


def signed_event(ctx: Context, contract: Contract, gate: deals.DealGate) -> Notification:
    """That a contract is signed."""
    return event_of(ctx, contract, gate, "signed", "Signed", occasion="signed", on=ctx.today)
