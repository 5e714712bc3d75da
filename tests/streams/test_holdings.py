"""The sums over all holdings, kept from the stream: exact under replays, gaps and any order, and equal to a plain reckoning."""

import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation import projections
from chalicelib.foundation.errors import Conflict
from chalicelib.packs.holdings.entities import packed
from chalicelib.packs.holdings.projections import contribute
from chalicelib.packs.holdings.rules import fx, timeline
from chalicelib.packs.holdings.rules.dated import Series
from chalicelib.packs.holdings.rules.summary import summarize
from chalicelib.packs.holdings.schemas import FlowCreate, HoldingCreate, HoldingPatch, ValuationCreate
from chalicelib.packs.holdings.service import entries, history, holdings, totals
from ops.projections import drift
from tests.streams.feed import deliver
from tests.streams.schedules import disturbed

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
    return timeline.movements(
        timeline.Holding(
            held_from=DAY,
            labels=Series.of(timeline.Labels(group, "US-WA", "e"), DAY),
            currency=currency,
            values=Series.of(timeline.Value(value, currency), DAY),
            liabilities=Series.of(liability, DAY),
            shares=Series.of(share, DAY),
        )
    )


def read(aggregates):
    """The sums as a summary reads them, out of aggregate rows."""
    now = {}
    for (_, key), numbers in aggregates.items():
        when, dimension, group, currency = key.split("#")
        if when == "now":
            now[totals.Cell(dimension, group, currency)] = numbers
    return totals.on_day(now, {}, DAY)


def test_a_hundred_thousand_holdings_in_twelve_currencies_are_exact_to_the_cent():
    found = list(random_holdings(100_000, seed=7))
    total: projections.Contribution = {}
    for one in found:
        projections.merge(total, contribute({"movements": [packed(movement) for movement in movements(*one)]}))
    owned, dollars = plainly(found)
    summary = summarize(read(total), fx.Rates([("EUR", DAY, RATES)]), "USD", DAY)
    assert {name: line.amount for name, line in summary.by_currency.items()} == owned
    assert (summary.total_value, summary.count) == (dollars, 100_000)


# -- any history under any schedule

places = st.integers(0, 2)
days = st.integers(0, 400).map(lambda back: date(2026, 11, 24) - timedelta(days=back))
amounts = st.integers(-(10**6), 10**8).map(lambda units: Decimal(units).scaleb(-2))
written = st.lists(
    st.one_of(
        st.tuples(places, st.just("value"), amounts, days),
        st.tuples(places, st.just("liability"), amounts.map(abs), days),
        st.tuples(places, st.just("share"), st.integers(0, 100), days),
        st.tuples(places, st.just("active"), st.booleans(), days),
        st.tuples(places, st.just("group"), st.sampled_from(["a", "b", None]), days),
        st.tuples(places, st.just("flow"), amounts.map(lambda amount: abs(amount) + 1), days),
        st.tuples(places, st.just("gone"), st.none(), days),
        st.tuples(places, st.just("start"), st.none(), days),
        st.tuples(places, st.just("delete"), st.none(), days),
    ),
    min_size=1,
    max_size=8,
)


def act(world, made, place, what, value, on):
    if place not in made:
        body = {"asset_type": "property", "value_estimate": 100, "acquired_on": date(2025, 11, 1), "currency": ["USD", "CAD", "JPY"][place]}
        made[place] = holdings.create(world.ctx(), HoldingCreate(**body))["id"]
    id = made[place]
    if place == 2 and isinstance(value, Decimal):
        value = round(value)
    on = max(on, date(2025, 11, 1))
    if what == "value":
        entries.value(world.ctx(), id, ValuationCreate(value=value, as_of=on))
    elif what == "flow":
        entries.flow(world.ctx(), id, FlowCreate(amount=value, on=on, kind="contribution"))
    elif what == "delete":
        holdings.delete(world.ctx(), made.pop(place))
    else:
        name = {"liability": "liability", "share": "ownership_pct", "active": "is_active", "group": "jurisdiction"}.get(what)
        if name:
            body = {name: value, "effective_on": on}
        else:
            body = {"disposed_on": date(2026, 11, 24)} if what == "gone" else {"acquired_on": date(2025, 11, 1)}
        holdings.edit(world.ctx(), id, HoldingPatch(**body))


def by_looking(world, made, day):
    """The sums of a day by looking at every holding's own history."""
    found = {}
    for id in made.values():
        at = timeline.position(history.read(world.ctx(), id).timeline(), day)
        for dimension in ("asset_type", "jurisdiction", "entity") if at else ():
            cell = totals.Cell(dimension, getattr(at.labels, dimension), at.currency)
            so_far = found.get(cell, totals.Sums())
            found[cell] = totals.Sums(so_far.owned + (at.owned or 0), so_far.count + 1, so_far.unvalued + (at.owned is None))
    return found


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(written=written, asked=st.lists(days, min_size=1, max_size=3), seed=st.integers(0, 2**32))
def test_any_day_is_what_the_holdings_say_whatever_the_stream_does(world, written, asked, seed):
    world.empty()
    made = {}
    for place, what, value, on in written:
        try:
            act(world, made, place, what, value, on)
        except Conflict:
            continue
    stream, late = disturbed(world.feed.entities(), random.Random(seed))
    deliver(world.project(), stream, batch=7)
    deliver(world.project(), late)
    for day in (*asked, date(2026, 11, 24), date(2025, 10, 31)):
        assert totals.sums_on(world.ctx(), day) == by_looking(world, made, day)
    assert list(drift(world.runtime.store, world.contributions)) == []
