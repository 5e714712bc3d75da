"""Holdings, valuations, flows, rates, totals and snapshots as responses."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import cast

from chalicelib.foundation import explanations
from chalicelib.foundation.context import Context
from chalicelib.foundation.explanations import Explanation
from chalicelib.foundation.presentation import present
from chalicelib.packs.holdings import schemas
from chalicelib.packs.holdings.entities import Holding, HoldingFlow, Snapshot
from chalicelib.packs.holdings.rules.aggregates import DIMENSIONS, GroupKey
from chalicelib.packs.holdings.rules.fx_rates import Rate, Rates
from chalicelib.packs.holdings.rules.performance import Performance
from chalicelib.packs.holdings.rules.summary import Summary


def explain_holding(ctx: Context, holding: Holding) -> dict[str, Explanation]:
    """The explanation of the owned value."""
    inputs = {name: getattr(holding, name) for name in ("value_estimate", "valued_on", "ownership_pct", "currency")}
    inputs["liability"] = holding.liability or 0
    missing = [] if holding.value_estimate is not None else ["value_estimate"]
    return {"owned_value": explanations.explain("holdings.owned", inputs, ctx.today.isoformat(), missing)}


def flow_view(flow: HoldingFlow) -> schemas.FlowView:
    """A flow."""
    return present(schemas.FlowView, flow, kind=flow.flow_kind)


# -- rates


def rates_view(rates: Rates, base: str, on: date) -> schemas.FxRatesView:
    """The rates of a base and day, and those in force on it."""
    quoted = [(day, quotes) for quoted_base, day, quotes in rates.in_force(on) if quoted_base == base]
    in_force = {currency: {"rate": rate, "date": day.isoformat()} for day, quotes in quoted for currency, rate in quotes.items()}
    of_day = {currency: rate for day, quotes in quoted if day == on for currency, rate in quotes.items()}
    return cast(schemas.FxRatesView, {"base": base, "date": on.isoformat(), "rates": of_day, "in_force": dict(sorted(in_force.items()))})


def rate_view(rate: Rate) -> schemas.FxRateView:
    """A rate of a conversion."""
    return {"rate": rate.display, "rate_date": rate.on.isoformat(), "source": rate.source, "stale_rate": rate.stale}


def rate_between(rates: Rates, source: str, target: str, day: date) -> schemas.FxRateView | None:
    """The rate of a day; None where there is none."""
    rate = rates.find(source, target, day)
    return None if rate is None else rate_view(rate)


# -- totals


def totals_view(summary: Summary) -> schemas.Totals:
    """The totals of a summary."""
    return {
        "currency": summary.currency,
        "total_value": summary.total_value,
        "by_currency": {
            name: {"amount": line.amount, "converted": line.converted, **rate_view(line.rate)} for name, line in summary.by_currency.items()
        },
        "unconverted": summary.unconverted,
        "unvalued": summary.unvalued,
        "count": summary.count,
        "complete": summary.complete,
    }


def grouped_totals_view(summary: Summary) -> schemas.GroupedTotals:
    """The totals of a summary, with its groups."""
    groups = {f"by_{dimension}": summary.groups[dimension] for dimension in DIMENSIONS}
    rounding = {f"by_{dimension}": summary.rounding[dimension] for dimension in DIMENSIONS}
    view = {**totals_view(summary), "as_of": summary.as_of.isoformat(), **groups, "rounding": rounding}
    return cast(schemas.GroupedTotals, view)


def explain_summary(summary: Summary) -> dict[str, schemas.TotalExplanation]:
    """The explanation of the total."""
    view, as_of = totals_view(summary), summary.as_of.isoformat()
    missing: list[schemas.MissingFxRate | str] = [{"currency": name, "date": as_of} for name in summary.unconverted]
    missing += [f"{summary.unvalued} values"] if summary.unvalued else []
    inputs = {"by_currency": view["by_currency"], "unconverted": view["unconverted"], "unvalued": view["unvalued"]}
    return {"total_value": _explain("holdings.total", inputs, as_of, missing)}


def _explain(
    formula: str, inputs: Mapping[str, object], as_of: str, missing: list[schemas.MissingFxRate | str]
) -> schemas.TotalExplanation:
    explanation = explanations.explain(formula, inputs, as_of)
    return {"inputs": explanation["inputs"], "formula": explanation["formula"], "as_of": as_of, "missing": missing}


# -- performance


def performance_figures(performance: Performance) -> schemas.PerformanceFigures:
    """What changed, in its parts."""
    missing = [{"currency": name, "date": day.isoformat()} for name, day in performance.missing]
    return cast(schemas.PerformanceFigures, {**asdict(performance), "missing": missing})


def explain_performance(
    view: schemas.PerformanceView, flows: Mapping[GroupKey, Mapping[date, Decimal]], rates: Rates
) -> dict[str, schemas.TotalExplanation]:
    """The explanation of the change: rates, flows, and the values at both ends."""
    rows = [
        {
            "asset_type": cell.group,
            "currency": cell.currency,
            "on": day.isoformat(),
            "amount": amount,
            "rate": rate_between(rates, cell.currency, view["currency"], day),
        }
        for cell, of_cell in sorted(flows.items())
        for day, amount in sorted(of_cell.items())
    ]
    inputs = {"rates": view["rates"], "flows": rows, "value_then": view["value_then"], "value_now": view["value_now"]}
    return {"change": _explain("holdings.performance", inputs, view["to"], list(view["missing"]))}


# -- snapshots


def snapshot_summary(snapshot: Snapshot, summary: Summary) -> schemas.SnapshotSummary:
    """A snapshot in a list."""
    return present(schemas.SnapshotSummary, snapshot, date=snapshot.on.isoformat(), kind=snapshot.snapshot_kind, **totals_view(summary))


def snapshot_view(snapshot: Snapshot, summary: Summary) -> schemas.SnapshotView:
    """A snapshot with its groups."""
    return present(
        schemas.SnapshotView, snapshot, date=snapshot.on.isoformat(), kind=snapshot.snapshot_kind, **grouped_totals_view(summary)
    )
