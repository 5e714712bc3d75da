"""The local run as a whole: requests a second of one client on a kept connection, with the stream's consumers at work.

It starts `python -m local` in a workspace of its own, creates pipelines, and waits until the stream is consumed. Then each request is
sent repeatedly, several rounds of all in turn: the best round counts, as others may use the machine. Processor time is of all processes
of the run together, per request.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.warm import LEAD
from tests.ports import free_port

PIPELINES = 3_000
ROUNDS = 3
_ROUND_SECONDS = 1.5
_START_SECONDS = 60.0
_CONSUMED_SECONDS = 300.0
# Requests a second that the local run reaches on two cores with nothing else running.
TARGETS = {"get": 400, "create": 200, "board": 400, "list of 50": 150}


class LocalRun:
    """A running system and its administrator's only connection."""

    def __init__(self, process: "subprocess.Popen[str]", workspace: Path, port: int) -> None:
        self._process = process
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        token = (workspace / "admin-token").read_text()
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; returns the JSON of its response, or None where there is no such resource."""
        self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
        response = self._connection.getresponse()
        content = response.read()
        assert response.status < 300 or response.status == 404, content
        return json.loads(content) if response.status < 300 else None

    def processor_seconds(self) -> float:
        """Processor time of all processes of the run so far."""
        ticks = 0
        for pid in _descendants(self._process.pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def wait_until_consumed(self, pipelines: int, newest: str) -> None:
        """Wait until the board counts that many pipelines and the trail has the newest one."""
        started = time.perf_counter()
        while (
            self.call("GET", "/wholesale/board")["stages"]["lead"]["count"] < pipelines
            or self.call("GET", f"/audit/trail/{newest}") is None
        ):
            assert time.perf_counter() - started < _CONSUMED_SECONDS
            time.sleep(0.1)


def measure(pipelines: int = PIPELINES) -> dict[str, Any]:
    """Per request: the best rate, and the processor time. And how many created pipelines a second the consumers follow."""
    with start() as run:
        id = ""
        started = time.perf_counter()
        for _ in range(0, pipelines, 100):
            id = run.call("POST", "/wholesale/bulk", {"items": [LEAD] * 100})["results"][0]["id"]
        run.wait_until_consumed(pipelines, id)
        seeding = time.perf_counter() - started
        requests: dict[str, Callable[[], Any]] = {
            "get": lambda: run.call("GET", f"/wholesale/{id}"),
            "board": lambda: run.call("GET", "/wholesale/board"),
            "list of 50": lambda: run.call("GET", "/wholesale?stage=lead&limit=50"),
            "create": lambda: run.call("POST", "/wholesale", LEAD),
        }
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in requests}
        count = pipelines
        for _ in range(ROUNDS):
            for name, request in requests.items():
                request()
                rate, processor_ms, sent = _measure(run, request)
                rounds[name].append((rate, processor_ms))
            count += sent + 2  # creations were last
            run.wait_until_consumed(count, request()["id"])
        rows = {}
        for name, measured in rounds.items():
            rate, processor_ms = max(measured)
            rows[name] = {"per_second": round(rate, 1), "processor_ms": round(processor_ms, 2), "target": TARGETS[name]}
        return {"pipelines": pipelines, "requests": rows, "created_and_consumed_per_second": round(pipelines / seeding, 1)}


def _measure(run: LocalRun, request: Callable[[], Any]) -> tuple[float, float, int]:
    """Requests a second, processor milliseconds per request, and the number of requests of one round."""
    count, processor, started = 0, run.processor_seconds(), time.perf_counter()
    while (elapsed := time.perf_counter() - started) < _ROUND_SECONDS:
        request()
        count += 1
    return count / elapsed, (run.processor_seconds() - processor) * 1000 / count, count


@contextmanager
def start() -> Iterator[LocalRun]:
    """A local run in a temporary workspace."""
    with tempfile.TemporaryDirectory() as folder:
        workspace, port = Path(folder) / "workspace", free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "local"],
            env=os.environ | {"VALHALLA_LOCAL": str(workspace), "PORT": str(port)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            if not any("Ctrl-C ends" in line for line in process.stdout):
                raise RuntimeError("The local run did not start.")
            yield LocalRun(process, workspace, port)
        finally:
            process.terminate()
            process.stdout.read()
            process.stdout.close()
            process.wait(_START_SECONDS)


def _descendants(pid: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    family = [pid]
    for member in family:
        family += children.get(member, [])
    return family


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
