"""Exchange rates: setting those of a day, reading those for the conversions on a day."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.holdings.entities import RATES, DailyFxRates, rates_key
from chalicelib.packs.holdings.rules.fx_rates import Rates
from chalicelib.packs.holdings.schemas import FxRatesPut, FxRatesQuery, FxRatesView

_BATCH_SIZE = 50  # days in one transaction


from chalicelib.packs.holdings.settings import HoldingsSettings


def rates_between(ctx: Context, first: date, last: date) -> Rates:
    """All rates for conversions on the days from `first` to `last`. One query, one round trip for each MB."""
    max_age = ctx.settings.of(HoldingsSettings).fx_max_age_days
    days = []
    start: dict[str, Any] = {}
    low, high = (first - timedelta(days=max_age)).isoformat(), f"{last.isoformat()}~"
    while True:
        response = ctx.store.query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":pk": {"S": RATES}, ":low": {"S": low}, ":high": {"S": high}},
            ConsistentRead=True,
            **start,
        )
        days += [DailyFxRates.from_item(raw) for raw in response["Items"]]
        if "LastEvaluatedKey" not in response:
            return Rates(((day.base, day.on, _numbers(day.rates)) for day in days), max_age=max_age)
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


def _numbers(rates: Mapping[str, Any]) -> dict[str, Decimal]:
    return {currency: Decimal(rate) for currency, rate in rates.items()}


def set_rates(ctx: Context, body: FxRatesPut) -> FxRatesView:
    """Merge rates into a day, which must have begun in UTC or in the business time zone."""
    if body.date > max(ctx.today, ctx.now.astimezone(UTC).date()):
        raise ValidationFailed.field("date", "it can't lie in the future")
    if body.base in body.rates:
        raise ValidationFailed.field(f"rates.{body.base}", "it is the base itself")
    merge_days(ctx, body.base, [(body.date, body.rates)])
    return _rates_view(ctx, body.base, body.date)


def merge_days(ctx: Context, base: str, days: Iterable[tuple[date, Mapping[str, Decimal]]]) -> int:
    """Merge rates of several days; returns the number of days changed. Two round trips for each 50 days; only changes are written."""
    pending = list(days)
    return sum(_merge_batch(ctx, base, pending[index : index + _BATCH_SIZE]) for index in range(0, len(pending), _BATCH_SIZE))


def _merge_batch(ctx: Context, base: str, days: list[tuple[date, Mapping[str, Decimal]]]) -> int:
    def step() -> int:
        items = ctx.store.batch_get(rates_key(base, on) for on, _ in days)
        tx = Transaction(ctx.store)
        for on, rates in days:
            raw = items.get(rates_key(base, on))
            if raw is None:
                tx.create(DailyFxRates.new(ctx, id=DailyFxRates.id_of(base, on), base=base, on=on, rates=dict(rates)))
                continue
            before = DailyFxRates.from_item(raw)
            merged = {**before.rates, **rates}
            if merged != before.rates:
                tx.save(before.with_changes(ctx, rates=merged))
        if len(tx):
            tx.commit()
        return len(tx)

    return ctx.store.retry_on_conflict(step)


def get_rates(ctx: Context, query: FxRatesQuery) -> FxRatesView:
    """The rates of a base on a day, and those in force on it."""
    return _rates_view(ctx, query.base, query.date or ctx.today)


def _rates_view(ctx: Context, base: str, on: date) -> FxRatesView:
    rates_on_day = rates_between(ctx, on, on)
    rates: dict[str, Decimal] = {}
    in_force: dict[str, Any] = {}
    for quoted_base, day, quotes in rates_on_day.in_force(on):
        if quoted_base == base:
            in_force |= {currency: {"rate": rate, "date": day.isoformat()} for currency, rate in quotes.items()}
            rates |= quotes if day == on else {}
    return {"base": base, "date": on.isoformat(), "rates": rates, "in_force": dict(sorted(in_force.items()))}
