"""The summary of findings, from the aggregates: one query for the counts, one for what they lack."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.explanations import explain
from chalicelib.foundation.pending_changes import pending_changes
from chalicelib.foundation.projections import read_aggregates
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.packs.findings.entities import CODE, SUMMARY, Finding
from chalicelib.packs.findings.rules.issues import CRITICAL, INFO, WARNING
from chalicelib.packs.findings.schemas import FindingCountsView


def read_summary(ctx: Context, query: ExplainParams) -> FindingCountsView:
    """How many findings are open or acknowledged, by severity and by rule. It follows a change within seconds. Two round trips."""
    behind = len(pending_changes(ctx.store, Finding.KIND))
    partition, row = SUMMARY
    fields = read_aggregates(ctx.store, partition).get(row, {})
    counts = {name: int(number) for name, number in fields.items() if number > 0}
    view: FindingCountsView = {
        "total_open": counts.get("open", 0),
        "critical": counts.get(CRITICAL, 0),
        "warning": counts.get(WARNING, 0),
        "info": counts.get(INFO, 0),
        "by_code": {name.removeprefix(CODE): count for name, count in sorted(counts.items()) if name.startswith(CODE)},
        "as_of": format_timestamp(ctx.now),
        "behind": behind,
    }
    if query.explain:
        view["explain"] = explain("findings.summary", counts, view["as_of"])
    return view
