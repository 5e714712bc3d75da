"""The summary, performance and snapshots of all holdings."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.foundation.canonical_json import Numbers, canonical_json, content_hash
from chalicelib.foundation.effective_dating import EffectiveSeries, EffectiveValue
from chalicelib.foundation.money import MINOR_UNITS
from chalicelib.foundation.store import codec
from chalicelib.packs.holdings.rules import positions, snapshots
from chalicelib.packs.holdings.rules.aggregates import DIMENSIONS, GroupKey, GroupTotals, contribution, flows_between, totals_on
from chalicelib.packs.holdings.rules.fx_rates import Rates
from chalicelib.packs.holdings.rules.performance import CurrencyPosition, performance, performance_of
from chalicelib.packs.holdings.rules.summary import summarize

WEDNESDAY, THURSDAY, FRIDAY = (date(2026, 10, day) for day in (28, 29, 30))
EURO = {
    WEDNESDAY: {"USD": "1.1133", "JPY": "175.86", "GBP": "0.83785", "CAD": "1.5638"},
    THURSDAY: {"USD": "1.113", "JPY": "175.92", "GBP": "0.83578", "CAD": "1.5577"},
    FRIDAY: {"USD": "1.1172", "JPY": "175.68", "GBP": "0.8338", "CAD": "1.5606"},
}
RATES = Rates(("EUR", on, {name: Decimal(rate) for name, rate in of.items()}) for on, of in EURO.items())


def cells(*holdings):
    """Sums of (owned, currency) or (owned, currency, asset type, jurisdiction, entity); an owned of None has no value."""
    found = {}
    for amount, currency, *groups in holdings:
        for dimension, group in zip(
            DIMENSIONS, [*groups, "property", "US-WA", "e1"][: len(DIMENSIONS)] if groups else ("property", "US-WA", "e1"), strict=True
        ):
            cell = GroupKey(dimension, group, currency)
            at = found.get(cell, GroupTotals())
            found[cell] = GroupTotals(at.owned + Decimal(amount or 0), at.count + 1, at.unvalued + (amount is None))
    return found


FIRM = cells(
    ("100000", "USD", "property", "US-WA", "e1"),
    ("3333000", "JPY", "note", "JP", "e1"),
    ("9259.25", "GBP", "equity", "unassigned", "e2"),
    ("-48000", "USD", "property", "US-OR", "e2"),
    ("400000", "CAD", "property", "US-WA", "e1"),
    ("1000", "BGN", "cash", "BG", "e3"),
)


def test_the_firm_in_dollars():
    found = summarize(FIRM, RATES, "USD", FRIDAY)
    assert {name: str(line.converted) for name, line in found.by_currency.items()} == {
        "USD": "52000.00",
        "CAD": "286351.40",
        "JPY": "21195.51",
        "GBP": "12406.37",
    }
    assert str(found.total_value) == "371953.28"
    assert found.unconverted == {"BGN": Decimal(1000)}
    assert (found.complete, found.count, found.unvalued) == (False, 6, 0)
    assert found.by_currency["CAD"].rate.source == "cross"
    assert found.groups["asset_type"] == {
        "cash": None,
        "equity": Decimal("12406.37"),
        "note": Decimal("21195.51"),
        "property": Decimal("338351.40"),
    }
    assert found.groups["jurisdiction"]["unassigned"] == Decimal("12406.37")
    # 338,351.397..., 21,195.508... and 12,406.371... come to the same as their currencies; by place and entity a cent is between.
    assert found.rounding["asset_type"] == 0
    for dimension, groups in found.groups.items():
        assert found.total_value - sum(value for value in groups.values() if value is not None) == found.rounding[dimension]


def test_the_firm_in_euros():
    found = summarize(FIRM, RATES, "EUR", FRIDAY)
    assert {name: str(line.converted) for name, line in found.by_currency.items()} == {
        "USD": "46544.93",
        "CAD": "256311.67",
        "JPY": "18971.99",
        "GBP": "11104.88",
    }
    assert str(found.total_value) == "332933.47"


def test_groups_are_rounded_for_themselves_and_the_difference_is_shown():
    rates = Rates([("CAD", FRIDAY, {"USD": Decimal("0.5")})])
    found = summarize(cells(("0.01", "CAD", "note", "a", "x"), ("0.01", "CAD", "cash", "b", "x")), rates, "USD", FRIDAY)
    assert str(found.total_value) == "0.01"
    assert found.groups["asset_type"] == {"cash": Decimal("0.01"), "note": Decimal("0.01")}
    assert found.rounding == {"asset_type": Decimal("-0.01"), "jurisdiction": Decimal("-0.01"), "entity": Decimal(0)}


def test_the_total_is_the_sum_of_the_rounded_currencies():
    rates = Rates([("CAD", FRIDAY, {"USD": Decimal("0.5")}), ("GBP", FRIDAY, {"USD": Decimal("0.5")})])
    found = summarize(cells(("0.01", "CAD"), ("0.01", "GBP")), rates, "USD", FRIDAY)
    assert (found.total_value, found.groups["asset_type"]["property"]) == (Decimal("0.02"), Decimal("0.01"))
    assert found.rounding["asset_type"] == Decimal("0.01")


def test_a_holding_without_a_value_makes_the_total_incomplete():
    found = summarize(cells(("5", "USD"), (None, "USD"), (None, "BGN", "note", "x", "y")), RATES, "USD", FRIDAY)
    assert (found.total_value, found.count, found.unvalued, found.complete) == (5, 3, 2, False)
    assert list(found.by_currency) == ["USD"]
    assert found.groups["asset_type"] == {"note": None, "property": Decimal(5)}
    assert found.unconverted == {}


def test_a_group_counts_what_of_it_can_be_converted():
    found = summarize(cells(("5", "USD"), ("7", "BGN")), RATES, "USD", FRIDAY)
    assert (found.groups["asset_type"], found.unconverted) == ({"property": Decimal(5)}, {"BGN": Decimal(7)})


def test_nothing_is_nothing_and_complete():
    found = summarize({}, Rates(), "USD", FRIDAY)
    assert (str(found.total_value), found.count, found.complete, found.by_currency) == ("0.00", 0, True, {})


def test_a_stale_rate_says_so():
    late = FRIDAY + timedelta(days=8)
    line = summarize(cells(("400000", "CAD")), RATES, "USD", late).by_currency["CAD"]
    assert (line.rate.stale, line.rate.on, str(line.converted)) == (True, FRIDAY, "286351.40")
    assert summarize(cells(("400000", "CAD")), RATES, "USD", FRIDAY + timedelta(days=31)).unconverted == {"CAD": 400000}


def test_a_hundred_thousand_holdings_are_exact_to_the_cent():
    random = Random(7)
    names = ["USD", "EUR", "GBP", "JPY", "CAD", "AUD", "CHF", "SEK", "KWD", "NOK", "CLP", "HUF"]
    per_euro = {name: Decimal(random.randint(1, 10**7)).scaleb(-4) for name in names if name != "EUR"}
    groups = [positions.GroupKeys(kind, place, f"e{number}") for kind in ("note", "cash") for place in ("a", "b") for number in range(3)]
    movements, plain = [], {}
    for _ in range(100_000):
        name, labels = random.choice(names), random.choice(groups)
        units = random.randint(-(10**11), 10**13)
        movements.append(positions.Movement(FRIDAY, labels, name, Decimal(units).scaleb(-MINOR_UNITS[name]), 1))
        plain[name, labels.asset_type] = plain.get((name, labels.asset_type), 0) + units

    def euros(name, units):
        return Fraction(units, 10 ** MINOR_UNITS[name]) / Fraction(per_euro.get(name, 1))

    def printed(exact):
        return Decimal((exact * 100 + Fraction(1, 2)).__floor__()).scaleb(-2)

    now, _ = contribution(movements)
    found = summarize(totals_on(now, {}, FRIDAY), Rates([("EUR", FRIDAY, per_euro)]), "EUR", FRIDAY)
    owned = {name: sum(units for (each, _), units in plain.items() if each == name) for name in names}
    assert {name: found.by_currency[name].amount for name in names} == {
        name: Decimal(units).scaleb(-MINOR_UNITS[name]) for name, units in owned.items()
    }
    assert found.total_value == sum(printed(euros(name, units)) for name, units in owned.items())
    assert found.groups["asset_type"] == {
        kind: printed(sum(euros(name, units) for (name, each), units in plain.items() if each == kind)) for kind in ("cash", "note")
    }
    assert (found.count, found.complete) == (100_000, True)


# -- performance


def line(currency, then, now, flow=None):
    return CurrencyPosition(currency, Decimal(then), Decimal(now), {} if flow is None else {THURSDAY: Decimal(flow)})


@pytest.mark.parametrize(
    ("held", "then", "now", "flows", "revaluation", "effect"),
    [
        (line("CAD", "400000", "460000", flow="50000"), "284767.87", "329304.11", "35725.75", "7158.78", "1651.71"),
        (line("USD", "300000", "355000", flow="40000"), "300000.00", "355000.00", "40000.00", "15000.00", "0.00"),
        (line("GBP", "0", "10000", flow="10000"), "0.00", "13398.90", "13316.90", "0.00", "82.00"),
        (line("USD", "50000", "0", flow="-52500"), "50000.00", "0.00", "-52500.00", "2500.00", "0.00"),
    ],
)
def test_a_change_in_its_three_parts(held, then, now, flows, revaluation, effect):
    for each_rounded in (True, False):
        found = performance_of([held], RATES, "USD", WEDNESDAY, FRIDAY, each_rounded=each_rounded)
        figures = (found.value_then, found.value_now, found.flows, found.revaluation, found.currency_effect)
        assert tuple(map(str, figures)) == (then, now, flows, revaluation, effect)
        assert found.change == found.value_now - found.value_then
        assert found.missing == ()


def test_the_same_from_the_holdings_themselves():
    """A purchase, a sale, money put in: as they are entered, through movements and rows."""

    def holding(kind, currency, began, *values, **more):
        on = EffectiveSeries(
            EffectiveValue(day, str(number), positions.AssetValue(Decimal(value), currency)) for number, (day, value) in enumerate(values)
        )
        return positions.HoldingHistory(began, EffectiveSeries.of(positions.GroupKeys(kind), began), values=on, **more)

    year = date(2026, 1, 1)
    put = positions.Flow(THURSDAY, Decimal(50000), "CAD", "contribution")
    holdings = [
        holding("property", "CAD", year, (year, 400000), (FRIDAY, 460000), flows=(put,)),
        holding("note", "GBP", THURSDAY, (THURSDAY, 10000)),
        holding("cash", "USD", year, (year, 50000), disposed_on=THURSDAY, proceeds=Decimal(52500)),
    ]
    now, years = {}, {}
    for each in holdings:
        for total, part in zip((now, years), contribution(positions.movements(each)), strict=True):
            for key, numbers in part.items():
                for name, number in numbers.items():
                    total.setdefault(key, {})[name] = total.get(key, {}).get(name, 0) + number
    ends = (totals_on(now, years, WEDNESDAY), totals_on(now, years, FRIDAY), flows_between(years, WEDNESDAY, FRIDAY))
    whole, by_type = performance(*ends, RATES, "USD", WEDNESDAY, FRIDAY)
    assert {kind: str(found.revaluation) for kind, found in by_type.items()} == {"cash": "2500.00", "note": "0.00", "property": "7158.78"}
    assert {kind: str(found.currency_effect) for kind, found in by_type.items()} == {"cash": "0.00", "note": "82.00", "property": "1651.71"}
    assert (str(whole.value_then), str(whole.value_now)) == ("334767.87", "342703.01")
    assert whole.flows + whole.revaluation + whole.currency_effect == whole.change == whole.value_now - whole.value_then
    assert whole.value_now == summarize(ends[1], RATES, "USD", FRIDAY).total_value


@pytest.mark.parametrize(
    ("held", "nulls", "missing"),
    [
        (
            CurrencyPosition("CAD", Decimal(1), Decimal(1)),
            {"value_then", "change", "revaluation", "currency_effect"},
            [("CAD", date(2026, 10, 27))],
        ),
        (
            CurrencyPosition("BGN", Decimal(0), Decimal(1)),
            {"value_now", "change", "revaluation"},
            [("BGN", FRIDAY)],
        ),
        (
            CurrencyPosition("CAD", Decimal(0), Decimal(1), {date(2026, 10, 27): Decimal(1)}),
            {"flows", "revaluation", "currency_effect"},
            [("CAD", date(2026, 10, 27))],
        ),
    ],
)
def test_what_has_no_rate_is_null_and_named(held, nulls, missing):
    found = performance_of([held, line("USD", "5", "6")], RATES, "USD", date(2026, 10, 27), FRIDAY)
    names = ("value_then", "value_now", "change", "flows", "revaluation", "currency_effect")
    assert {name for name in names if getattr(found, name) is None} == nulls
    assert list(found.missing) == missing


def test_what_was_nothing_needs_no_rate():
    assert performance_of([CurrencyPosition("BGN")], RATES, "USD", WEDNESDAY, FRIDAY).missing == ()
    empty, by_type = performance({}, {}, {}, RATES, "USD", WEDNESDAY, FRIDAY)
    assert (str(empty.value_then), str(empty.change), by_type) == ("0.00", "0.00", {})


amounts = st.integers(-(10**9), 10**9).map(lambda units: Decimal(units).scaleb(-2))
lines = st.builds(
    CurrencyPosition,
    st.sampled_from(["USD", "CAD", "GBP", "EUR"]),
    amounts,
    amounts,
    st.dictionaries(st.sampled_from([THURSDAY, FRIDAY]), amounts),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(lines, max_size=5))
def test_the_parts_are_the_whole_change(held):
    cells_then, cells_now, flows = {}, {}, {}
    for number, each in enumerate(held):
        cell = GroupKey("asset_type", f"type{number % 2}", each.currency)
        cells_then[cell] = GroupTotals(cells_then.get(cell, GroupTotals()).owned + each.start, 1)
        cells_now[cell] = GroupTotals(cells_now.get(cell, GroupTotals()).owned + each.end, 1)
        for day, amount in each.flows.items():
            of = flows.setdefault(cell, {})
            of[day] = of.get(day, Decimal(0)) + amount
    whole, by_type = performance(cells_then, cells_now, flows, RATES, "USD", WEDNESDAY, FRIDAY)

    def rate(currency, day):
        return Fraction(RATES.find(currency, "USD", day).exact)

    for found in (whole, *by_type.values()):
        assert found.flows + found.revaluation + found.currency_effect == found.change == found.value_now - found.value_then
    assert whole.value_then == summarize(cells_then, RATES, "USD", WEDNESDAY).total_value
    exact = Fraction(0)
    for each in held:
        put = sum((Fraction(amount) for amount in each.flows.values()), Fraction(0))
        exact += (Fraction(each.end) - Fraction(each.start) - put) * rate(each.currency, FRIDAY)
    # Four currencies at both ends and two parts are rounded, each by half a cent at most.
    assert abs(Fraction(whole.revaluation) - exact) <= Fraction(1, 200) * 10


# -- snapshots


def test_the_close_of_a_day_is_taken_after_its_midnight_and_noon_is_another_kind():
    noon, midnight = datetime(2026, 11, 24, 14, tzinfo=UTC), datetime(2026, 11, 25, 0, 5, tzinfo=UTC)
    assert (snapshots.closed_day(noon, "UTC"), snapshots.closed_day(midnight, "UTC")) == (date(2026, 11, 23), date(2026, 11, 24))
    assert snapshots.closed_day(midnight, "America/Los_Angeles") == date(2026, 11, 23)
    assert snapshots.closed_day(midnight.replace(hour=8), "America/Los_Angeles") == date(2026, 11, 24)
    # East of UTC the day has ended long before its rates are published.
    assert snapshots.closed_day(noon, "Pacific/Auckland") == date(2026, 11, 23)
    assert snapshots.INTRADAY != snapshots.CLOSE


def hash_of(content):
    return content_hash(content, Numbers.TEXT)


def canonical(content):
    return canonical_json(content, Numbers.TEXT)


CONTENT = {
    "date": FRIDAY,
    "kind": "close",
    "sums": [
        {"group": "note", "currency": "USD", "owned": Decimal("1.50"), "count": 2},
        {"group": "cash", "owned": Decimal("-0.00"), "count": 0},
    ],
    "rates": {"EUR": {"USD": Decimal("1.1172"), "IDR": Decimal("20275.17"), "KRW": Decimal("1E+3")}},
    "complete": True,
    "note": None,
}


def test_a_snapshot_shows_in_any_currency_what_it_showed_on_its_day():
    rates = Rates(
        [*((base, on, of) for base, on, of in RATES.in_force(FRIDAY)), ("CHF", date(2026, 10, 1), {"JPY": Decimal(190)})], max_age=40
    )
    kept = codec.decode_item(codec.encode_item(snapshots.content(FRIDAY, "close", FIRM, rates)))
    sums, own_rates = snapshots.decode_content(kept)
    assert sums == FIRM
    for currency in ("USD", "EUR", "JPY", "CHF", "BGN"):
        assert summarize(sums, own_rates, currency, FRIDAY) == summarize(FIRM, rates, currency, FRIDAY)
    assert hash_of(kept) == hash_of(snapshots.content(FRIDAY, "close", FIRM, rates))
    reordered = dict(reversed(FIRM.items()))
    assert snapshots.content(FRIDAY, "close", reordered, rates) == snapshots.content(FRIDAY, "close", FIRM, rates)


def test_a_snapshot_of_other_sums_or_rates_is_another():
    plain = hash_of(snapshots.content(FRIDAY, "close", FIRM, RATES))
    assert hash_of(snapshots.content(FRIDAY, "intraday", FIRM, RATES)) != plain
    assert hash_of(snapshots.content(FRIDAY, "close", FIRM, Rates())) != plain
    assert hash_of(snapshots.content(FRIDAY, "close", cells(("1", "USD")), RATES)) != plain


def test_the_canonical_form_of_a_snapshot():
    assert canonical(CONTENT) == (
        '{"complete":true,"date":"2026-10-30","kind":"close","note":null,'
        '"rates":{"EUR":{"IDR":"20275.17","KRW":"1000","USD":"1.1172"}},'
        '"sums":[{"count":"2","currency":"USD","group":"note","owned":"1.5"},{"count":"0","group":"cash","owned":"0"}]}'
    )


def test_a_hash_is_of_the_content_not_of_how_it_was_kept():
    kept = {**CONTENT, "date": "2026-10-30", "rates": {"EUR": {"USD": Decimal("1.11720"), "KRW": 1000, "IDR": Decimal("20275.170")}}}
    assert hash_of(dict(reversed(kept.items()))) == hash_of(CONTENT)
    assert len(hash_of(CONTENT)) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"date": THURSDAY},
        {"kind": "intraday"},
        {"complete": False},
        {"note": "None"},
        {"rates": {}},
        {"sums": CONTENT["sums"][::-1]},
        {"more": 1},
    ],
)
def test_any_other_content_has_another_hash(change):
    assert hash_of({**CONTENT, **change}) != hash_of(CONTENT)


def test_a_float_has_no_canonical_form():
    with pytest.raises(TypeError):
        canonical({"rate": 1.1})
