from datetime import datetime
from decimal import Decimal
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.counts import median_of_histogram
from chalicelib.foundation.state_history import days_in_state
from chalicelib.packs.wholesale.rules.funnel import cohort, reached_counts

ZONE = "America/Los_Angeles"
STAGES = ["lead", "offer_made", "under_contract", "assigned", "closed"]


def at(text):
    return datetime.fromisoformat(f"2026-{text}+00:00")


def test_reached_counts_from_the_furthest_stages():
    counts = reached_counts({"lead": 1, "offer_made": 2, "under_contract": 1, "closed": 1})
    assert counts == {"lead": 5, "offer_made": 4, "under_contract": 2, "assigned": 1, "closed": 1}
    assert list(counts) == STAGES
    assert reached_counts({}) == dict.fromkeys(STAGES, 0)


@given(st.lists(st.sampled_from(STAGES)))
def test_reached_counts_never_increase_with_the_stage(furthest):
    counts = reached_counts({stage: furthest.count(stage) for stage in furthest})
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    assert counts["lead"] == len(furthest)
    for index, stage in enumerate(STAGES):
        assert counts[stage] == sum(STAGES.index(each) >= index for each in furthest)


@pytest.mark.parametrize(("zone", "days"), [("UTC", 1), (ZONE, 0)])
def test_days_are_business_dates(zone, days):
    assert days_in_state(at("03-10T23:00:00"), at("03-11T05:00:00"), zone) == days


def test_a_cohort_is_a_month_in_the_firms_time_zone():
    assert cohort(at("04-01T06:59:59"), ZONE) == "2026-03"
    assert cohort(at("04-01T07:00:00"), ZONE) == "2026-04"
    assert cohort(at("04-01T06:59:59"), "UTC") == "2026-04"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({18: 1, 21: 1, 30: 1, 41: 1}, "25.5"),
        ({41: 1, 30: 1, 21: 1}, "30"),
        ({5: 2, 9: 2}, "7"),
        ({5: 3, 9: 1}, "5"),
        ({0: 1}, "0"),
        ({3: 0, 7: 1}, "7"),
        ({}, None),
        ({3: 0}, None),
    ],
)
def test_the_median_of_a_histogram(counts, expected):
    assert median_of_histogram(counts) == (None if expected is None else Decimal(expected))


@given(st.lists(st.integers(0, 400), min_size=1))
def test_the_median_equals_that_of_the_expanded_list(days):
    counts = {each: days.count(each) for each in days}
    assert median_of_histogram(counts) == Decimal(str(median(days)))
