"""Counts and sums that add up. The median of a histogram is tested where it is used most, in tests/packs/wholesale/test_funnel.py."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.counts import add_up, by_suffix, percent_of

rows = st.lists(st.dictionaries(st.sampled_from(["a", "b:1", "b:2"]), st.integers(-3, 3) | st.decimals(-3, 3, places=2)))


@given(rows)
def test_sums_are_those_of_each_name(given_rows):
    total = add_up(given_rows)
    assert total == {
        name: sum(row.get(name, 0) for row in given_rows) for name in {name for row in given_rows if row for name in row if row[name]}
    }


@given(rows, rows)
def test_sums_add_up(one, other):
    both = add_up([*one, *other])
    assert {name: number for name, number in both.items() if number} == {
        name: number for name, number in add_up([add_up(one), add_up(other)]).items() if number
    }


def test_numbers_by_the_rest_of_their_name():
    assert by_suffix({"a": 1, "b:1": 2, "b:2": Decimal(0), "bb:3": 4}, "b:") == {"1": 2, "2": 0}


@pytest.mark.parametrize(("part", "whole", "shown"), [(1, 3, "33.33"), (2, 3, "66.67"), (1, 800, "0.13"), (1, 1, "100.00"), (0, 5, "0.00")])
def test_shares_are_percent_numbers_half_up(part, whole, shown):
    assert str(percent_of(part, whole)) == shown


def test_nothing_has_no_share():
    assert percent_of(0, 0) is None
