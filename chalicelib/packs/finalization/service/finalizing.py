"""Finalizing a deal, reading whether it is ready, and what that takes."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import TooLarge
from chalicelib.foundation.events import add_notifications
from chalicelib.foundation.idempotency import idempotent_transaction, read_or_replay
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import Subject
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization.entities import Certificate, CertificateContent
from chalicelib.packs.finalization.presenters import effective_value, finalized_view, policy_view
from chalicelib.packs.finalization.repository import CERTIFICATE, CONTRACT, DEAL, DECISION, ROUTE, TASK
from chalicelib.packs.finalization.rules import checklist
from chalicelib.packs.finalization.rules.certificate import hash_of
from chalicelib.packs.finalization.rules.items import standing
from chalicelib.packs.finalization.rules.statuses import FINALIZATION, MACHINE
from chalicelib.packs.finalization.schemas import FinalizationStatusView, RequirementsView
from chalicelib.packs.finalization.service import readiness
from chalicelib.packs.finalization.service.notifications import event_of
from chalicelib.packs.finalization.service.readiness import Readiness
from chalicelib.packs.governance import public as governance

_MAX_CONTENT = 380_000  # bytes of a certificate's content as it is kept: a row takes 400 KB
_STANDING = "standing"


def get_requirements(ctx: Context) -> RequirementsView:
    """What finalizing takes of every deal, and the approvals that policies ask for."""
    in_force = governance.policies(ctx)
    about = [policy for policy in in_force.policies if (policy.requested_action, policy.subject_type) == (governance.FINALIZE, DEAL)]
    return {
        "required_contract_status": checklist.SIGNED,
        "required_doc_route_status": checklist.ACKNOWLEDGED,
        "required_task_status": checklist.DONE,
        "no_unsigned_contracts": True,
        "no_open_critical_finding": True,
        "no_governance_denial_or_flag": True,
        "items_settled": True,
        "approvals": [policy_view(policy._asdict()) for policy in about],
        "policy_version": in_force.version,
    }


def get_status(ctx: Context, deal_id: str, query: ExplainParams) -> FinalizationStatusView:
    """Whether a deal is ready to be finalized, and what stands in the way. Of a finalized one it is what its certificate says."""
    snapshot = deals.read_snapshot(ctx, deals.resolve_id(ctx, deal_id))
    if snapshot.deal.status == deals.FINALIZED:
        return _finalized(ctx, *_latest(snapshot), explain=query.explain)
    return readiness.read(ctx, snapshot).view(explain=query.explain)


def finalize_deal(ctx: Context, deal_id: str, query: ExplainParams) -> FinalizationStatusView:
    """Finalize a deal that is ready, once: one that is finalized answers the same again.

    An open deal gets the items of its kind's template first. Where something is missing it is refused with the checklist; where that is
    nothing but approvals, they are asked for.
    """
    return _finalize(ctx, deals.resolve_id(ctx, deal_id), explain=query.explain)


@retry_on_conflict
def _finalize(ctx: Context, deal_id: str, *, explain: bool) -> FinalizationStatusView:
    snapshot = deals.read_snapshot(ctx, deal_id)
    if snapshot.deal.status == deals.FINALIZED:
        read_or_replay(ctx, [])
        return _finalized(ctx, *_latest(snapshot), explain=explain)
    ready = readiness.read(ctx, snapshot)
    deals.require_live(ready.deal.status)
    if ready.missing:
        _add_missing(ctx, ready)
    ready.refuse_unready()
    return _commit(ctx, ready, explain=explain)


def _add_missing(ctx: Context, ready: Readiness) -> None:
    """Add the items that the deal doesn't have yet, whatever becomes of the request: somebody has to settle them."""
    tx = Transaction(ctx.store)
    deals.add_reference(ctx, tx, ready.deal.id, any_deal=None, count=len(ready.missing))
    for item in ready.missing:
        tx.create(item)
    tx.commit()


def _commit(ctx: Context, ready: Readiness, *, explain: bool) -> FinalizationStatusView:
    """Write the finalized deal and its certificate, on condition of all that was checked. One round trip."""
    before = ready.deal
    MACHINE.check(before.status, deals.FINALIZED, initiator=FINALIZATION)
    after = deals.moved(ctx, before, deals.FINALIZED)
    certificate, content = _certify(ctx, ready)
    view = _finalized(ctx, certificate, content, explain=explain)
    tx = idempotent_transaction(ctx, view)
    deals.add_move(ctx, tx, before, after, ready.state.snapshot.gate, new=1)
    tx.create(certificate)
    tx.put(content)
    ready.add_conditions(tx)
    add_notifications(ctx, tx, [event_of(ctx, after, certificate, "finalized", "The deal is finalized")])
    tx.commit()
    return view


def _finalized(ctx: Context, certificate: Certificate, content: CertificateContent, *, explain: bool) -> FinalizationStatusView:
    """The state of a finalized deal, explained on request."""
    from chalicelib.packs.finalization.service.explaining import certified_explanations

    view = finalized_view(certificate, content)
    return {**view, "explain": certified_explanations(ctx, content.as_object)} if explain else view


def _latest(snapshot: deals.DealSnapshot) -> tuple[Certificate, CertificateContent]:
    """The latest certificate of a deal that is finalized, and its content."""
    id = snapshot.of_type(CERTIFICATE)[-1].id
    certificate = Certificate.from_item(snapshot.rows[Certificate.ID.key(id).sk])
    return certificate, CertificateContent.from_item(snapshot.rows[CertificateContent.key_of(id).sk])


# -- the certificate


def _certify(ctx: Context, ready: Readiness) -> tuple[Certificate, CertificateContent]:
    """The certificate of what was checked. TooLarge where it is more than a certificate holds."""
    number = len(ready.state.certificates) + 1
    id = Certificate.id_of(ready.deal, number)
    content = _content(ctx, ready, id, number)
    row = CertificateContent.of(id, content)
    if len(row.to_item()["content"]["B"]) > _MAX_CONTENT:
        raise TooLarge("The deal has more parts than a certificate can list.")
    certificate = Certificate.new(
        ctx,
        id,
        deal_id=ready.deal.id,
        number=number,
        content_hash=hash_of(content),
        policy_version=ready.policies.version,
        approvals=[_approval(one.policy) for one in ready.verdict.approvals],
        decisions=[one for one in content["decisions"] if one["id"] in ready.verdict.decisions],
    )
    return certificate, row


def _content(ctx: Context, ready: Readiness, id: str, number: int) -> JsonObject:
    deal, snapshot = ready.deal, ready.state.snapshot
    return {
        "id": id,
        "number": number,
        "deal": {
            "id": deal.id,
            "title": deal.title,
            "kind": deal.kind,
            "currency": deal.currency,
            "pipeline_id": deal.pipeline_id,
            "professional_ids": deal.professional_ids,
            "content_hash": ready.state.subject.content_hash,
        },
        "checklist": checklist.checklist(ready.blocking),
        "effective_value": effective_value(ready.state.value, deal.currency),
        "approvals": [policy_view(_approval(one.policy)) for one in ready.verdict.approvals],
        "policy_version": ready.policies.version,
        "contracts": [_certified(one, "document_sha256") for one in snapshot.of_type(CONTRACT)],
        "routes": [_certified(one, "document_sha256") for one in snapshot.of_type(ROUTE)],
        "tasks": [_certified(one) for one in snapshot.of_type(TASK)],
        "items": _items(ready),
        "decisions": _decisions(ready),
        "finalized_at": format_timestamp(ctx.now),
        "finalized_by": ctx.actor.id,
    }


def _certified(part: Subject, *more: str) -> JsonObject:
    """A contract, document or task as it is now. Its own digest of its content, where it tells one, is the one that approvals are of."""
    facts = part.facts
    return {
        "id": part.id,
        "title": facts.get("title") or facts.get("document_type"),
        "status": facts["status"],
        "content_hash": facts.get("content_hash") or part.content_hash,
        **{name: facts[name] for name in more},
    }


def _items(ready: Readiness) -> list[JsonObject]:
    digests = {subject.id: subject.content_hash for subject in ready.state.snapshot.of_type("item")}
    return [
        {
            "id": item.id,
            "kind": item.kind,
            "title": item.title,
            "status": standing(item, ready.state.surroundings).status,
            "content_hash": digests[item.id],
        }
        for item in ready.state.items
    ]


def _decisions(ready: Readiness) -> list[JsonObject]:
    """The decisions on the deal that stand."""
    digests = {subject.id: subject.content_hash for subject in ready.state.snapshot.of_type(DECISION)}
    states = governance.states(ready.state.decisions, ready.state.subject.content_hash, ready.state.now)
    return [
        {
            "id": one.id,
            "action": one.action,
            "requested_action": one.requested_action,
            "role": one.role,
            "person": one.person,
            "content_hash": digests[one.id],
        }
        for one in ready.state.decisions
        if states[one.id] == _STANDING
    ]


def _approval(policy: governance.Policy) -> JsonObject:
    """A policy as certificates keep it."""
    values = {**policy._asdict(), "roles": list(policy.roles)}
    return {name: value for name, value in values.items() if value is not None}
