"""Scaling of the board and a list of 50 with 100, 1,000 and 10,000 pipelines: round trips, read units, milliseconds.

And the throughput of the two stream consumers with the records of those pipelines.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

from bench import environments, harness
from bench.environments import BenchEnvironment
from bench.warm import LEAD
from chalicelib.functions import streams

SIZES = (100, 1_000, 10_000)
ROUNDS = 9


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Rows of {pipelines, board, list}, and the throughput of the consumers over the last step."""
    rows, existing = [], 0
    throughput: dict[str, float] = {}
    with harness.capture_stdout(), environments.counting_reads() as environment:
        for size in sizes:
            for _ in range(0, size - existing, 100):
                environment.call("POST", "/wholesale/bulk", {"items": [LEAD] * 100})
            throughput = _consume(environment)
            existing = size
            rows.append(
                {
                    "pipelines": size,
                    "board": cost(environment, lambda: environment.call("GET", "/wholesale/board")),
                    "list": cost(environment, lambda: environment.call("GET", "/wholesale", query={"stage": "lead"})),
                }
            )
            assert environment.call("GET", "/wholesale/board")["stages"]["lead"]["count"] == size
    return {"rows": rows, "records_per_second": throughput}


def _consume(environment: BenchEnvironment) -> dict[str, float]:
    """Feed all stream records to the consumers. Returns records per second, each consumer alone on one core, and of its own processor time.

    The rest of the time is DynamoDB Local's, which shares the machine.
    """
    records = environment.records()
    seconds = {}
    consumers: dict[str, Callable[[Any], Any]] = {
        "trail": lambda batch: streams.audit(environment.runtime, {"Records": batch}),
        "projection": lambda batch: streams.project(environment.runtime, {"Records": batch}, None, streams._CONTRIBUTIONS),
    }
    for name, consume in consumers.items():
        started, worked = time.perf_counter(), time.process_time()
        for start in range(0, len(records), 60):
            response = consume(records[start : start + 60])
            assert response == {"batchItemFailures": []}, response
        seconds[name] = time.perf_counter() - started
        seconds[f"{name}, of its own processor time"] = time.process_time() - worked
    return {name: round(len(records) / spent, 1) for name, spent in seconds.items()}


def cost(environment: BenchEnvironment, call: Callable[[], Any]) -> dict[str, float]:
    """Round trips and read units of one call, and its median time in milliseconds."""
    environment.runtime.used()
    call()
    used = environment.runtime.used()
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    return {"trips": used["trips"], "read": used["read"], "ms": round(statistics.median(times), 2)}


if __name__ == "__main__":
    print(measure())
