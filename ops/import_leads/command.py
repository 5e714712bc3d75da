"""The command: its options, and what it prints."""

import os
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ops.cli import StageError
from ops.import_leads.api import BULK, READ, WRITE, Api
from ops.import_leads.columns import Columns
from ops.import_leads.file_format import detect
from ops.import_leads.reading import LeadFile
from ops.import_leads.sending import Importer, Report
from ops.import_leads.undo import ImportName, UndoReport, undo

_SHOWN = 20  # leads that an undo names one by one

app = typer.Typer()


@app.command("import-leads")
def import_leads_command(
    file: Annotated[
        Path | None, typer.Argument(help="A CSV file: commas, semicolons or tabs, in UTF-8, UTF-16 or Windows-1252, headings first.")
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="column=field, several separated by commas; column= omits one. Usual headings are known; the mapping is printed."
        ),
    ] = None,
    region: Annotated[str, typer.Option(help="The state, where the file doesn't say.")] = "WA",
    country: Annotated[str, typer.Option(help="The country, where the file doesn't say.")] = "US",
    lead_source: Annotated[str, typer.Option(help="Where the leads come from, where the file doesn't say.")] = "import",
    estimate: Annotated[bool, typer.Option(help="Estimate the ARV where the file has none: area x the postal code's median price.")] = True,
    update: Annotated[
        bool,
        typer.Option(
            "--update",
            help="Write the file's columns into leads that are there already: by external_ref, or else by a row with the same cells.",
        ),
    ] = False,
    undo_: Annotated[
        str | None,
        typer.Option("--undo", metavar="IMPORT", help="Delete the leads that this import created, but those that were worked on since."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the mapping, check every row and write nothing.")] = False,
    refused: Annotated[Path | None, typer.Option(help="File for rejected rows; FILE.refused.csv by default.")] = None,
    encoding: Annotated[str | None, typer.Option(help="The file's encoding, e.g. cp1252; recognised by default.")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Requests at once.")] = 4,
    url: Annotated[str | None, typer.Option(help="The API's URL; the stage's by default.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="VALHALLA_TOKEN", help="A bearer token; the local administrator's by default.")
    ] = None,
) -> None:
    """Import leads from a file through the API. Running it again creates no duplicates; an import can be undone."""
    console = Console(highlight=False, soft_wrap=True)
    if (file is None) == (undo_ is None):
        raise StageError("Name either a FILE to import or, with --undo, an import to take back.")
    with _client(url or _local_url(), (token or _local_token()).strip()) as client:
        if file is None:
            _undo(console, Api(client), ImportName.parse(undo_ or ""), dry_run=dry_run, parallel=parallel)
            return
        defaults = {"region": region, "country": country, "lead_source": lead_source}
        leads = LeadFile.of(detect(file, encoding), map_ or [], defaults)
        _print_mapping(console, leads)
        api = Api(client)
        api.check(BULK, *((READ, WRITE) if update else ()))
        report = Report(refused or file.with_name(f"{file.name}.refused.csv"), file.with_name(f"{file.name}.warnings.csv"))
        _import(console, api, leads, report, estimate=estimate, update=update, dry_run=dry_run, parallel=parallel)
    for line in warning_lines(report):
        console.print(line, style="yellow", markup=False)
    if report.refused:
        console.print(f"The refused rows, with line and reason: {report.file}", style="red", markup=False)
        raise typer.Exit(1)


def _import(
    console: Console, api: Api, leads: LeadFile, report: Report, *, estimate: bool, update: bool, dry_run: bool, parallel: int
) -> None:
    started, name = time.monotonic(), ImportName.new()
    total, estimator = leads.scan()
    if not dry_run:
        console.print(f"Import {name.text}; to delete what it creates: python -m ops import-leads --undo {name.text}")
    importer = Importer(api, report, tag=name.tag, update=update, dry_run=dry_run, parallel=parallel)
    try:
        with _progress_bar(console) as bar:
            task = bar.add_task("Checking leads" if dry_run else "Importing leads", total=total)
            importer.send(leads.rows(estimator if estimate else None), lambda more: bar.advance(task, more))
    except KeyboardInterrupt:
        raise StageError("Interrupted. Run the same command again to go on: rows that were imported are recognised.") from None
    console.print(f"{total} rows in {time.monotonic() - started:.1f} s: {outcome(report, update=update, dry_run=dry_run)}.")
    if report.known and not update:
        console.print(
            f"Those that {'is' if report.known == 1 else 'are'} there already are as they were: --update writes the file's columns into them."
        )


def outcome(report: Report, *, update: bool, dry_run: bool) -> str:
    """What became of the rows, in one line."""
    created = f"{report.created} {'would be created' if dry_run else 'created'}"
    if update and not dry_run:
        return f"{created}, {report.updated} updated, {report.unchanged} there already with the same values, {report.refused} refused"
    return f"{created}, {report.known} there already, {report.refused} {'would be ' if dry_run else ''}refused"


_WARNINGS = {
    "duplicate": ("has the house or the phone of another lead", "have the house or the phone of another lead"),
    "phone_unreadable": ("has a phone that can't be read, kept as it is", "have a phone that can't be read, kept as it is"),
}


def warning_lines(report: Report) -> list[str]:
    """What the API warned of, and where the rows are."""
    counts = sorted(report.by_warning.items())
    texts = [f"{n} {'row' if n == 1 else 'rows'} {_WARNINGS.get(code, (code, code))[n != 1]}" for code, n in counts]
    return [f"Warnings: {'; '.join(texts)}. They are in {report.warnings_file}."] if texts else []


def _print_mapping(console: Console, leads: LeadFile) -> None:
    console.print(f"{leads.format}", markup=False)
    for line in mapping_lines(leads.columns):
        console.print(f"  {line}", markup=False)


def mapping_lines(columns: Columns) -> list[str]:
    """Which column is which field, and every column that is ignored, why if it is a field's too."""
    width = max(len(column) for column in columns.fields)
    lines = [f"{column:{width}}  ->  {field}" for column, field in columns.fields.items()]
    unknown = [column or "(without a heading)" for column, reason in columns.ignored.items() if not reason]
    lines += [f"{column:{width}}  ignored: {reason}" for column, reason in columns.ignored.items() if reason]
    return [*lines, f"ignored: {', '.join(unknown)}"] if unknown else lines


def _undo(console: Console, api: Api, name: ImportName, *, dry_run: bool, parallel: int) -> None:
    api.check(READ, WRITE)
    try:
        with _progress_bar(console) as bar:
            task = bar.add_task("Looking at the leads since", total=None)
            report = undo(api, name, dry_run=dry_run, parallel=parallel, on_progress=lambda n, of: bar.update(task, completed=n, total=of))
    except KeyboardInterrupt:
        raise StageError("Interrupted. Run the same command again to go on.") from None
    for line in undo_lines(name, report, dry_run=dry_run):
        console.print(line, markup=False)


def undo_lines(name: ImportName, report: UndoReport, *, dry_run: bool) -> list[str]:
    """What became of an import's leads."""
    if not report.deleted and not report.kept:
        return [f"There is no lead of the import {name.text}: it was undone before, created none, or has another name."]
    deleted = f"{report.deleted} {'lead' if report.deleted == 1 else 'leads'} {'would be ' if dry_run else ''}deleted"
    summary = f"Import {name.text}: {deleted}, {len(report.kept)} kept"
    if not report.kept:
        return [f"{summary}."]
    shown = [f"  {id}: {reason}" for id, reason in list(report.kept.items())[:_SHOWN]]
    more = len(report.kept) - len(shown)
    return [f"{summary}, because of work on them since:", *shown, *([f"  and {more} more"] if more else [])]


def _progress_bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def _client(url: str, token: str) -> httpx.Client:
    """A client of the API. Raises StageError for what can't be a URL or a token."""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise StageError("The token is none: it has characters that no token has.")
    try:
        return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False)
    except httpx.InvalidURL as error:
        raise StageError(f"{url} is no URL: {error}.") from None


def _local_url() -> str:
    return os.environ.get("VALHALLA_PUBLIC_URL", "http://127.0.0.1:8000")


def _local_token() -> str:
    from local.workspace import Workspace

    try:
        return Workspace.of(os.environ).admin_token.read_text().strip()
    except OSError:
        raise StageError("No token: give --token or VALHALLA_TOKEN, or start the system here with `make run`.") from None
