"""How long contracts run, and by when notice must be received: the vectors, and an independent calculation day by day."""

import calendar
import itertools
from datetime import date, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chalicelib.packs.contracts.rules.terms import Terms, contradictions

DAY = timedelta(days=1)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "term", "renewal", "notice", "seen", "end", "deadline", "state", "renews", "following"),
    [
        ("2024-08-29", 12, 12, {"notice_months": 2}, "2025-09-15", "2026-08-28", "2026-06-28", "open", "2026-08-29", "2027-06-28"),
        ("2024-08-29", 12, 12, {"notice_months": 2}, "2026-06-28", "2026-08-28", "2026-06-28", "open", "2026-08-29", "2027-06-28"),
        ("2024-08-29", 12, 12, {"notice_months": 2}, "2026-07-15", "2026-08-28", "2026-06-28", "passed", "2026-08-29", "2027-06-28"),
        ("2023-03-15", 36, 12, {"notice_months": 3}, "2026-01-10", "2026-03-14", "2025-12-14", "passed", "2026-03-15", "2026-12-14"),
        ("2023-03-15", 36, 12, {"notice_months": 3}, "2026-04-01", "2027-03-14", "2026-12-14", "open", "2027-03-15", "2027-12-14"),
        ("2024-08-29", 12, 12, {"notice_days": 60}, "2026-01-01", "2026-08-28", "2026-06-29", "open", "2026-08-29", "2027-06-29"),
        ("2024-01-31", 1, 1, {"notice_days": 7}, "2024-02-10", "2024-02-28", "2024-02-21", "open", "2024-02-29", "2024-03-23"),
        ("2024-02-29", 12, 12, {"notice_months": 1}, "2025-03-01", "2026-02-27", "2026-01-27", "open", "2026-02-28", "2027-01-27"),
        ("2024-02-29", 12, 12, {"notice_months": 1}, "2027-12-31", "2028-02-28", "2028-01-28", "open", "2028-02-29", "2029-01-27"),
    ],
)
def test_v47_to_v55(start, term, renewal, notice, seen, end, deadline, state, renews, following):
    terms = Terms(day(start), term_months=term, renewal_months=renewal, auto_renew=True, **notice)
    assert terms.end_on(day(seen)) == day(end)
    found = terms.notice_on(day(seen))
    assert found is not None
    assert found == (day(deadline), state, day(renews), day(following))


def test_d21_a_last_day_is_in_force_and_the_next_is_not():
    terms = Terms(day("2024-08-29"), term_months=24)
    assert terms.end(1) == day("2026-08-28")
    assert terms.ended_on(day("2026-08-28")) is None
    assert terms.ended_on(day("2026-08-29")) == day("2026-08-28")
    assert terms.notice_on(day("2026-01-01")) is None
    given_end = Terms(day("2024-08-29"), expires_on=day("2026-08-28"), notice_days=30)
    assert (given_end.end_on(day("2030-01-01")), given_end.ended_on(day("2026-08-29"))) == (day("2026-08-28"), day("2026-08-28"))


def test_without_a_start_or_an_end_nothing_is_known():
    assert Terms(None, term_months=12, auto_renew=True, notice_months=1).notice_on(day("2026-01-01")) is None
    assert Terms(None, term_months=12).end(1) is None
    assert (Terms(day("2020-01-01")).end(1), Terms(day("2020-01-01")).ended_on(day("2999-01-01"))) == (None, None)
    assert not Terms(None).has_started(day("2026-01-01"))


# -- an independent calculation: months are walked one by one, and days too


def plus_months(start: date, months: int) -> date:
    year, month = start.year, start.month
    for _ in range(abs(months)):
        month += 1 if months > 0 else -1
        if month == 13:
            year, month = year + 1, 1
        if month == 0:
            year, month = year - 1, 12
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def walked(start: date, term: int, renewal: int, seen: date) -> tuple[int, date, date]:
    """The number of the term that `seen` lies in, its last day, and the next term's."""
    boundaries = (plus_months(start, term + renewal * number) for number in itertools.count())
    for number, after in enumerate(boundaries, 1):
        if seen < after:
            return number, after - DAY, plus_months(start, term + renewal * number) - DAY
    raise AssertionError


STARTS = st.one_of(
    st.dates(date(1995, 1, 1), date(2060, 12, 31)),
    st.builds(lambda year, month: date(year, month, calendar.monthrange(year, month)[1]), st.integers(1995, 2060), st.integers(1, 12)),
    st.sampled_from([date(2024, 2, 29), date(2000, 2, 29), date(2023, 12, 31), date(2024, 1, 30), date(2024, 1, 31)]),
)


@given(STARTS, st.integers(1, 60), st.integers(1, 36), st.integers(-40, 6000), st.integers(1, 59), st.integers(1, 600), st.booleans())
@example(date(2024, 1, 31), 1, 1, 29, 1, 7, False)
@example(date(2024, 2, 29), 12, 12, 365, 1, 30, True)
def test_any_terms_agree_with_walking_through_the_calendar(start, term, renewal, later, months, days, in_months):
    notice = {"notice_months": months} if in_months else {"notice_days": days}
    terms = Terms(start, term_months=term, renewal_months=renewal, auto_renew=True, **notice)
    assume(not contradictions(terms, start))
    seen = start + timedelta(days=later)
    number, end, next_end = walked(start, term, renewal, seen)
    back = (lambda last: plus_months(last, -months)) if in_months else (lambda last: last - timedelta(days=days))
    assert (terms.number_on(seen), terms.end_on(seen)) == (number, end)
    found = terms.notice_on(seen)
    assert found is not None
    assert found == (back(end), "passed" if seen > back(end) else "open", end + DAY, back(next_end))
    assert (terms.start(number) or start) <= found.deadline <= end  # the deadline lies within its term
    assert terms.ended_on(seen) is None


@given(STARTS, st.integers(1, 600), st.integers(1, 36), st.integers(1, 400))
def test_terms_touch_each_other_and_never_drift(start, term, renewal, number):
    terms = Terms(start, term_months=term, renewal_months=renewal, auto_renew=True)
    after = terms.start(number + 1)
    assert after is not None
    assert terms.end(number) == after - DAY
    assert after.day == min(start.day, calendar.monthrange(after.year, after.month)[1])


# -- what can't be


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("notice_days", {"notice_months": 1, "notice_days": 30, "term_months": 12}),
        ("term_months", {"expires_on": day("2027-01-01"), "term_months": 12}),
        ("expires_on", {"expires_on": day("2026-01-01")}),
        ("auto_renew", {"auto_renew": True, "expires_on": day("2027-01-01")}),
        ("auto_renew", {"auto_renew": True}),
        ("notice_months", {"term_months": 12, "notice_months": 12}),
        ("notice_months", {"term_months": 12, "renewal_months": 3, "notice_months": 3}),
        ("notice_months", {"term_months": 3, "renewal_months": 12, "notice_months": 3}),
        ("notice_days", {"term_months": 12, "notice_days": 336}),
        ("notice_days", {"term_months": 12, "renewal_months": 1, "notice_days": 28}),
        ("notice_days", {"expires_on": day("2026-12-31"), "notice_days": 305}),
        ("notice_months", {"expires_on": day("2026-12-31"), "notice_months": 11}),
    ],
)
def test_contradictions(field, values):
    start = day("2026-03-02")
    assert [name for name, _ in contradictions(Terms(start, **values), start)] == [field]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"expires_on": day("2026-03-02")},
        {"term_months": 12, "notice_months": 11},
        {"term_months": 12, "notice_days": 335},
        {"term_months": 12, "renewal_months": 2, "notice_months": 1, "auto_renew": True},
        {"expires_on": day("2026-12-31"), "notice_days": 304},
        {"notice_days": 600},
    ],
)
def test_what_can_be(values):
    assert contradictions(Terms(day("2026-03-02"), **values), day("2026-03-02")) == []
