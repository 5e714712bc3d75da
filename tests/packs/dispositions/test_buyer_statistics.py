"""A buyer's statistics and tier, and the summary of dispositions."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.foundation.counts import percent_of
from chalicelib.packs.dispositions.rules.assignments import BUYER_FAULTS, REASONS
from chalicelib.packs.dispositions.rules.buyer_statistics import (
    AssignmentRecord,
    compute_statistics,
    count_contribution,
    recent_buyer_faults,
    tier_of,
)
from chalicelib.packs.dispositions.rules.summary import MonthlyFees, summarize, summary_contribution

DAY = date(2026, 3, 10)


def offered():
    return AssignmentRecord("offered")


def lapsed(reason="expired"):
    return AssignmentRecord("fallout", fell_out_on=DAY, fell_from="offered", reason=reason)


def fell_out(reason, on=DAY, **more):
    return AssignmentRecord("fallout", assigned_on=DAY, fell_out_on=on, fell_from="assigned", reason=reason, **more)


def closed(on=DAY, days=0, **more):
    return AssignmentRecord("closed", assigned_on=on - timedelta(days=days), closed_on=on, **more)


def record(*courses):
    total = Counter()
    for course in courses:
        total.update(count_contribution(course))
    return total


def test_lapsed_offers_spoil_no_record():
    counts = record(*[lapsed()] * 14, *[closed()] * 4, fell_out("title"), fell_out("financing"))
    found = compute_statistics(counts)
    assert (found.offered, found.assigned, found.closed, found.fallout, found.lapsed) == (20, 6, 4, 2, 14)
    assert (str(found.close_rate), str(found.fallout_rate)) == ("66.67", "33.33")
    assert (counts["own_faults"], found.tier) == (1, "B")


@pytest.mark.parametrize(
    ("closings", "faults", "expected"),
    [
        (9, 1, "A"),
        (2, 0, "B"),
        (3, 0, "A"),
        (3, 1, "B"),
        (8, 1, "B"),
        (4, 1, "B"),
        (7, 3, "B"),
        (2, 1, "C"),
        (1, 0, "B"),
        (0, 0, "C"),
        (0, 1, "C"),
    ],
)
def test_tiers(closings, faults, expected):
    assert tier_of(closings, faults) == expected


def test_nobody_has_a_rate_before_the_first_end():
    found = compute_statistics(record(offered(), lapsed()))
    assert (found.close_rate, found.fallout_rate, found.median_days_to_close, found.last_closed_on, found.tier) == (
        None,
        None,
        None,
        None,
        "C",
    )
    assert compute_statistics({}) == compute_statistics(record())


@pytest.mark.parametrize(("part", "whole", "shown"), [(1, 3, "33.33"), (2, 3, "66.67"), (1, 800, "0.13"), (1, 1, "100.00"), (0, 5, "0.00")])
def test_rates_are_per_cent_half_up(part, whole, shown):
    assert str(percent_of(part, whole)) == shown


def test_days_to_close_and_the_last_closing():
    courses = [
        closed(DAY, 18),
        closed(DAY - timedelta(days=40), 41),
        closed(DAY - timedelta(days=1), 30),
        closed(DAY - timedelta(days=9), 21),
    ]
    found = compute_statistics(record(*courses))
    assert found.median_days_to_close == Decimal("25.5")
    assert found.last_closed_on == DAY


def test_a_closing_of_before_its_assignment_was_entered_took_no_days():
    assert compute_statistics(record(closed(DAY, -5))).median_days_to_close == 0


@pytest.mark.parametrize("reason", sorted({*REASONS["assigned", "people"], *REASONS["assigned", "system"]}))
def test_only_the_buyers_own_doing_is_the_buyers_fault(reason):
    own = reason in ("financing", "buyer_withdrew", "retrade", "emd_not_received")
    assert record(fell_out(reason))["own_faults"] == int(own)
    assert (reason in BUYER_FAULTS) == own
    assert record(lapsed(reason))["own_faults"] == 0


def test_what_doesnt_count_isnt_there():
    assert count_contribution(offered()) == {"offered": 1}
    assert count_contribution(lapsed()) == {"offered": 1, "lapsed": 1}
    assert count_contribution(closed(DAY, 3)) == {"offered": 1, "assigned": 1, "closed": 1, "closed_on:2026-03-10": 1, "days:3": 1}


@pytest.mark.parametrize(("on", "recent"), [("2025-03-10", 0), ("2025-03-11", 1), ("2026-03-10", 1), ("2026-03-11", 0)])
def test_recent_faults_are_those_of_twelve_months(on, recent):
    assert recent_buyer_faults(record(fell_out("financing", date.fromisoformat(on)), fell_out("title")), DAY) == recent


days = st.dates(date(2024, 1, 1), date(2026, 12, 31))
fees = st.none() | st.integers(-(10**6), 10**6).map(lambda cents: Decimal(cents).scaleb(-2))


@st.composite
def courses(draw):
    status = draw(st.sampled_from(["offered", "assigned", "closed", "fallout"]))
    start, length, spent = draw(days), draw(st.integers(0, 90)), draw(st.integers(0, 90))
    assigned = start + timedelta(days=spent)
    end = assigned + timedelta(days=length)
    more = {"currency": draw(st.sampled_from(["USD", "CAD"])), "contract_on": start}
    if status == "closed":
        return AssignmentRecord("closed", assigned_on=assigned, closed_on=end, fee_gross=draw(fees), fee_net=draw(fees), **more)
    if status == "fallout":
        source = draw(st.sampled_from(["offered", "assigned"]))
        reason = draw(st.sampled_from(REASONS[source, "people"]))
        forfeit = {"forfeited": Decimal(500), "forfeited_on": end} if source == "assigned" and draw(st.booleans()) else {}
        began = {"assigned_on": assigned} if source == "assigned" else {}
        return AssignmentRecord("fallout", fell_out_on=end, fell_from=source, reason=reason, **began, **forfeit, **more)
    return AssignmentRecord(status, assigned_on=assigned if status == "assigned" else None, **more)


@settings(deadline=None)
@given(st.lists(courses(), max_size=30))
def test_statistics_are_those_of_the_courses_themselves(found):
    shown, ended = compute_statistics(record(*found)), [each for each in found if each.assigned_on and each.status in ("closed", "fallout")]
    closings = [each for each in found if each.status == "closed"]
    assert shown.offered == len(found)
    assert shown.assigned == sum(1 for each in found if each.assigned_on)
    assert (shown.closed, shown.fallout) == (len(closings), len(ended) - len(closings))
    assert shown.lapsed == sum(1 for each in found if each.fell_from == "offered")
    assert shown.last_closed_on == max((each.closed_on for each in closings), default=None)
    spans = [(each.closed_on - each.assigned_on).days for each in closings]
    assert shown.median_days_to_close == (median(spans) if spans else None)
    assert (shown.close_rate is None) == (not ended)


@settings(deadline=None)
@given(st.lists(courses(), max_size=15), courses(), courses())
def test_what_is_taken_back_leaves_nothing(found, before, after):
    """The stream replaces what an assignment added: the rest of it must be as if it had never been."""
    changed = Counter(record(*found, before))
    for name, count in count_contribution(before).items():
        changed[name] -= count
    changed.update(count_contribution(after))
    assert compute_statistics(changed) == compute_statistics(record(*found, after))


# -- the summary


def rows(*courses):
    total = {}
    for course in courses:
        for day, row in summary_contribution(course).items():
            kept = total.setdefault(day, {})
            for name, amount in row.items():
                kept[name] = kept.get(name, 0) + amount
    return total


def test_fees_are_earned_on_the_day_of_closing():
    first = closed(date(2026, 3, 31), 10, fee_gross=Decimal(13000), fee_net=Decimal(13000), contract_on=date(2026, 3, 1))
    double = closed(date(2026, 4, 1), 3, fee_gross=Decimal(13000), fee_net=Decimal(6485))
    unknown = closed(date(2026, 4, 2), 3, fee_gross=Decimal(9000))
    abroad = closed(date(2026, 4, 3), 3, fee_gross=Decimal(8000), fee_net=Decimal(8000), currency="CAD")
    found = summarize(rows(first, double, unknown, abroad, fell_out("title"), lapsed(), offered()))
    assert found.months == (
        MonthlyFees("2026-03", "USD", Decimal(13000), Decimal(13000), 0),
        MonthlyFees("2026-04", "CAD", Decimal(8000), Decimal(8000), 0),
        MonthlyFees("2026-04", "USD", Decimal(6485), Decimal(22000), 1),
    )
    assert (str(found.close_rate), str(found.fallout_rate)) == ("80.00", "20.00")
    assert found.days_contract_to_assignment == 20


def test_fees_that_were_taken_back_make_no_month():
    assert summarize(
        {DAY: {"closed": 0, "gross:USD": Decimal(0), "net:USD": 0, "unknown:CAD": 0, "forfeits:USD": 0, "days:4": 0}}
    ) == summarize({})


def test_a_forfeit_is_income_but_no_fee():
    found = summarize(rows(fell_out("buyer_withdrew", forfeited=Decimal(5000), forfeited_on=DAY)))
    assert (found.forfeits, found.months, found.fallout_rate) == ({"USD": Decimal(5000)}, (), Decimal(100))


def test_a_forfeit_that_follows_a_dispute_counts_on_its_own_day():
    later = DAY + timedelta(days=60)
    assert summary_contribution(fell_out("retrade", forfeited=Decimal(5000), forfeited_on=later)) == {
        DAY: {"fallout": 1},
        later: {"forfeits:USD": Decimal(5000)},
    }


def test_days_to_the_assignment_are_of_the_one_that_closed():
    fell = fell_out("title", contract_on=DAY - timedelta(days=50))
    first, second = (closed(DAY, 0, contract_on=DAY - timedelta(days=days)) for days in (4, 9))
    assert summarize(rows(fell, first, second)).days_contract_to_assignment == Decimal("6.5")
    assert summarize(rows(fell)).days_contract_to_assignment is None
    assert summarize({}) == summarize(rows(offered()))


@settings(deadline=None)
@given(st.lists(courses(), max_size=30), days, days)
def test_any_days_are_exact(found, one, other):
    start, end = sorted((one, other))
    kept = {day: row for day, row in rows(*found).items() if start <= day <= end}
    shown = summarize(kept)
    closings = [each for each in found if each.status == "closed" and start <= each.closed_on <= end]
    for currency in ("USD", "CAD"):
        of = [each for each in closings if each.currency == currency]
        months = [month for month in shown.months if month.currency == currency]
        assert sum((month.fees for month in months), Decimal(0)) == sum((each.fee_net or Decimal(0) for each in of), Decimal(0))
        assert sum((month.fees_gross for month in months), Decimal(0)) == sum((each.fee_gross or Decimal(0) for each in of), Decimal(0))
        assert sum(month.unknown for month in months) == sum(1 for each in of if each.fee_net is None)
        forfeits = [each.forfeited for each in found if each.forfeited and each.currency == currency and start <= each.forfeited_on <= end]
        assert shown.forfeits.get(currency, 0) == sum(forfeits)
    spans = [(each.assigned_on - each.contract_on).days for each in closings]
    assert shown.days_contract_to_assignment == (median(spans) if spans else None)
