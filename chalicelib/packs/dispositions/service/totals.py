"""What dispositions brought in, from the aggregates: one query, whose cost goes with the days asked for."""

from datetime import date

from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Invalid
from chalicelib.foundation.projections import rows
from chalicelib.packs.dispositions.entities import SUMMARY
from chalicelib.packs.dispositions.rules.summary import summary
from chalicelib.packs.dispositions.schemas import Formula, SummaryQuery, SummaryView


def read(ctx: Context, query: SummaryQuery) -> SummaryView:
    """The summary of the days from `from` to `to`, both inclusive."""
    first, last = query.from_ or date.min, query.to or date.max
    if last < first:
        raise Invalid.field("to", "the last day is before the first")
    found = rows(ctx.store, SUMMARY, between=(first.isoformat(), f"{last.isoformat()}~"))
    shown = summary({date.fromisoformat(day): counts for day, counts in found.items()})
    view: SummaryView = {
        "months": [
            {"month": one.month, "currency": one.currency, "fees": one.fees, "fees_gross": one.fees_gross, "unknown": one.unknown}
            for one in shown.months
        ],
        "forfeits": shown.forfeits,
        "close_rate": shown.close_rate,
        "fallout_rate": shown.fallout_rate,
        "days_contract_to_assignment": shown.days_contract_to_assignment,
        "as_of": instant(ctx.now),
    }
    if query.explain == "true":
        missing = ["closed"] if view["close_rate"] is None else []
        formula: Formula = {"id": "dispositions.summary", "version": 1}
        view["explain"] = {"inputs": found, "formula": formula, "as_of": view["as_of"], "missing": missing}
    return view
