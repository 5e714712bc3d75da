"""Bring leads from before up to date, once after a deployment that says so."""

import typer
from rich.console import Console

from chalicelib.packs.wholesale.service.upkeep import bring_up_to_date
from ops import cli

app = typer.Typer(no_args_is_help=True)


@app.command("refresh-leads")
def refresh_command() -> None:
    """Write leads from before into the lists by two filters, the next actions, and what duplicates are found by. Safe to repeat."""
    found = written = 0
    for looked_at, done in bring_up_to_date(cli.context(cli.runtime(), "refresh-leads")):
        found, written = found + looked_at, written + done
    Console(highlight=False, soft_wrap=True).print(f"{found} leads, of which {written} were brought up to date.")
