"""Cost of the check whether a deal is ready, with 10, 100 and 1,000 parts: round trips, read units, milliseconds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bench import environments, harness
from bench.environments import BenchEnvironment
from bench.scale import cost
from chalicelib.foundation.actor import system_actor
from chalicelib.packs.finalization.entities import Item

SIZES = (10, 100, 1_000)


class _Stamp:
    """Who writes, as entities ask."""

    actor = system_actor("bench")
    request_id = correlation_id = "bench"

    def __init__(self, now: datetime) -> None:
        self.now = now


def _items(deal: str, start: int, end: int) -> list[dict[str, Any]]:
    """Settled items of a deal: as large as its tasks and documents are."""
    found = []
    for number in range(start, end):
        stamp = _Stamp(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number))
        item = Item.new(
            stamp,
            Item.ID.new(stamp.now, deal),
            deal_id=deal,
            kind_of_item="task",
            title=f"Part number {number} of what has to be settled",
            due={"anchor": "opened_on", "offset_days": 14},
            status="done",
            confirmations=[],
            evidence={"sha256": "a" * 64},
            settled_at=stamp.now,
            settled_by="user_bench",
        )
        found.append(item.to_item())
    return found


def measure(sizes: tuple[int, ...] = SIZES) -> list[dict[str, Any]]:
    """A row for each size: the cost of one check of a deal with a pipeline and a professional."""
    results, existing = [], 0
    with harness.capture_stdout(), environments.counting_reads() as environment:
        worker = environment.call("POST", "/pros/scorecard/professionals", {"name": "Rita Title", "role": "title"})["id"]
        pipeline = environment.call("POST", "/wholesale", {"property": {"address": {"line1": "1201 Pine St"}}})["id"]
        body = {"title": "1201 Pine St", "value": 210000, "pipeline_id": pipeline, "professional_ids": [worker]}
        deal = environment.call("POST", "/deals", body)["id"]
        for size in sizes:
            _write(environment, _items(deal, existing, size))
            existing = size
            results.append({"parts": size, **cost(environment, lambda: environment.call("GET", f"/deals/finalization/status/{deal}"))})
    return results


def _write(environment: BenchEnvironment, items: list[dict[str, Any]]) -> None:
    client = environment.runtime.dynamodb
    for start in range(0, len(items), 25):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        left = client.batch_write_item(RequestItems={harness.TABLE: requests})["UnprocessedItems"]
        assert not left


if __name__ == "__main__":
    for row in measure():
        print(row)
