"""The board and the funnel, read from aggregates: two round trips, whatever the number of pipelines."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.counts import add_up, by_suffix, median_of_histogram
from chalicelib.foundation.dates import add_months, format_timestamp
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.explanations import explain
from chalicelib.foundation.pending_changes import pending_changes
from chalicelib.foundation.projections import read_aggregates
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.packs.wholesale.entities import BOARD, DAY, FUNNEL, SUM, Pipeline
from chalicelib.packs.wholesale.rules import funnel, stages
from chalicelib.packs.wholesale.schemas import FunnelQuery, PipelineBoardColumn, PipelineBoardView, PipelineCohort, PipelineFunnelView

_MONTHS, _MAX_MONTHS = 12, 120
Aggregates = Mapping[str, Mapping[str, Any]]  # fields by row; counts are int, sums int or Decimal

_SPREAD, _TOP = "spread_", "top_"


def read_board(ctx: Context, query: ExplainParams) -> PipelineBoardView:
    """Each stage's count and sums. Eventually consistent: a change appears within seconds."""
    behind, as_of = _behind(ctx), format_timestamp(ctx.now)
    aggregates = read_aggregates(ctx.store, BOARD)
    columns = {stage: _column(ctx, stage, aggregates) for stage in stages.STAGES}
    view: PipelineBoardView = {"stages": columns, "as_of": as_of, "behind": behind}
    if query.explain:
        view["explain"] = explain("wholesale.board", _explained_rows(aggregates), as_of)
    return view


def _behind(ctx: Context) -> int:
    return len(pending_changes(ctx.store, Pipeline.KIND))


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
    """Of the pipelines created in each month: how many reached each stage, and the median days spent in it."""
    months = _months(ctx, query)
    behind = _behind(ctx)
    aggregates = read_aggregates(ctx.store, FUNNEL, between=(months[0], f"{months[-1]}~"))
    cohorts, total = [_cohort(ctx, month, [month], aggregates) for month in months], _cohort(ctx, None, months, aggregates)
    view: PipelineFunnelView = {"months": cohorts, "total": total, "as_of": format_timestamp(ctx.now), "behind": behind}
    if query.explain:
        unknown = [f"median_days.{stage}" for stage, days in total["median_days"].items() if days is None]
        view["explain"] = explain("wholesale.funnel", _explained_rows(aggregates), view["as_of"], unknown)
    return view


def _explained_rows(aggregates: Aggregates) -> dict[str, Any]:
    """The rows that the figures are computed from, without zeros, nested by the parts of their keys."""
    inputs: dict[str, Any] = {}
    for key, fields in sorted(aggregates.items()):
        if numbers := {name: number for name, number in fields.items() if number}:
            place = inputs
            for part in key.split("#"):
                place = place.setdefault(part, {})
            place |= numbers
    return inputs


def _months(ctx: Context, query: FunnelQuery) -> list[str]:
    last = date.fromisoformat(f"{query.to[:7]}-01") if query.to else ctx.today.replace(day=1)
    first = date.fromisoformat(f"{query.from_[:7]}-01") if query.from_ else add_months(last, 1 - _MONTHS)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    if count < 1:
        raise ValidationFailed.field("to", "the last month is before the first")
    if count > _MAX_MONTHS:
        raise ValidationFailed.field("from", f"at most {_MAX_MONTHS} months at once")
    return [add_months(first, offset).isoformat()[:7] for offset in range(count)]


def _cohort(ctx: Context, label: str | None, months: Sequence[str], aggregates: Aggregates) -> PipelineCohort:
    totals: Mapping[str, Any] = add_up(aggregates.get(month, {}) for month in months)
    intervals = {stage: add_up(aggregates.get(f"{month}#{stage}", {}) for month in months) for stage in stages.STAGES}
    spreads: dict[str, Any] = by_suffix(totals, _SPREAD)
    medians = {stage: median_of_histogram({int(name[1:]): int(count) for name, count in of.items()}) for stage, of in intervals.items()}
    return {
        "month": label,
        "created": totals.get("created", 0),
        "reached": funnel.reached_counts({stage: totals.get(f"{_TOP}{stage}", 0) for stage in stages.FORWARD}),
        "median_days": medians,
        "expected_spread": spreads or {ctx.settings.default_currency: 0},
    }
