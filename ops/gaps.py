"""Find what the stream's consumers left open, in the trail, the aggregates and the outbox, and close it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from chalicelib.foundation import outbox_requeue, table_pass
from chalicelib.foundation.context import Context
from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs import PACKS
from chalicelib.packs.audit.gaps import Gap, GapFinder
from chalicelib.packs.audit.writer import EntityResolver, entity_resolver
from ops import cli

PASS_NAME = "find-gaps"  # noqa: S105 - the name of a pass through the table


def find_gaps(context: Callable[[], Context], contribute: ContributionRegistry, kinds: EntityResolver, *, close: bool) -> list[Gap]:
    """Go through the whole table and find, or find and close, every gap. Where it is interrupted, the next call goes on from there."""
    ctx = context()
    parked = GapFinder(ctx, contribute, RunStats(), kinds)
    for entity in parked.parked_entities():
        (parked.redrive if close else parked.find_parked)(entity)
    parked.notify()
    gaps = parked.gaps
    done = False
    while not done:
        ctx, run = context(), RunStats()
        finder = GapFinder(ctx, contribute, run, kinds)
        done = table_pass.run_portion(ctx, run, PASS_NAME, finder.close_page if close else finder.find_page, every=timedelta(0))
        finder.notify()
        gaps += finder.gaps
    return [*dict.fromkeys(gaps), *_mail(context(), close=close)]


def _mail(ctx: Context, *, close: bool) -> list[Gap]:
    messages = list(outbox_requeue.forgotten(ctx))
    if close:
        outbox_requeue.requeue(ctx, RunStats())
    return [Gap("outbox", message.key.pk, "closed" if close else "open") for message in messages]


# -- the command

app = typer.Typer(no_args_is_help=True)
_console = Console()


@app.command("find-gaps")
def find_command(
    close: Annotated[bool, typer.Option("--close", help="Close them: complete chains, apply items, queue mail again.")] = False,
) -> None:
    """List entities whose trail or aggregates are behind, and mail that was never queued. Exit status 1 where a gap stays open."""
    runtime = cli.runtime()
    gaps = find_gaps(lambda: cli.context(runtime, "gaps"), ContributionRegistry(PACKS), entity_resolver(PACKS), close=close)
    if not gaps:
        _console.print("Nothing is missing: the trail, the aggregates and the outbox are complete.")
        return
    table = Table("where", Column("of", no_wrap=True), "outcome")
    for gap in gaps:
        table.add_row(gap.where, gap.entity_id, gap.outcome)
    _console.print(table)
    if any(gap.outcome != "closed" for gap in gaps):
        raise typer.Exit(1)
