"""`python -m ops export` and `import`: a whole stage as JSON lines, and back, without any change.

The file is a header (format, schema, counts), a line for each row of the table in DynamoDB's own typed JSON (numbers as text,
binaries in base64, sets sorted), and a last line with the checksum. The checksum is the sum of the rows' SHA-256 modulo 2^256: it
doesn't depend on their order, so two exports of equal tables have equal checksums whatever order the scans found.

All rows are exported: trail, aggregates and the state of projections, too. So nothing may read the table's stream during an
import.
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chalicelib import __version__
from chalicelib.foundation.aws import client
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import ENTITY
from chalicelib.foundation.store.table import table_definition
from ops import cli
from ops.table_scan import scan_segment

app = typer.Typer()

FORMAT = "valhalla-stage/1"
_BATCH = 25
_MODULUS = 2**256
_IN_FLIGHT = 4  # batches that may wait per worker: bounds the memory
_CALL_SECONDS = 60.0

Advance = Callable[[int], None]


class TransferError(cli.StageError):
    """The file or the stage is not suitable; the message says why."""


class ExportTotals(NamedTuple):
    """The number of rows, in all and by kind, and their checksum."""

    rows: int
    kinds: dict[str, int]
    checksum: str


class RunningTotals:
    """Counts rows and sums their hashes. Not thread-safe."""

    def __init__(self) -> None:
        self._rows, self._sum = 0, 0
        self._kinds: Counter[str] = Counter()

    def add(self, line: str, item: dict[str, Any]) -> None:
        """Add one row."""
        self._rows += 1
        self._kinds[_kind(item)] += 1
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(line.encode()).digest())) % _MODULUS

    @property
    def totals(self) -> ExportTotals:
        """The totals so far."""
        return ExportTotals(self._rows, dict(sorted(self._kinds.items())), f"{self._sum:064x}")


# -- rows as lines


def to_line(raw: DynamoItem) -> str:
    """A row as one line of canonical JSON. Numbers are text and binaries base64 already: see `store.codec`."""
    return json.dumps(
        {name: _canonical_value(wire) for name, wire in raw.items()}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


def from_line(line: str) -> DynamoItem:
    """The row of a line."""
    return dict(json.loads(line))


def _canonical_value(wire: dict[str, Any]) -> dict[str, Any]:
    """A typed value with sorted sets, which DynamoDB returns in any order, and canonical numbers."""
    ((type_, value),) = wire.items()
    if type_ == "N":
        return {"N": _canonical_number(value)}
    if type_ == "NS":
        return {"NS": sorted(map(_canonical_number, value))}
    if type_ in ("SS", "BS"):
        return {type_: sorted(value)}
    if type_ == "M":
        return {"M": {name: _canonical_value(item) for name, item in value.items()}}
    if type_ == "L":
        return {"L": [_canonical_value(item) for item in value]}
    return wire


def _canonical_number(text: str) -> str:
    """The canonical text of a number. The emulator keeps the zeros of a sum (1.10), DynamoDB does not."""
    digits = format(Decimal(text), "f")
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) or "0"


def _kind(item: dict[str, Any]) -> str:
    """The kind of a row in the totals: an entity's kind; for any other row the first part of its partition key, in brackets."""
    if _type(item) == ENTITY:
        return str(item["kind"]["S"])
    return f"({str(item['pk']['S']).partition('#')[0].partition('_')[0]})"


def _type(item: dict[str, Any]) -> str:
    return str(item.get("t", {}).get("S", ""))


# -- export


def export(runtime: Runtime, path: Path, *, workers: int, advance: Advance = lambda _: None) -> ExportTotals:
    """Write every row of the stage to `path`. Concurrent writes may be included or not: for a consistent copy stop the writers
    first, or restore the table to a point in time and export that.
    """
    body, lock, running = path.with_name(f"{path.name}.rows"), threading.Lock(), RunningTotals()

    with body.open("w", encoding="utf-8", newline="\n") as file:

        def segment(number: int) -> None:
            for page in scan_segment(runtime, number, workers):
                lines = [(to_line(raw), raw) for raw in page]
                with lock:
                    for line, raw in lines:
                        file.write(line + "\n")
                        running.add(line, raw)
                advance(len(page))

        with ThreadPoolExecutor(workers) as pool:
            for future in [pool.submit(segment, number) for number in range(workers)]:
                future.result()
    totals = running.totals
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file, body.open(encoding="utf-8", errors="replace", newline="\n") as rows:
            file.write(json.dumps({"header": _header(runtime, totals, runtime.clock())}, sort_keys=True) + "\n")
            for line in rows:
                file.write(line)
            file.write(json.dumps({"checksum": totals.checksum, "rows": totals.rows}) + "\n")
    finally:
        body.unlink()
    return totals


def _header(runtime: Runtime, totals: ExportTotals, now: datetime) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": __version__,
        "stage": runtime.settings.stage,
        "exported_at": format_timestamp(now),
        "schema": _schema(),
        "rows": totals.rows,
        "kinds": totals.kinds,
    }


def _schema() -> dict[str, Any]:
    definition = table_definition("")
    return {name: definition[name] for name in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")}


# -- import


def import_stage(runtime: Runtime, path: Path, *, workers: int, advance: Advance = lambda _: None) -> ExportTotals:
    """Import an exported file into the stage, which must be empty. The whole file is verified before anything is written.

    Raises TransferError for a file that is incomplete or of another schema, and for a stage that isn't empty.
    """
    totals = verify_file(path)
    store = runtime.store(lambda: _CALL_SECONDS)
    if store.call("scan", TableName=store.table, Limit=1, ConsistentRead=True)["Items"]:
        raise TransferError(f"The table {store.table} isn't empty: an import needs an empty stage.")
    with _writers(runtime, workers, advance) as write:
        batch: list[DynamoItem] = []
        for line in _row_lines(path):
            batch.append(from_line(line))
            if len(batch) == _BATCH:
                write(batch)
                batch = []
        if batch:
            write(batch)
    return totals


@contextmanager
def _writers(runtime: Runtime, workers: int, advance: Advance) -> Iterator[Callable[[list[DynamoItem]], None]]:
    """Yields `write(batch)`, which hands a batch to a worker and waits while too many are pending; at the end all are written."""
    pending: set[Future[None]] = set()

    def put_batch(batch: list[DynamoItem]) -> None:
        store = runtime.store(lambda: _CALL_SECONDS)
        store.batch("batch_write_item", [{"PutRequest": {"Item": raw}} for raw in batch])
        advance(len(batch))

    with ThreadPoolExecutor(workers) as pool:

        def write(batch: list[DynamoItem]) -> None:
            pending.add(pool.submit(put_batch, batch))
            _wait_until_at_most(pending, workers * _IN_FLIGHT)

        yield write
        _wait_until_at_most(pending, 0)


def _wait_until_at_most(pending: set[Future[None]], limit: int) -> None:
    """Wait until at most `limit` are pending; raises the exception of a failed one."""
    while len(pending) > limit:
        done, _ = wait(pending, return_when="FIRST_COMPLETED")
        pending -= done
        for future in done:
            future.result()


def require_streams_disabled(runtime: Runtime) -> None:
    """Raises TransferError while a function reads the table's stream, or where Lambda can't be asked.

    A consumer can't distinguish an imported row from a change, and would break the trail's chains.
    """
    arn = runtime.dynamodb.describe_table(TableName=runtime.settings.table)["Table"].get("LatestStreamArn")
    if arn is None:
        return
    try:
        mappings = client("lambda", runtime.settings).list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    except (BotoCoreError, ClientError) as error:
        raise TransferError(f"Lambda can't be asked who reads the table's stream ({error}); if nobody does, say --nobody-reads.") from None
    if enabled := [mapping["UUID"] for mapping in mappings if mapping["State"] not in ("Disabled", "Disabling")]:
        raise TransferError(
            "Functions read the table's stream; switch them off first: "
            + "; ".join(f"aws lambda update-event-source-mapping --no-enabled --uuid {uuid}" for uuid in enabled)
        )


def verify_file(path: Path) -> ExportTotals:
    """The totals of an exported file, after reading all of it; raises TransferError where it is incomplete or of another schema."""
    running = RunningTotals()
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        header = _parse_line(file.readline()).get("header") or {}
    if header.get("format") != FORMAT:
        raise TransferError(f"{path} is not an export of a stage ({FORMAT}).")
    if header["schema"] != _schema():
        raise TransferError(f"{path} was exported from a table of another schema, by version {header['version']}.")
    for number, line in enumerate(_row_lines(path), 2):
        item = _parse_line(line)
        if not item.get("pk"):
            raise TransferError(f"{path}: line {number:,} is not a row.")
        running.add(line, item)
    totals, trailer = running.totals, _last_line(path)
    if (totals.rows, totals.checksum) != (trailer.get("rows"), trailer.get("checksum")) or totals.rows != header["rows"]:
        raise TransferError(
            f"{path} is not complete: it holds {totals.rows:,} rows, its header says {header['rows']:,}; or a row was changed."
        )
    return totals


def _row_lines(path: Path) -> Iterator[str]:
    """The lines between the first and the last, without line ends."""
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        file.readline()
        previous: str | None = None
        for line in file:
            if previous is not None:
                yield previous.removesuffix("\n")
            previous = line


def _last_line(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1000))
        return _parse_line(file.read().decode(errors="replace").rstrip("\n").rpartition("\n")[2])


def _parse_line(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


# -- the commands

Workers = Annotated[int, typer.Option(min=1, max=64, help="Parallel scans or writes.")]


@app.command("export")
def export_command(file: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)], workers: Workers = 4) -> None:
    """Write a whole stage to a file of JSON lines."""
    runtime = cli.runtime()
    description = runtime.dynamodb.describe_table(TableName=runtime.settings.table)["Table"]
    with _progress("Rows written", description.get("ItemCount") or None) as advance:
        totals = export(runtime, file, workers=workers, advance=advance)
    _print(f"{totals.rows:,} rows of the stage {runtime.settings.stage} are in {file}; checksum {totals.checksum[:16]}…")


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="An exported file.", exists=True, dir_okay=False)],
    workers: Workers = 4,
    nobody_reads: Annotated[bool, typer.Option("--nobody-reads", help="No function reads the table's stream: don't ask Lambda.")] = False,
) -> None:
    """Import an exported file into an empty stage whose stream consumers are disabled: see docs/runbook.md."""
    runtime = cli.runtime()
    if not nobody_reads:
        require_streams_disabled(runtime)
    with _progress("Rows imported", verify_file(file).rows) as advance:
        totals = import_stage(runtime, file, workers=workers, advance=advance)
    _print(f"{totals.rows:,} rows are in the stage {runtime.settings.stage}; checksum {totals.checksum[:16]}…")


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Advance]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total)
        yield lambda rows: progress.update(task, advance=rows)


def _print(text: str) -> None:
    Console(highlight=False, soft_wrap=True).print(text)
