"""Does it stay flat? The board and a list of 50 at 100, 1,000 and 10,000 pipelines, on DynamoDB Local: trips, read units, milliseconds.

And what the two stream consumers do a second, on the records that those pipelines make.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

from bench import engines, house
from bench.engines import World
from bench.warm import LEAD
from chalicelib.functions import streams

SIZES = (100, 1_000, 10_000)
ROUNDS = 9


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Rows of {pipelines, board, list}, and the throughput of the consumers over the last step."""
    rows, there = [], 0
    throughput: dict[str, float] = {}
    with house.quiet(), engines.counting_reads() as world:
        for size in sizes:
            for _ in range(0, size - there, 100):
                world.call("POST", "/wholesale/bulk", {"items": [LEAD] * 100})
            throughput = _consume(world)
            there = size
            rows.append(
                {
                    "pipelines": size,
                    "board": cost(world, lambda: world.call("GET", "/wholesale/board")),
                    "list": cost(world, lambda: world.call("GET", "/wholesale", query={"stage": "lead"})),
                }
            )
            assert world.call("GET", "/wholesale/board")["stages"]["lead"]["count"] == size
    return {"rows": rows, "records_per_second": throughput}


def _consume(world: World) -> dict[str, float]:
    """Feed the consumers everything that is on the stream. Records a second, each consumer alone on one core."""
    records = world.records()
    seconds = {}
    consumers: dict[str, Callable[[Any], Any]] = {
        "trail": lambda batch: streams.audit(world.runtime, {"Records": batch}),
        "projection": lambda batch: streams.project(world.runtime, {"Records": batch}, None, streams._CONTRIBUTIONS),
    }
    for name, consume in consumers.items():
        began = time.perf_counter()
        for start in range(0, len(records), 60):
            answer = consume(records[start : start + 60])
            assert answer == {"batchItemFailures": []}, answer
        seconds[name] = time.perf_counter() - began
    return {name: round(len(records) / spent, 1) for name, spent in seconds.items()}


def cost(world: World, call: Callable[[], Any]) -> dict[str, float]:
    """Trips and read units of one call, and the median of its milliseconds."""
    world.runtime.used()
    call()
    used = world.runtime.used()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    return {"trips": used["trips"], "read": used["read"], "ms": round(statistics.median(times), 2)}


if __name__ == "__main__":
    print(measure())
