"""Dated values, what is owned on a day, movements, flows, and sums over all holdings."""

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.foundation.effective_dating import EffectiveSeries, EffectiveValue
from chalicelib.foundation.money import MINOR_UNITS
from chalicelib.packs.holdings.rules import aggregates, positions
from chalicelib.packs.holdings.rules.positions import (
    AssetValue,
    Flow,
    GroupKeys,
    HoldingHistory,
    Movement,
    movements,
    owned_value,
    position,
)

DAY = date(2026, 1, 1)
LABELS = GroupKeys("property", "US-WA", "ent_1")


def on(text):
    return date.fromisoformat(f"2026-{text}")


def series(*entries):
    """From (day, value) or (day, value, recorded)."""
    return EffectiveSeries([EffectiveValue(on(day), more[0] if more else "", value) for day, value, *more in entries])


def decimals(*entries):
    return series(*((day, Decimal(value), *more) for day, value, *more in entries))


def valued(*entries, currency="USD"):
    return series(*((day, AssetValue(Decimal(value), currency), *more) for day, value, *more in entries))


def holding(**more):
    given_ = {"held_from": DAY, "groups": EffectiveSeries.of(LABELS, DAY), "values": valued(("01-01", 500000))}
    return HoldingHistory(**{**given_, **more})


def own(found, day):
    at = position(found, on(day))
    return None if at is None else at.owned


# -- dated values


def test_the_latest_entry_on_or_before_a_day_holds_never_a_later_one():
    found = decimals(("03-01", 3), ("01-01", 1), ("02-01", 2))
    assert [found.value_on(on(day)) for day in ("01-01", "01-31", "02-01", "02-28", "12-31")] == [1, 1, 2, 2, 3]
    assert found.value_on(date(2025, 12, 31)) is None
    assert EffectiveSeries().value_on(DAY) is None
    assert [found.value_on_or_first(day) for day in (date(2025, 12, 31), DAY, on("02-28"), date.max)] == [1, 1, 2, 3]


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_entries_for_one_day_the_later_recorded_counts(order):
    entries = [EffectiveValue(DAY, "2026-01-05", 1), EffectiveValue(DAY, "2026-01-09", 2), EffectiveValue(on("02-01"), "2026-01-01", 3)]
    assert EffectiveSeries(entries[::order]).value_on(DAY) == 2


# -- the owned share


@pytest.mark.parametrize(
    ("value", "liability", "share", "currency", "expected"),
    [
        ("500000", "300000", "50", "USD", "100000.00"),
        ("10000000", "0", "33.33", "JPY", "3333000"),
        ("12345.67", "0", "75", "GBP", "9259.25"),
        ("200000", "260000", "80", "USD", "-48000.00"),
        ("1000000", "0", "33.3333", "USD", "333333.00"),
        ("0.01", "0", "50", "USD", "0.01"),
        ("0", "0.01", "50", "USD", "-0.01"),
        ("1000", "0", "0", "USD", "0.00"),
        ("9999999999999.99", "0", "33.333333333333333333", "USD", "3333333333333.33"),
    ],
)
def test_the_share_of_value_less_liability(value, liability, share, currency, expected):
    assert str(owned_value(Decimal(value), Decimal(liability), Decimal(share), currency)) == expected


def test_a_share_sold_in_july_leaves_june_as_it_was():
    found = holding(
        values=valued(("01-01", 500000)), liabilities=decimals(("01-01", 300000)), shares=decimals(("01-01", 100), ("07-01", 50))
    )
    assert (own(found, "06-30"), own(found, "07-01")) == (200000, 100000)


def test_a_holding_counts_from_the_day_it_was_acquired_to_the_day_before_it_was_disposed_of():
    found = holding(held_from=on("02-01"), disposed_on=on("03-01"), values=valued(("01-01", 10)))
    assert [own(found, day) for day in ("01-31", "02-01", "02-28", "03-01")] == [None, 10, 10, None]


def test_activity_has_a_history_too():
    found = holding(activity=series(("01-01", True), ("02-01", False), ("03-01", True)))
    assert [own(found, day) for day in ("01-31", "02-01", "02-28", "03-01")] == [500000, None, None, 500000]


def test_a_holding_without_a_value_counts_without_one():
    found = holding(values=valued(("03-01", 7)), currency="EUR")
    assert position(found, on("02-28")) == positions.Position(LABELS, "EUR", None)
    assert own(found, "03-01") == 7


def test_the_currency_changes_with_a_value():
    found = holding(values=series(("01-01", AssetValue(Decimal(10), "CAD")), ("02-01", AssetValue(Decimal(8), "USD"))))
    assert [(position(found, on(day)).currency, own(found, day)) for day in ("01-31", "02-01")] == [("CAD", 10), ("USD", 8)]


def test_what_isnt_said_is_unassigned():
    assert positions.group_keys("note", None, None) == GroupKeys("note", "unassigned", "unassigned")
    assert positions.group_keys("note", "", "", "Smith LLC") == GroupKeys("note", "unassigned", "Smith LLC")
    assert positions.group_keys("note", "US-WA", "ent_1", "Smith LLC") == GroupKeys("note", "US-WA", "ent_1")


# -- movements and flows


def moves(found, day):
    return [movement for movement in movements(found) if movement.day == on(day)]


def flow(found, day):
    return {movement.currency: movement.flow for movement in moves(found, day)}


def test_an_acquisition_is_a_flow_of_its_cost_else_of_its_first_value():
    assert moves(holding(), "01-01") == [Movement(DAY, LABELS, "USD", Decimal(500000), 1, 0, Decimal(500000))]
    assert flow(holding(cost=Decimal(480000)), "01-01") == {"USD": 480000}
    half = holding(cost=Decimal(480000), liabilities=decimals(("01-01", 300000)), shares=decimals(("01-01", 50)))
    assert moves(half, "01-01") == [Movement(DAY, LABELS, "USD", Decimal(100000), 1, 0, Decimal(90000))]


def test_one_that_is_valued_later_comes_in_with_its_value():
    found = holding(values=valued(("02-01", 70)))
    assert moves(found, "01-01") == [Movement(DAY, LABELS, "USD", count=1, unvalued=1)]
    assert moves(found, "02-01") == [Movement(on("02-01"), LABELS, "USD", Decimal(70), 0, -1, Decimal(70))]
    assert flow(replace(found, cost=Decimal(60)), "02-01") == {"USD": 60}


def test_a_disposal_is_a_flow_of_its_proceeds_else_of_its_last_value():
    found = holding(disposed_on=on("03-01"))
    assert moves(found, "03-01") == [Movement(on("03-01"), LABELS, "USD", Decimal(-500000), -1, 0, Decimal(-500000))]
    assert flow(replace(found, proceeds=Decimal(520000)), "03-01") == {"USD": -520000}
    half = replace(found, proceeds=Decimal(520000), liabilities=decimals(("01-01", 300000)), shares=decimals(("01-01", 50)))
    assert flow(half, "03-01") == {"USD": -110000}


def test_what_was_recorded_on_the_day_of_coming_or_going_counts_beside_a_price_and_is_part_of_a_value():
    put, taken = (Flow(day, Decimal(7), "USD", kind) for day, kind in ((DAY, "contribution"), (on("03-01"), "withdrawal")))
    found = holding(disposed_on=on("03-01"), flows=(put, taken))
    assert (flow(found, "01-01"), flow(found, "03-01")) == ({"USD": 500000}, {"USD": -500000})
    priced = replace(found, cost=Decimal(480000), proceeds=Decimal(520000))
    assert (flow(priced, "01-01"), flow(priced, "03-01")) == ({"USD": 480007}, {"USD": -520007})


def test_out_of_use_and_back_is_no_gain():
    found = holding(cost=Decimal(1), proceeds=Decimal(1), activity=series(("02-01", False), ("03-01", True)))
    assert (flow(found, "02-01"), flow(found, "03-01")) == ({"USD": -500000}, {"USD": 500000})


def test_a_new_value_is_no_flow():
    found = holding(values=valued(("01-01", 500000), ("02-01", 510000)))
    assert moves(found, "02-01") == [Movement(on("02-01"), LABELS, "USD", Decimal(10000))]


@pytest.mark.parametrize(
    ("kind", "signed"),
    [("contribution", 7), ("withdrawal", -7), ("loan_drawn", -7), ("loan_repaid", 7), ("share_bought", 7), ("share_sold", -7)],
)
def test_a_recorded_flow_has_its_kinds_direction(kind, signed):
    found = holding(flows=(Flow(on("02-01"), Decimal(7), "USD", kind),))
    assert moves(found, "02-01") == [Movement(on("02-01"), LABELS, "USD", flow=Decimal(signed))]
    abroad = holding(flows=(Flow(DAY, Decimal(7), "CAD", kind), Flow(DAY, Decimal(9), "USD", kind)))
    # The first value holds what was put in on its day; what came in another currency isn't in it.
    assert flow(abroad, "01-01") == {"USD": 500000, "CAD": signed}


def test_loan_and_share_that_change_without_a_flow_are_flows_of_what_they_change():
    loan = holding(liabilities=decimals(("01-01", 300000), ("02-01", 350000)), shares=decimals(("01-01", 50)))
    assert flow(loan, "02-01") == {"USD": -25000}
    share = holding(shares=decimals(("01-01", 100), ("02-01", 60)), values=valued(("01-01", 500000), ("02-01", 600000)))
    assert moves(share, "02-01") == [Movement(on("02-01"), LABELS, "USD", Decimal(-140000), 0, 0, Decimal(-200000))]


def test_a_recorded_flow_stands_for_the_change_that_it_is_about_and_for_no_other():
    both = holding(liabilities=decimals(("01-01", 300000), ("02-01", 350000)), shares=decimals(("01-01", 100), ("02-01", 50)))
    sold, drawn = Flow(on("02-01"), Decimal(90000), "USD", "share_sold"), Flow(on("02-01"), Decimal(50000), "USD", "loan_drawn")
    assert flow(both, "02-01") == {"USD": 75000 - 200000}
    assert flow(replace(both, flows=(sold,)), "02-01") == {"USD": -50000 - 90000}
    assert flow(replace(both, flows=(drawn,)), "02-01") == {"USD": -100000 - 50000}
    assert flow(replace(both, flows=(sold, drawn)), "02-01") == {"USD": -140000}
    elsewhere = Flow(on("02-02"), Decimal(90000), "USD", "share_sold")
    assert flow(replace(both, flows=(elsewhere,)), "02-01") == {"USD": -125000}


def test_a_holding_that_changes_groups_goes_over_at_what_it_was_worth():
    other = GroupKeys("resort", "US-OR", "ent_1")
    found = holding(groups=series(("01-01", LABELS), ("02-01", other)), values=valued(("01-01", 10), ("02-01", 15)))
    assert moves(found, "02-01") == [
        Movement(on("02-01"), LABELS, "USD", Decimal(-10), -1, 0, Decimal(-10)),
        Movement(on("02-01"), other, "USD", Decimal(15), 1, 0, Decimal(10)),
    ]


def test_a_change_of_currency_is_no_flow():
    found = holding(values=series(("01-01", AssetValue(Decimal(10), "CAD")), ("02-01", AssetValue(Decimal(8), "USD"))))
    assert moves(found, "02-01") == [
        Movement(on("02-01"), LABELS, "CAD", Decimal(-10), -1),
        Movement(on("02-01"), LABELS, "USD", Decimal(8), 1),
    ]
    restated = replace(found, liabilities=decimals(("01-01", 5), ("02-01", 4)))
    assert flow(restated, "02-01") == {"CAD": 0, "USD": 0}


def test_a_late_payment_after_the_end_is_still_a_flow():
    found = holding(disposed_on=on("02-01"), flows=(Flow(on("03-01"), Decimal(5), "USD", "withdrawal"),))
    assert moves(found, "03-01") == [Movement(on("03-01"), LABELS, "USD", flow=Decimal(-5))]


def test_a_day_on_which_nothing_moved_has_no_movement():
    found = holding(values=valued(("01-01", 10), ("02-01", 10)), shares=decimals(("01-01", 100), ("03-01", 100)))
    assert [movement.day for movement in movements(found)] == [DAY]


def test_the_difference_of_movements_is_of_the_days_that_differ():
    was = [Movement(date(year, 3, 1), LABELS, "USD", Decimal(1), count=1) for year in (2023, 2024, 2025)]
    now = [was[0], replace(was[1], owned=Decimal(5)), Movement(DAY, LABELS, "USD", Decimal(1))]
    assert positions.difference(was, now) == [
        Movement(date(2024, 3, 1), LABELS, "USD", Decimal(4)),
        Movement(date(2025, 3, 1), LABELS, "USD", Decimal(-1), count=-1),
        Movement(DAY, LABELS, "USD", Decimal(1)),
    ]
    assert positions.difference(was, list(was)) == []


# -- against a plain reckoning

some_days = st.dates(date(2023, 11, 1), date(2026, 2, 28))
amounts = st.integers(-(10**8), 10**8).map(lambda units: Decimal(units).scaleb(-2))
currencies = st.sampled_from(["USD", "CAD", "EUR"])
groups = st.builds(
    GroupKeys, st.sampled_from(["property", "note"]), st.sampled_from(["US-WA", "unassigned"]), st.sampled_from(["e1", "e2"])
)


def dated(values, least=0):
    return st.lists(
        st.builds(EffectiveValue, some_days, st.sampled_from("abc"), values),
        min_size=least,
        max_size=4,
        unique_by=lambda e: (e.on, e.recorded),
    )


@st.composite
def holdings(draw):
    start = draw(some_days)
    return HoldingHistory(
        start,
        EffectiveSeries([*draw(dated(groups)), EffectiveValue(start, "", draw(groups))]),
        currency=draw(currencies),
        values=EffectiveSeries(draw(dated(st.builds(AssetValue, amounts, currencies)))),
        liabilities=EffectiveSeries(draw(dated(amounts.map(abs)))),
        shares=EffectiveSeries(draw(dated(st.integers(0, 10000).map(lambda units: Decimal(units).scaleb(-2))))),
        activity=EffectiveSeries(draw(dated(st.booleans()))),
        disposed_on=draw(st.none() | some_days),
        cost=draw(st.none() | amounts),
        proceeds=draw(st.none() | amounts),
        flows=tuple(
            draw(st.lists(st.builds(Flow, some_days, amounts.map(abs), currencies, st.sampled_from(sorted(positions.SIGNS))), max_size=3))
        ),
    )


def rows(found):
    now, months = defaultdict(lambda: defaultdict(int)), defaultdict(lambda: defaultdict(int))
    for each in found:
        for total, part in zip((now, months), aggregates.contribution(movements(each)), strict=True):
            for key, numbers in part.items():
                for name, number in numbers.items():
                    total[key][name] += number
    return now, months


def plainly(found, day):
    """The sums by looking at every holding."""
    total = {}
    for each in found:
        at = position(each, day)
        for dimension in aggregates.DIMENSIONS if at else ():
            cell = aggregates.GroupKey(dimension, getattr(at.groups, dimension), at.currency)
            so_far = total.get(cell, aggregates.GroupTotals())
            total[cell] = aggregates.GroupTotals(so_far.owned + (at.owned or 0), so_far.count + 1, so_far.unvalued + (at.owned is None))
    return total


@settings(deadline=None, max_examples=40)
@given(st.lists(holdings(), max_size=6), st.lists(some_days, max_size=4))
def test_the_sums_of_any_day_are_those_of_the_holdings_themselves(found, asked):
    now, months = rows(found)
    end = date(2026, 2, 28)
    assert aggregates.totals_on(now, {}, end) == plainly(found, end)
    moved_on = {day for each in found for day in positions.days_of(each)}
    for day in {*asked, *moved_on}:
        later = {key: row for key, row in months.items() if key[0] >= f"{day:%Y-%m}"}
        assert aggregates.totals_on(now, later, day) == plainly(found, day)


@settings(deadline=None)
@given(holdings(), some_days)
def test_owned_is_the_fraction_rounded_once(found, day):
    at, value = position(found, day), found.values.value_on(day)
    if at is None or value is None:
        return
    exact = (
        (Fraction(value.amount) - Fraction(found.liabilities.value_on(day) or 0))
        * Fraction(found.shares.value_on(day) if found.shares.value_on(day) is not None else 100)
        / 100
    )
    units = abs(exact) * 10 ** MINOR_UNITS[value.currency]
    half_up = (units + Fraction(1, 2)).__floor__()
    assert at.owned == Decimal(half_up if exact >= 0 else -half_up).scaleb(-MINOR_UNITS[value.currency])


@settings(deadline=None, max_examples=40)
@given(st.lists(holdings(), max_size=4), some_days, some_days)
def test_flows_between_two_days_are_those_after_the_first(found, one, other):
    moved_on = [day for each in found for day in positions.days_of(each)]
    start, end = sorted((min(moved_on, default=one), other))
    _, months = rows(found)
    expected = defaultdict(lambda: defaultdict(Decimal))
    for each in found:
        for movement in movements(each):
            if start < movement.day <= end:
                expected[aggregates.GroupKey("asset_type", movement.groups.asset_type, movement.currency)][movement.day] += movement.flow
    plain = {cell: {day: amount for day, amount in flows.items() if amount} for cell, flows in expected.items()}
    assert aggregates.flows_between(months, start, end) == {cell: flows for cell, flows in plain.items() if flows}


@settings(deadline=None, max_examples=40)
@given(st.lists(holdings(), max_size=4))
def test_the_first_day_is_that_of_the_first_holding(found):
    _, months = rows(found)
    began = [day for each in found for day in positions.days_of(each) if position(each, day)]
    assert aggregates.first_day(months) == min(began, default=None)


def test_a_summary_reads_as_many_rows_for_ten_holdings_as_for_a_thousand():
    def counted(number):
        found = [replace(holding(), values=valued(("01-01", each), ("02-01", each + 1))) for each in range(1, number + 1)]
        now, months = rows(found)
        return len(now), len(months)

    assert counted(10) == counted(1000) == (3, 6)


def test_one_holding_touches_few_rows_however_long_its_history():
    monthly = [
        EffectiveValue(date(2016 + month // 12, month % 12 + 1, 1), "", AssetValue(Decimal(month + 1), "USD")) for month in range(120)
    ]
    found = HoldingHistory(date(2016, 1, 1), EffectiveSeries.of(LABELS, date(2016, 1, 1)), values=EffectiveSeries(monthly))
    now, months = aggregates.contribution(movements(found))
    assert len(now) + len(months) == 3 + 3 * 120  # a row a month, however many holdings move in it
