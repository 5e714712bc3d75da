"""The summary of dispositions, from the aggregates: one query over the rows of the days, one for what they lack."""

from dataclasses import asdict
from datetime import date
from typing import cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.explanations import explain
from chalicelib.foundation.pending_changes import pending_changes
from chalicelib.foundation.projections import read_aggregates
from chalicelib.packs.dispositions.entities import SUMMARY_PARTITION, Assignment
from chalicelib.packs.dispositions.rules.summary import summarize
from chalicelib.packs.dispositions.schemas import DispositionsSummaryQuery, DispositionsSummaryView


def read_summary(ctx: Context, query: DispositionsSummaryQuery) -> DispositionsSummaryView:
    """Fees by month, forfeits, close and fallout rate, days from contract to assignment. It follows a change within seconds. Two round trips."""
    first, last = query.from_ or date.min, query.to or date.max
    if last < first:
        raise ValidationFailed.field("to", "the last day is before the first")
    behind = len(pending_changes(ctx.store, Assignment.KIND))
    rows = read_aggregates(ctx.store, SUMMARY_PARTITION, between=(first.isoformat(), f"{last.isoformat()}~"))
    summary = asdict(summarize({date.fromisoformat(day): counts for day, counts in rows.items()}))
    view = cast(DispositionsSummaryView, {**summary, "as_of": format_timestamp(ctx.now), "behind": behind})
    if query.explain:
        view["explain"] = explain("dispositions.summary", rows, view["as_of"], ["closed"] if view["close_rate"] is None else [])
    return view
