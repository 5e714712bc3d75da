"""The board and the funnel, read from the aggregates: one round trip, however many pipelines there are."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from chalicelib.foundation.calendar import add_months, instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Invalid
from chalicelib.foundation.projections import rows
from chalicelib.packs.wholesale.entities import BOARD, DAY, FUNNEL, SUM
from chalicelib.packs.wholesale.rules import funnel, stages
from chalicelib.packs.wholesale.schemas import Board, BoardColumn, Cohort, Funnel, FunnelQuery

_MONTHS, _MOST_MONTHS = 12, 120
_SPREAD, _TOP, _STAY = "spread_", "top_", "t"

Rows = Mapping[str, Mapping[str, Any]]


def board(ctx: Context) -> Board:
    """Each stage's count, sums and oldest. It follows a change within seconds."""
    found = rows(ctx.store, BOARD)
    return {"stages": {stage: _column(ctx, stage, found) for stage in stages.STAGES}, "as_of": instant(ctx.now)}


def _column(ctx: Context, stage: str, found: Rows) -> BoardColumn:
    column: BoardColumn = {"count": 0, "arv": {}, "expected_spread": {}, "target_fees": {}, "oldest": None}
    days: list[str] = []
    for key, fields in found.items():
        of, what, which = key.split("#")
        if of != stage:
            continue
        if what == DAY:
            days += [f"{which}-{name[1:]}" for name, count in fields.items() if count > 0]
        elif what == SUM and fields.get("count"):
            column["count"] += fields["count"]
            column["arv"][which] = fields.get("arv", 0)
            column["expected_spread"][which] = fields.get("spread", 0)
            column["target_fees"][which] = fields.get("fees", 0)
    for sums in (column["arv"], column["expected_spread"], column["target_fees"]):
        sums.setdefault(ctx.settings.default_currency, 0)  # type: ignore[arg-type]
    column["oldest"] = min(days, default=None)
    return column


def read_funnel(ctx: Context, query: FunnelQuery) -> Funnel:
    """Each month's cohort, from the first month to the last, and all of them together."""
    months = _months(ctx, query)
    found = rows(ctx.store, FUNNEL, between=(months[0], f"{months[-1]}~"))
    cohorts = [_cohort(ctx, month, [month], found) for month in months]
    return {"months": cohorts, "total": _cohort(ctx, None, months, found), "as_of": instant(ctx.now)}


def _months(ctx: Context, query: FunnelQuery) -> list[str]:
    last = date.fromisoformat(f"{query.to[:7]}-01") if query.to else ctx.today.replace(day=1)
    first = date.fromisoformat(f"{query.from_[:7]}-01") if query.from_ else add_months(last, 1 - _MONTHS)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    if count < 1:
        raise Invalid.field("to", "the last month is before the first")
    if count > _MOST_MONTHS:
        raise Invalid.field("from", f"at most {_MOST_MONTHS} months at once")
    return [add_months(first, number).isoformat()[:7] for number in range(count)]


def _cohort(ctx: Context, month: str | None, months: Iterable[str], found: Rows) -> Cohort:
    totals: dict[str, Any] = {}
    stays: dict[str, dict[int, int]] = {stage: {} for stage in stages.STAGES}
    for one in months:
        _add(totals, found.get(one, {}))
        for stage, counts in stays.items():
            _add(counts, {int(name[1:]): count for name, count in found.get(f"{one}#{stage}", {}).items()})
    spreads = {name.removeprefix(_SPREAD): amount for name, amount in totals.items() if name.startswith(_SPREAD)}
    return {
        "month": month,
        "created": totals.get("created", 0),
        "reached": funnel.reached({stage: totals.get(f"{_TOP}{stage}", 0) for stage in stages.FORWARD}),
        "median_days": {stage: funnel.median_of_histogram(counts) for stage, counts in stays.items()},
        "expected_spread": spreads or {ctx.settings.default_currency: 0},
    }


def _add(total: dict[Any, Any], fields: Mapping[Any, Any]) -> None:
    for name, number in fields.items():
        total[name] = total.get(name, 0) + number
