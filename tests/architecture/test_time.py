"""The deployed code has one source of time, the clock of its `Runtime`, and nothing in it sets another one."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Each place that reads the time of day, and why it may.
READERS = {
    "chalicelib/foundation/runtime.py": 1,  # the clock that a runtime has where whoever makes it gives none
    "chalicelib/foundation/telemetry.py": 1,  # when a metric was taken, for CloudWatch alone
}
_OF_DATETIME = {"now", "utcnow", "today"}
_OF_TIME = {"time", "time_ns", "gmtime", "localtime", "ctime", "asctime", "clock_gettime", "clock_gettime_ns"}


def readings(source: str) -> Iterator[int]:
    """The lines that read the time of day."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            base = ast.unparse(node.value).rpartition(".")[2]
            if (base in ("datetime", "date") and node.attr in _OF_DATETIME) or (base == "time" and node.attr in _OF_TIME):
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "time" and {name.name for name in node.names} & _OF_TIME:
            yield node.lineno


def clock_settings(source: str) -> Iterator[int]:
    """The lines that give a runtime another clock."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Attribute) and target.attr == "clock" for target in targets):
                yield node.lineno
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name == "setattr" or (name in ("Runtime", "cls") and any(keyword.arg == "clock" for keyword in node.keywords)):
                yield node.lineno


def sources() -> dict[str, str]:
    """What is deployed of the project's own."""
    return {str(path.relative_to(ROOT)): path.read_text() for path in [ROOT / "app.py", *sorted((ROOT / "chalicelib").rglob("*.py"))]}


def test_one_place_reads_the_time() -> None:
    found = {path: len(list(readings(source))) for path, source in sources().items()}
    assert {path: count for path, count in found.items() if count} == READERS


def test_nothing_gives_a_runtime_another_clock() -> None:
    found = {path: lines for path, source in sources().items() if (lines := list(clock_settings(source)))}
    # Runtime.__init__ keeps what it is given; the store has a stopwatch of its own, for its retries.
    assert {path: len(lines) for path, lines in found.items() if "retr" not in path} == {
        "chalicelib/foundation/runtime.py": 1,
        "chalicelib/foundation/store/store.py": 1,
    }


def test_it_finds_what_it_looks_for() -> None:
    for line in ("datetime.now(UTC)", "dt.datetime.utcnow()", "date.today()", "time.time()", "from time import time", "f = datetime.now"):
        assert list(readings(line)) != [], line
    for line in ("time.monotonic()", "time.perf_counter()", "ctx.now", "ctx.today", "datetime.fromtimestamp(1, UTC)", "time.sleep"):
        assert list(readings(line)) == [], line
    for line in ("runtime.clock = later", "Runtime(settings, packs=(), clock=later)", "setattr(runtime, 'clock', later)"):
        assert list(clock_settings(line)) != [], line
