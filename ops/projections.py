"""Rebuild the aggregates while the stage is in use, and check them against a recount."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from chalicelib.foundation import projections
from chalicelib.foundation.projections import (
    Contribution,
    ContributionError,
    ContributionRegistry,
    Number,
    ProjectionBatch,
    ProjectionEngine,
)
from chalicelib.foundation.store.store import Store
from chalicelib.packs import PACKS
from ops import cli

BATCH = 60
# A batch that began before the switch may still write the old generation: it ends with its function's timeout at the latest.
DRAIN_SECONDS = 65.0

OnProgress = Callable[[int], None]


@dataclass(frozen=True)
class RebuildResult:
    """The result of a rebuild. `refused` maps the ids of items whose contribution can't be computed to the reason."""

    generation: int
    items: int
    refused: dict[str, str]
    removed: int


@dataclass(frozen=True)
class Drift:
    """One field of an aggregate row that differs from a recount of the items."""

    row: tuple[str, str]
    field: str
    stored: Number
    expected: Number


def rebuild(
    store: Callable[[], Store],
    contribute: ContributionRegistry,
    now: datetime,
    *,
    wait_for_old_batches: Callable[[], None] = lambda: None,
    on_progress: OnProgress = lambda _: None,
) -> RebuildResult:
    """Build a new generation of the aggregates next to the live one, then switch to it. The stage may be written to meanwhile.

    First, changes go to both generations. Earlier changes are seen by the scan: it reads strongly, and begins after. Later changes
    come from the stream. An image that arrives by both ways counts once. An interrupted rebuild leaves nothing to repair: the next
    one takes a new generation and removes the others.
    """
    initial_store = store()
    generations = projections.generations(initial_store)
    new = max(generations) + 1
    projections.set_generations(initial_store, [generations[0], new])
    items = 0
    refused: dict[str, str] = {}
    states = projections.scan_entities(_unlimited_store(store), contribute.kinds)
    while batch := list(islice(states, BATCH)):
        work = ProjectionBatch({state.id: state for state in batch})
        ProjectionEngine(store(), contribute, now, only=new).apply(work)
        refused |= work.rejected
        items += len(batch)
        on_progress(items)
    projections.set_generations(store(), [new])
    wait_for_old_batches()
    removed = _unlimited_store(store).batch_delete(projections.rows_of_other_generations(_unlimited_store(store), new))
    return RebuildResult(new, items, refused, removed)


def find_drift(
    store: Callable[[], Store], contribute: ContributionRegistry, *, rounds: int = 3, pause: Callable[[], None] = lambda: None
) -> list[Drift]:
    """Every aggregate field that differs from a recount of all items, in each of several rounds.

    Whole groups are compared, never samples. A change that the stream has not delivered yet differs once; what differs each time by
    the same amount has drifted. Raises Refused for an item whose contribution can't be computed.
    """
    persistent: set[tuple[tuple[str, str], str, Number]] | None = None
    differences: list[Drift] = []
    for round_number in range(rounds):
        if round_number:
            pause()
        differences = _find_differences(store, contribute)
        offsets = {(drift.row, drift.field, drift.expected - drift.stored) for drift in differences}
        persistent = offsets if persistent is None else persistent & offsets
        if not persistent:
            return []
    return [drift for drift in differences if (drift.row, drift.field, drift.expected - drift.stored) in (persistent or ())]


def _find_differences(store: Callable[[], Store], contribute: ContributionRegistry) -> list[Drift]:
    unlimited = _unlimited_store(store)
    stored = projections.scan_aggregates(unlimited, projections.generations(unlimited)[0])
    expected: Contribution = {}
    for state in projections.scan_entities(unlimited, contribute.kinds):
        if state.image is not None:
            try:
                projections.merge(expected, contribute(state.kind, state.image))
            except ContributionError as error:
                raise ContributionError(f"{state.id} can't be counted: {error}") from error
    rows = sorted(stored.keys() | expected.keys())
    return [
        Drift(row, name, stored.get(row, {}).get(name, 0), expected.get(row, {}).get(name, 0))
        for row in rows
        for name in sorted(stored.get(row, {}).keys() | expected.get(row, {}).keys())
        if stored.get(row, {}).get(name, 0) != expected.get(row, {}).get(name, 0)
    ]


def _unlimited_store(store: Callable[[], Store]) -> Store:
    """A store without a deadline: a scan takes as long as the table is large."""
    unlimited = store()
    unlimited.remaining_seconds = lambda: float("inf")
    return unlimited


# -- the commands

app = typer.Typer(no_args_is_help=True)
_console = Console()


@app.command("rebuild-projections")
def rebuild_command(
    drain_seconds: Annotated[float, typer.Option("--settle", help="Seconds to wait before the old generation is removed.")] = DRAIN_SECONDS,
) -> None:
    """Rebuild the aggregates while the stage is in use."""
    runtime = cli.runtime()
    with _progress() as progress:
        task = progress.add_task("items", total=None)

        def wait() -> None:
            progress.update(task, description="waiting for batches in flight")
            time.sleep(drain_seconds)

        def report(items: int) -> None:
            progress.update(task, description=f"{items:,} items")

        result = rebuild(runtime.store, ContributionRegistry(PACKS), runtime.clock(), wait_for_old_batches=wait, on_progress=report)
    _console.print(f"Generation {result.generation} holds {result.items:,} items; {result.removed:,} rows of older ones were removed.")
    _print_and_fail(f"{id}: {reason}" for id, reason in result.refused.items())


@app.command("check-projections")
def check_command(pause: Annotated[float, typer.Option(help="Seconds between two rounds.")] = 5.0) -> None:
    """Recount all items and list the aggregates that have drifted."""
    runtime = cli.runtime()
    with _progress() as progress:
        progress.add_task("counting", total=None)
        drifts = find_drift(runtime.store, ContributionRegistry(PACKS), pause=lambda: time.sleep(pause))
    if not drifts:
        _console.print("Every aggregate equals the recount of its items.")
        return
    table = Table("row", "field", "stored", "recount")
    for drift in drifts:
        table.add_row("  ".join(drift.row), drift.field, str(drift.stored), str(drift.expected))
    _console.print(table)
    raise typer.Exit(1)


def _progress() -> Progress:
    return Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=_console)


def _print_and_fail(lines: Iterable[str]) -> None:
    texts = list(lines)
    for line in texts:
        _console.print(line)
    if texts:
        raise typer.Exit(1)
