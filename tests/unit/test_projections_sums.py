"""Adding and taking away contributions."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.manifest import Pack, Projection
from chalicelib.foundation.projections import ContributionError, ContributionRegistry, merge

_numbers = st.integers(-1000, 1000) | st.decimals(-1000, 1000, places=2)
_contributions = st.dictionaries(
    st.tuples(st.sampled_from("AB"), st.sampled_from("xyz")),
    st.dictionaries(st.sampled_from(["count", "sum"]), _numbers, max_size=2),
    max_size=4,
)


@given(_contributions, _contributions)
def test_what_is_added_and_taken_away_leaves_nothing(one, two):
    total = {}
    merge(total, one)
    merge(total, two)
    merge(total, one, -1)
    merge(total, two, -1)
    assert total == {}


@given(_contributions, _contributions)
def test_the_order_is_nothing(one, two):
    there, back = {}, {}
    for part in (one, two):
        merge(there, part)
    for part in (two, one):
        merge(back, part)
    assert there == back


def test_zero_is_left_out_and_nothing_that_is_given_is_touched():
    one = {("A", "x"): {"count": 1, "sum": Decimal("2.50")}}
    total = {}
    merge(total, one)
    merge(total, {("A", "x"): {"count": -1, "sum": 1}, ("B", "y"): {"count": 0}})
    assert total == {("A", "x"): {"sum": Decimal("3.50")}}
    assert one == {("A", "x"): {"count": 1, "sum": Decimal("2.50")}}


def _pack(*paths):
    return Pack("T", "t", "t", "t", projections=tuple(Projection("thing", path, ("GROUPS", "ALL")) for path in paths))


def test_the_contributions_of_several_packs_add_up():
    both = ContributionRegistry([_pack("tests.streams.sample_entities.by_group"), _pack("tests.streams.sample_entities.with_notes")])
    assert both.kinds == ["thing"]
    assert both("thing", {"group": "a", "amount": 5, "notes": "some"}) == {
        ("GROUPS", "a"): {"count": 1, "amount": 5},
        ("ALL", "all"): {"count": 1, "amount": 5, "noted": 1},
    }
    assert both("other", {}) == {}


def test_a_contribution_that_fails_names_its_function():
    with pytest.raises(ContributionError, match=r"tests\.streams\.sample_entities\.by_group: KeyError"):
        ContributionRegistry([_pack("tests.streams.sample_entities.by_group")])("thing", {})


def test_a_row_outside_the_declared_partitions_is_refused():
    """The consumer's role may not write it."""
    pack = Pack("T", "t", "t", "t", projections=(Projection("thing", "tests.streams.sample_entities.by_group", ("GROUPS",)),))
    with pytest.raises(ContributionError, match="ALL"):
        ContributionRegistry([pack])("thing", {"group": "a", "amount": 5})
