"""What holdings contribute to the sums over all of them, against schoolbook Decimal."""

import random
from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from chalicelib.foundation import projections
from chalicelib.foundation.effective_dating import EffectiveSeries
from chalicelib.packs.holdings.entities import encode_movement
from chalicelib.packs.holdings.projections import contribute
from chalicelib.packs.holdings.rules import fx_rates, positions
from chalicelib.packs.holdings.rules.summary import summarize
from chalicelib.packs.holdings.service import reports

UNITS = {"USD": 2, "CAD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "AUD": 2, "SEK": 2, "MXN": 2, "ZAR": 2, "JPY": 0, "KRW": 0, "KWD": 3}
RATES = {
    currency: Decimal(text)
    for currency, text in {
        "USD": "1.1172", "CAD": "1.5606", "GBP": "0.8338", "CHF": "0.9194", "AUD": "1.5904", "SEK": "10.978", "MXN": "21.1237",
        "ZAR": "18.6455", "JPY": "175.68", "KRW": "1491.76", "KWD": "0.34217",
    }.items()
}  # fmt: skip
DAY = date(2026, 10, 30)


def random_holdings(number: int, seed: int):
    """Holdings as their numbers: currency, value, liability, share, group."""
    chance = random.Random(seed)
    for _ in range(number):
        currency = chance.choice(sorted(UNITS))
        value = Decimal(chance.randrange(-(10**6), 10**10)).scaleb(-UNITS[currency])
        liability = Decimal(chance.choice([0, chance.randrange(10**9)])).scaleb(-UNITS[currency])
        share = Decimal(chance.choice([10000, chance.randrange(10001)])).scaleb(-2)
        yield currency, value, liability, share, chance.choice("abc")


def plainly(found):
    """Each currency's sum, and the total in dollars, by schoolbook Decimal."""
    owned = defaultdict(Decimal)
    for currency, value, liability, share, _ in found:
        unit = Decimal(1).scaleb(-UNITS[currency])
        owned[currency] += ((value - liability) * share / 100).quantize(unit, rounding=ROUND_HALF_UP)
    total = Decimal(0)
    for currency, amount in owned.items():
        to_euro = Decimal(1) if currency == "EUR" else RATES[currency]
        total += (amount * RATES["USD"] / to_euro if currency != "USD" else amount).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return dict(owned), total


def movements(currency, value, liability, share, group):
    return positions.movements(
        positions.HoldingHistory(
            held_from=DAY,
            groups=EffectiveSeries.of(positions.GroupKeys(group, "US-WA", "e"), DAY),
            currency=currency,
            values=EffectiveSeries.of(positions.AssetValue(value, currency), DAY),
            liabilities=EffectiveSeries.of(liability, DAY),
            shares=EffectiveSeries.of(share, DAY),
        )
    )


def read(aggregates):
    """The sums as a summary reads them, out of aggregate rows."""
    now = {}
    for (_, key), numbers in aggregates.items():
        when, dimension, group, currency = key.split("#")
        if when == "now":
            now[reports.GroupKey(dimension, group, currency)] = numbers
    return reports.totals_on(now, {}, DAY)


def test_thousands_of_holdings_in_twelve_currencies_are_exact_to_the_cent():
    found = list(random_holdings(5_000, seed=7))
    total: projections.Contribution = {}
    for one in found:
        projections.merge(total, contribute({"movements": [encode_movement(movement) for movement in movements(*one)]}))
    owned, dollars = plainly(found)
    summary = summarize(read(total), fx_rates.Rates([("EUR", DAY, RATES)]), "USD", DAY)
    assert {name: line.amount for name, line in summary.by_currency.items()} == owned
    assert (summary.total_value, summary.count) == (dollars, 5_000)
