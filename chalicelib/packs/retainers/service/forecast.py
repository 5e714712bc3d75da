"""The forecast of the next months, from the aggregates: one query."""

from decimal import Decimal

from chalicelib.foundation.context import Context
from chalicelib.foundation.counts import by_suffix
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Forbidden
from chalicelib.foundation.explanations import explain
from chalicelib.foundation.money import round_money
from chalicelib.foundation.projections import Number, read_aggregates
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.packs.retainers import permissions
from chalicelib.packs.retainers.entities import FORECAST
from chalicelib.packs.retainers.rules.forecast import forecast_months
from chalicelib.packs.retainers.rules.minutes import to_hours
from chalicelib.packs.retainers.schemas import RetainerForecastRow, RetainerForecastView


def read_forecast(ctx: Context, query: ExplainParams) -> RetainerForecastView:
    """Hours and fees of the periods that start in each of the next three calendar months. It follows a change within seconds."""
    if permissions.own_professional(ctx) is not None:
        raise Forbidden("The forecast is of all retainers.")
    months = forecast_months(ctx.today)
    rows = read_aggregates(ctx.store, FORECAST, between=(months[0], f"{months[-1]}~"))
    items = [row for month in months for row in _rows(month, rows.get(month, {}))]
    view: RetainerForecastView = {"items": items, "next_cursor": None, "as_of": format_timestamp(ctx.now)}
    if query.explain:
        view["explain"] = explain("retainers.forecast", rows, view["as_of"])
    return view


def _rows(month: str, numbers: dict[str, Number]) -> list[RetainerForecastRow]:
    minutes, fees = by_suffix(numbers, "minutes:"), by_suffix(numbers, "fees:")
    currencies = sorted(code for code in {*minutes, *fees} if minutes.get(code) or fees.get(code))
    return [
        {
            "month": month,
            "currency": code,
            "hours": to_hours(int(minutes.get(code, 0))),
            "fees": round_money(Decimal(fees.get(code, 0)), code),
        }
        for code in currencies
    ]
