"""The interface of this pack to other packs: the exchange rates of a day."""

from datetime import date

from chalicelib.foundation.context import Context
from chalicelib.packs.holdings.rules.fx_rates import Rate as Rate
from chalicelib.packs.holdings.rules.fx_rates import convert as convert


def rate_on(ctx: Context, source: str, target: str, day: date) -> Rate | None:
    """The rate from one currency to another on a day; None where there is none within the maximum age.

    One query, none for one and the same currency.
    """
    from chalicelib.packs.holdings import repository
    from chalicelib.packs.holdings.rules.fx_rates import Rates

    rates = Rates() if source == target else repository.rates_between(ctx, day, day)
    return rates.find(source, target, day)
