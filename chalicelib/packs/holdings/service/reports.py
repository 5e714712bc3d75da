"""The summary and the performance, from the sums: their cost doesn't know how many holdings there are."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, cast
from urllib.parse import unquote

from chalicelib.foundation import projections
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.packs.holdings.entities import HOLDINGS, NOW
from chalicelib.packs.holdings.rules import performance as rules
from chalicelib.packs.holdings.rules.fx import Rate, Rates
from chalicelib.packs.holdings.rules.performance import Performance
from chalicelib.packs.holdings.rules.summary import Summary, summarize
from chalicelib.packs.holdings.rules.sums import Cell, Sums, first_day, flows_between, on_day
from chalicelib.packs.holdings.schemas import (
    FxRateView,
    HoldingsSummaryQuery,
    HoldingsSummaryView,
    PerformanceFigures,
    PerformanceQuery,
    PerformanceView,
    Totals,
)
from chalicelib.packs.holdings.service import rates
from chalicelib.packs.holdings.service.shown import explanation

Numbers = dict[str, Any]
Now = dict[Cell, Numbers]
Years = dict[tuple[int, Cell], Numbers]

_MOST_DAYS = 3700  # of a performance: whose rates are read
_DIMENSIONS = {"asset_type": "by_asset_type", "jurisdiction": "by_jurisdiction", "entity": "by_entity"}


# -- the aggregate rows


def sums_on(ctx: Context, day: date) -> dict[Cell, Sums]:
    """The sums at the end of `day`: one query, of today's rows, and for a past day of those of its year and the later ones."""
    now, years = _rows(ctx, None if day >= ctx.today else day.year)
    return on_day(now, years, day)


def began(ctx: Context) -> date | None:
    """The day from which anything was held; None where nothing ever was."""
    return first_day(_rows(ctx, 0)[1])


def _rows(ctx: Context, since: int | None) -> tuple[Now, Years]:
    """Today's rows, and those of the years from `since` on (None: of no year)."""
    if since is None:
        found = projections.read_aggregates(ctx.store, HOLDINGS, f"{NOW}#")
    else:
        found = projections.read_aggregates(ctx.store, HOLDINGS, between=(f"{since:04}#", f"{NOW}#~~"))
    now: Now = {}
    years: Years = {}
    for key, numbers in found.items():
        when, dimension, group, currency = key.split("#")
        cell = Cell(dimension, unquote(group), currency)
        if when == NOW:
            now[cell] = numbers
        else:
            years[int(when), cell] = numbers
    return now, years


# -- the summary


def summary(ctx: Context, query: HoldingsSummaryQuery) -> HoldingsSummaryView:
    """All that is owned at the end of a day, by its rates. Two round trips."""
    day = query.as_of or ctx.today
    if day > ctx.today:
        raise ValidationFailed.field("as_of", "it can't lie in the future")
    found = summarize(sums_on(ctx, day), rates.between(ctx, day, day), query.currency or ctx.settings.default_currency, day)
    view = summary_view(found)
    if query.explain:
        inputs = {"by_currency": view["by_currency"], "unconverted": view["unconverted"], "unvalued": view["unvalued"]}
        missing: list[Any] = [{"currency": name, "date": day.isoformat()} for name in found.unconverted]
        missing += [f"{found.unvalued} values"] if found.unvalued else []
        view["explain"] = {"total_value": explanation("holdings.total", inputs, day.isoformat(), missing)}
    return view


def totals_view(found: Summary) -> Totals:
    """The totals of a summary."""
    return {
        "currency": found.currency,
        "total_value": found.total_value,
        "by_currency": {
            name: {"amount": line.amount, "converted": line.converted, **rate_view(line.rate)} for name, line in found.by_currency.items()
        },
        "unconverted": found.unconverted,
        "unvalued": found.unvalued,
        "count": found.count,
        "complete": found.complete,
    }


def summary_view(found: Summary) -> HoldingsSummaryView:
    """A summary with its groups."""
    groups = {name: found.groups[dimension] for dimension, name in _DIMENSIONS.items()}
    rounding = {name: found.rounding[dimension] for dimension, name in _DIMENSIONS.items()}
    return cast(HoldingsSummaryView, {**totals_view(found), "as_of": found.as_of.isoformat(), **groups, "rounding": rounding})


def rate_view(rate: Rate) -> FxRateView:
    """A rate as it is shown."""
    return {"rate": rate.shown, "rate_date": rate.on.isoformat(), "source": rate.source, "stale_rate": rate.stale}


# -- performance


def performance(ctx: Context, query: PerformanceQuery) -> PerformanceView:
    """What changed from the end of one day to the end of another. Two round trips, and one more for each MB of rates."""
    end = query.to or ctx.today
    start = query.from_ or date(end.year - 1, 12, 31)
    currency = query.currency or ctx.settings.default_currency
    _check(ctx, start, end)
    now, years = _rows(ctx, start.year)
    then_sums, now_sums = on_day(now, years, start), on_day(now, years, end)
    flows = flows_between(years, start, end)
    found_rates = rates.between(ctx, start, end)
    whole, by_type = rules.performance(then_sums, now_sums, flows, found_rates, currency, start, end)
    currencies = sorted({cell.currency for cell in (*then_sums, *now_sums, *flows)})
    view: dict[str, Any] = {
        "from": start.isoformat(),
        "to": end.isoformat(),
        "currency": currency,
        **_figures(whole),
        "complete": _complete(whole, then_sums, now_sums),
        "by_asset_type": {name: _figures(one) for name, one in sorted(by_type.items())},
        "rates": {
            name: {"then": _rate(found_rates, name, currency, start), "now": _rate(found_rates, name, currency, end)} for name in currencies
        },
    }
    if query.explain:
        view["explain"] = _explained(view, flows, found_rates, currency, end)
    return cast(PerformanceView, view)


def _check(ctx: Context, start: date, end: date) -> None:
    if end > ctx.today:
        raise ValidationFailed.field("to", "it can't lie in the future")
    if start > end:
        raise ValidationFailed.field("from", "the first day is after the last")
    if (end - start).days > _MOST_DAYS:
        raise ValidationFailed.field("from", f"at most {_MOST_DAYS} days at once")


def _complete(whole: Performance, *ends: Mapping[Cell, Sums]) -> bool:
    return not whole.missing and not any(at.unvalued for sums in ends for at in sums.values())


def _figures(found: Performance) -> PerformanceFigures:
    return {
        "value_then": found.value_then,
        "value_now": found.value_now,
        "change": found.change,
        "flows": found.flows,
        "revaluation": found.revaluation,
        "currency_effect": found.currency_effect,
        "missing": [{"currency": name, "date": day.isoformat()} for name, day in found.missing],
    }


def _rate(found: Rates, source: str, target: str, day: date) -> FxRateView | None:
    rate = found.find(source, target, day)
    return None if rate is None else rate_view(rate)


def _explained(
    view: dict[str, Any], flows: Mapping[Cell, Mapping[date, Decimal]], found: Rates, currency: str, end: date
) -> dict[str, Any]:
    rows = [
        {
            "asset_type": cell.group,
            "currency": cell.currency,
            "on": day.isoformat(),
            "amount": amount,
            "rate": _rate(found, cell.currency, currency, day),
        }
        for cell, of_cell in sorted(flows.items())
        for day, amount in sorted(of_cell.items())
    ]
    inputs = {"rates": view["rates"], "flows": rows, "value_then": view["value_then"], "value_now": view["value_now"]}
    explained = explanation("holdings.performance", inputs, end.isoformat(), view["missing"])
    return {"change": explained}
