"""The arithmetic of the lockout and of rates, over arbitrary histories, against plain models of both."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.auth import lockout, rate_limit
from chalicelib.foundation.errors import RateLimited, VersionConflict

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
    """One row of the table, as far as the counting of attempts and rates asks: enough of UpdateItem to be a model."""

    table = "t"

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        key = arguments["Key"]["pk"]["S"]
        row, values = self.rows.setdefault(key, {}), arguments["ExpressionAttributeValues"]
        if "locked_until" in row and row["locked_until"] > int(values[":now"]["N"]):
            item = {"locked_until": {"N": str(row["locked_until"])}}
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}, "Item": item}, operation)
        row.setdefault("attempts", set()).update(values[":mark"]["NS"])
        return {"Attributes": {"attempts": {"NS": sorted(row["attempts"])}}}

    def update(self, key: Any, expression: str, **arguments: Any) -> None:
        row, values = self.rows.setdefault(key.pk, {}), arguments["ExpressionAttributeValues"]
        plain = {name: int(value["N"]) for name, value in values.items() if "N" in value}
        if expression.startswith("SET locked_until"):
            row["locked_until"] = plain[":until"]
        elif expression.startswith("DELETE attempts"):
            row["attempts"] -= set(values[":old"]["NS"])
        elif ":full" in plain:
            if row.get("tat", -1) >= plain[":now"]:
                raise VersionConflict
            row["tat"] = plain[":full"]
        else:
            if row["tat"] > plain[":latest"]:
                raise VersionConflict
            row["tat"] += plain[":step"]


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
        assert len(row.get("attempts", ())) <= 2 * 50 + 1


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
