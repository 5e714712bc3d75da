"""`make bench`: all measurements, as tables on the terminal and as `bench/results.json`.

Ratios are of one run on one machine. Milliseconds are of that machine and not of Lambda; they are only comparable with each other.
"""

import json
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import cold_start, holdings, local_run, matching, professionals, scale, trail, units, warm

RESULTS = Path(__file__).parent / "results.json"
SECTIONS: dict[str, Callable[[], Any]] = {
    "warm": warm.measure,
    "cold": cold_start.measure,
    "units": units.measure,
    "scale": scale.measure,
    "matching": matching.measure,
    "professionals": professionals.measure,
    "holdings": holdings.measure,
    "trail": trail.measure,
    "local run": local_run.measure,
}


def main(names: list[str]) -> int:
    """Measure all sections, or those named; other earlier results are kept. Returns exit status 1 where a bound is exceeded."""
    console = Console(width=120)
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in names or list(SECTIONS):
        console.print(f"measuring: {name} …", style="dim")
        results[name] = SECTIONS[name]()
        _SHOW[name](console, results[name])
    results["machine"] = {
        "python": platform.python_version(),
        "processor": platform.machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    broken = _exceeded(results)
    for line in broken:
        console.print(line, style="bold red")
    return int(bool(broken))


def _table(console: Console, title: str, columns: list[str], rows: list[list[Any]]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*[f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in row])
    console.print(table)


def _show_warm(console: Console, results: dict[str, Any]) -> None:
    columns = ["Warm request (processor time, HTTP exchange stubbed)", "ours, us", "by hand, us", "ratio", "at most"]
    _table(
        console,
        "",
        columns,
        [[name, result["us"], result["by_hand_us"], result["ratio"], result["bound"]] for name, result in results.items()],
    )


def _show_cold(console: Console, results: dict[str, Any]) -> None:
    _table(console, "", ["Cold start (import to first answer) and sizes", ""], [[name, value] for name, value in _flat(results)])


def _flat(results: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in results.items():
        rows += _flat(value, f"{prefix}{name} ") if isinstance(value, dict) else [(f"{prefix}{name}".replace("_", " "), value)]
    return rows


def _show_units(console: Console, results: list[dict[str, Any]]) -> None:
    parts = ("request", "trail", "projection")
    rows = [
        [result["operation"], *(" · ".join(f"{result[part][it]:g}" for it in ("trips", "read", "write")) for part in parts)]
        for result in results
    ]
    _table(console, "", ["Operation", *(f"{part}: trips · read · write units" for part in parts)], rows)


def _show_scale(console: Console, results: dict[str, Any]) -> None:
    rows = [
        [row["pipelines"], *(row[what][figure] for what in ("board", "list") for figure in ("trips", "read", "ms"))]
        for row in results["rows"]
    ]
    _table(console, "", ["Pipelines", "board trips", "read", "ms", "list of 50 trips", "read", "ms"], rows)
    _table(console, "", ["Stream consumer", "records a second"], [[name, rate] for name, rate in results["records_per_second"].items()])


def _show_trail(console: Console, results: dict[str, Any]) -> None:
    rows = [[results[name] for name in ("chains", "seconds", "one_by_one_seconds", "ratio")]]
    _table(console, "", ["Chains of a stage that are verified", "in one pass, s", "one by one, s", "ratio"], rows)


def _show_matching(console: Console, results: list[dict[str, Any]]) -> None:
    rows = [[row["buyers"], row["in_market"], row["trips"], row["read"], row["ms"]] for row in results]
    _table(console, "", ["Buyers in all (a market's matches)", "in the market", "trips", "read", "ms"], rows)


def _show_professionals(console: Console, results: list[dict[str, Any]]) -> None:
    rows = [[row["professionals"], row["trips"], row["read"], row["ms"]] for row in results]
    _table(console, "", ["Professionals in all (a match)", "trips", "read", "ms"], rows)


def _show_holdings(console: Console, results: dict[str, Any]) -> None:
    parts = {"summary": "summary", "past_day": "of a past day", "snapshot": "snapshot"}
    columns = ["Holdings, of the same groups", *(f"{title}: trips · read · ms" for title in parts.values())]
    rows = [
        [row["holdings"], *(" · ".join(f"{row[part][it]:g}" for it in ("trips", "read", "ms")) for part in parts)]
        for row in results["rows"]
    ]
    _table(console, "", columns, rows)
    _table(console, "", ["Stream consumer", "holdings a second"], [["projection", results["holdings_per_second"]]])


def _show_local_run(console: Console, results: dict[str, Any]) -> None:
    rows = [[name, row["per_second"], row["target"], row["processor_ms"]] for name, row in results["requests"].items()]
    title = f"The local run, one client, {results['pipelines']} pipelines"
    rows.append(["created in bulk and consumed, pipelines", results["created_and_consumed_per_second"], "", ""])
    _table(console, "", [title, "a second", "aim", "processor ms, all processes"], rows)


_SHOW: dict[str, Callable[[Console, Any], None]] = {
    "warm": _show_warm,
    "cold": _show_cold,
    "units": _show_units,
    "scale": _show_scale,
    "matching": _show_matching,
    "professionals": _show_professionals,
    "holdings": _show_holdings,
    "trail": _show_trail,
    "local run": _show_local_run,
}


def _exceeded(results: dict[str, Any]) -> list[str]:
    """The ratios that exceed their bounds."""
    lines = [
        f"{name}: {result['ratio']} is above {result['bound']}"
        for name, result in results.get("warm", {}).items()
        if result["ratio"] > result["bound"]
    ]
    cold = results.get("cold", {})
    if cold and cold["ratio"] > cold_start.TARGET:
        lines.append(f"cold start: {cold['ratio']} is above {cold_start.TARGET}")
    if cold and cold["zip_bytes"] > cold_start.MAX_ZIP_BYTES:
        lines.append(f"zip: {cold['zip_bytes']:,} bytes are above {cold_start.MAX_ZIP_BYTES:,}")
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
