"""Exchange rates: setting those of a day, reading those for the conversions on a day."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date
from decimal import Decimal

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.holdings import repository
from chalicelib.packs.holdings.presenters import rates_view
from chalicelib.packs.holdings.schemas import FxRatesPut, FxRatesQuery, FxRatesView


def set_rates(ctx: Context, body: FxRatesPut) -> FxRatesView:
    """Merge rates into a day, which must have begun in UTC or in the business time zone. Three round trips."""
    if body.date > max(ctx.today, ctx.now.astimezone(UTC).date()):
        raise ValidationFailed.field("date", "it can't lie in the future")
    if body.base in body.rates:
        raise ValidationFailed.field(f"rates.{body.base}", "it is the base itself")
    merge_days(ctx, body.base, [(body.date, body.rates)])
    return _rates_on(ctx, body.base, body.date)


@retry_on_conflict
def merge_days(ctx: Context, base: str, days: Sequence[tuple[date, Mapping[str, Decimal]]]) -> int:
    """Merge rates of up to 100 days; returns the number of days changed. Two round trips; only changes are written."""
    return repository.merge_rates(ctx, base, days)


def get_rates(ctx: Context, query: FxRatesQuery) -> FxRatesView:
    """The rates of a base on a day, and those in force on it. One query."""
    return _rates_on(ctx, query.base, query.date or ctx.today)


def _rates_on(ctx: Context, base: str, on: date) -> FxRatesView:
    return rates_view(repository.rates_between(ctx, on, on), base, on)
