"""The engine by itself: the worked figures, and random years against the reference calculation."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.dates import add_months, business_date, start_of_day
from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.packs.retainers.rules import buckets, entries, lifecycle, prices
from chalicelib.packs.retainers.rules.accounts import Account, Terms
from chalicelib.packs.retainers.rules.buckets import Bucket, Draw, Rollover
from chalicelib.packs.retainers.rules.calendar import anchor_of, boundary, count_days, month_of
from chalicelib.packs.retainers.rules.forecast import forecast_months, upcoming
from chalicelib.packs.retainers.rules.minutes import allotment, logged_minutes, percent, to_hours, to_minutes
from chalicelib.packs.retainers.rules.reminders import next_renewal_reminder
from chalicelib.packs.retainers.rules.statements import lines_of, missing_of
from chalicelib.packs.retainers.rules.states import ACTIVE, DRAFT, PAUSED
from tests.packs.retainers.reference import Agreement, Reference

AT = datetime(2026, 1, 1, tzinfo=UTC)
D = date.fromisoformat


def account(starts_on="2026-01-01", renewal="2030-01-01", **terms):
    given = {"hours": Decimal(40), "fee": Decimal("3000.00"), "hourly_rate": Decimal("187.50"), "multiplier": Decimal("1.5"), **terms}
    agreed = Terms(currency="USD", starts_on=D(starts_on), **given)
    draft = Account(agreed, DRAFT, anchor_of(D(starts_on), D(renewal)), D(renewal), next_on=D(starts_on))
    after, changes = lifecycle.started(draft, D(starts_on), AT)
    return changes[-1].account if changes else after


def until(one, day):
    """The account with everything that is due by that day, and the periods that were closed."""
    changes = lifecycle.changes_until(one, D(day), AT)
    return (changes[-1].account if changes else one), [change.closed for change in changes if change.closed]


def used(one, minutes):
    return one.with_period(used=one.open_period.used + minutes)


def last(pair):
    one, changes = pair
    return changes[-1].account if changes else one


class TestCalendar:
    @pytest.mark.parametrize(
        ("start", "months", "expected"),
        [
            ("2026-01-31", 1, ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
            ("2024-01-31", 1, ["2024-02-29", "2024-03-31"]),
            ("2024-02-29", 12, ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
            ("2026-08-30", 6, ["2027-02-28", "2027-08-30"]),
        ],
    )
    def test_boundaries_keep_the_anchor(self, start, months, expected):
        anchor, day = D(start), D(start)
        for one in expected:
            day = boundary(anchor, day, months)
            assert day == D(one)

    @pytest.mark.parametrize(
        ("start", "renewal", "anchor"),
        [
            ("2026-01-31", "2026-02-28", "2026-01-31"),
            ("2026-04-16", "2026-05-01", "2026-05-01"),
            ("2026-02-28", "2026-03-31", "2026-03-31"),
            ("2026-01-28", "2026-02-28", "2026-01-28"),
            ("2026-01-30", "2027-01-30", "2026-01-30"),
            ("2026-01-30", "2026-01-31", "2026-01-31"),
            ("2024-02-29", "2025-02-28", "2024-02-29"),
        ],
    )
    def test_the_anchor(self, start, renewal, anchor):
        assert anchor_of(D(start), D(renewal)) == D(anchor)

    def test_months(self):
        month = month_of(D("2026-01-31"), D("2026-03-30"))
        assert month == (D("2026-02-28"), D("2026-03-30"))
        assert month.days == 31
        assert month_of(D("2026-01-31"), D("2026-03-31")) == (D("2026-03-31"), D("2026-04-29"))

    def test_days_without_pauses(self):
        pauses = [(D("2026-04-11"), D("2026-04-20")), (D("2026-03-01"), D("2026-03-31")), (D("2026-04-29"), D("2026-05-09"))]
        assert count_days(D("2026-04-01"), D("2026-04-30"), pauses) == 18
        assert count_days(D("2026-04-10"), D("2026-04-09")) == 0


class TestMinutes:
    @pytest.mark.parametrize(
        ("step", "hours", "minutes"),
        [
            (6, "0.05", 6), (6, "0.1", 6), (6, "0.101", 6), (6, "0.15", 12), (6, "2.55", 156), (10, "0.34", 20), (15, "0.34", 30),
            (15, "0.25", 15), (6, "0.0001", 6), (60, "0.0001", 60), (1, "0.0083", 1), (7, "1", 63), (6, "744", 44640),
        ],
    )  # fmt: skip
    def test_logged(self, step, hours, minutes):
        assert logged_minutes(Decimal(hours), step) == minutes

    @pytest.mark.parametrize(
        ("days", "of", "minutes", "fee"),
        [
            (15, 30, 1200, "1500.00"),
            (19, 28, 1629, "2035.71"),
            (20, 29, 1655, "2068.97"),
            (20, 30, 1600, "2000.00"),
            (10, 30, 800, "1000.00"),
        ],
    )
    def test_parts_of_a_month(self, days, of, minutes, fee):
        assert allotment(Decimal(40), days, of) == minutes
        assert prices.part_of_fee(Decimal("3000.00"), days, of, "USD") == Decimal(fee)

    def test_hours_and_percents(self):
        assert [to_hours(one) for one in (24, 20, -90, 1)] == [Decimal("0.40"), Decimal("0.33"), Decimal("-1.50"), Decimal("0.02")]
        assert percent(1998, 2400) == Decimal("83.3")  # 83.25, half up
        assert percent(5, 0) is percent(5, -60) is None
        assert percent(2430, 2400) == Decimal("101.3")
        assert to_minutes(Decimal("0.0083")) == 0


class TestPrices:
    def test_the_unit_price_is_rounded_first(self):
        price = prices.unit_price(Decimal("133.33"), None, Decimal("1.25"), "USD")
        assert price == Decimal("166.66")
        assert prices.price_of(1998, price, "USD") == Decimal("5549.78")
        assert prices.price_of(222, Decimal("281.25"), "USD") == Decimal("1040.63")

    def test_which_price(self):
        assert prices.unit_price(Decimal(100), Decimal(90), None, "USD") == Decimal(90)
        assert prices.unit_price(Decimal(100), None, None, "USD") == Decimal(100)
        assert prices.unit_price(None, None, Decimal(2), "USD") is None
        assert prices.price_of(6, None, "USD") is None
        assert prices.price_of(0, None, "USD") == Decimal(0)
        assert prices.unit_price(Decimal(1001), None, Decimal("1.5"), "JPY") == Decimal(1502)
        assert prices.uplifted(Decimal("2500.00"), Decimal(3), "USD") == Decimal("2575.00")
        assert prices.uplifted(None, Decimal(3), "USD") is None


class TestStubs:
    @pytest.mark.parametrize(
        ("start", "renewal", "ends", "days", "minutes", "fee"),
        [
            ("2026-04-16", "2026-05-01", "2026-04-30", (15, 30), 1200, "1500.00"),
            ("2026-02-10", "2026-03-01", "2026-02-28", (19, 28), 1629, "2035.71"),
            ("2028-02-10", "2028-03-01", "2028-02-29", (20, 29), 1655, "2068.97"),
        ],
    )
    def test_at_the_start(self, start, renewal, ends, days, minutes, fee):
        figures = account(start, renewal, auto_renew=True).figures
        assert (figures.ends_on, (figures.days, figures.month_days)) == (D(ends), days)
        assert (figures.included, figures.fee) == (minutes, Decimal(fee))
        one, (first,) = until(account(start, renewal, auto_renew=True), renewal)
        assert (one.figures.included, one.figures.fee, first.fee) == (2400, Decimal("3000.00"), Decimal(fee))

    def test_paused_and_resumed(self):
        one = lifecycle.paused(account("2026-04-01"), D("2026-04-11"))
        assert one.figures.included == 800  # as it would stay
        one = last(lifecycle.resumed(one, D("2026-04-21"), AT))
        assert (one.figures.included, one.figures.fee) == (1600, Decimal("2000.00"))
        same_day = last(lifecycle.resumed(lifecycle.paused(one, D("2026-04-22")), D("2026-04-22"), AT))
        assert same_day.figures.included == 1600

    def test_cancelled(self):
        _, changes = lifecycle.cancelled_from(account("2026-04-01"), D("2026-04-10"), D("2026-04-10"), AT)
        closed = changes[-1].closed
        assert (closed.included, closed.fee, closed.ends_on) == (800, Decimal("1000.00"), D("2026-04-10"))
        assert (changes[-1].account.status, changes[-1].event) == ("cancelled", "cancelled")

    def test_a_period_that_ends_paused(self):
        one, (april,) = until(lifecycle.paused(account("2026-04-01"), D("2026-04-21")), "2026-05-10")
        assert (april.included, one.period) == (1600, None)
        one = last(lifecycle.resumed(one, D("2026-05-12"), AT))
        assert (one.period.n, one.figures.starts_on, one.figures.ends_on) == (2, D("2026-05-12"), D("2026-05-31"))
        assert one.figures.included == allotment(Decimal(40), 20, 31)


class TestRollover:
    def run(self, use, **terms):
        one, seen, billed = account(**terms), [], []
        for number, minutes in enumerate(use):
            seen.append(one.figures.available // 60)
            one, closed = until(used(one, minutes * 60), add_months(D("2026-01-01"), number + 1).isoformat())
            billed.append(closed[0].billed // 60)
        return [*seen, one.figures.available // 60], billed

    @pytest.mark.parametrize(
        ("terms", "use", "available", "billed"),
        [
            ({"rollover": Rollover("full", carry_overuse=True)}, [30, 60], [40, 50, 30], [0, 0]),
            ({"rollover": Rollover("full")}, [30, 60], [40, 50, 40], [0, 10]),
            ({"rollover": Rollover()}, [30], [40, 40], [0]),
            ({"rollover": Rollover("full", carry_overuse=True), "hours": Decimal(30)}, [10, 40, 40, 0], [30, 50, 40, 30, 60], [0] * 4),
            ({"rollover": Rollover("capped", cap=900, expires_after=2)}, [20, 10, 0, 52], [40, 55, 55, 55, 43], [0] * 4),
            ({"rollover": Rollover("none", carry_overuse=True), "hours": Decimal(10)}, [35, 0, 0], [10, -15, -5, 5], [0] * 3),
            ({"rollover": Rollover("full", expires_after=1)}, [0, 0, 0], [40, 80, 80, 80], [0] * 3),
        ],
    )
    def test_period_by_period(self, terms, use, available, billed):
        assert self.run(use, **terms) == (available, billed)

    def test_a_debt_is_billed_at_the_end(self):
        one = used(account(rollover=Rollover("full", carry_overuse=True)), 50 * 60)
        _, changes = lifecycle.cancelled_from(one, D("2026-01-31"), D("2026-01-31"), AT)
        closed = changes[-1].closed
        assert (closed.billed, closed.debt, closed.overage_fee) == (0, 600, Decimal("2812.50"))
        assert [(line.kind, line.amount) for line in lines_of(closed)] == [("fee", Decimal("3000.00")), ("debt", Decimal("2812.50"))]

    def test_a_debt_that_is_left_while_it_is_paused_is_billed_by_a_period_of_its_own(self):
        one = used(account(rollover=Rollover("full", carry_overuse=True)), 50 * 60)
        one, _ = until(lifecycle.paused(one, D("2026-01-31")), "2026-02-05")
        assert (one.period, one.debt) == (None, 600 + 77)  # of January 30 of 31 days count
        _, changes = lifecycle.cancelled_from(one, D("2026-02-05"), D("2026-02-05"), AT)
        closed = changes[-1].closed
        assert (closed.n, closed.included, closed.fee, closed.debt) == (2, 0, Decimal("0.00"), 677)

    def test_a_debt_when_overuse_is_billed_from_then_on(self):
        one, _ = until(used(account(rollover=Rollover(carry_overuse=True), hours=Decimal(10)), 35 * 60), "2026-02-01")
        one = replace(one, terms=replace(one.terms, rollover=Rollover()))
        one, (february,) = until(used(one, 60), "2026-03-01")
        assert (february.rolled_over, february.debt, february.billed) == (-25 * 60, 15 * 60, 60)
        assert [line.kind for line in lines_of(february)] == ["fee", "overage", "debt"]
        assert sum(line.amount for line in lines_of(february)) == february.total
        assert one.debt == 0


class TestDraws:
    STOCK = buckets.in_order_of_expiry([Bucket(3, 60), Bucket(1, 120, 4), Bucket(2, 30, 4)])

    @pytest.mark.parametrize(
        ("before", "after", "drawn"),
        [
            (0, 60, [("P1", 60)]),
            (60, 180, [("P1", 60), ("P2", 30), ("P3", 30)]),
            (180, 400, [("P3", 30), ("this", 100), ("overage", 90)]),
            (400, 180, [("overage", -90), ("this", -100), ("P3", -30)]),
            (0, -50, [("this", -50)]),
            (-50, 60, [("this", 50), ("P1", 60)]),
            (30, 30, []),
        ],
    )
    def test_a_range(self, before, after, drawn):
        assert list(buckets.draws(self.STOCK, 100, before, after)) == [Draw(*one) for one in drawn]

    def test_own_minutes_on_both_sides_of_zero_are_one_draw(self):
        assert buckets.draws((), 100, -30, 30) == (Draw("this", 60),)

    def test_a_debt_beyond_the_period_leaves_overage_only(self):
        assert buckets.draws((), -60, 0, 30) == (Draw("overage", 30),)

    @given(st.lists(st.integers(-200, 400), min_size=1, max_size=20))
    def test_draws_add_up_to_what_is_used(self, steps):
        place = 0
        total: dict[str, int] = {}
        for step in steps:
            for source, minutes in buckets.draws(self.STOCK, 100, place, place + step):
                total[source] = total.get(source, 0) + minutes
            place += step
        expected = {}
        for source, minutes in buckets.draws(self.STOCK, 100, 0, place):
            expected[source] = minutes
        assert {source: minutes for source, minutes in total.items() if minutes} == expected


class TestLogging:
    def log(self, one, hours, day="2026-01-10", today="2026-01-10"):
        return entries.log(one, logged_minutes(Decimal(hours), one.terms.increment), D(day), D(today), approved=True)

    def test_the_hard_cap_refuses_the_whole(self):
        one = used(account(hours=Decimal(50), hard_cap_pct=Decimal(130)), 60 * 60)
        assert self.log(one, "5.0").draws == (Draw("overage", 300),)
        with pytest.raises(Conflict) as refused:
            self.log(one, "5.1")
        assert (refused.value.members["code"], refused.value.members["hours_left"]) == ("hard_cap", Decimal("5.00"))

    def test_thresholds_once_a_period(self):
        one, seen = account(), []
        for hours in ("31", "1", "6"):
            logged = self.log(one, hours)
            one = logged.account
            seen.append((one.figures.utilization_pct, logged.crossed))
        assert seen == [(Decimal("77.5"), ()), (Decimal("80.0"), (80,)), (Decimal("95.0"), (90,))]
        one = entries.take_back(one, 7 * 60, None).account
        again = self.log(one, "3")
        assert (again.account.figures.utilization_pct, again.crossed) == (Decimal("85.0"), ())
        assert self.log(account(), "40.5").crossed == (80, 90, 100)
        one, _ = until(one, "2026-02-01")
        assert self.log(one, "32", "2026-02-01", "2026-02-01").crossed == (80,)

    def test_without_anything_available(self):
        one = account(hours=Decimal(0))
        logged = self.log(one, "1")
        assert (logged.crossed, logged.account.figures.utilization_pct, logged.draws) == ((), None, (Draw("overage", 60),))
        assert entries.warnings(logged.account, D("2026-01-10")).hours_nearly_consumed

    def test_late_work(self):
        one, _ = until(account("2026-01-15", "2030-01-15"), "2026-03-20")
        assert one.period.n == 3
        assert [self.log(one, "1", day, "2026-03-20").late_for for day in ("2026-03-20", "2026-03-15", "2026-03-14", "2026-01-31")] == [
            None, None, 2, 1,
        ]  # fmt: skip
        for day in ("2026-03-21", "2026-01-18"):
            with pytest.raises(ValidationFailed):
                self.log(one, "1", day, "2026-03-20")
        with pytest.raises(ValidationFailed):
            self.log(account("2026-01-15", "2030-01-15"), "1", "2026-01-14", "2026-01-20")

    def test_only_while_it_is_active_and_has_begun(self):
        with pytest.raises(Conflict) as refused:
            self.log(lifecycle.paused(account(), D("2026-01-05")), "1")
        assert refused.value.members["code"] == "not_active"
        agreed = Terms("USD", D("2026-02-01"), Decimal(1))
        waiting = Account(agreed, ACTIVE, D("2026-02-01"), D("2026-03-01"), next_on=D("2026-02-01"))
        with pytest.raises(Conflict) as refused:
            self.log(waiting, "1")
        assert refused.value.members["code"] == "not_started"

    def test_what_an_earlier_period_used_comes_back_to_the_open_one(self):
        one, _ = until(used(account(rollover=Rollover("full")), 40 * 60), "2026-02-01")
        back = entries.take_back(one, 600, 1)
        assert (back.draws, back.account.figures.remaining, back.late_for) == ((Draw("this", -600),), 50 * 60, 1)
        after, _ = until(back.account, "2026-03-01")
        assert after.figures.available == (40 + 50) * 60

    def test_warnings(self):
        one = used(account("2026-01-01", "2026-02-01"), 36 * 60 + 1)
        assert entries.warnings(one, D("2026-01-25")) == entries.Warnings(True, 7, True)
        assert entries.warnings(one, D("2026-01-24")).renewal_approaching is False
        assert entries.warnings(used(one, -1), D("2026-01-24")).hours_nearly_consumed is False


class TestTerms:
    def test_twelve_periods_then_the_uplift(self):
        one = account("2026-01-01", "2027-01-01", fee=Decimal("2500.00"), term_months=12, uplift_pct=Decimal(3), auto_renew=True)
        one, closed = until(one, "2027-02-01")
        assert [period.fee for period in closed] == [Decimal("2500.00")] * 12 + [Decimal("2575.00")]
        assert (one.renewal_date, one.term) == (D("2028-01-01"), 2)

    def test_an_early_renewal(self):
        one = account("2026-01-31", "2026-02-28")
        change = lifecycle.renewed(one, AT)
        assert (change.closed.starts_on, change.closed.ends_on, change.closed.days) == (D("2026-01-31"), D("2026-02-27"), 28)
        after = change.account
        assert (after.period.n, after.period.starts_on, after.period.ends_on) == (2, D("2026-02-28"), D("2026-03-30"))
        assert (after.renewal_date, after.figures.fee) == (D("2026-03-31"), Decimal("3000.00"))
        assert entries.log(after, 60, D("2026-02-10"), D("2026-02-10"), approved=True).late_for == 1

    def test_it_expires_without_auto_renew(self):
        one, closed = until(account("2026-01-31", "2026-03-31"), "2026-09-01")
        assert (one.status, one.period, len(closed), lifecycle.next_step_on(one)) == ("expired", None, 2, None)

    def test_a_cancellation_beyond_the_renewal_goes_on_without_another_term(self):
        one = account("2026-01-01", "2026-02-01", auto_renew=True, uplift_pct=Decimal(10))
        one, _ = lifecycle.cancelled_from(one, D("2026-03-10"), D("2026-01-09"), AT)
        changes = lifecycle.changes_until(one, D("2026-09-01"), AT)
        assert [change.event for change in changes] == [None, None, "cancelled"]
        assert [change.closed.fee for change in changes] == [Decimal("3000.00"), Decimal("3000.00"), Decimal("967.74")]
        short = replace(one, terms=replace(one.terms, auto_renew=False))
        assert [change.event for change in lifecycle.changes_until(short, D("2026-09-01"), AT)] == ["expired"]

    def test_while_it_is_paused_terms_go_on(self):
        one = account("2026-01-01", "2026-02-01", auto_renew=True, uplift_pct=Decimal(10))
        changes = lifecycle.changes_until(lifecycle.paused(one, D("2026-01-20")), D("2026-04-10"), AT)
        assert [change.event for change in changes] == ["renewed"] * 3
        after = changes[-1].account
        assert (after.renewal_date, after.period, after.terms.fee) == (D("2026-05-01"), None, Decimal("3993.00"))
        ended = lifecycle.changes_until(lifecycle.paused(account("2026-01-01", "2026-02-01"), D("2026-01-20")), D("2026-02-01"), AT)
        assert [change.event for change in ended] == ["expired"]

    def test_a_period_ahead_of_a_cancellation_has_no_day(self):
        one = lifecycle.renewed(account("2026-01-31", "2026-02-28"), AT).account
        _, changes = lifecycle.cancelled_from(one, D("2026-02-12"), D("2026-02-12"), AT)
        assert (changes[-1].closed.days, changes[-1].closed.fee, changes[-1].closed.included) == (0, Decimal("0.00"), 0)

    def test_it_may_be_paused_before_it_begins(self):
        agreed = Terms("USD", D("2026-02-01"), Decimal(10))
        waiting = Account(agreed, ACTIVE, D("2026-02-01"), D("2026-03-01"), next_on=D("2026-02-01"))
        idle = lifecycle.paused(waiting, D("2026-01-20"))
        assert last(lifecycle.resumed(idle, D("2026-01-25"), AT)).next_on == D("2026-02-01")
        assert last(lifecycle.resumed(idle, D("2026-02-10"), AT)).figures.days == 19


class TestReminders:
    def test_before_the_notice(self):
        one = account("2025-09-30", "2026-09-30", auto_renew=True, term_months=12, notice_days=30)
        days, raised, today = [], None, D("2026-06-01")
        while reminder := next_renewal_reminder(one, raised, today):
            today, raised = reminder.raise_on, reminder.days_left
            days.append(today)
        assert days == [D("2026-08-01"), D("2026-08-24"), D("2026-08-30")]

    def test_short_terms_have_two(self):
        one = account("2026-01-31", "2026-02-28")
        first = next_renewal_reminder(one, None, D("2026-01-31"))
        assert (first.days_left, first.raise_on) == (7, D("2026-02-21"))
        assert next_renewal_reminder(one, 7, D("2026-02-21")).raise_on == D("2026-02-27")
        assert next_renewal_reminder(one, 1, D("2026-02-27")) is None

    def test_what_was_missed_is_raised_once(self):
        one = account("2025-09-30", "2026-09-30")
        late = next_renewal_reminder(one, None, D("2026-09-27"))
        assert (late.days_left, late.late, late.skipped, late.raise_on) == (7, True, (30,), D("2026-09-27"))

    def test_none_for_what_will_not_renew(self):
        one = account("2025-09-30", "2026-09-30")
        assert next_renewal_reminder(replace(one, cancels_on=D("2026-09-10")), None, D("2026-09-01")) is None
        assert next_renewal_reminder(one, None, D("2026-09-30")) is None
        assert next_renewal_reminder(replace(one, status="expired"), None, D("2026-09-01")) is None


class TestForecast:
    def test_periods_of_the_months_to_come(self):
        one = account("2026-01-31", "2026-04-30", auto_renew=True, term_months=12, uplift_pct=Decimal(10))
        months = {entry.month: (entry.minutes, entry.fee) for entry in upcoming(used(one, 999), AT)}
        assert months["2026-02"] == (2400, Decimal("3000.00"))
        assert months["2026-04"] == (2400, Decimal("3300.00"))
        assert months["2026-07"] == (2400, Decimal("3300.00"))

    def test_not_past_the_term_nor_the_cancellation(self):
        assert [entry.month for entry in upcoming(account("2026-01-31", "2026-03-31"), AT)] == ["2026-01", "2026-02"]
        one = replace(account("2026-01-31", "2027-01-31"), cancels_on=D("2026-03-07"))
        assert [(entry.month, entry.minutes) for entry in upcoming(one, AT)] == [
            ("2026-01", 2400),
            ("2026-02", allotment(Decimal(40), 8, 31)),
        ]
        assert upcoming(lifecycle.paused(account(), D("2026-01-10")), AT) == []

    def test_the_months_shown(self):
        assert forecast_months(D("2026-11-30")) == ["2026-12", "2027-01", "2027-02"]


class TestStatement:
    def test_an_unknown_price(self):
        one = used(account(hourly_rate=None, multiplier=None), 41 * 60)
        figures = one.figures
        assert (figures.overage_fee, figures.total, missing_of(figures)) == (None, None, ["hourly_rate"])
        assert [(line.kind, line.hours, line.amount) for line in lines_of(figures)] == [
            ("fee", Decimal("40.00"), Decimal("3000.00")),
            ("overage", Decimal("1.00"), None),
        ]

    def test_a_part_of_a_month(self):
        lines = lines_of(account("2026-04-16", "2026-05-01").figures)
        assert [(line.description, line.amount) for line in lines] == [("Monthly fee, 15 of 30 days", Decimal("1500.00"))]


# -- random years


@st.composite
def agreements(draw):
    starts_on = draw(st.dates(date(2023, 11, 1), date(2028, 3, 31)))
    if draw(st.booleans()):
        renewal = add_months(starts_on, draw(st.integers(1, 13)))
    else:
        renewal = starts_on + timedelta(days=draw(st.integers(1, 200)))
    mode = draw(st.sampled_from(buckets.MODES))
    return Agreement(
        starts_on,
        renewal,
        hours=Fraction(draw(st.integers(0, 2000)), 100),
        fee=Fraction(draw(st.integers(1, 500_000)), 100),
        price=draw(st.none() | st.integers(1, 50_000).map(lambda number: Fraction(number, 100))),
        term_months=draw(st.integers(1, 13)),
        auto_renew=draw(st.booleans()),
        mode=mode,
        cap=Fraction(draw(st.integers(0, 3000)), 100) if mode == "capped" else None,
        keeps=draw(st.none() | st.integers(1, 4)),
        carry_overuse=draw(st.booleans()),
        uplift=Fraction(draw(st.integers(0, 1000)), 100),
        increment=draw(st.sampled_from([1, 6, 7, 10, 15, 60])),
    )


ACTS = st.sampled_from(["log", "log", "log", "back", "pause", "resume", "renew", "cancel"])
STORY = st.lists(st.tuples(st.integers(0, 45 * 24), ACTS, st.integers(1, 3000)), max_size=25)  # hours later, somebody does something
# Half an hour off, both ends of the world, clocks that change at midnight or not at all.
ZONES = st.sampled_from(
    [
        "UTC",
        "America/Los_Angeles",
        "America/St_Johns",
        "Asia/Kolkata",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "Asia/Beirut",
        "Europe/Berlin",
    ]
)


def decimal(value):
    return None if value is None else Decimal(value.numerator) / Decimal(value.denominator)


def engine_of(agreed):
    terms = Terms(
        "USD",
        agreed.starts_on,
        decimal(agreed.hours),
        decimal(agreed.fee),
        rate=decimal(agreed.price),
        term_months=agreed.term_months,
        auto_renew=agreed.auto_renew,
        rollover=Rollover(agreed.mode, None if agreed.cap is None else to_minutes(decimal(agreed.cap)), agreed.keeps, agreed.carry_overuse),
        increment=agreed.increment,
        uplift_pct=decimal(agreed.uplift),
    )
    anchor = anchor_of(agreed.starts_on, agreed.renewal_date)
    draft = Account(terms, DRAFT, anchor, agreed.renewal_date, next_on=agreed.starts_on)
    return lifecycle.started(draft, agreed.starts_on, AT)


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(agreements(), STORY, ZONES, st.integers(0, 23))
def test_random_years_agree_with_the_reference(agreed, story, zone, hour):
    reference, closed, logged = Reference(agreed), [], []
    now = datetime.combine(agreed.starts_on, time(hour), ZoneInfo(zone)).astimezone(UTC)
    one, changes = engine_of(agreed)

    def take(changes):
        nonlocal one
        for change in changes:
            one = change.account
            if change.closed:
                closed.append(change.closed)

    def wait(hours):
        """Time passes: for the reference day by day, as a calendar there says; for the engine at once, however late."""
        nonlocal now
        now += timedelta(hours=hours)
        while reference.day < now.astimezone(ZoneInfo(zone)).date():
            reference.next_day()
        take(lifecycle.changes_until(one, business_date(now, zone), AT))
        assert one.status == reference.status
        due = lifecycle.next_step_on(one)
        assert due is None or start_of_day(due, zone) > now, "what is due later begins later"
        return business_date(now, zone)

    take(changes)
    for hours, act, number in story:
        today = wait(hours)
        if act == "log" and one.status == ACTIVE:
            minutes = logged_minutes(Decimal(number) / 100, agreed.increment)
            assert reference.log(Fraction(number, 100)) == minutes
            one = entries.log(one, minutes, today, today, approved=True).account
            logged.append(minutes)
        elif act == "back" and one.status == ACTIVE and logged:
            minutes = logged.pop(number % len(logged))
            reference.take_back(minutes)
            one = entries.take_back(one, minutes, None).account
        elif act == "pause" and one.status == ACTIVE:
            reference.pause()
            one = lifecycle.paused(one, today)
        elif act == "resume" and one.status == PAUSED:
            reference.resume()
            one, changes = lifecycle.resumed(one, today, AT)
            take(changes)
        elif act == "renew" and one.status == ACTIVE and one.cancels_on is None and one.period.starts_on <= today:
            reference.renew()
            take([lifecycle.renewed(one, AT)])
        elif act == "cancel" and one.status in (ACTIVE, PAUSED) and one.cancels_on is None:
            last_day = today + timedelta(days=number % 70)
            reference.cancel(last_day)
            one, changes = lifecycle.cancelled_from(one, last_day, today, AT)
            take(changes)
        if one.period is not None and one.status == ACTIVE:
            assert (one.figures.available, one.figures.used) == (reference.available(), reference.used)
    wait(500 * 24)
    assert [period.n for period in closed] == list(range(1, len(closed) + 1)), "each period once"
    for bill, period in zip(reference.bills, closed, strict=True):
        found = (period.n, period.starts_on, period.ends_on, period.included, period.rolled_over, period.used, period.overage)
        assert found == (bill.n, bill.starts_on, bill.ends_on, bill.included, bill.rolled_over, bill.used, bill.overage)
        assert (period.fee, period.overage_fee) == (decimal(bill.fee), decimal(bill.overage_fee))
