"""The board and the funnel, read from aggregates: one round trip, whatever the number of pipelines."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.counts import median_of_histogram
from chalicelib.foundation.dates import add_months, format_timestamp
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.packs.wholesale import repository
from chalicelib.packs.wholesale.entities import DAY, SUM
from chalicelib.packs.wholesale.repository import Aggregates
from chalicelib.packs.wholesale.rules import funnel, stages
from chalicelib.packs.wholesale.schemas import FunnelQuery, PipelineBoardColumn, PipelineBoardView, PipelineCohort, PipelineFunnelView

_MONTHS, _MAX_MONTHS = 12, 120
_SPREAD, _TOP, _DAYS = "spread_", "top_", "t"


def read_board(ctx: Context) -> PipelineBoardView:
    """Count, sums and oldest day of each stage. Eventually consistent: a change appears within seconds."""
    aggregates = repository.board_aggregates(ctx)
    return {"stages": {stage: _column(ctx, stage, aggregates) for stage in stages.STAGES}, "as_of": format_timestamp(ctx.now)}


def _column(ctx: Context, stage: str, aggregates: Aggregates) -> PipelineBoardColumn:
    column: PipelineBoardColumn = {"count": 0, "arv": {}, "expected_spread": {}, "target_fees": {}, "oldest": None}
    days: list[str] = []
    for key, fields in aggregates.items():
        row_stage, row_type, suffix = key.split("#")
        if row_stage != stage:
            continue
        if row_type == DAY:
            days += [f"{suffix}-{name[1:]}" for name, count in fields.items() if count > 0]
        elif row_type == SUM and fields.get("count"):
            column["count"] += fields["count"]
            column["arv"][suffix] = fields.get("arv", 0)
            column["expected_spread"][suffix] = fields.get("spread", 0)
            column["target_fees"][suffix] = fields.get("fees", 0)
    for sums in (column["arv"], column["expected_spread"], column["target_fees"]):
        sums.setdefault(ctx.settings.default_currency, 0)  # type: ignore[arg-type]
    column["oldest"] = min(days, default=None)
    return column


def read_funnel(ctx: Context, query: FunnelQuery) -> PipelineFunnelView:
    """Each month's cohort, from the first month to the last, and all of them together."""
    months = _months(ctx, query)
    aggregates = repository.funnel_aggregates(ctx, months[0], months[-1])
    cohorts = [_cohort(ctx, month, [month], aggregates) for month in months]
    return {"months": cohorts, "total": _cohort(ctx, None, months, aggregates), "as_of": format_timestamp(ctx.now)}


def _months(ctx: Context, query: FunnelQuery) -> list[str]:
    last = date.fromisoformat(f"{query.to[:7]}-01") if query.to else ctx.today.replace(day=1)
    first = date.fromisoformat(f"{query.from_[:7]}-01") if query.from_ else add_months(last, 1 - _MONTHS)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    if count < 1:
        raise ValidationFailed.field("to", "the last month is before the first")
    if count > _MAX_MONTHS:
        raise ValidationFailed.field("from", f"at most {_MAX_MONTHS} months at once")
    return [add_months(first, offset).isoformat()[:7] for offset in range(count)]


def _cohort(ctx: Context, month: str | None, months: Iterable[str], aggregates: Aggregates) -> PipelineCohort:
    totals: dict[str, Any] = {}
    intervals: dict[str, dict[int, int]] = {stage: {} for stage in stages.STAGES}
    for included in months:
        _add(totals, aggregates.get(included, {}))
        for stage, counts in intervals.items():
            _add(counts, {int(name[1:]): count for name, count in aggregates.get(f"{included}#{stage}", {}).items()})
    spreads = {name.removeprefix(_SPREAD): amount for name, amount in totals.items() if name.startswith(_SPREAD)}
    return {
        "month": month,
        "created": totals.get("created", 0),
        "reached": funnel.reached_counts({stage: totals.get(f"{_TOP}{stage}", 0) for stage in stages.FORWARD}),
        "median_days": {stage: median_of_histogram(counts) for stage, counts in intervals.items()},
        "expected_spread": spreads or {ctx.settings.default_currency: 0},
    }


def _add(total: dict[Any, Any], fields: Mapping[Any, Any]) -> None:
    for name, amount in fields.items():
        total[name] = total.get(name, 0) + amount
