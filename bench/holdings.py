"""Does it stay flat? The summary at 1,000, 10,000 and 100,000 holdings of the same groups, on DynamoDB Local; and the snapshot job.

The holdings come in as the stream brings them: as items of what each moved, through the real reader. Their requests are left
out, which the table doesn't notice: a summary reads what the reader keeps.
"""

import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bench import engines, house
from bench.engines import World
from bench.scale import cost
from chalicelib.foundation.context import Context, system
from chalicelib.foundation.ids import ulid
from chalicelib.functions import streams
from chalicelib.packs.holdings.entities import Year, packed
from chalicelib.packs.holdings.rules import timeline
from chalicelib.packs.holdings.rules.dated import Series
from chalicelib.packs.holdings.service import snapshots
from tests.streams.feed import record_of

SIZES = (1_000, 10_000, 100_000)
_BATCH = 60
_CURRENCIES = ("USD", "CAD", "JPY")


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Rows of {holdings, summary, past_day, snapshot}, and how many holdings the reader took in a second."""
    rows, there, seconds = [], 0, 0.0
    with house.quiet(), engines.counting_reads() as world:
        today = _context(world).today
        bought = today - timedelta(days=400)
        rates = {"USD": 1.1, "CAD": 1.5, "JPY": 175.5}
        world.call("PUT", "/holdings/fx-rates", {"base": "EUR", "date": (today - timedelta(days=4)).isoformat(), "rates": rates})
        for size in sizes:
            began = time.perf_counter()
            for batch in _batches(world, there, size, bought):
                answer = streams.project(world.runtime, {"Records": batch}, None, streams._CONTRIBUTIONS)
                assert answer == {"batchItemFailures": []}, answer
            seconds += time.perf_counter() - began
            there = size
            summary = world.call("GET", "/holdings/summary")
            assert (summary["count"], summary["complete"]) == (size, True), summary
            past = {"as_of": (today - timedelta(days=1)).isoformat(), "currency": "USD"}
            rows.append(
                {
                    "holdings": size,
                    "summary": cost(world, lambda: world.call("GET", "/holdings/summary")),
                    "past_day": cost(world, lambda past=past: world.call("GET", "/holdings/summary", query=past)),
                    "snapshot": _snapshot(world, today - timedelta(days=len(rows) + 1)),
                }
            )
    return {"rows": rows, "holdings_per_second": round(there / seconds, 1)}


def _context(world: World) -> Context:
    return world.runtime.context(request_id=f"bench-{ulid(world.runtime.clock())}", actor=system("bench"))


def _batches(world: World, there: int, size: int, bought: date) -> Iterator[list[dict[str, Any]]]:
    ctx = _context(world)
    batch: list[dict[str, Any]] = []
    for number in range(there, size):
        holding = timeline.Holding(
            held_from=bought,
            labels=Series.of(timeline.Labels("property", "US-WA", "ent_1"), bought),
            values=Series.of(timeline.Value(Decimal(100_000 + number), _CURRENCIES[number % 3]), bought),
        )
        id = f"hold_{ulid(ctx.now)}"
        rows = [packed(movement) for movement in timeline.movements(holding)]
        year = Year.fresh(ctx, id=Year.id_of(id, bought.year), holding_id=id, year=bought.year, movements=rows)
        batch.append(record_of(number + 1, None, year.to_item()))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _snapshot(world: World, day: date) -> dict[str, float]:
    """Trips, units and milliseconds of the close of one day."""
    world.runtime.used()
    began = time.perf_counter()
    assert snapshots.close(_context(world), day)
    spent = (time.perf_counter() - began) * 1000
    return {**world.runtime.used(), "ms": round(spent, 2)}


if __name__ == "__main__":
    print(measure())
