"""`python -m ops import-fx FILE`: bring the European Central Bank's file of euro rates into the stage.

The file is `eurofxref-hist.csv` as the bank gives it out. What is N/A in it is no rate and is skipped. Rates that are there
already are not written again: running it twice, or with a longer file, adds what is new and corrects what was entered
otherwise.
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
from chalicelib.packs.holdings.rules.ecb import BASE, Day, Parsed, parse
from chalicelib.packs.holdings.service.rates import put_days
from ops import shell
from ops.shell import StageError

_TOGETHER = 50  # days that are read and written at once


def read(path: Path) -> Parsed:
    """The days of a file; raises StageError where it isn't such a file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return parse(file)
    except UnicodeDecodeError:
        raise StageError(f"{path} is not UTF-8.") from None
    except OSError as error:
        raise StageError(f"{path} can't be read: {error.strerror}.") from None
    except ValueError as error:
        raise StageError(f"{path} is no file of the European Central Bank's rates: {error}.") from None


def known(days: list[Day], today: date) -> tuple[list[Day], int]:
    """The days that have rates and have begun, oldest first; and how many lie ahead."""
    begun = sorted((day for day in days if day.rates and day.on <= today), key=lambda day: day.on)
    return begun, sum(day.on > today for day in days)


def bring(context: Callable[[], Context], days: list[Day], done: Callable[[int], None]) -> int:
    """Merge the days into the stage; how many were new or corrected. Each piece has a context, and so a time, of its own."""
    changed = 0
    for start in range(0, len(days), _TOGETHER):
        some = days[start : start + _TOGETHER]
        changed += put_days(context(), BASE, [(day.on, day.rates) for day in some])
        done(len(some))
    return changed


app = typer.Typer()


@app.command("import-fx")
def import_fx_command(file: Annotated[Path, typer.Argument(help="The bank's eurofxref-hist.csv.")]) -> None:
    """Bring the European Central Bank's file of euro rates into the stage. Running it again changes nothing."""
    console = Console(highlight=False, soft_wrap=True)
    parsed = read(file)
    runtime = shell.runtime()
    days, ahead = known(parsed.days, runtime.clock().astimezone(UTC).date())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    started = time.monotonic()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Importing rates", total=len(days))
        changed = bring(lambda: shell.context(runtime, "import-fx"), days, lambda more: bar.advance(task, more))
    seconds = time.monotonic() - started
    console.print(f"{len(days)} days in {seconds:.1f} s: {changed} new or corrected, {len(days) - changed} there already.")
    if ahead:
        console.print(f"{ahead} days lie in the future and were left out.", style="yellow")
    for line, reason in parsed.faults:
        console.print(f"line {line}: {reason}", style="red", markup=False)
    if parsed.faults:
        raise typer.Exit(1)
