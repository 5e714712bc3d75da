"""`make bench`: everything that is measured, as tables on the terminal and as `bench/results.json`.

Ratios are of one run on one machine. Milliseconds are this machine's and say nothing of Lambda; they are here to be compared with
each other.
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

from bench import cold_start, holdings, matching, scale, units, warm

RESULTS = Path(__file__).parent / "results.json"
SECTIONS: dict[str, Callable[[], Any]] = {
    "warm": warm.measure,
    "cold": cold_start.measure,
    "units": units.measure,
    "scale": scale.measure,
    "matching": matching.measure,
    "holdings": holdings.measure,
}


def main(names: list[str]) -> int:
    """Measure all sections, or those named; keep what else was measured before. Status 1 where a bound is broken."""
    console = Console(width=120)
    kept: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in names or list(SECTIONS):
        console.print(f"measuring: {name} …", style="dim")
        kept[name] = SECTIONS[name]()
        _SHOW[name](console, kept[name])
    kept["machine"] = {
        "python": platform.python_version(),
        "processor": platform.machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    broken = _broken(kept)
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


def _show_warm(console: Console, found: dict[str, Any]) -> None:
    columns = ["Warm request (processor time, HTTP exchange stubbed)", "ours, us", "by hand, us", "ratio", "at most"]
    _table(console, "", columns, [[name, one["us"], one["by_hand_us"], one["ratio"], one["bound"]] for name, one in found.items()])


def _show_cold(console: Console, found: dict[str, Any]) -> None:
    _table(console, "", ["Cold start (import to first answer) and sizes", ""], [[name, value] for name, value in _flat(found)])


def _flat(found: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in found.items():
        rows += _flat(value, f"{before}{name} ") if isinstance(value, dict) else [(f"{before}{name}".replace("_", " "), value)]
    return rows


def _show_units(console: Console, found: list[dict[str, Any]]) -> None:
    parts = ("request", "trail", "projection")
    rows = [[one["operation"], *(" · ".join(f"{one[part][it]:g}" for it in ("trips", "read", "write")) for part in parts)] for one in found]
    _table(console, "", ["Operation", *(f"{part}: trips · read · write units" for part in parts)], rows)


def _show_scale(console: Console, found: dict[str, Any]) -> None:
    rows = [
        [one["pipelines"], *(one[what][figure] for what in ("board", "list") for figure in ("trips", "read", "ms"))]
        for one in found["rows"]
    ]
    _table(console, "", ["Pipelines", "board trips", "read", "ms", "list of 50 trips", "read", "ms"], rows)
    _table(console, "", ["Stream consumer", "records a second"], [[name, rate] for name, rate in found["records_per_second"].items()])


def _show_matching(console: Console, found: list[dict[str, Any]]) -> None:
    rows = [[one["buyers"], one["in_market"], one["trips"], one["read"], one["ms"]] for one in found]
    _table(console, "", ["Buyers in all (a market's matches)", "in the market", "trips", "read", "ms"], rows)


def _show_holdings(console: Console, found: dict[str, Any]) -> None:
    parts = {"summary": "summary", "past_day": "of a past day", "snapshot": "snapshot"}
    columns = ["Holdings, of the same groups", *(f"{shown}: trips · read · ms" for shown in parts.values())]
    rows = [
        [one["holdings"], *(" · ".join(f"{one[part][it]:g}" for it in ("trips", "read", "ms")) for part in parts)] for one in found["rows"]
    ]
    _table(console, "", columns, rows)
    _table(console, "", ["Stream consumer", "holdings a second"], [["projection", found["holdings_per_second"]]])


_SHOW: dict[str, Callable[[Console, Any], None]] = {
    "warm": _show_warm,
    "cold": _show_cold,
    "units": _show_units,
    "scale": _show_scale,
    "matching": _show_matching,
    "holdings": _show_holdings,
}


def _broken(found: dict[str, Any]) -> list[str]:
    """The ratios that are above what we hold ourselves to."""
    lines = [
        f"{name}: {one['ratio']} is above {one['bound']}" for name, one in found.get("warm", {}).items() if one["ratio"] > one["bound"]
    ]
    cold = found.get("cold", {})
    if cold and cold["ratio"] > cold_start.TARGET:
        lines.append(f"cold start: {cold['ratio']} is above {cold_start.TARGET}")
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
