"""Scaling of the summary and the snapshot job with 1,000, 10,000 and 100,000 holdings of the same groups, on DynamoDB Local.

The holdings are fed to the real stream consumer as stream records of their movements. They are not created through the API, which
makes no difference: a summary reads the aggregates of the consumer.
"""

import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bench import environments, harness
from bench.environments import BenchEnvironment
from bench.scale import cost
from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.effective_dating import EffectiveSeries
from chalicelib.foundation.ids import ulid
from chalicelib.functions import streams
from chalicelib.packs.holdings.entities import HoldingMovements, encode_movement
from chalicelib.packs.holdings.rules import positions
from chalicelib.packs.holdings.service import snapshots
from tests.streams.stream_feeder import record_of

SIZES = (1_000, 10_000, 100_000)
_BATCH = 60
_CURRENCIES = ("USD", "CAD", "JPY")


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Rows of {holdings, summary, past_day, snapshot}, and how many holdings the consumer processed per second."""
    rows, existing, seconds = [], 0, 0.0
    with harness.capture_stdout(), environments.counting_reads() as environment:
        today = _context(environment).today
        bought = today - timedelta(days=400)
        rates = {"USD": 1.1, "CAD": 1.5, "JPY": 175.5}
        environment.call("PUT", "/holdings/fx-rates", {"base": "EUR", "date": (today - timedelta(days=4)).isoformat(), "rates": rates})
        for size in sizes:
            started = time.perf_counter()
            for batch in _batches(environment, existing, size, bought):
                response = streams.project(environment.runtime, {"Records": batch}, None, streams._CONTRIBUTIONS)
                assert response == {"batchItemFailures": []}, response
            seconds += time.perf_counter() - started
            existing = size
            summary = environment.call("GET", "/holdings/summary")
            assert (summary["count"], summary["complete"]) == (size, True), summary
            past = {"as_of": (today - timedelta(days=1)).isoformat(), "currency": "USD"}
            rows.append(
                {
                    "holdings": size,
                    "summary": cost(environment, lambda: environment.call("GET", "/holdings/summary")),
                    "past_day": cost(environment, lambda past=past: environment.call("GET", "/holdings/summary", query=past)),
                    "snapshot": _snapshot(environment, today - timedelta(days=len(rows) + 1)),
                }
            )
    return {"rows": rows, "holdings_per_second": round(existing / seconds, 1)}


def _context(environment: BenchEnvironment) -> Context:
    return environment.runtime.context(request_id=f"bench-{ulid(environment.runtime.clock())}", actor=system_actor("bench"))


def _batches(environment: BenchEnvironment, existing: int, size: int, bought: date) -> Iterator[list[dict[str, Any]]]:
    ctx = _context(environment)
    batch: list[dict[str, Any]] = []
    for number in range(existing, size):
        holding = positions.HoldingHistory(
            held_from=bought,
            groups=EffectiveSeries.of(positions.GroupKeys("property", "US-WA", "ent_1"), bought),
            values=EffectiveSeries.of(positions.AssetValue(Decimal(100_000 + number), _CURRENCIES[number % 3]), bought),
        )
        id = f"hold_{ulid(ctx.now)}"
        rows = [encode_movement(movement) for movement in positions.movements(holding)]
        moves = HoldingMovements.new(ctx, id=HoldingMovements.ID.new(ctx.now, parent=id), holding_id=id, movements=rows)
        batch.append(record_of(number + 1, None, moves.to_item()))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _snapshot(environment: BenchEnvironment, day: date) -> dict[str, float]:
    """Round trips, units and milliseconds of the close of one day."""
    environment.runtime.used()
    started = time.perf_counter()
    assert snapshots.close(_context(environment), day)
    spent = (time.perf_counter() - started) * 1000
    return {**environment.runtime.used(), "ms": round(spent, 2)}


if __name__ == "__main__":
    print(measure())
