"""Verify chains of the audit trail, one or all, and erase a subject from it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from chalicelib.foundation.context import Context
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.entity import ENTITY
from chalicelib.foundation.store.expressions import any_of, attribute
from chalicelib.foundation.store.store import Store
from chalicelib.packs.audit import service
from chalicelib.packs.audit.schemas import ChainVerdictView
from ops import cli


def verify(context: Callable[[], Context], entity: str) -> ChainVerdictView:
    """Verify a whole chain, in as many requests as its length takes."""
    verdict = service.verify(context(), entity)
    while not verdict["complete"]:
        verdict = service.verify(context(), entity, verdict["next_cursor"])
    return verdict


def list_entities(store: Store) -> list[str]:
    """The ids of all entities that have a trail or should have one: scans the table for both, so that a missing chain is found."""
    store.remaining_seconds = lambda: float("inf")
    rows = store.scan_all(any_of(attribute("t") == ENTITY, attribute("pk").startswith("AUD#")))
    entities = {raw["pk"]["S"].removeprefix("AUD#") if raw["pk"]["S"].startswith("AUD#") else raw["id"]["S"] for raw in rows}
    return sorted(entities)


def broken_chains(context: Callable[[], Context], entities: Iterable[str]) -> Iterator[ChainVerdictView]:
    """The verdicts of the chains that are not valid."""
    for entity in entities:
        verdict = verify(context, entity)
        if not verdict["valid"]:
            yield verdict


# -- the commands

app = typer.Typer(no_args_is_help=True)
_console = Console()


@app.command("verify-audit")
def verify_command(entity: Annotated[str | None, typer.Argument(help="An entity's id; all by default.")] = None) -> None:
    """Verify the chains of the trail: every hash, every number, and each head against its entity."""
    runtime = cli.runtime()
    context = _as_operator(runtime)
    entities = [entity] if entity else list_entities(runtime.store())
    broken = list(broken_chains(context, track(entities, description="chains", console=_console)))
    if not broken:
        _console.print(f"{len(entities):,} chains are valid.")
        return
    table = Table(Column("entity", no_wrap=True), "checked", "breaks at", "because")
    for verdict in broken:
        assert verdict["first_break"] is not None
        table.add_row(verdict["entity_id"], str(verdict["checked"]), str(verdict["first_break"]["seq"]), verdict["first_break"]["reason"])
    _console.print(table)
    raise typer.Exit(1)


@app.command("erase-subject")
def erase_command(
    subject: Annotated[str, typer.Argument(help="The root whose personal data becomes unreadable: a user, a pipeline.")],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Destroy the key of a subject: its personal data in the trail can never be read again. The chains remain valid."""
    if not yes:
        typer.confirm(f"This can't be undone. Erase {subject}?", abort=True)
    service.erase(_as_operator(cli.runtime())(), subject)
    _console.print(f"{subject} is erased.")


def _as_operator(runtime: Runtime) -> Callable[[], Context]:
    return lambda: cli.context(runtime, "audit")
