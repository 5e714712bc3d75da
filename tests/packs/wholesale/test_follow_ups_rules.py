from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.packs.wholesale.rules.follow_ups import is_stale, is_watched, next_follow_up, quiet_days

SINCE = date(2026, 3, 1)


def after(days):
    return SINCE + timedelta(days=days)


def at(hour):
    return datetime(2026, 3, 1, hour, tzinfo=UTC)


@pytest.mark.parametrize("stage", ["lead", "offer_made", "under_contract", "assigned"])
def test_only_open_pipelines_not_on_hold_are_watched(stage):
    assert is_watched(stage, on_hold=False)
    assert not is_watched(stage, on_hold=True)
    assert is_stale(stage, on_hold=False, quiet_since=SINCE, today=after(7))
    assert not is_stale(stage, on_hold=False, quiet_since=SINCE, today=after(6))
    assert not is_stale(stage, on_hold=True, quiet_since=SINCE, today=after(7))
    assert is_stale(stage, on_hold=False, quiet_since=SINCE, today=after(30), days=30)
    assert not is_stale(stage, on_hold=False, quiet_since=SINCE, today=after(29), days=30)


@pytest.mark.parametrize("stage", ["closed", "dead"])
def test_finished_pipelines_are_not_stale(stage):
    assert not is_watched(stage, on_hold=False)
    assert not is_stale(stage, on_hold=False, quiet_since=SINCE, today=after(70))


def test_a_quiet_period_raises_every_seven_days():
    raised, heard = None, []
    for days in range(30):
        follow_up = next_follow_up(SINCE, raised, after(days))
        if follow_up.raise_on <= after(days):
            heard.append((days, follow_up.days, follow_up.key))
            raised = (follow_up.quiet_since, follow_up.days)
    assert heard == [(n, n, f"quiet/2026-03-01/{n}") for n in (7, 14, 21, 28)]


def test_after_missed_runs_only_the_latest_is_raised():
    follow_up = next_follow_up(SINCE, (SINCE, 7), after(23))
    assert (follow_up.days, follow_up.raise_on) == (21, after(23))
    later = next_follow_up(SINCE, (SINCE, 21), after(23))
    assert (later.days, later.raise_on) == (28, after(28))


def test_activity_begins_a_new_quiet_period():
    follow_up = next_follow_up(after(10), (SINCE, 7), after(10))
    assert (follow_up.days, follow_up.raise_on, follow_up.key) == (7, after(17), "quiet/2026-03-11/7")


def test_activity_on_the_same_day_keeps_the_count():
    assert next_follow_up(SINCE, (SINCE, 7), after(8)).days == 14


def test_quiet_days_are_never_negative():
    assert quiet_days(SINCE, after(-1)) == 0
    assert next_follow_up(SINCE, None, after(-1)).raise_on == after(7)


@given(st.lists(st.integers(0, 3), min_size=80, max_size=80), st.sets(st.integers(0, 79), max_size=5))
def test_each_follow_up_is_raised_once_with_missed_or_repeated_runs(runs, active):
    since, raised, keys = SINCE, None, []
    for days, times in enumerate(runs):
        today = after(days)
        since = today if days in active else since
        for turn in range(times):
            follow_up = next_follow_up(since, raised, today)
            due = follow_up.raise_on <= today
            assert not (due and turn)
            if due:
                keys.append(follow_up.key)
                raised = (follow_up.quiet_since, follow_up.days)
        quiet = (today - since).days
        assert not times or quiet < 7 or f"quiet/{since}/{quiet // 7 * 7}" in keys
    assert len(keys) == len(set(keys))
    assert all(int(key.split("/")[2]) % 7 == 0 for key in keys)
