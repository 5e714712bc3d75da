"""The nightly scans: of deals that are worked on, of those finalized within a week, and of what was scanned and has changed its course.

A deal that was scanned today is passed over, so runs that repeat, are late, go on where one stopped or overlap have the same effect.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import DueItems, own_key, process_due, work_in_time
from chalicelib.foundation.ids import encode_ulid
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.deals import public as deals
from chalicelib.packs.deals.public import Deal
from chalicelib.packs.findings.entities import Finding, LastScan
from chalicelib.packs.findings.repository import parse_last_scan
from chalicelib.packs.findings.service.observations import open_again
from chalicelib.packs.findings.service.scanning import SCANNED_AFTER_FINALIZING, scan_if_there

_PAGE = 50


def scan_all(ctx: Context, run: RunStats) -> None:
    """Scan every deal that is to be scanned tonight, and open the risks again whose time is over. Two round trips a page, three a deal."""
    for status in deals.LIVE:
        if not _scan_listed(ctx, run, Deal.BY_STATUS.range(status=status)):
            return
    # What is finalized by now was scanned on a night before, and is in the due index; or it is as young as this.
    youngest = encode_ulid(ctx.now - SCANNED_AFTER_FINALIZING - timedelta(days=1), bytes(10))
    if not _scan_listed(ctx, run, Deal.BY_STATUS.range(status=deals.FINALIZED, low=f"{Deal.ID.prefix}_{youngest}")):
        return
    process_due(ctx, run, LastScan.NEXT.until(ctx.today), _scan_due, keys=lambda id: (LastScan.key_of(id),))
    process_due(ctx, run, Finding.ACCEPTANCES.until(ctx.today - timedelta(days=1)), _end_acceptance, keys=own_key(Finding.ID))


def _scan_listed(ctx: Context, run: RunStats, deals_of_status: KeyRange) -> bool:
    """Scan the deals of a list that weren't scanned today, and whether there was time for all of them."""
    return all(work_in_time(ctx, run, _not_scanned(ctx, ids), lambda id: _scan(ctx, run, id)) for ids in _pages(ctx, deals_of_status))


def _pages(ctx: Context, deals_of_status: KeyRange) -> Iterator[list[str]]:
    for rows in ctx.store.query_pages(deals_of_status, page_size=_PAGE):
        yield [row["pk"]["S"] for row in rows]


def _not_scanned(ctx: Context, ids: Iterable[str]) -> list[str]:
    """Those of these deals that weren't scanned today."""
    keys = {LastScan.key_of(id): id for id in ids}
    scanned = {key for key, raw in ctx.store.batch_get(keys).items() if LastScan.from_item(raw).scanned_on >= ctx.today}
    return [id for key, id in keys.items() if key not in scanned]


def _scan(ctx: Context, run: RunStats, deal_id: str) -> None:
    run.found += 1
    scan_if_there(ctx, deal_id)
    run.done += 1


def _scan_due(ctx: Context, deal_id: str, items: DueItems) -> bool:
    """Scan a deal that is worked on no more. False where another run has."""
    last_scan = parse_last_scan(items.get(LastScan.key_of(deal_id)))
    if last_scan is None or last_scan.next_on is None or last_scan.next_on > ctx.today:
        return False
    scan_if_there(ctx, deal_id)
    return True


def _end_acceptance(ctx: Context, id: str, items: DueItems) -> bool:
    """Scan the deal of a finding whose risk was accepted until a day that has passed. False where another run has."""
    finding = parse_live(Finding, items.get(Finding.ID.key(id)))
    if finding is None or finding.accepted_until is None or finding.accepted_until >= ctx.today:
        return False
    if finding.deal_id is None:
        open_again(ctx, finding.id)
    else:
        scan_if_there(ctx, finding.deal_id)
    return True
