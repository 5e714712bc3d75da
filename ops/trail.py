"""Verify the audit trail: all of a stage, some chains, a day, or an exported file; and erase a subject from it."""

import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Column, Table

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Unavailable
from chalicelib.foundation.runtime import Runtime
from chalicelib.packs.audit import sealing, service
from chalicelib.packs.audit.export_lines import FileVerdict, FileVerifier
from chalicelib.packs.audit.schemas import ChainVerdictView
from chalicelib.packs.audit.seals import PublicKeys, public_keys
from chalicelib.packs.audit.stage_verification import SealBreak, StageVerifier
from ops import cli
from ops.table_scan import scan_segment

WORKERS = 8

# -- chains


def verify(context: Callable[[], Context], entity: str) -> ChainVerdictView:
    """Verify a whole chain, in as many requests as its length takes."""
    verdict = service.verify(context(), entity)
    while not verdict["complete"]:
        verdict = service.verify(context(), entity, verdict["next_cursor"])
    return verdict


def broken_chains(context: Callable[[], Context], entities: Iterable[str]) -> Iterator[ChainVerdictView]:
    """The verdicts of the chains that are not valid."""
    for entity in entities:
        verdict = verify(context, entity)
        if not verdict["valid"]:
            yield verdict


# -- a stage


@dataclass(frozen=True)
class StageVerdict:
    """What the verification of a stage found. `notes` say what could not be verified."""

    entities: list[str]
    broken: list[ChainVerdictView]
    seals: int
    broken_seals: list[SealBreak]
    notes: list[str]

    @property
    def valid(self) -> bool:
        """Whether nothing is broken."""
        return not self.broken and not self.broken_seals


def verify_stage(runtime: Runtime, context: Callable[[], Context], *, workers: int = WORKERS) -> StageVerdict:
    """Verify every chain and every seal: in one pass through the table, by parallel scans; what looks broken is read once more by itself."""

    def read(number: int) -> StageVerifier:
        part = StageVerifier()
        for rows in scan_segment(runtime, number, workers):
            part.add(rows)
        return part

    found = StageVerifier()
    with ThreadPoolExecutor(workers) as pool:
        for part in pool.map(read, range(workers)):
            found.merge(part)
    ctx = context()
    broken_seals = list(found.broken_seals(sealing.seal_keys(ctx)))
    notes = []
    if (day := found.first_day_without_seal) is not None:
        notes.append(f"From {day} on, nothing is sealed yet.")
    if found.seals:
        error, note = _compare_with_lock(ctx, found)
        broken_seals += [error] if error else []
        notes += [note] if note else []
    return StageVerdict(found.entities, list(broken_chains(context, found.suspects(ctx.now))), len(found.seals), broken_seals, notes)


def _compare_with_lock(ctx: Context, found: StageVerifier) -> tuple[SealBreak | None, str]:
    """Compare the newest seal, to which all others are chained, with the one that nobody can have changed."""
    newest = found.seals[-1]
    try:
        locked = sealing.locked_seal(ctx, newest.day)
    except (Unavailable, ClientError) as error:
        return None, f"The seal of {newest.date} under object lock can't be read: {error}"
    except ValueError:
        return SealBreak(newest.date, "mutated: what lies under object lock is no seal"), ""
    if locked is None:
        return SealBreak(newest.date, "missing: it doesn't lie under object lock"), ""
    return (None, "") if locked.hash == newest.hash else (SealBreak(newest.date, "mutated: another one lies under object lock"), "")


# -- a file


def read_keys(path: Path) -> PublicKeys:
    """The public keys in a file: a JSON web key set, the answer of GET /audit/seals, or one key. Raises StageError."""
    try:
        content: Any = json.loads(path.read_text())
    except ValueError:
        content = None
    entries = content.get("keys", [content]) if isinstance(content, dict) else content
    keys = public_keys([entry for entry in entries if isinstance(entry, dict)]) if isinstance(entries, list) else {}
    if not keys:
        raise cli.StageError(f"{path} has no key that verifies seals: save the `keys` of GET /audit/seals there.")
    return keys


def verify_file(path: Path, keys: PublicKeys, now: datetime, *, first: date | None = None, last: date | None = None) -> FileVerdict:
    """Verify an exported file, packed or not, with nothing else than the keys."""
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") if is_packed else path.open(encoding="utf-8", newline="\n") as lines:
        return FileVerifier(keys, now, first=first, last=last).verify(lines)


# -- the commands

app = typer.Typer(no_args_is_help=True)
_console = Console(highlight=False)


@app.command("verify-audit")
def verify_command(
    entities: Annotated[list[str] | None, typer.Argument(help="Ids of entities; the whole stage by default.", metavar="ENTITY")] = None,
    day: Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="A sealed day, UTC.")] = None,
    file: Annotated[Path | None, typer.Option(help="An exported file: needs no stage.", exists=True, dir_okay=False)] = None,
    key: Annotated[
        Path | None, typer.Option(help="For --file: the public keys, as a JSON web key set.", exists=True, dir_okay=False)
    ] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="For --file: the day it should begin with.")
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="For --file: the day it should end with.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Parallel scans of the table.")] = WORKERS,
    stage: Annotated[str | None, typer.Option(help="The stage to act on; not for --file.")] = None,
) -> None:
    """Verify the audit trail: every hash, every number, the end of each chain against its entity, and every seal. Exit status 1 where one is broken."""
    if file is not None:
        if key is None:
            raise cli.StageError("--file needs --key: the public keys with which the file is verified.")
        _print_file(file, verify_file(file, read_keys(key), datetime.now(UTC), first=first and first.date(), last=last and last.date()))
        return
    cli.use_stage(stage, os.environ)
    runtime = cli.runtime()
    context = _as_operator(runtime)
    if day is not None:
        _print_day(context(), day.date())
    elif entities:
        _print_chains(len(entities), list(broken_chains(context, entities)))
    else:
        _print_stage(verify_stage(runtime, context, workers=workers))


def _print_stage(verdict: StageVerdict) -> None:
    for note in verdict.notes:
        _console.print(note, style="yellow")
    for found in verdict.broken_seals:
        _console.print(f"The seal of {found.date} doesn't hold: {found.reason}", style="red", markup=False)
    if not verdict.broken_seals:
        _console.print(f"{verdict.seals:,} seals are valid.")
    _print_chains(len(verdict.entities), verdict.broken)
    if not verdict.valid:
        raise typer.Exit(1)


def _print_chains(count: int, broken: list[ChainVerdictView]) -> None:
    if not broken:
        _console.print(f"{count:,} chains are valid.")
        return
    table = Table(Column("entity", no_wrap=True), "checked", "breaks at", "because")
    for verdict in broken:
        assert verdict["first_break"] is not None
        table.add_row(verdict["entity_id"], str(verdict["checked"]), str(verdict["first_break"]["seq"]), verdict["first_break"]["reason"])
    _console.print(table)
    raise typer.Exit(1)


def _print_day(ctx: Context, day: date) -> None:
    ctx.store.remaining_seconds = lambda: float("inf")
    verdict = service.check_day(ctx, day, limit=None)
    if verdict.first_break is not None:
        where = f" at {verdict.first_break.entity_id}, {verdict.first_break.seq}" if verdict.first_break.entity_id else ""
        _console.print(f"{day} isn't as it was sealed{where}: {verdict.first_break.reason}", style="red", markup=False)
        raise typer.Exit(1)
    _console.print(f"{day} is valid: {verdict.checked:,} records." if verdict.sealed else f"{day} is not sealed.")


def _print_file(path: Path, verdict: FileVerdict) -> None:
    days = f"{verdict.days[0]} to {verdict.days[-1]}" if verdict.days else "no day"
    _console.print(f"{path.name}: {days}, {verdict.records:,} records of {verdict.entities:,} entities.", markup=False)
    if verdict.unsealed:
        _console.print(f"Not sealed, so nothing proves their ends: {', '.join(verdict.unsealed)}.", style="yellow")
    if verdict.valid:
        _console.print("All of it is as it was recorded and sealed.")
        return
    table = Table("line", Column("entity", no_wrap=True), "number", "because")
    for found in verdict.breaks:
        table.add_row(str(found.line), found.entity_id, "" if found.seq is None else str(found.seq), found.reason)
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
