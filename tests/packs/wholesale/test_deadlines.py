from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.packs.wholesale.rules.deadlines import (
    ContractDates,
    Deadline,
    Reminder,
    due_reminders,
    next_reminder,
    open_deadlines,
    with_marks,
)


def day(text):
    return date.fromisoformat(f"2026-{text}")


def run(dates, marks, today, stage="under_contract"):
    """One daily run: what it raises, and the marks that it leaves."""
    raised = due_reminders(open_deadlines(stage, dates), marks, today)
    return raised, with_marks(marks, raised)


def follow(dates, first, last, marks=None):
    """Runs every day; each raised alarm as its day, its count and whether it was late."""
    marks, heard, today = marks or {}, [], first
    while today <= last:
        raised, marks = run(dates, marks, today)
        heard += [(today.isoformat()[5:], alarm.days_left, alarm.late) for alarm in raised]
        today += timedelta(days=1)
    return heard, marks


def test_closing():
    heard, _ = follow(ContractDates(closes_on=day("03-20")), day("02-01"), day("04-30"))
    assert heard == [("03-06", 14, False), ("03-13", 7, False), ("03-17", 3, False), ("03-20", 0, False)]


def test_closing_entered_late_is_raised_immediately():
    heard, _ = follow(ContractDates(closes_on=day("03-20")), day("03-12"), day("04-30"))
    assert heard == [("03-12", 14, True), ("03-13", 7, False), ("03-17", 3, False), ("03-20", 0, False)]


def test_closing_entered_later_skips_the_earlier_reminders():
    raised, marks = run(ContractDates(closes_on=day("03-20")), {}, day("03-18"))
    assert [(alarm.days_left, alarm.late, alarm.skipped) for alarm in raised] == [(3, True, (14, 7))]
    assert marks == {"closing/2026-03-20": 3}
    raised, _ = run(ContractDates(closes_on=day("03-20")), {}, day("03-17"))
    assert [(alarm.days_left, alarm.late, alarm.skipped) for alarm in raised] == [(3, False, (14, 7))]


def test_closing_entered_when_past_is_raised_once():
    heard, _ = follow(ContractDates(closes_on=day("03-20")), day("03-25"), day("04-30"))
    assert heard == [("03-25", 0, True)]


def test_a_moved_closing_has_new_reminders():
    before, marks = follow(ContractDates(closes_on=day("03-20")), day("03-01"), day("03-13"))
    after, _ = follow(ContractDates(closes_on=day("04-10")), day("03-14"), day("05-30"), marks)
    assert [heard[0] for heard in before] == ["03-06", "03-13"]
    assert [heard[0] for heard in after] == ["03-27", "04-03", "04-07", "04-10"]
    assert not any(late for _, _, late in after)


def test_closing_moved_away_and_back_repeats_nothing():
    _, marks = follow(ContractDates(closes_on=day("03-20")), day("03-01"), day("03-13"))
    _, marks = run(ContractDates(closes_on=day("03-25")), marks, day("03-14"))
    heard, _ = follow(ContractDates(closes_on=day("03-20")), day("03-15"), day("04-30"), marks)
    assert heard == [("03-17", 3, False), ("03-20", 0, False)]


def test_a_moved_date_is_another_event():
    old, new = (Reminder(Deadline("closing", on), 7, on).key for on in (day("03-20"), day("04-10")))
    assert (old, new) == ("closing/2026-03-20/7", "closing/2026-04-10/7")


def test_inspection():
    dates = ContractDates(inspection_ends_on=day("03-20"))
    heard, _ = follow(dates, day("03-01"), day("04-30"))
    assert heard == [("03-13", 7, False), ("03-17", 3, False), ("03-19", 1, False)]


def test_earnest_money_is_raised_daily_while_overdue():
    heard, _ = follow(ContractDates(earnest_money_due_on=day("03-05")), day("03-02"), day("03-08"))
    assert heard == [
        ("03-03", 2, False),
        ("03-04", 1, False),
        ("03-05", 0, False),
        ("03-06", -1, False),
        ("03-07", -2, False),
        ("03-08", -3, False),
    ]


def test_missed_overdue_days_are_not_raised_later():
    dates = ContractDates(earnest_money_due_on=day("03-05"))
    _, marks = follow(dates, day("03-02"), day("03-06"))
    raised, marks = run(dates, marks, day("03-10"))
    assert [(alarm.days_left, alarm.late) for alarm in raised] == [(-5, False)]
    assert run(dates, marks, day("03-10")) == ([], marks)
    assert next_reminder(open_deadlines("under_contract", dates), marks, day("03-10")) == Reminder(
        Deadline("earnest_money", day("03-05")), -6, day("03-11")
    )


def test_a_met_deadline_raises_nothing():
    met = ContractDates(
        earnest_money_due_on=day("03-05"),
        earnest_money_paid_on=day("03-04"),
        inspection_ends_on=day("03-12"),
        inspection_cleared_on=day("03-01"),
    )
    assert open_deadlines("under_contract", met) == []
    assert next_reminder([], {}, day("03-05")) is None
    unmet = replace(met, earnest_money_paid_on=None)
    assert open_deadlines("under_contract", unmet) == [Deadline("earnest_money", day("03-05"))]
    assert open_deadlines("under_contract", replace(met, inspection_cleared_on=None)) == [Deadline("inspection", day("03-12"))]


@pytest.mark.parametrize("stage", ["lead", "offer_made", "closed", "dead"])
def test_only_a_current_contract_has_reminders(stage):
    dates = ContractDates(day("03-05"), None, day("03-12"), None, day("03-20"))
    assert open_deadlines(stage, dates) == []
    for armed in ("under_contract", "assigned"):
        assert {deadline.kind for deadline in open_deadlines(armed, dates)} == {"earnest_money", "inspection", "closing"}


def test_the_due_key_is_the_earliest_reminder():
    deadlines = open_deadlines("under_contract", ContractDates(day("03-05"), None, day("03-12"), None, day("03-20")))
    marks, today, keys = {}, day("03-01"), []
    while (alarm := next_reminder(deadlines, marks, today)) and alarm.raise_on < day("03-08"):
        today = alarm.raise_on
        keys.append((today.isoformat()[5:], alarm.key.split("/")[0]))
        marks = with_marks(marks, due_reminders(deadlines, marks, today))
    assert keys == [(each, "earnest_money") for each in ("03-03", "03-04", "03-05", "03-06", "03-07")]
    # Inspection and closing had theirs on 5 and 6 March: they were raised in the same runs.
    assert marks["inspection/2026-03-12"] == 7
    assert marks["closing/2026-03-20"] == 14


@pytest.mark.parametrize("extreme", [date.min, date.max])
def test_the_first_and_last_dates_are_supported(extreme):
    deadlines = open_deadlines("under_contract", ContractDates(extreme, None, extreme, None, extreme))
    assert next_reminder(deadlines, {}, day("03-01")) is not None
    assert next_reminder(deadlines, with_marks({}, due_reminders(deadlines, {}, day("03-01"))), day("03-01")) is not None


OFFSETS = st.integers(-20, 60)
PLANNED = {"earnest_money": (2, 1, 0), "inspection": (7, 3, 1), "closing": (14, 7, 3, 0)}


@given(
    first=st.tuples(OFFSETS, OFFSETS, OFFSETS),
    changes=st.dictionaries(st.integers(0, 40), st.tuples(OFFSETS, OFFSETS, OFFSETS), max_size=4),
    runs=st.lists(st.integers(0, 3), min_size=60, max_size=60),
)
def test_each_reminder_is_raised_once_with_missed_or_repeated_runs(first, changes, runs):
    start = day("03-01")
    dates, marks, keys = first, {}, []
    for step, times in enumerate(runs):
        today = start + timedelta(days=step)
        if step in changes:
            dates = changes[step]
        earnest, inspection, closing = (start + timedelta(days=offset) for offset in dates)
        contract = ContractDates(earnest, None, inspection, None, closing)
        deadlines = open_deadlines("under_contract", contract)
        due = next_reminder(deadlines, marks, today)
        for turn in range(times):
            raised, marks = run(contract, marks, today)
            assert turn == 0 or raised == []
            # The due key finds the pipeline exactly when there is something to raise.
            assert turn > 0 or bool(raised) == (due is not None and due.raise_on <= today)
            keys += [alarm.key for alarm in raised]
            for alarm in raised:
                own_day = alarm.deadline.on - timedelta(days=alarm.days_left)
                assert own_day <= today
                assert alarm.late == (own_day < today)
        if times:
            upcoming = next_reminder(deadlines, marks, today)
            assert upcoming is None or upcoming.raise_on > today
            # Nothing that is past stays silent: of each date the nearest count was heard, in this run or before.
            for deadline in deadlines:
                left = (deadline.on - today).days
                passed = [count for count in PLANNED[deadline.kind] if count >= left]
                if deadline.kind == "earnest_money" and left < 0:
                    passed.append(left)
                assert not passed or f"{deadline.kind}/{deadline.on}/{passed[-1]}" in keys
    assert len(keys) == len(set(keys))


@given(st.integers(0, 40), st.sampled_from(sorted(PLANNED)))
def test_without_missed_runs_every_reminder_is_raised_on_its_day(ahead, kind):
    start = day("03-01")
    on = start + timedelta(days=ahead)
    field = {"earnest_money": "earnest_money_due_on", "inspection": "inspection_ends_on", "closing": "closes_on"}[kind]
    heard, _ = follow(ContractDates(**{field: on}), start, on)
    on_time = [(count, False) for count in PLANNED[kind] if count <= ahead]
    assert [(count, late) for _, count, late in heard if not late] == on_time
    late = [count for _, count, late in heard if late]
    passed = [count for count in PLANNED[kind] if count > ahead]
    # Entered on the very day of a count, that one speaks for those before it.
    assert late == ([] if ahead in PLANNED[kind] else passed[-1:])
