"""Checking chains of the trail, one or all, and erasing a subject from it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from chalicelib.foundation import projections
from chalicelib.foundation.context import Context
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.store import Store
from chalicelib.packs.auditor import service
from chalicelib.packs.auditor.schemas import Verdict
from ops import shell


def verify(context: Callable[[], Context], entity: str) -> Verdict:
    """Check a chain to its end, however long it is."""
    verdict = service.verify(context(), entity)
    while not verdict["complete"]:
        verdict = service.verify(context(), entity, verdict["next_cursor"])
    return verdict


def subjects(store: Store) -> list[str]:
    """Every entity that has a trail or should have one: by a scan of the table for both, so that a chain that is gone shows."""
    store.remaining = lambda: float("inf")
    rows = projections.scan(store, "#t = :entity OR begins_with(pk, :trail)", {"#t": "t"}, {":entity": {"S": "e"}, ":trail": {"S": "AUD#"}})
    found = {raw["pk"]["S"].removeprefix("AUD#") if raw["pk"]["S"].startswith("AUD#") else raw["id"]["S"] for raw in rows}
    return sorted(found)


def faults(context: Callable[[], Context], entities: Iterable[str]) -> Iterator[Verdict]:
    """The verdicts of those chains that aren't whole."""
    for entity in entities:
        verdict = verify(context, entity)
        if not verdict["valid"]:
            yield verdict


# -- the commands

app = typer.Typer(no_args_is_help=True)
_console = Console()


@app.command("verify-audit")
def verify_command(entity: Annotated[str | None, typer.Argument(help="An entity's id; all by default.")] = None) -> None:
    """Check the chains of the trail: every hash, every number, and each head against its entity."""
    runtime = shell.runtime()
    context = _as_operator(runtime)
    wanted = [entity] if entity else subjects(runtime.store())
    found = list(faults(context, track(wanted, description="chains", console=_console)))
    if not found:
        _console.print(f"{len(wanted):,} chains are whole.")
        return
    table = Table(Column("entity", no_wrap=True), "checked", "breaks at", "because")
    for verdict in found:
        assert verdict["first_break"] is not None
        table.add_row(verdict["entity_id"], str(verdict["checked"]), str(verdict["first_break"]["seq"]), verdict["first_break"]["reason"])
    _console.print(table)
    raise typer.Exit(1)


@app.command("erase-subject")
def erase_command(
    subject: Annotated[str, typer.Argument(help="The root whose personal data becomes unreadable: a user, a pipeline.")],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Destroy the key of a subject: what the trail holds of it can never be read again. The chains stay whole."""
    if not yes:
        typer.confirm(f"This can't be undone. Erase {subject}?", abort=True)
    service.erase(_as_operator(shell.runtime())(), subject)
    _console.print(f"{subject} is erased.")


def _as_operator(runtime: Runtime) -> Callable[[], Context]:
    return lambda: shell.context(runtime, "audit")
