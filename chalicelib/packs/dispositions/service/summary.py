"""What dispositions brought in, from the aggregates: one query, whose cost goes with the days asked for."""

from datetime import date

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.explanations import Formula
from chalicelib.foundation.projections import read_aggregates
from chalicelib.packs.dispositions.entities import SUMMARY_PARTITION
from chalicelib.packs.dispositions.rules.summary import summarize
from chalicelib.packs.dispositions.schemas import DispositionsSummaryQuery, DispositionsSummaryView


def get_summary(ctx: Context, query: DispositionsSummaryQuery) -> DispositionsSummaryView:
    """The summary of the days from `from` to `to`, both inclusive."""
    first, last = query.from_ or date.min, query.to or date.max
    if last < first:
        raise ValidationFailed.field("to", "the last day is before the first")
    rows = read_aggregates(ctx.store, SUMMARY_PARTITION, between=(first.isoformat(), f"{last.isoformat()}~"))
    summary = summarize({date.fromisoformat(day): counts for day, counts in rows.items()})
    view: DispositionsSummaryView = {
        "months": [
            {"month": one.month, "currency": one.currency, "fees": one.fees, "fees_gross": one.fees_gross, "unknown": one.unknown}
            for one in summary.months
        ],
        "forfeits": summary.forfeits,
        "close_rate": summary.close_rate,
        "fallout_rate": summary.fallout_rate,
        "days_contract_to_assignment": summary.days_contract_to_assignment,
        "as_of": format_timestamp(ctx.now),
    }
    if query.explain:
        missing = ["closed"] if view["close_rate"] is None else []
        formula: Formula = {"id": "dispositions.summary", "version": 1}
        view["explain"] = {"inputs": rows, "formula": formula, "as_of": view["as_of"], "missing": missing}
    return view
