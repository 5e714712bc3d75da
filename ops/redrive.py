"""Process parked stream records again, once the cause of their failure is fixed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from chalicelib.foundation import projection_gaps, streams
from chalicelib.foundation.context import Context
from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.foundation.streams import ParkedRecord
from chalicelib.packs import PACKS
from chalicelib.packs.audit import writer
from ops import cli


@dataclass(frozen=True)
class RedriveResult:
    """The result for one entity's parked records: how many were processed, and which remain."""

    stream: str
    entity: str
    done: int
    remaining: list[ParkedRecord]


def redrive_trail(context: Callable[[], Context], kinds: Any, entity: str) -> RedriveResult:
    """Append an entity's parked changes to its chain, in order."""
    ctx = context()
    done = writer.TrailWriter(ctx, kinds, workers=1).redrive(entity)
    return RedriveResult(writer.STREAM, entity, done, streams.parked_records(ctx.store, writer.STREAM, entity, ctx.now))


def redrive_projection(context: Callable[[], Context], contribute: ContributionRegistry, entity: str) -> RedriveResult:
    """Apply the items of an entity's parked changes to the aggregates, as they are now."""
    ctx = context()
    done = projection_gaps.redrive(ctx.store, contribute, ctx.now, entity)
    return RedriveResult(streams.AGGREGATES, entity, done, streams.parked_records(ctx.store, streams.AGGREGATES, entity, ctx.now))


# -- the command

app = typer.Typer(no_args_is_help=True)
_console = Console()


@app.command("redrive")
def redrive_command() -> None:
    """Process every parked record again; lists those that remain, and why."""
    runtime = cli.runtime()

    def context() -> Context:
        return cli.context(runtime, "redrive")

    kinds, contribute = writer.entity_resolver(PACKS), ContributionRegistry(PACKS)
    results: list[RedriveResult] = []
    for entity in track(streams.parked_entities(runtime.store(), writer.STREAM), description="trail", console=_console):
        results.append(redrive_trail(context, kinds, entity))
    for entity in track(streams.parked_entities(runtime.store(), streams.AGGREGATES), description="aggregates", console=_console):
        results.append(redrive_projection(context, contribute, entity))
    _console.print(f"{sum(result.done for result in results):,} records were processed.")
    table = Table("stream", Column("entity", no_wrap=True), "record", "reason")
    for result in results:
        for parked in result.remaining:
            table.add_row(result.stream, result.entity, parked.key.sk, parked.reason)
    if table.row_count:
        _console.print(table)
        raise typer.Exit(1)
