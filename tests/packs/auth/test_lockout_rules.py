"""The arithmetic of the lockout and of rates, over arbitrary histories, against plain models of both."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pynamodb.expressions.condition import Condition

from chalicelib.foundation.auth import lockout, rate_limit
from chalicelib.foundation.errors import RateLimited, VersionConflict
from chalicelib.foundation.store.codec import DynamoItem, decode_item, encode_item

START = datetime(2026, 11, 24, 18, tzinfo=UTC)
PAUSES = st.lists(st.integers(0, 1200), max_size=40)


@given(st.lists(st.integers(0, 10_000_000), max_size=30), st.integers(0, 10_000_000), st.integers(0, 2**32))
def test_an_attempt_counts_for_exactly_fifteen_minutes(ages, at, chance):
    """Instants in milliseconds; the chance in a mark never moves it over the edge."""
    now = START + timedelta(milliseconds=at)
    marks = [lockout.encode_attempt(START + timedelta(milliseconds=age), chance + n) for n, age in enumerate(ages)]
    expected = [mark for mark, age in zip(marks, ages, strict=True) if at - age < 15 * 60 * 1000]
    assert lockout.recent_attempts(marks, now) == expected


class Row:
    """The rows of the table, as far as the counting of attempts and rates asks: a model of UpdateItem."""

    def __init__(self) -> None:
        self.rows: dict[str, DynamoItem] = {}

    def update(self, key: Any, *, set: Any = (), add: Any = (), discard: Any = (), when: Any = None, on_conflict: Any = None) -> DynamoItem:
        row = self.rows.setdefault(key.pk, {})
        if when is not None and not fulfils(row, when):
            raise on_conflict(row) if callable(on_conflict) else on_conflict or VersionConflict()
        plain = decode_item(row) | dict(set)
        for name, change in dict(add).items():
            plain[name] = plain[name] + change if isinstance(change, int) else {*plain.get(name, ()), *change}
        for name, gone in dict(discard).items():
            plain[name] = {*plain.get(name, ())} - gone
        row.clear()
        row.update(encode_item({name: value for name, value in plain.items() if value != frozenset()}))
        return row


def fulfils(row: DynamoItem, when: Condition) -> bool:
    """Whether a row fulfils a condition of those that are used here."""
    if when.operator == "OR":
        return any(fulfils(row, one) for one in when.values)
    name = when.values[0].path[0]
    if when.operator == "attribute_not_exists":
        return name not in row
    there, asked = int(row.get(name, {"N": "-1"})["N"]), int(when.values[1].values[0]["N"])
    return name in row and {"<": there < asked, "<=": there <= asked}[when.operator]


class Outside:
    """The little of a context that the counting reads."""

    source_ip = "192.0.2.1"

    class secrets:  # noqa: N801 - stands for the attribute
        personal_key = b"k" * 32

    def __init__(self) -> None:
        self.store, self.now = Row(), START


def outcome(asked: Callable[[], Any]) -> tuple[Any, int]:
    """What was answered and 0, or None and the seconds to wait."""
    try:
        return asked(), 0
    except RateLimited as refused:
        return None, int(refused.members["retry_after"])


@given(PAUSES)
def test_no_fifteen_minutes_hold_more_than_five_failures_and_a_lock_lasts_fifteen(history):
    """`history`: pauses in seconds between attempts, all of which fail unless they are refused."""
    ctx: Any = Outside()
    failures: list[datetime] = []
    locked_until = START
    for pause in history:
        ctx.now += timedelta(seconds=pause)
        attempt, wait = outcome(lambda: lockout.count_attempt(ctx, "ada@example.com"))
        assert wait == max(0, int((locked_until - ctx.now).total_seconds()))
        if wait:
            continue
        attempt.record_failure()
        failures.append(ctx.now)
        recent = [one for one in failures if ctx.now - one < timedelta(minutes=15)]
        assert len(recent) <= 5
        if len(recent) == 5:
            locked_until = ctx.now + timedelta(minutes=15)
    for row in ctx.store.rows.values():
        assert len(decode_item(row).get("attempts", ())) <= 2 * 50 + 1


@given(st.integers(1, 600), st.integers(1, 10), st.lists(st.integers(0, 2000), min_size=1, max_size=60))
def test_a_bucket_gives_its_burst_and_then_one_at_each_step(every, burst, pauses):
    """Against the leaky bucket that the algorithm stands for: a level that falls with time and may hold `burst`."""
    ctx: Any = Outside()
    level, last = 0.0, ctx.now
    for pause in pauses:
        ctx.now += timedelta(seconds=pause)
        level = max(0.0, level - (ctx.now - last).total_seconds())
        last = ctx.now
        _, wait = outcome(lambda: rate_limit.consume(ctx, "test", "somebody", every=every, burst=burst))
        assert wait in (0, every)
        assert bool(wait) == (level + every > burst * every)
        level += 0 if wait else every
