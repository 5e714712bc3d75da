"""Reading what the rules look at, and the findings of a deal; writing findings.

A scan reads the deal's partition (`deals.read_snapshot`), and in one batch what else the rules look at (`read_scan_facts`).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime

from typing_extensions import TypedDict

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date, parse_timestamp
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.projections import read_with_aggregates
from chalicelib.foundation.state_history import StateHistory
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import ENTITY
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.references import last_activity
from chalicelib.foundation.subjects import Subject, SubjectRegistry
from chalicelib.packs.deals.public import DealSnapshot
from chalicelib.packs.findings.entities import Finding, finding_id
from chalicelib.packs.findings.rules.facts import OverrunRetainer, ScanFacts
from chalicelib.packs.findings.rules.issues import Issue
from chalicelib.packs.retainers.public import overrun_row

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
    live = ctx.store.batch_get(map(registry.key, live_ids)) if live_ids else {}
    overrun = [OverrunRetainer(id, rows[row]) for row, fields in numbers.items() for id, count in sorted(fields.items()) if count > 0]
    touched = [*snapshot.rows.values(), *items.values(), *live.values()]
    return ScanFacts(
        deal=snapshot.of_type(deal.KIND)[0],
        active_on=_active_on(ctx, touched, deal.created_at),
        children=snapshot.subjects,
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
            yield registry.parse(id, items.get(registry.key(id)), ctx.today)
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
