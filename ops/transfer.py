"""`python -m ops export` and `import`: a whole stage as JSON lines, and back, with nothing changed on the way.

The file is a header (format, schema, counts), a line for each row of the table in DynamoDB's own typed JSON (numbers as text,
binaries in base64, sets sorted), and a last line with the checksum. The checksum is the sum of the rows' SHA-256 modulo 2^256: it
doesn't depend on their order, so two exports of equal tables have equal checksums whatever order the scans found.

Everything is data: trail, aggregates and what projections remember come along. So nobody may read the table's stream while it is
filled.
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
from chalicelib.foundation.calendar import instant
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.table import table_definition
from chalicelib.foundation.streams import ENTITY
from ops import shell

app = typer.Typer()

FORMAT = "valhalla-stage/1"
_BATCH = 25
_MODULUS = 2**256
_IN_FLIGHT = 4  # batches a worker may have waiting: what bounds the memory
_CALL_SECONDS = 60.0

Advance = Callable[[int], None]


class TransferError(shell.StageError):
    """The file or the stage doesn't do; the message says why."""


class Counted(NamedTuple):
    """How many rows there were, by kind, and the checksum of them all."""

    rows: int
    kinds: dict[str, int]
    checksum: str


class Tally:
    """Counts rows and sums their hashes. Not for several threads at once."""

    def __init__(self) -> None:
        self._rows, self._sum = 0, 0
        self._kinds: Counter[str] = Counter()

    def add(self, line: str, item: dict[str, Any]) -> None:
        """One more row."""
        self._rows += 1
        self._kinds[_kind(item)] += 1
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(line.encode()).digest())) % _MODULUS

    @property
    def counted(self) -> Counted:
        """What was added so far."""
        return Counted(self._rows, dict(sorted(self._kinds.items())), f"{self._sum:064x}")


# -- rows as lines


def to_line(raw: Raw) -> str:
    """A row as one line of JSON, always the same for the same row. Numbers are text already, binaries base64: see `store.codec`."""
    return json.dumps({name: _ordered(wire) for name, wire in raw.items()}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def from_line(line: str) -> Raw:
    """The row in a line."""
    return dict(json.loads(line))


def _ordered(wire: dict[str, Any]) -> dict[str, Any]:
    """A typed value with its sets in order, which DynamoDB gives in any, and its numbers as DynamoDB writes them."""
    ((type_, value),) = wire.items()
    if type_ == "N":
        return {"N": _number(value)}
    if type_ == "NS":
        return {"NS": sorted(map(_number, value))}
    if type_ in ("SS", "BS"):
        return {type_: sorted(value)}
    if type_ == "M":
        return {"M": {name: _ordered(one) for name, one in value.items()}}
    if type_ == "L":
        return {"L": [_ordered(one) for one in value]}
    return wire


def _number(text: str) -> str:
    """The one text of a number. A local engine keeps the zeros of a sum (1.10), which an import into another wouldn't bring back."""
    plain = format(Decimal(text), "f")
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain) or "0"


def _kind(item: dict[str, Any]) -> str:
    """What a row is, for the counts: an entity's kind; of any other row the beginning of its partition's name, in brackets."""
    if _type(item) == ENTITY:
        return str(item["kind"]["S"])
    return f"({str(item['pk']['S']).partition('#')[0].partition('_')[0]})"


def _type(item: dict[str, Any]) -> str:
    return str(item.get("t", {}).get("S", ""))


# -- out


def export(runtime: Runtime, path: Path, *, workers: int, advance: Advance = lambda _: None) -> Counted:
    """Write every row of the stage to `path`. What is written meanwhile may be in it or not: for one moment's picture stop the
    writers first, or restore the table to a point in time and export that.
    """
    body, lock, tally = path.with_name(f"{path.name}.rows"), threading.Lock(), Tally()

    with body.open("w", encoding="utf-8", newline="\n") as file:

        def segment(number: int) -> None:
            for page in _scan(runtime, number, workers):
                lines = [(to_line(raw), raw) for raw in page]
                with lock:
                    for line, raw in lines:
                        file.write(line + "\n")
                        tally.add(line, raw)
                advance(len(page))

        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(segment, number) for number in range(workers)]:
                done.result()
    counted = tally.counted
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file, body.open(encoding="utf-8", errors="replace", newline="\n") as rows:
            file.write(json.dumps({"header": _header(runtime, counted, runtime.clock())}, sort_keys=True) + "\n")
            for line in rows:
                file.write(line)
            file.write(json.dumps({"checksum": counted.checksum, "rows": counted.rows}) + "\n")
    finally:
        body.unlink()
    return counted


def _scan(runtime: Runtime, number: int, workers: int) -> Iterator[list[Raw]]:
    start: dict[str, Any] = {}
    while True:
        store = runtime.store(lambda: _CALL_SECONDS)
        answer = store.call("scan", TableName=store.table, ConsistentRead=True, Segment=number, TotalSegments=workers, **start)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _header(runtime: Runtime, counted: Counted, now: datetime) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": __version__,
        "stage": runtime.settings.stage,
        "exported_at": instant(now),
        "schema": _schema(),
        "rows": counted.rows,
        "kinds": counted.kinds,
    }


def _schema() -> dict[str, Any]:
    definition = table_definition("")
    return {name: definition[name] for name in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")}


# -- in


def bring_in(runtime: Runtime, path: Path, *, workers: int, advance: Advance = lambda _: None) -> Counted:
    """Read an exported file into the stage, which must be empty. The file is checked as a whole before anything is written.

    Raises TransferError for a file that isn't whole or of another schema, and for a stage that isn't empty.
    """
    counted = verify(path)
    store = runtime.store(lambda: _CALL_SECONDS)
    if store.call("scan", TableName=store.table, Limit=1, ConsistentRead=True)["Items"]:
        raise TransferError(f"The table {store.table} isn't empty: an import needs an empty stage.")
    with _writers(runtime, workers, advance) as write:
        batch: list[Raw] = []
        for line in _rows(path):
            batch.append(from_line(line))
            if len(batch) == _BATCH:
                write(batch)
                batch = []
        write(batch)
    return counted


@contextmanager
def _writers(runtime: Runtime, workers: int, advance: Advance) -> Iterator[Callable[[list[Raw]], None]]:
    """`write(batch)` hands a batch to one of the workers and waits while too many are on their way; at the end all have landed."""
    pending: set[Future[None]] = set()

    def land(batch: list[Raw]) -> None:
        store = runtime.store(lambda: _CALL_SECONDS)
        left: Any = [{"PutRequest": {"Item": raw}} for raw in batch]
        attempt = 0
        while left:
            answer = store.call("batch_write_item", RequestItems={store.table: left})
            left = answer.get("UnprocessedItems", {}).get(store.table)
            if left:
                store.pause(attempt)
                attempt += 1
        advance(len(batch))

    with ThreadPoolExecutor(workers) as pool:

        def write(batch: list[Raw]) -> None:
            pending.add(pool.submit(land, batch))
            _settle(pending, workers * _IN_FLIGHT)

        yield write
        _settle(pending, 0)


def _settle(pending: set[Future[None]], most: int) -> None:
    """Wait until at most so many are pending; raises what one of them raised."""
    while len(pending) > most:
        done, _ = wait(pending, return_when="FIRST_COMPLETED")
        pending -= done
        for one in done:
            one.result()


def expect_no_readers(runtime: Runtime) -> None:
    """Refuse while a function reads the table's stream: it can't tell an imported row from a change, and would break the trail's chains.

    Raises TransferError with what to switch off, or where Lambda can't be asked.
    """
    arn = runtime.dynamodb.describe_table(TableName=runtime.settings.table)["Table"].get("LatestStreamArn")
    if arn is None:
        return
    try:
        found = client("lambda", runtime.settings).list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    except (BotoCoreError, ClientError) as error:
        raise TransferError(f"Lambda can't be asked who reads the table's stream ({error}); if nobody does, say --nobody-reads.") from None
    if reading := [one["UUID"] for one in found if one["State"] not in ("Disabled", "Disabling")]:
        raise TransferError(
            "Functions read the table's stream; switch them off first: "
            + "; ".join(f"aws lambda update-event-source-mapping --no-enabled --uuid {uuid}" for uuid in reading)
        )


def verify(path: Path) -> Counted:
    """What an exported file holds, after reading all of it; TransferError where it isn't whole, or is for another table."""
    tally = Tally()
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        header = _parsed(file.readline()).get("header") or {}
    if header.get("format") != FORMAT:
        raise TransferError(f"{path} is not an export of a stage ({FORMAT}).")
    if header["schema"] != _schema():
        raise TransferError(f"{path} was exported from a table of another schema, by version {header['version']}.")
    for number, line in enumerate(_rows(path), 2):
        item = _parsed(line)
        if not item.get("pk"):
            raise TransferError(f"{path}: line {number:,} is not a row.")
        tally.add(line, item)
    counted, last = tally.counted, _last(path)
    if (counted.rows, counted.checksum) != (last.get("rows"), last.get("checksum")) or counted.rows != header["rows"]:
        raise TransferError(
            f"{path} is not whole: it holds {counted.rows:,} rows, its header says {header['rows']:,}; or a row was changed."
        )
    return counted


def _rows(path: Path) -> Iterator[str]:
    """The lines between the first and the last, without their ends."""
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        file.readline()
        before: str | None = None
        for line in file:
            if before is not None:
                yield before.removesuffix("\n")
            before = line


def _last(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1000))
        return _parsed(file.read().decode(errors="replace").rstrip("\n").rpartition("\n")[2])


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


# -- the commands

Workers = Annotated[int, typer.Option(min=1, max=64, help="How many scan or write at once.")]


@app.command("export")
def export_command(file: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)], workers: Workers = 4) -> None:
    """Write a whole stage to a file of JSON lines."""
    runtime = shell.runtime()
    about = runtime.dynamodb.describe_table(TableName=runtime.settings.table)["Table"]
    with _progress("Rows written", about.get("ItemCount") or None) as advance:
        counted = export(runtime, file, workers=workers, advance=advance)
    _say(f"{counted.rows:,} rows of the stage {runtime.settings.stage} are in {file}; checksum {counted.checksum[:16]}…")


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="An exported file.", exists=True, dir_okay=False)],
    workers: Workers = 4,
    nobody_reads: Annotated[bool, typer.Option("--nobody-reads", help="No function reads the table's stream: don't ask Lambda.")] = False,
) -> None:
    """Read an exported file into an empty stage whose stream consumers are switched off: see docs/runbook.md."""
    runtime = shell.runtime()
    if not nobody_reads:
        expect_no_readers(runtime)
    with _progress("Rows brought in", verify(file).rows) as advance:
        counted = bring_in(runtime, file, workers=workers, advance=advance)
    _say(f"{counted.rows:,} rows are in the stage {runtime.settings.stage}; checksum {counted.checksum[:16]}…")


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Advance]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total)
        yield lambda rows: progress.update(task, advance=rows)


def _say(text: str) -> None:
    Console(highlight=False, soft_wrap=True).print(text)
