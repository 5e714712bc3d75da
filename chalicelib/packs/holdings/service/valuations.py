"""Valuations of a holding. None is ever changed; of two for one day the one entered later counts."""

from dataclasses import replace
from functools import partial

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.presentation import present
from chalicelib.foundation.schema_types import PageOf, PageParams, check_money
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.holdings import repository
from chalicelib.packs.holdings.entities import Valuation
from chalicelib.packs.holdings.schemas import ValuationCreate, ValuationView
from chalicelib.packs.holdings.service import holdings


@retry_on_conflict
def create_valuation(ctx: Context, id: str, body: ValuationCreate) -> ValuationView:
    """Create a valuation: two round trips, one more where it isn't for a day after all that was entered, one with an Idempotency-Key.

    In the first case what it reads and writes doesn't grow with the history.
    """
    as_of = holdings.day_or_today(ctx, "as_of", body.as_of)
    idempotency.read_or_replay(ctx, ())
    before = repository.read_for(ctx, id, as_of)
    ctx.check_if_match(before.holding.revision)
    currency = before.currency_on(as_of)
    if body.currency not in (None, currency):
        message = f"the holding is in {currency} on that day; its currency is changed together with its value"
        raise ValidationFailed.field("currency", message)
    check_money(currency, {"value": body.value})
    holding = before.holding.with_changes(ctx)
    valuation = Valuation.of(ctx, holding, body.value, currency, as_of, method=body.method, source=body.source)
    after = replace(before, holding=holding, valuations=(*before.valuations, valuation)).with_current_values()
    view = present(ValuationView, valuation)
    repository.save(ctx, before, after, view)
    return view


def list_valuations(ctx: Context, id: str, query: PageParams) -> PageOf[ValuationView]:
    """A holding's valuations, the latest entered first. Two round trips; NotFound without the holding."""
    return ctx.paginate(repository.entries_of(ctx, id, Valuation), query, partial(present, ValuationView), decode=Valuation.from_item)
