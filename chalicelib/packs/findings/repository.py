"""Reading what the rules look at, and the findings of a deal; writing findings.

A scan reads the deal's partition (`deals.read_snapshot`), and in one batch what else the rules look at (`read_scan_facts`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NamedTuple

from typing_extensions import TypedDict

from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date, parse_timestamp
from chalicelib.foundation.due_work import notification_target
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.idempotency import read_or_replay
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.pending_changes import add_pending
from chalicelib.foundation.projections import read_with_aggregates
from chalicelib.foundation.state_history import StateHistory
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import ENTITY
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.references import last_activity
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import Subject, SubjectRegistry
from chalicelib.packs.deals import public as deals
from chalicelib.packs.deals.public import DealGate, DealSnapshot
from chalicelib.packs.findings.entities import Finding, LastScan, finding_id
from chalicelib.packs.findings.rules.checks import BY_CODE, OBSERVED
from chalicelib.packs.findings.rules.facts import OverrunRetainer, ScanFacts
from chalicelib.packs.findings.rules.issues import CRITICAL, Issue, is_graver
from chalicelib.packs.findings.rules.scans import Step
from chalicelib.packs.findings.rules.statuses import OPEN, RESOLVED
from chalicelib.packs.governance.public import head_key
from chalicelib.packs.retainers.public import overrun_row

SYSTEM_NAME = "findings-scan"  # who raises and ends findings: the schedule, whoever asks for a scan
_SYSTEM = "system:"  # what the system did on its own is no sign that anybody works on a deal
_STAMPS = (("updated_at", "updated_by"), ("status_entered_at", "status_entered_by"), ("created_at", "created_by"))


class FindingStatusInterval(TypedDict):
    """A time that a finding was in a status."""

    status: str


HISTORY = StateHistory(FindingStatusInterval)

# -- reading what the rules look at


def read_scan_facts(ctx: Context, snapshot: DealSnapshot, also: Iterable[ItemKey] = ()) -> ScanFacts:
    """A deal as the rules look at it, from its partition and one batch; the rows of other keys are among its `items`.

    One round trip; one more while assignments of its pipeline are live, and as `read_with_aggregates`.
    """
    registry, deal = SubjectRegistry(ctx.packs), snapshot.deal
    pipeline_keys, roster = [], None
    if deal.pipeline_id is not None:
        roster = registry.live_list("assignment").key(deal.pipeline_id)
        pipeline_keys = [registry.key(deal.pipeline_id), reference_counter(deal.pipeline_id), roster]
    wanted = [*pipeline_keys, *map(registry.key, deal.professional_ids), *also]
    rows = {overrun_row(id): id for id in deal.professional_ids}
    items, numbers = read_with_aggregates(ctx, wanted, rows) if wanted else ({}, {})
    live_ids = registry.live_list("assignment").ids(items[roster]) if roster in items else []
    live = ctx.store.batch_get([*map(registry.key, live_ids), *map(head_key, live_ids)]) if live_ids else {}
    overrun = [OverrunRetainer(id, rows[row]) for row, fields in numbers.items() for id, count in sorted(fields.items()) if count > 0]
    whole = snapshot.with_items(ctx, items | live)
    touched = [*snapshot.rows.values(), *items.values(), *live.values()]
    return ScanFacts(
        deal=whole.of_type(deal.KIND)[0],
        active_on=_active_on(ctx, touched, deal.created_at),
        children=whole.subjects,
        pipeline=next(_subjects(ctx, registry, items, [deal.pipeline_id] if deal.pipeline_id else []), None),
        assignments=list(_subjects(ctx, registry, live, live_ids)),
        professionals=list(_subjects(ctx, registry, items, deal.professional_ids)),
        overrun_retainers=overrun,
        standing=[finding.as_standing for finding in standing_findings(snapshot.rows)],
        items=items | live,
    )


def _subjects(ctx: Context, registry: SubjectRegistry, items: Mapping[ItemKey, DynamoItem], ids: Iterable[str]) -> Iterator[Subject]:
    """Those that are there."""
    for id in ids:
        try:
            yield registry.parse(id, items.get(registry.key(id)), ctx.today, items)
        except NotFound:
            continue


def _active_on(ctx: Context, rows: Iterable[DynamoItem], opened_at: datetime) -> date:
    """The last day on which somebody did something that these rows tell of: findings aside, which are about the deal, not of it."""
    instants = [opened_at]
    for row in rows:
        if row.get("kind", {}).get("S") == Finding.KIND:
            continue
        if row.get("t", {}).get("S") == ENTITY:
            instants += [parse_timestamp(row[at]["S"]) for at, by in _STAMPS if by in row and not row[by]["S"].startswith(_SYSTEM)]
        elif (at := last_activity(row)) is not None:
            instants.append(at)
    return business_date(max(instants), ctx.settings.firm_time_zone)


# -- reading findings


@dataclass(frozen=True)
class FindingSnapshot:
    """A finding as it was read, with the gate of its deal and that deal's last scan, where these are there; and the rows by key."""

    finding: Finding
    gate: DealGate | None
    last_scan: LastScan | None
    items: Mapping[ItemKey, DynamoItem] = field(default_factory=dict)


def read_finding(ctx: Context, id: str, also: Iterable[ItemKey] = ()) -> FindingSnapshot:
    """A finding (NotFound) with the gate of its deal, and other rows; IdempotentReplay for a repeated request. One round trip."""
    key = Finding.ID.key(id)
    gate_key, scan_key = reference_counter(key.pk), LastScan.key_of(key.pk)
    items = read_or_replay(ctx, [key, gate_key, scan_key, *also])
    finding = parse_live(Finding, items.get(key))
    if finding is None:
        raise NotFound(Finding.ID.name)
    return FindingSnapshot(finding, deals.parse_gate(items.get(gate_key)), parse_last_scan(items.get(scan_key)), items)


def parse_last_scan(raw: DynamoItem | None) -> LastScan | None:
    """The last scan in an item; None where there was none."""
    return None if raw is None else LastScan.from_item(raw)


def last_seen(finding: Finding, last_scan: LastScan | None) -> datetime:
    """When the cause of a finding was last seen: while it stands, at the last scan of its deal."""
    is_scanned = not finding.is_resolved and finding.code not in OBSERVED and last_scan is not None
    return max(finding.last_seen, last_scan.last_seen) if is_scanned and last_scan else finding.last_seen


def findings_in(rows: Mapping[str, DynamoItem] | Iterable[DynamoItem]) -> dict[str, Finding]:
    """The findings among rows of a partition, by id."""
    raws = rows.values() if isinstance(rows, Mapping) else rows
    found = (Finding.from_item(raw) for raw in raws if raw.get("kind", {}).get("S") == Finding.KIND and "deleted_at" not in raw)
    return {finding.id: finding for finding in found}


def standing_findings(rows: Mapping[str, DynamoItem]) -> list[Finding]:
    """The findings among the rows of a deal's partition that aren't resolved."""
    return [finding for finding in findings_in(rows).values() if not finding.is_resolved]


def by_id(deal_id: str | None, issues: Iterable[Issue]) -> dict[str, Issue]:
    """Issues by the id of their finding."""
    return {finding_id(deal_id, issue.code, issue.subject_id): issue for issue in issues}


# -- changing findings


class Change(NamedTuple):
    """A finding before (None: it is new) and after, and whether it is raised by that, or has become graver."""

    before: Finding | None
    after: Finding
    is_raised: bool


_FORGOTTEN = ("acknowledged_by", "resolved_at", "resolved_by", "note", "reason", "until", "decision_id")  # where it is raised again


def changed(ctx: Context, id: str, deal_id: str | None, before: Finding | None, step: Step, last_scan: LastScan | None) -> Change:
    """What a step of the rules makes of a finding. It is the system that takes it, whoever asked for the scan."""
    system = replace(ctx, actor=system_actor(SYSTEM_NAME))
    values: dict[str, object] = {} if step.issue is None else {**_found(step.issue), "last_seen": ctx.now}
    if step.status is not None:
        values |= HISTORY.entry(system, step.status)
    if before is None:
        new = Finding.new(system, id, deal_id=deal_id, first_seen=ctx.now, reopened=0, **values)
        return Change(None, new, is_raised=True)
    if step.status == OPEN:
        values |= dict.fromkeys(_FORGOTTEN) | {"reopened": before.reopened + 1}
    elif step.status == RESOLVED:
        seen = last_seen(before, last_scan)
        version = BY_CODE[before.code].version if before.code in BY_CODE else before.rule_version
        values |= {"resolved_at": ctx.now, "resolved_by": system.actor.id, "last_seen": seen, "rule_version": version}
    after = before.with_changes(system, **values)
    has_become_critical = after.is_counted and is_graver(after.severity, before.severity)
    return Change(before, after, step.is_raising or has_become_critical)


def _found(issue: Issue) -> dict[str, object]:
    return {
        "code": issue.code,
        "severity": issue.severity,
        "message": issue.message,
        "subject_type": issue.subject_type,
        "subject_id": issue.subject_id,
        "professional_id": issue.professional_id,
        "fingerprint": issue.fingerprint,
        "rule_version": issue.rule_version,
    }


def add_changes(ctx: Context, tx: Transaction, changes: Iterable[Change], gate: DealGate | None) -> None:
    """Add changed findings to the transaction, and tell the deal's owner of critical ones that are raised. At most ACTIONS each."""
    raised: list[Finding] = []
    for change in changes:
        if change.before is None:
            tx.create(change.after)
        else:
            tx.save(change.after)
            if change.before.status != change.after.status:
                HISTORY.add(tx, ctx, change.before, change.after)
        add_pending(ctx, tx, change.before, change.after)
        if change.is_raised and change.after.severity == CRITICAL:
            raised.append(change.after)
    add_notifications(ctx, tx, [_raised_event(ctx, finding, gate.owner if gate else None) for finding in raised])


ACTIONS = 5  # of a transaction that one change takes at the most: finding, history, marker, event, and a check of its addressee


def _raised_event(ctx: Context, finding: Finding, owner: str | None) -> Notification:
    return Notification.for_occasion(
        ctx,
        f"{finding.id}/raised/{finding.reopened}/{finding.rule_version}",
        on=ctx.today,
        event="findings.raised",
        title=finding.message,
        data={"code": finding.code, "deal_id": finding.deal_id, "subject_id": finding.subject_id, "reopened": finding.reopened},
        **notification_target("finding", finding.id, owner),
    )


def raise_version(ctx: Context, tx: Transaction, deal_id: str, ver: int | None = None) -> None:
    """Add that a finding of the deal is written, whatever its status: who goes by its findings meets no change of them.

    `ver` is the gate's number as it was read, where the finding follows from the deal's other children.
    """
    deals.raise_version(ctx, tx, deal_id, any_deal=None, statuses=deals.ANY_STATUS, ver=ver)
