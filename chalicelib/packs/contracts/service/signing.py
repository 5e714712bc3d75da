"""Signing and declining: by a mailed link, by a user whose own address is the party's, or by hand as counsel attests.

Staff never sign for a party: who attests names the file that was signed by hand, and themselves. The last signature signs the contract, in
its own transaction: of two at once one is tried again, and sees the other.
"""

from dataclasses import dataclass
from datetime import date

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.emails import normalize_email
from chalicelib.foundation.errors import Conflict, Forbidden, NotFound, ValidationFailed
from chalicelib.foundation.events import add_notifications
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.state_machine import Transition
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.contracts import repository
from chalicelib.packs.contracts.entities import Contract, Signature
from chalicelib.packs.contracts.permissions import require_own, require_person
from chalicelib.packs.contracts.presenters import signature_view
from chalicelib.packs.contracts.repository import ContractSnapshot
from chalicelib.packs.contracts.rules import parties
from chalicelib.packs.contracts.rules.consent import CONSENT_TEXTS, CONSENT_VERSION, INTENT
from chalicelib.packs.contracts.rules.parties import Party
from chalicelib.packs.contracts.rules.statuses import ATTEST, DECLINED, MACHINE, PARTY, SIGNED, MoveFacts
from chalicelib.packs.contracts.schemas import (
    EMAIL_LINK,
    SESSION,
    WET_INK,
    ContractDeclineRequest,
    ContractSignatureCreate,
    ContractSignatureView,
    ContractSignRequest,
)
from chalicelib.packs.contracts.service import mails
from chalicelib.packs.contracts.service.moves import approvers, as_signed, check_self_approval, signed_event
from chalicelib.packs.contracts.service.notifications import event_of
from chalicelib.packs.deals import public as deals
from chalicelib.packs.governance import public as governance

MAX_KEPT = 100  # signatures that a contract names: the latest ones, and so all of the sending that counts
_MAX_AGENT = 500  # characters of what a program says of itself


@dataclass(frozen=True)
class SigningAct:
    """How a party signs. `content_hash` is of what they were shown, `signed_on` the day by hand."""

    authentication: str
    typed_name: str
    content_hash: str
    consent_version: str | None
    signed_on: date
    signed_file_sha256: str | None = None


# -- by a user


@retry_on_conflict
def create_signature(ctx: Context, id: str, body: ContractSignatureCreate) -> ContractSignatureView:
    """Sign as a party whose address is the caller's own; or attest that a party has signed by hand, which takes the file's hash."""
    Contract.ID.key(id)  # an id of another form is not found, whatever the request says
    require_person(ctx)
    act = _act_of(ctx, body)
    user_key = access.user_key(ctx.actor.id)
    snapshot = repository.read(ctx, id, [user_key])
    party = _find_party(snapshot.contract, body.party_id)
    _check_row(ctx, snapshot, party, act, snapshot.items.get(user_key))
    ctx.check_if_match(snapshot.contract.revision)
    transition = MACHINE.transition(snapshot.contract.status, SIGNED, initiator=PARTY)
    policies = _check_attester(ctx, snapshot.contract) if act.authentication == WET_INK else None
    check_act(ctx, snapshot.contract, party, act, transition)
    after, signature = signed_by(ctx, snapshot.contract, party, act)
    view = signature_view(ctx, signature, after)
    tx = idempotent_transaction(ctx, view)
    statuses = deals.LIVE if act.authentication == SESSION else (deals.OPEN,)
    add_signature(ctx, tx, snapshot, after, signature, statuses)
    if policies is not None:
        governance.check_policies(ctx, tx, policies)
    tx.commit()
    return view


def _act_of(ctx: Context, body: ContractSignatureCreate) -> SigningAct:
    """What the request says. ValidationFailed where it lacks what signing by hand takes, or has what signing here doesn't."""
    by_hand = body.authentication == WET_INK
    wrong = [name for name in ("signed_on", "signed_file_sha256") if (getattr(body, name) is not None) != by_hand]
    if wrong:
        message = "it is needed" if by_hand else "it goes with wet_ink"
        raise ValidationFailed([{"loc": [name], "message": message, "type": "value_error"} for name in wrong])
    if body.signed_on is not None and body.signed_on > ctx.today:
        raise ValidationFailed.field("signed_on", "it lies in the future")
    consent_version = body.consent_version or (None if by_hand else CONSENT_VERSION)
    if consent_version is not None:
        check_consent(consent_version)
    return SigningAct(
        body.authentication, body.typed_name, body.content_hash, consent_version, body.signed_on or ctx.today, body.signed_file_sha256
    )


def check_consent(version: str) -> str:
    """The version of a text that was consented to. ValidationFailed for one that there never was."""
    if version not in CONSENT_TEXTS:
        raise ValidationFailed.field("consent_version", "no text has this version")
    return version


def _check_row(ctx: Context, snapshot: ContractSnapshot, party: Party, act: SigningAct, user: DynamoItem | None) -> None:
    """Raise Forbidden for a caller for whom this contract, or this party, is not."""
    if act.authentication == WET_INK:
        require_own(ctx, snapshot.gate)
        return
    address = (user or {}).get("email", {}).get("S") if access.is_active_user(user) else None
    if address is None or normalize_email(address) != normalize_email(party.get("email") or ""):
        raise Forbidden("The party has another address than you: they sign by the link in their mail.")


def _check_attester(ctx: Context, contract: Contract) -> governance.Policies | None:
    """Raise Forbidden for a caller who may not attest; the policies that let a self-approval pass, where it is one."""
    ctx.actor.require(ATTEST)
    return check_self_approval(ctx, contract.drafters | approvers(contract))


def _find_party(contract: Contract, id: str) -> Party:
    party = parties.find(contract.parties, id)
    if party is None:
        raise NotFound("party")
    return party


# -- by a link


def sign_by_link(ctx: Context, snapshot: ContractSnapshot, party: Party, body: ContractSignRequest) -> Contract:
    """Sign as the party of a link; the contract then. One round trip."""
    act = SigningAct(EMAIL_LINK, body.typed_name, body.content_hash, check_consent(body.consent_version), ctx.today)
    transition = MACHINE.transition(snapshot.contract.status, SIGNED, initiator=PARTY)
    check_act(ctx, snapshot.contract, party, act, transition)
    after, signature = signed_by(ctx, snapshot.contract, party, act)
    tx = Transaction(ctx.store)
    add_signature(ctx, tx, snapshot, after, signature, deals.LIVE)
    tx.commit()
    return after


def decline_by_link(ctx: Context, snapshot: ContractSnapshot, party: Party, body: ContractDeclineRequest) -> Contract:
    """Decline as the party of a link, which ends the contract for everybody. One round trip."""
    before = snapshot.contract
    MACHINE.check(before.status, DECLINED, initiator=PARTY, reason=body.reason, note=body.note)
    if party["status"] == parties.SIGNED:
        raise _has_signed()
    now = format_timestamp(ctx.now)
    decline = {"party_id": party["id"], "reason": body.reason, "at": now, **({"note": body.note} if body.note else {})}
    entry = repository.HISTORY.entry(ctx, DECLINED, reason=body.reason, note=body.note)
    changed = parties.changed(before.parties, [party["id"]], status=parties.DECLINED, viewed_at=party.get("viewed_at") or now)
    after = before.with_changes(ctx, **entry, decline=decline, parties=changed)
    tx = Transaction(ctx.store)
    repository.add_move(ctx, tx, before, after, deal_statuses=deals.LIVE)
    mails.add_endings(ctx, tx, before, "was declined")
    data = {"party_id": party["id"], "reason": body.reason}
    told = event_of(ctx, after, snapshot.gate, "declined", "Declined", occasion=str(after.sending), on=ctx.today, data=data)
    add_notifications(ctx, tx, [told])
    tx.commit()
    return after


# -- the signature


def check_act(ctx: Context, contract: Contract, party: Party, act: SigningAct, transition: Transition[MoveFacts]) -> None:
    """Raise Conflict where the party can't sign now, or was shown something else."""
    transition.check_guards(MoveFacts(ctx.today, sign_by=contract.sign_by))
    if party["status"] == parties.SIGNED:
        raise _has_signed()
    if party["status"] == parties.PENDING:
        raise Conflict("It is not the party's turn: others sign first.", code="not_their_turn")
    if act.content_hash != contract.content_hash:
        raise Conflict("The contract says something else than was shown.", code="stale_hash", content_hash=contract.content_hash)


def _has_signed() -> Conflict:
    return Conflict("The party has signed.", code="already_signed")


def signed_by(ctx: Context, before: Contract, party: Party, act: SigningAct) -> tuple[Contract, Signature]:
    """The contract once the party has signed, and the signature. Who is next in a sequence is notified."""
    signature = Signature.new(
        ctx,
        Signature.ID.new(ctx.now, before.id),
        contract_id=before.id,
        party_id=party["id"],
        party_name=party["name"],
        email=party.get("email"),
        typed_name=act.typed_name,
        authentication=act.authentication,
        intent=INTENT,
        consent_version=act.consent_version,
        content_hash=act.content_hash,
        document_sha256=before.document_sha256,
        version=before.version,
        signed_at=ctx.now,
        signed_on=act.signed_on,
        signed_file_sha256=act.signed_file_sha256,
        ip_address=None if act.authentication == WET_INK else ctx.source_ip or None,
        user_agent=None if act.authentication == WET_INK else ctx.user_agent[:_MAX_AGENT] or None,
        recorded_by=ctx.actor.id,
    )
    now = format_timestamp(ctx.now)
    signed = parties.changed(before.parties, [party["id"]], status=parties.SIGNED, signed_at=now, viewed_at=party.get("viewed_at") or now)
    summary = {
        "id": signature.id,
        "party_id": party["id"],
        "authentication": act.authentication,
        "signed_at": now,
        "signed_on": act.signed_on.isoformat(),
        "version": before.version,
        "recorded_by": ctx.actor.id,
    }
    signatures = [*before.signatures, summary][-MAX_KEPT:]
    if not parties.all_signed(signed):
        turn = parties.to_notify(signed, before.signing)
        asked = parties.changed(signed, turn, status=parties.NOTIFIED, notified_at=now)
        return before.with_changes(ctx, parties=asked, signatures=signatures), signature
    entry = repository.HISTORY.entry(ctx, SIGNED)
    after = before.with_changes(ctx, **entry, version=before.version + 1, parties=signed, signatures=signatures)
    last = max(date.fromisoformat(one["signed_on"]) for one in after.standing_signatures if one["version"] == before.version)
    return as_signed(ctx, after, last), signature


def add_signature(
    ctx: Context, tx: Transaction, snapshot: ContractSnapshot, after: Contract, signature: Signature, deal_statuses: tuple[str, ...]
) -> None:
    """Add a signature and the contract that has it, with the mails and the event that follow."""
    before = snapshot.contract
    repository.add_move(ctx, tx, before, after, deal_statuses=deal_statuses)
    tx.create(signature)
    if after.status == SIGNED:
        mails.add_copies(ctx, tx, after)
        add_notifications(ctx, tx, [signed_event(ctx, after, snapshot.gate)])
    else:
        was_pending = {party["id"] for party in before.parties if party["status"] == parties.PENDING}
        asked = [party["id"] for party in after.parties if party["status"] == parties.NOTIFIED and party["id"] in was_pending]
        mails.add_sign_links(ctx, tx, after, asked)
