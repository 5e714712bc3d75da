"""Exchange rates: entering a day's, reading those that a day is converted by."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.holdings.entities import RATES, FxDay, rates_key
from chalicelib.packs.holdings.rules.fx import Rates
from chalicelib.packs.holdings.schemas import FxRatesPut, FxRatesQuery, FxRatesView

_TOGETHER = 50  # days written in one transaction


def between(ctx: Context, first: date, last: date) -> Rates:
    """All rates that conversions on the days from `first` to `last` can use. One query, a MB a round trip."""
    max_age = ctx.settings.fx_max_age_days
    days = []
    start: dict[str, Any] = {}
    low, high = (first - timedelta(days=max_age)).isoformat(), f"{last.isoformat()}~"
    while True:
        answer = ctx.store.query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":pk": {"S": RATES}, ":low": {"S": low}, ":high": {"S": high}},
            ConsistentRead=True,
            **start,
        )
        days += [FxDay.from_item(raw) for raw in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            return Rates(((day.base, day.on, _numbers(day.rates)) for day in days), max_age=max_age)
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _numbers(rates: Mapping[str, Any]) -> dict[str, Decimal]:
    return {currency: Decimal(rate) for currency, rate in rates.items()}


def enter(ctx: Context, body: FxRatesPut) -> FxRatesView:
    """Merge rates into a day. Rates of a day that isn't over anywhere are taken; of one that hasn't begun, none."""
    if body.date > max(ctx.today, ctx.now.astimezone(UTC).date()):
        raise ValidationFailed.field("date", "it can't lie in the future")
    if body.base in body.rates:
        raise ValidationFailed.field(f"rates.{body.base}", "it is the base itself")
    put_days(ctx, body.base, [(body.date, body.rates)])
    return _shown(ctx, body.base, body.date)


def put_days(ctx: Context, base: str, days: Iterable[tuple[date, Mapping[str, Decimal]]]) -> int:
    """Merge rates of several days; how many days it changed. Two round trips for fifty days; what is there already is not written."""
    pending = list(days)
    return sum(_put(ctx, base, pending[place : place + _TOGETHER]) for place in range(0, len(pending), _TOGETHER))


def _put(ctx: Context, base: str, days: list[tuple[date, Mapping[str, Decimal]]]) -> int:
    def step() -> int:
        found = ctx.store.batch_get(rates_key(base, on) for on, _ in days)
        tx = Transaction(ctx.store)
        for on, rates in days:
            raw = found.get(rates_key(base, on))
            if raw is None:
                tx.create(FxDay.new(ctx, id=FxDay.id_of(base, on), base=base, on=on, rates=dict(rates)))
                continue
            before = FxDay.from_item(raw)
            merged = {**before.rates, **rates}
            if merged != before.rates:
                tx.save(before.with_changes(ctx, rates=merged))
        if len(tx):
            tx.commit()
        return len(tx)

    return ctx.store.retry_on_conflict(step)


def read(ctx: Context, query: FxRatesQuery) -> FxRatesView:
    """The rates of a base on a day, and those in force on it."""
    return _shown(ctx, query.base, query.date or ctx.today)


def _shown(ctx: Context, base: str, on: date) -> FxRatesView:
    found = between(ctx, on, on)
    rates: dict[str, Decimal] = {}
    in_force: dict[str, Any] = {}
    for of, day, quotes in found.in_force(on):
        if of == base:
            in_force |= {currency: {"rate": rate, "date": day.isoformat()} for currency, rate in quotes.items()}
            rates |= quotes if day == on else {}
    return {"base": base, "date": on.isoformat(), "rates": rates, "in_force": dict(sorted(in_force.items()))}
