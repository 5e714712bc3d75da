"""Trying parked records of the stream again, once what was wrong with them is mended."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from chalicelib.foundation import streams
from chalicelib.foundation.context import Context
from chalicelib.foundation.projections import Contributions, Engine, State, Work
from chalicelib.foundation.streams import Parked, Unreadable
from chalicelib.functions.streams import PROJECTION
from chalicelib.packs import PACKS
from chalicelib.packs.auditor import trail
from ops import shell


@dataclass(frozen=True)
class Redriven:
    """What became of one entity's parked records: how many are done, and why the rest is not."""

    stream: str
    entity: str
    done: int
    left: list[Parked]


def redrive_trail(context: Callable[[], Context], kinds: Any, entity: str) -> Redriven:
    """Append an entity's parked changes to its chain, in their order."""
    ctx = context()
    done = trail.Trail(ctx, kinds, workers=1).redrive(entity)
    return Redriven(trail.STREAM, entity, done, streams.parked(ctx.store, trail.STREAM, entity, ctx.now))


def redrive_projection(context: Callable[[], Context], contribute: Contributions, entity: str) -> Redriven:
    """Apply an entity's parked changes. One that is older than what was applied since changes nothing, and is done."""
    ctx = context()
    done = 0
    for parked in streams.parked(ctx.store, PROJECTION, entity, ctx.now):
        try:
            state = State.of(streams.read(parked.record))
        except Unreadable:
            continue
        work = Work({state.id: state})
        Engine(ctx.store, contribute, ctx.now).apply(work)
        if not work.refused:
            streams.unpark(ctx.store, parked.key)
            done += 1
    return Redriven(PROJECTION, entity, done, streams.parked(ctx.store, PROJECTION, entity, ctx.now))


# -- the command

app = typer.Typer(no_args_is_help=True)
_console = Console()


@app.command("redrive")
def redrive_command() -> None:
    """Try every parked record again; says which ones stay, and why."""
    runtime = shell.runtime()

    def context() -> Context:
        return shell.context(runtime, "redrive")

    kinds, contribute = trail.kinds(PACKS), Contributions(PACKS)
    found: list[Redriven] = []
    for entity in track(streams.parked_entities(runtime.store(), trail.STREAM), description="trail", console=_console):
        found.append(redrive_trail(context, kinds, entity))
    for entity in track(streams.parked_entities(runtime.store(), PROJECTION), description="aggregates", console=_console):
        found.append(redrive_projection(context, contribute, entity))
    _console.print(f"{sum(one.done for one in found):,} records are done.")
    table = Table("stream", Column("entity", no_wrap=True), "record", "reason")
    for one in found:
        for parked in one.left:
            table.add_row(one.stream, one.entity, parked.key.sk, parked.reason)
    if table.row_count:
        _console.print(table)
        raise typer.Exit(1)
