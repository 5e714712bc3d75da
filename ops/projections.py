"""Rebuilding the aggregates while the stage lives, and counting them again."""

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
from chalicelib.foundation.projections import Contribution, Contributions, Engine, Number, Refused, Work
from chalicelib.foundation.store.store import Store
from chalicelib.packs import PACKS
from ops import shell

BATCH = 60
# A batch that began before the switch may still write the old generation: it ends with its function's time at the latest.
SETTLE_SECONDS = 65.0

Told = Callable[[int], None]


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild did. `refused` names the items whose contribution can't be had."""

    generation: int
    items: int
    refused: dict[str, str]
    removed: int


@dataclass(frozen=True)
class Drift:
    """One field of an aggregate row that isn't what the items add up to."""

    row: tuple[str, str]
    field: str
    kept: Number
    counted: Number


def rebuild(
    store: Callable[[], Store],
    contribute: Contributions,
    now: datetime,
    *,
    settle: Callable[[], None] = lambda: None,
    told: Told = lambda _: None,
) -> Rebuilt:
    """Build the aggregates anew, beside the live ones, and let them take over. The stage may be written to all the while.

    First changes go to both generations. What was changed before that, the scan sees: it reads strongly, and begins after. What
    is changed after, the stream's reader brings. An image that both bring counts once. A rebuild that was broken off leaves
    nothing to repair: the next one takes a new number and clears up.
    """
    first = store()
    writing = projections.generations(first)
    new = max(writing) + 1
    projections.write_to(first, [writing[0], new])
    items = 0
    refused: dict[str, str] = {}
    states = projections.entities(_fresh(store), contribute.kinds)
    while batch := list(islice(states, BATCH)):
        work = Work({state.id: state for state in batch})
        Engine(store(), contribute, now, only=new).apply(work)
        refused |= work.refused
        items += len(batch)
        told(items)
    projections.write_to(store(), [new])
    settle()
    removed = _fresh(store).delete_many(projections.outdated(_fresh(store), new))
    return Rebuilt(new, items, refused, removed)


def drift(
    store: Callable[[], Store], contribute: Contributions, *, looks: int = 3, pause: Callable[[], None] = lambda: None
) -> list[Drift]:
    """Every aggregate field that differs from a recount of all items, in each of several looks.

    Whole groups are compared, never samples. What the stream still has to bring differs once; what differs each time by the
    same amount has drifted. Raises Refused for an item whose contribution can't be had.
    """
    lasting: set[tuple[tuple[str, str], str, Number]] | None = None
    found: list[Drift] = []
    for look in range(looks):
        if look:
            pause()
        found = _compare(store, contribute)
        differences = {(one.row, one.field, one.counted - one.kept) for one in found}
        lasting = differences if lasting is None else lasting & differences
        if not lasting:
            return []
    return [one for one in found if (one.row, one.field, one.counted - one.kept) in (lasting or ())]


def _compare(store: Callable[[], Store], contribute: Contributions) -> list[Drift]:
    one = _fresh(store)
    kept = projections.aggregates(one, projections.generations(one)[0])
    counted: Contribution = {}
    for state in projections.entities(one, contribute.kinds):
        if state.image is not None:
            try:
                projections.merge(counted, contribute(state.kind, state.image))
            except Refused as refusal:
                raise Refused(f"{state.id} can't be counted: {refusal}") from refusal
    rows = sorted(kept.keys() | counted.keys())
    return [
        Drift(row, name, kept.get(row, {}).get(name, 0), counted.get(row, {}).get(name, 0))
        for row in rows
        for name in sorted(kept.get(row, {}).keys() | counted.get(row, {}).keys())
        if kept.get(row, {}).get(name, 0) != counted.get(row, {}).get(name, 0)
    ]


def _fresh(store: Callable[[], Store]) -> Store:
    """A store without a deadline: a scan takes as long as the table is large."""
    made = store()
    made.remaining = lambda: float("inf")
    return made


# -- the commands

app = typer.Typer(no_args_is_help=True)
_console = Console()


@app.command("rebuild-projections")
def rebuild_command(
    settle: Annotated[float, typer.Option(help="Seconds to wait before the old generation is cleared.")] = SETTLE_SECONDS,
) -> None:
    """Build the aggregates anew beside the live ones, then let them take over."""
    runtime = shell.runtime()
    with _progress() as progress:
        task = progress.add_task("items", total=None)

        def wait() -> None:
            progress.update(task, description="waiting for batches in flight")
            time.sleep(settle)

        def told(items: int) -> None:
            progress.update(task, description=f"{items:,} items")

        done = rebuild(runtime.store, Contributions(PACKS), runtime.clock(), settle=wait, told=told)
    _console.print(f"Generation {done.generation} holds {done.items:,} items; {done.removed:,} rows of older ones were removed.")
    _fail_on(f"{id}: {reason}" for id, reason in done.refused.items())


@app.command("check-projections")
def check_command(pause: Annotated[float, typer.Option(help="Seconds between two looks.")] = 5.0) -> None:
    """Count all items again and compare: says which aggregates have drifted."""
    runtime = shell.runtime()
    with _progress() as progress:
        progress.add_task("counting", total=None)
        found = drift(runtime.store, Contributions(PACKS), pause=lambda: time.sleep(pause))
    if not found:
        _console.print("Every aggregate is what its items add up to.")
        return
    table = Table("row", "field", "kept", "counted")
    for one in found:
        table.add_row("  ".join(one.row), one.field, str(one.kept), str(one.counted))
    _console.print(table)
    raise typer.Exit(1)


def _progress() -> Progress:
    return Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=_console)


def _fail_on(lines: Iterable[str]) -> None:
    found = list(lines)
    for line in found:
        _console.print(line)
    if found:
        raise typer.Exit(1)
