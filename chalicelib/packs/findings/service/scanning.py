"""Scanning a deal: the rules over what is read of it, and what becomes of what was found before.

A scan that finds nothing new writes when it was, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.idempotency import record_response
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import MAX_ACTIONS, Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.deals.public import Deal, DealGate
from chalicelib.packs.findings import repository
from chalicelib.packs.findings.entities import Finding, LastScan
from chalicelib.packs.findings.presenters import scan_view
from chalicelib.packs.findings.repository import ACTIONS, Change
from chalicelib.packs.findings.rules import checks, scans
from chalicelib.packs.findings.rules.scans import Step
from chalicelib.packs.findings.rules.statuses import RESOLVED
from chalicelib.packs.findings.schemas import ScanView

SCANNED_AFTER_FINALIZING = timedelta(days=7)
_AT_ONCE = (MAX_ACTIONS - 3) // ACTIONS  # changes of a transaction, beside the key's record, the deal's gate and the last scan


def scan_deal(ctx: Context, deal_id: str) -> ScanView:
    """Check the deal against every rule: raise what is found, keep what stands, resolve what is gone.

    What was resolved or accepted until a day that has passed is opened again where its cause is still there. Each finding is there once,
    whoever scans at once.
    """
    return scan(ctx, deals.resolve_id(ctx, deal_id))


@retry_on_conflict
def scan(ctx: Context, deal_id: str) -> ScanView:
    """Scan a deal that is there (NotFound). Three round trips; one more for each further nineteen findings that change."""
    snapshot = deals.read_snapshot(ctx, deal_id)
    facts = repository.read_scan_facts(ctx, snapshot)
    known = repository.findings_in(snapshot.rows)
    last_scan = repository.parse_last_scan(snapshot.rows.get(LastScan.key_of(deal_id).sk))
    issues = repository.by_id(deal_id, checks.live_issues(facts, ctx.today))
    steps = scans.steps(known, issues, ctx.today)
    changes = [repository.changed(ctx, id, deal_id, known.get(id), step, last_scan) for id, step in steps.items()]
    view = scan_view(facts, (known | {change.after.id: change.after for change in changes}).values())
    _write(ctx, deal_id, changes, snapshot.gate, LastScan.of(ctx, deal_id, next_scan_on(ctx, snapshot.deal)), view)
    return view


def next_scan_on(ctx: Context, deal: Deal) -> date | None:
    """The next night that is to scan a deal: while it is worked on, and for a week after it was finalized."""
    if deal.status in deals.LIVE:
        return ctx.today + timedelta(days=1)
    finalized_on = business_date(deal.status_entered_at, ctx.settings.firm_time_zone)
    is_recent = deal.status == deals.FINALIZED and ctx.today < finalized_on + SCANNED_AFTER_FINALIZING
    return ctx.today + timedelta(days=1) if is_recent else None


def _write(ctx: Context, deal_id: str, changes: Sequence[Change], gate: DealGate, last_scan: LastScan, view: ScanView) -> None:
    """Write what has changed, so many at once as a transaction takes: each finding stands by itself, and the next scan does the rest.

    Where something else in the deal's partition has changed since it was read, the transaction fails with VersionConflict.
    """
    parts = [changes[start : start + _AT_ONCE] for start in range(0, len(changes), _AT_ONCE)] or [[]]
    for number, part in enumerate(parts):
        tx = Transaction(ctx.store)
        if part is parts[-1]:
            if ctx.idempotency is not None:
                record_response(ctx, tx, view, ctx.idempotency)
            tx.put(last_scan)
        add_to(ctx, tx, deal_id, part, gate, ver=gate.ver + number)
        tx.commit()


def add_to(
    ctx: Context, tx: Transaction, deal_id: str | None, changes: Sequence[Change], gate: DealGate | None, *, ver: int | None = None
) -> None:
    """Add changed findings to a transaction, and to the gate of their deal (None: of a deal that is gone) that they were written."""
    if not changes:
        return
    if deal_id is not None and gate is not None:
        repository.raise_version(ctx, tx, deal_id, ver)
    repository.add_changes(replace(ctx, actor=system_actor(repository.SYSTEM_NAME)), tx, changes, gate)


@retry_on_conflict
def end_findings(ctx: Context, deal_id: str) -> None:
    """Resolve what stands on a deal that is gone, and scan it no more. Two round trips, one where nothing stands."""
    rows = list(ctx.store.query_all(Finding.children_of(deal_id)))
    standing = [finding for finding in repository.findings_in(rows).values() if not finding.is_resolved]
    changes = [repository.changed(ctx, finding.id, deal_id, finding, Step(RESOLVED, None), None) for finding in standing]
    for start in range(0, len(changes), _AT_ONCE):
        tx = Transaction(ctx.store)
        add_to(ctx, tx, deal_id, changes[start : start + _AT_ONCE], None)
        tx.commit()
    ctx.store.delete(LastScan.key_of(deal_id))


def scan_if_there(ctx: Context, deal_id: str) -> None:
    """Scan a deal; of one that is gone, end its findings."""
    try:
        scan(ctx, deal_id)
    except NotFound:
        end_findings(ctx, deal_id)
