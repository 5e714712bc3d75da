"""Reading, acknowledging and resolving findings, and accepting their risk."""

from collections.abc import Iterable
from datetime import datetime

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.presentation import present_row
from chalicelib.foundation.schema_types import PageOf, PageParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.deals import public as deals
from chalicelib.packs.findings import repository
from chalicelib.packs.findings.entities import Finding, LastScan
from chalicelib.packs.findings.permissions import require_visible
from chalicelib.packs.findings.presenters import finding_view
from chalicelib.packs.findings.repository import HISTORY, Change, FindingSnapshot
from chalicelib.packs.findings.rules import acceptance
from chalicelib.packs.findings.rules.checks import RULES
from chalicelib.packs.findings.rules.issues import CRITICAL
from chalicelib.packs.findings.rules.statuses import ACCEPTED_RISK, ACKNOWLEDGED, MACHINE, RESOLVED
from chalicelib.packs.findings.schemas import (
    FindingAcceptRequest,
    FindingAcknowledgeRequest,
    FindingResolveRequest,
    FindingView,
    OpenFindingSummary,
    RuleListView,
)
from chalicelib.packs.governance import public as governance

# -- reading


def list_rules(ctx: Context) -> RuleListView:  # noqa: ARG001 - the rules are code, the same for everybody
    """The rules by which deals are checked."""
    return {"items": [{"code": rule.code, "severity": rule.severity, "version": rule.version, "checks": rule.checks} for rule in RULES]}


def list_open_findings(ctx: Context, query: PageParams) -> PageOf[OpenFindingSummary]:
    """The findings that are open or acknowledged, of all deals and of none, newest first."""
    return ctx.paginate(Finding.BY_FIRST_SEEN.range(), query, lambda row: present_row(OpenFindingSummary, row))


def list_deal_findings(ctx: Context, deal_id: str, query: PageParams) -> PageOf[FindingView]:
    """All findings on a deal, those that are resolved among them, newest first. Without the right to all it must be one's own."""
    id = deals.resolve_id(ctx, deal_id)
    gate_key, scan_key = deals.gate_key(id), LastScan.key_of(id)
    items = ctx.store.batch_get([gate_key, scan_key])
    gate = deals.parse_gate(items.get(gate_key))
    if gate is None:
        raise NotFound(deals.Deal.ID.name)
    require_visible(ctx, gate, deals.Deal.ID.name)
    last_scan = repository.parse_last_scan(items.get(scan_key))
    findings = repository.findings_in(ctx.store.query_all(Finding.children_of(id))).values()
    newest = sorted(findings, key=_newest_first)
    page, cursor = ctx.page_of(newest, _newest_first, query, id)
    return {"items": [finding_view(finding, last_scan) for finding in page], "next_cursor": cursor}


def _newest_first(finding: Finding) -> tuple[int, str]:
    return -_milliseconds(finding.first_seen), finding.id


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def get_finding(ctx: Context, id: str) -> FindingView:
    """One finding. Without the right to all it must be on one's own deal."""
    snapshot = _read(ctx, id)
    return finding_view(snapshot.finding, snapshot.last_scan)


def _read(ctx: Context, id: str, also: Iterable[ItemKey] = ()) -> FindingSnapshot:
    snapshot = repository.read_finding(ctx, id, also)
    require_visible(ctx, snapshot.gate, Finding.ID.name)
    return snapshot


# -- moving


@retry_on_conflict
def acknowledge_finding(ctx: Context, id: str, body: FindingAcknowledgeRequest) -> FindingView:
    """Say that somebody is at it. It goes on counting as open."""
    snapshot = _read(ctx, id)
    before = snapshot.finding
    ctx.check_if_match(before.revision)
    MACHINE.check(before.status, ACKNOWLEDGED, actor=ctx.actor)
    values = {"acknowledged_by": ctx.actor.id, "note": body.note}
    return _write(ctx, snapshot, before.with_changes(ctx, **HISTORY.entry(ctx, ACKNOWLEDGED, note=body.note), **values))


@retry_on_conflict
def resolve_finding(ctx: Context, id: str, body: FindingResolveRequest) -> FindingView:
    """Say that it is over, and why. Where its cause is still there, the next scan opens it again."""
    snapshot = _read(ctx, id)
    before = snapshot.finding
    ctx.check_if_match(before.revision)
    MACHINE.check(before.status, RESOLVED, actor=ctx.actor, note=body.note)
    seen = repository.last_seen(before, snapshot.last_scan)
    values = {"resolved_at": ctx.now, "resolved_by": ctx.actor.id, "note": body.note, "last_seen": seen}
    return _write(ctx, snapshot, before.with_changes(ctx, **HISTORY.entry(ctx, RESOLVED, note=body.note), **values))


@retry_on_conflict
def accept_finding(ctx: Context, id: str, body: FindingAcceptRequest) -> FindingView:
    """Accept the risk until a day, which takes it out of what counts as open; after that day it is opened again.

    Who created or owns what it is about may not. A critical one takes a decision that stands: an approval or override for `accept_risk`
    on the deal (or, of no deal, on what it is about), given for nothing else.
    """
    snapshot = _read(ctx, id, [governance.head_key(Finding.ID.key(id).pk)])
    before = snapshot.finding
    ctx.check_if_match(before.revision)
    MACHINE.check(before.status, ACCEPTED_RISK, actor=ctx.actor)
    caller = [id for id in (ctx.actor.id, ctx.actor.professional_id) if id is not None]
    acceptance.check_person(is_person=ctx.actor.kind != "api_key", caller=caller, causers=_causers(ctx, before))
    acceptance.check_until(body.until, ctx.today)
    head = _require_decision(ctx, snapshot, body.decision_id)
    values = {"reason": body.reason, "until": body.until, "decision_id": body.decision_id}
    after = before.with_changes(ctx, **HISTORY.entry(ctx, ACCEPTED_RISK, note=body.reason), **values)
    return _write(ctx, snapshot, after, head)


def _causers(ctx: Context, finding: Finding) -> frozenset[str]:
    """Who created or owns what a finding is about, or approved what is their own; of a user, who is no subject, that user.

    One round trip and more.
    """
    registry = SubjectRegistry(ctx.packs)
    if not registry.is_subject(finding.subject_id):
        return frozenset({finding.subject_id})
    try:
        subject = registry.load(ctx, finding.subject_id)
    except NotFound:  # it is gone
        return frozenset()
    return subject.responsible | frozenset(subject.facts.get("self_approvers", ()))


def _require_decision(ctx: Context, snapshot: FindingSnapshot, decision_id: str | None) -> tuple[str, governance.Head] | None:
    """The subject whose decision allows it, and its head as it was read; None where none is needed. Two round trips and more where one is.

    Raises Conflict `decision_needed`.
    """
    finding = snapshot.finding
    if decision_id is None and finding.severity != CRITICAL:
        return None
    subject_id = finding.deal_id or finding.subject_id
    refusal = acceptance.decision_needed(finding.severity)
    if decision_id is None or not SubjectRegistry(ctx.packs).is_subject(subject_id):
        raise refusal
    key = governance.head_key(subject_id)
    head = governance.parse_head(snapshot.items.get(key) if finding.deal_id else ctx.store.get_item(key))
    if governance.standing_decision(ctx, decision_id, subject_id, governance.ACCEPT_RISK) is None:
        raise refusal
    return subject_id, head


def _write(ctx: Context, snapshot: FindingSnapshot, after: Finding, decided: tuple[str, governance.Head] | None = None) -> FindingView:
    """Write a moved finding: while its deal is there, with the deal's gate; while nobody has decided since on what its risk depends on."""
    view = finding_view(after, snapshot.last_scan)
    tx = idempotent_transaction(ctx, view)
    if after.deal_id is not None and snapshot.gate is not None:
        repository.raise_version(ctx, tx, after.deal_id)
    repository.add_changes(ctx, tx, [Change(snapshot.finding, after, is_raised=False)], snapshot.gate)
    if decided is not None:
        governance.check_head(tx, *decided)
    tx.commit()
    return view
