"""`python -m ops import-fx FILE`: import the European Central Bank's file of euro rates.

The file is `eurofxref-hist.csv` as published by the bank. N/A values are skipped. Rates that are already stored are not written
again: a second run, or a longer file, adds new rates and corrects different ones.
"""

import time
from collections.abc import Callable
from datetime import UTC, date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from chalicelib.foundation.context import Context
from chalicelib.packs.holdings.rules.fx_rates import BASE
from chalicelib.packs.holdings.service.fx_rates import merge_days
from ops import cli
from ops.cli import StageError
from ops.ecb import Day, Parsed, parse

_BATCH = 50  # days that are read and written at once


def read_rates_file(path: Path) -> Parsed:
    """The days of a file; raises StageError for any other file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return parse(file)
    except UnicodeDecodeError:
        raise StageError(f"{path} is not UTF-8.") from None
    except OSError as error:
        raise StageError(f"{path} can't be read: {error.strerror}.") from None
    except ValueError as error:
        raise StageError(f"{path} is no file of the European Central Bank's rates: {error}.") from None


def importable_days(days: list[Day], today: date) -> tuple[list[Day], int]:
    """The days with rates that are not in the future, oldest first; and how many are in the future."""
    importable = sorted((day for day in days if day.rates and day.on <= today), key=lambda day: day.on)
    return importable, sum(day.on > today for day in days)


def import_days(context: Callable[[], Context], days: list[Day], on_progress: Callable[[int], None]) -> int:
    """Merge the days into the stage; returns how many were new or corrected. Each batch has its own context, and so its own time."""
    changed = 0
    for start in range(0, len(days), _BATCH):
        batch = days[start : start + _BATCH]
        changed += merge_days(context(), BASE, [(day.on, day.rates) for day in batch])
        on_progress(len(batch))
    return changed


app = typer.Typer()


@app.command("import-fx")
def import_fx_command(file: Annotated[Path, typer.Argument(help="The bank's eurofxref-hist.csv.")]) -> None:
    """Import the European Central Bank's file of euro rates. Running it again changes nothing."""
    console = Console(highlight=False, soft_wrap=True)
    parsed = read_rates_file(file)
    runtime = cli.runtime()
    days, future_days = importable_days(parsed.days, runtime.clock().astimezone(UTC).date())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    started = time.monotonic()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Importing rates", total=len(days))
        changed = import_days(lambda: cli.context(runtime, "import-fx"), days, lambda more: bar.advance(task, more))
    seconds = time.monotonic() - started
    console.print(f"{len(days)} days in {seconds:.1f} s: {changed} new or corrected, {len(days) - changed} there already.")
    if future_days:
        console.print(f"{future_days} days lie in the future and were left out.", style="yellow")
    for line, reason in parsed.errors:
        console.print(f"line {line}: {reason}", style="red", markup=False)
    if parsed.errors:
        raise typer.Exit(1)
