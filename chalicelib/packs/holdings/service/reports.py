"""Summary and performance, from the aggregates; the cost doesn't depend on the number of holdings."""

from collections.abc import Mapping
from datetime import date
from typing import cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.packs.holdings import presenters, repository
from chalicelib.packs.holdings.rules.aggregates import GroupKey, GroupTotals, first_day, flows_between, totals_on
from chalicelib.packs.holdings.rules.performance import Performance, performance
from chalicelib.packs.holdings.rules.summary import summarize
from chalicelib.packs.holdings.schemas import HoldingsSummaryQuery, HoldingsSummaryView, PerformanceQuery, PerformanceView
from chalicelib.packs.holdings.service import holdings

_MAX_DAYS = 3700  # of a performance, whose rates are read


def totals_on_day(ctx: Context, day: date) -> dict[GroupKey, GroupTotals]:
    """The totals at the end of `day`. One query: the rows of now, and for a past day those from its year on."""
    now, periods = repository.read_totals(ctx, None if day >= ctx.today else day.year)
    return totals_on(now, periods, day)


def first_holding_day(ctx: Context) -> date | None:
    """The first day on which anything was held; None where nothing ever was. One query."""
    return first_day(repository.read_totals(ctx, 0)[1])


def get_summary(ctx: Context, query: HoldingsSummaryQuery) -> HoldingsSummaryView:
    """The summary at the end of a day, by its rates. Three round trips."""
    day = holdings.day_or_today(ctx, "as_of", query.as_of)
    behind = repository.count_pending(ctx)
    totals, rates = totals_on_day(ctx, day), repository.rates_between(ctx, day, day)
    summary = summarize(totals, rates, query.currency or ctx.settings.default_currency, day)
    freshness = {"behind": behind, "complete": summary.complete and not behind}
    view = cast(HoldingsSummaryView, {**presenters.grouped_totals_view(summary), **freshness})
    if query.explain:
        view["explain"] = presenters.explain_summary(summary)
    return view


def get_performance(ctx: Context, query: PerformanceQuery) -> PerformanceView:
    """The performance from the end of one day to the end of another. Three round trips, one more for each MB of rates."""
    end = query.to or ctx.today
    start = query.from_ or date(end.year - 1, 12, 31)
    currency = query.currency or ctx.settings.default_currency
    _check_period(ctx, start, end)
    behind = repository.count_pending(ctx)
    now, periods = repository.read_totals(ctx, start.year)
    then_sums, now_sums = totals_on(now, periods, start), totals_on(now, periods, end)
    flows = flows_between(periods, start, end)
    rates = repository.rates_between(ctx, start, end)
    whole, by_type = performance(then_sums, now_sums, flows, rates, currency, start, end)
    view = {
        "from": start.isoformat(),
        "to": end.isoformat(),
        "currency": currency,
        **presenters.performance_figures(whole),
        "complete": not behind and _is_complete(whole, then_sums, now_sums),
        "behind": behind,
        "by_asset_type": {name: presenters.performance_figures(of_type) for name, of_type in sorted(by_type.items())},
        "rates": {
            name: {
                "then": presenters.rate_between(rates, name, currency, start),
                "now": presenters.rate_between(rates, name, currency, end),
            }
            for name in sorted({cell.currency for cell in (*then_sums, *now_sums, *flows)})
        },
    }
    answer = cast(PerformanceView, view)
    if query.explain:
        answer["explain"] = presenters.explain_performance(answer, flows, rates)
    return answer


def _check_period(ctx: Context, start: date, end: date) -> None:
    if end > ctx.today:
        raise ValidationFailed.field("to", "it can't lie in the future")
    if start > end:
        raise ValidationFailed.field("from", "the first day is after the last")
    if (end - start).days > _MAX_DAYS:
        raise ValidationFailed.field("from", f"at most {_MAX_DAYS} days at once")


def _is_complete(whole: Performance, *ends: Mapping[GroupKey, GroupTotals]) -> bool:
    return not whole.missing and not any(group_totals.unvalued for totals in ends for group_totals in totals.values())
