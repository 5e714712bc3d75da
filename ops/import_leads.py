"""`python -m ops import-leads FILE.csv`: import leads from a CSV file into the pipeline, through the API.

It reads the file twice: once to count the rows and the prices per square foot in each postal code, once to send the rows, a hundred
per request and a few requests at once. Neither pass holds more than some hundred rows in memory.

A lead's `external_ref` is the digest of its row. So an import can be interrupted and repeated without duplicates: rows that were
imported before are recognised.

An ARV that the file doesn't have is estimated: living area x the median price per square foot of the same postal code in the
same file, to the nearest thousand, where there are at least five samples. Such leads have `arv_confidence` low, the tag
`arv-estimated`, and a note that says so.
"""

import csv
import hashlib
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from chalicelib.foundation.json_codec import dumps, loads
from ops.cli import StageError

BATCH = 100  # rows that POST /wholesale/bulk takes
TAG = "arv-estimated"
_MAX_EXPONENT = 14  # largest power of ten of a number, up or down; the API accepts no more digits
_MIN_SAMPLES = 5  # fewest properties of a postal code for a median
_TRIES, _FIRST_WAIT, _LONGEST_WAIT = 7, 0.5, 20.0
_RETRYABLE_STATUSES = (429, 500, 502, 503, 504)

Parse = Callable[[str], Any]


def _parse_integer(text: str) -> int:
    number = _parse_number(text)
    if number != int(number):
        raise ValueError(f"{text} is not a whole number")
    return int(number)


def _parse_number(text: str) -> Decimal:
    digits = text.replace("$", "").replace(",", "").strip()
    try:
        number = Decimal(digits)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not number.is_finite() or "_" in digits or not digits.isascii():
        raise ValueError(f"{text!r} is not a number")
    if number and abs(number.adjusted()) > _MAX_EXPONENT:  # 1e999999 is a short text, but a number that fills the memory
        raise ValueError(f"{text!r} is out of range")
    return number


# A lead's fields by the names that --map accepts: their path in the request body, and how their text is parsed.
FIELDS: dict[str, tuple[str, Parse]] = {
    "asking_price": ("asking_price", _parse_number),
    "arv_estimate": ("arv_estimate", _parse_number),
    "repair_estimate": ("repair_estimate", _parse_number),
    "assignment_fee_target": ("assignment_fee_target", _parse_number),
    "property_id": ("property_id", str),
    "external_ref": ("external_ref", str),
    "lead_source": ("lead_source", str),
    "seller_motivation": ("seller_motivation", str),
    "notes": ("notes", str),
    "seller_name": ("seller.name", str),
    "seller_phone": ("seller.phone", str),
    "seller_email": ("seller.email", str),
    "line1": ("property.address.line1", str),
    "line2": ("property.address.line2", str),
    "city": ("property.address.city", str),
    "region": ("property.address.region", str),
    "postal_code": ("property.address.postal_code", str),
    "country": ("property.address.country", str),
    "type": ("property.type", str),
    "bedrooms": ("property.bedrooms", _parse_integer),
    "bathrooms": ("property.bathrooms", _parse_number),
    "sqft": ("property.sqft", _parse_integer),
    "lot_sqft": ("property.lot_sqft", _parse_integer),
    "year_built": ("property.year_built", _parse_integer),
    "lat": ("property.lat", _parse_number),
    "lng": ("property.lng", _parse_number),
}

# Common names of columns. A column that is named like a field is that field.
COMMON_COLUMN_NAMES = {
    "price": "asking_price",
    "sqft_living": "sqft",
    "sqft_lot": "lot_sqft",
    "zipcode": "postal_code",
    "zip": "postal_code",
    "lat": "lat",
    "long": "lng",
    "lon": "lng",
    "yr_built": "year_built",
    "address": "line1",
    "state": "region",
    "owner_name": "seller_name",
    "phone": "seller_phone",
    "email": "seller_email",
}


def column_mapping(columns: list[str], options: list[str]) -> dict[str, str]:
    """Field by column: the common names, overridden by `options` ("column=field", or "column=" to omit it). Raises StageError."""
    fields = {column: COMMON_COLUMN_NAMES.get(column.lower(), column.lower()) for column in columns}
    fields = {column: field for column, field in fields.items() if field in FIELDS}
    for pair in (part for option in options for part in option.split(",") if part.strip()):
        column, equals, field = (part.strip() for part in pair.partition("="))
        if not equals:
            raise StageError(f"--map {pair}: write column=field, e.g. price=asking_price.")
        if column not in columns:
            raise StageError(f"--map {pair}: the file has no column {column!r}; it has {', '.join(columns)}.")
        if field and field not in FIELDS:
            raise StageError(f"--map {pair}: there is no field {field!r}; there are {', '.join(FIELDS)}.")
        fields.pop(column, None)
        if field:
            fields = {other: named for other, named in fields.items() if named != field} | {column: field}
    if not fields:
        raise StageError("No column of the file is a field of a lead: name them by --map column=field.")
    return fields


@dataclass(frozen=True)
class Row:
    """A row of the file: its line, and either its lead or the reason why it is not valid."""

    line: int
    cells: dict[str, str]
    lead: dict[str, Any] = field(default_factory=dict)
    error: str = ""


class ArvEstimator:
    """Estimates ARVs by the median price per square foot of each postal code, collected row by row.

    Prices are rounded to a unit of currency and counted, so that memory depends on their range and not on the size of the file.
    """

    def __init__(self) -> None:
        self._counts: dict[str, Counter[int]] = {}

    def add(self, lead: Mapping[str, Any]) -> None:
        """Add the price of one lead."""
        price, (code, sqft) = lead.get("asking_price"), _postal_code_and_sqft(lead)
        if price and code and sqft:
            self._counts.setdefault(code, Counter())[round(price / sqft)] += 1

    def estimate(self, lead: Mapping[str, Any]) -> Decimal | None:
        """The estimated ARV of a lead; None where there are too few samples."""
        code, sqft = _postal_code_and_sqft(lead)
        counts = self._counts.get(code or "", Counter())
        if not sqft or counts.total() < _MIN_SAMPLES:
            return None
        middle, cumulative = (counts.total() + 1) // 2, 0
        for price in sorted(counts):
            cumulative += counts[price]
            if cumulative >= middle:
                return Decimal(round(Decimal(price * sqft), -3))
        return None

    def complete(self, lead: dict[str, Any]) -> dict[str, Any]:
        """The lead with an estimated ARV, marked as such; unchanged where it has an ARV or none can be estimated."""
        if "arv_estimate" in lead or not (estimate := self.estimate(lead)):
            return lead
        note = f"ARV estimated at import: living area x the median price per square foot of {_postal_code_and_sqft(lead)[0]} in the file."
        notes = "\n".join(part for part in (lead.get("notes"), note) if part)
        return {**lead, "arv_estimate": estimate, "arv_confidence": "low", "tags": [*lead.get("tags", []), TAG], "notes": notes}


def _postal_code_and_sqft(lead: Mapping[str, Any]) -> tuple[str | None, int | None]:
    property_ = lead.get("property") or {}
    return (property_.get("address") or {}).get("postal_code"), property_.get("sqft")


def read(path: Path, map_: list[str], defaults: Mapping[str, str]) -> Iterator[Row]:
    """The rows of a file as leads. `defaults` are values of fields that the file doesn't have. Raises StageError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)  # surplus cells have the key None, missing cells the value None
            columns = list(reader.fieldnames or ())
            fields = column_mapping(columns, map_)
            for cells in reader:
                yield _row(reader.line_num, cells, columns, fields, defaults)
    except UnicodeDecodeError:
        raise StageError(f"{path} is not UTF-8.") from None
    except OSError as error:
        raise StageError(f"{path} can't be read: {error.strerror}.") from None
    except csv.Error as error:
        raise StageError(f"{path} is no CSV file: {error}.") from None


def _row(line: int, cells: dict[str, Any], columns: list[str], fields: Mapping[str, str], defaults: Mapping[str, str]) -> Row:
    texts_by_column = {column: cells.get(column) or "" for column in columns}
    if None in cells or None in cells.values():
        return Row(line, texts_by_column, error=f"it has {'more' if None in cells else 'fewer'} than {len(columns)} columns")
    texts = {**defaults, **{name: text for column, name in fields.items() if (text := texts_by_column[column].strip())}}
    lead: dict[str, Any] = {}
    for name, text in texts.items():
        path, parse = FIELDS[name]
        try:
            _set_nested(lead, path, parse(text))
        except ValueError as error:
            return Row(line, texts_by_column, error=f"{name}: {error}")
    lead.setdefault("external_ref", f"csv-{_digest(texts_by_column)}")
    return Row(line, texts_by_column, lead)


def _digest(cells: Mapping[str, str]) -> str:
    return hashlib.sha256(dumps(sorted(cells.items())).encode()).hexdigest()[:24]


def _set_nested(lead: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        lead = lead.setdefault(parent, {})
    lead[last] = value


@dataclass
class Report:
    """Counts of the results. Rejected rows are appended to `file`: line, reason, and the row itself."""

    file: Path
    created: int = 0
    known: int = 0
    refused: int = 0

    def reject(self, row: Row, reason: str) -> None:
        """Record a rejected row."""
        first = self.refused == 0
        with self.file.open("w" if first else "a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if first:
                writer.writerow(["line", "reason", *row.cells])
            writer.writerow([row.line, reason, *row.cells.values()])
        self.refused += 1

    def record_results(self, rows: list[Row], results: list[dict[str, Any]]) -> None:
        """Record the results of a request."""
        for row, result in zip(rows, results, strict=True):
            if result["status"] == 201:
                self.created += 1
            elif result["status"] == 200:
                self.known += 1
            else:
                self.reject(row, result["problem"]["detail"])


class Importer:
    """Sends leads to the API, a few requests at once."""

    def __init__(
        self, client: httpx.Client, report: Report, *, dry_run: bool = False, parallel: int = 4, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client, self._report, self._dry_run, self._parallel, self._sleep = client, report, dry_run, parallel, sleep

    def send(self, rows: Iterator[Row], on_progress: Callable[[int], None] = lambda _: None) -> None:
        """Send all rows; `on_progress` gets how many more are done. Raises StageError where the API refuses a whole request."""
        pending: deque[tuple[list[Row], Future[list[dict[str, Any]]]]] = deque()
        with ThreadPoolExecutor(self._parallel) as pool:
            try:
                for batch in self._batches(rows, on_progress):
                    pending.append((batch, pool.submit(self._post, [row.lead for row in batch])))
                    if len(pending) > self._parallel:
                        self._record_response(*pending.popleft(), on_progress)
                while pending:
                    self._record_response(*pending.popleft(), on_progress)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _batches(self, rows: Iterator[Row], on_progress: Callable[[int], None]) -> Iterator[list[Row]]:
        batch: list[Row] = []
        for row in rows:
            if row.error:
                self._report.reject(row, row.error)
                on_progress(1)
                continue
            batch.append(row)
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _record_response(self, rows: list[Row], future: Future[list[dict[str, Any]]], on_progress: Callable[[int], None]) -> None:
        self._report.record_results(rows, future.result())
        on_progress(len(rows))

    def _post(self, leads: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The results of a request. It is retried while the API is busy or unreachable: external references make that safe."""
        query = {"dry_run": "true"} if self._dry_run else {}
        body = dumps({"items": leads}).encode()
        for attempt in range(_TRIES):
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
            try:
                response = self._client.post("/wholesale/bulk", params=query, content=body, headers={"Content-Type": "application/json"})
            except httpx.TransportError as error:
                error_text = f"The API is unreachable: {error}."
            else:
                if response.status_code == 200:
                    results: list[dict[str, Any]] = loads(response.text)["results"]
                    return results
                error_text = f"The API answers {response.status_code}: {_detail(response)}"
                if response.status_code not in _RETRYABLE_STATUSES:
                    break
                wait = float(response.headers.get("Retry-After") or wait)
            if attempt + 1 < _TRIES:
                self._sleep(wait)
        raise StageError(f"{error_text} Run the same command again: rows that were imported are recognised.")


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase or "without a reason"


def scan_file(path: Path, map_: list[str], defaults: Mapping[str, str]) -> tuple[int, ArvEstimator]:
    """The first pass: the number of rows, and their prices."""
    count, estimator = 0, ArvEstimator()
    for row in read(path, map_, defaults):
        count += 1
        estimator.add(row.lead)
    return count, estimator


def with_estimates(path: Path, map_: list[str], defaults: Mapping[str, str], estimator: ArvEstimator | None) -> Iterator[Row]:
    """The second pass: the rows, with estimated ARVs unless `estimator` is None."""
    for row in read(path, map_, defaults):
        yield row if row.error or estimator is None else Row(row.line, row.cells, estimator.complete(row.lead))


app = typer.Typer()


@app.command("import-leads")
def import_leads_command(
    file: Annotated[Path, typer.Argument(help="A CSV file in UTF-8, with a first line of column names.")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="column=field, several separated by commas; column= omits one. Common names are recognised."),
    ] = None,
    region: Annotated[str, typer.Option(help="The state, where the file doesn't say.")] = "WA",
    country: Annotated[str, typer.Option(help="The country, where the file doesn't say.")] = "US",
    lead_source: Annotated[str, typer.Option(help="Where the leads come from, where the file doesn't say.")] = "import",
    estimate: Annotated[bool, typer.Option(help="Estimate the ARV where the file has none: area x the postal code's median price.")] = True,
    dry_run: Annotated[bool, typer.Option(help="Check every row and write nothing.")] = False,
    refused: Annotated[Path | None, typer.Option(help="File for rejected rows; FILE.refused.csv by default.")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Requests at once.")] = 4,
    url: Annotated[str | None, typer.Option(help="The API's URL; the stage's by default.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="VALHALLA_TOKEN", help="A bearer token; the local administrator's by default.")
    ] = None,
) -> None:
    """Import leads from a CSV file through the API. Running it again creates no duplicates."""
    console = Console(highlight=False, soft_wrap=True)
    defaults = {"region": region, "country": country, "lead_source": lead_source}
    report = Report(refused or file.with_name(f"{file.name}.refused.csv"))
    started = time.monotonic()
    total, estimator = scan_file(file, map_ or [], defaults)
    rows = with_estimates(file, map_ or [], defaults, estimator if estimate else None)
    headers = {"Authorization": f"Bearer {token or _local_token()}"}
    with httpx.Client(base_url=url or _local_url(), headers=headers, timeout=60, trust_env=False) as client, _progress_bar(console) as bar:
        task = bar.add_task("Checking leads" if dry_run else "Importing leads", total=total)
        Importer(client, report, dry_run=dry_run, parallel=parallel).send(rows, lambda more: bar.advance(task, more))
    seconds = time.monotonic() - started
    outcome = "could be created or are there already" if dry_run else f"created, {report.known} there already"
    count = report.known if dry_run else report.created
    console.print(f"{total} rows in {seconds:.1f} s: {count} {outcome}, {report.refused} refused.")
    if report.refused:
        console.print(f"The refused rows, with line and reason: {report.file}", style="red")
        raise typer.Exit(1)


def _progress_bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def _local_url() -> str:
    return os.environ.get("VALHALLA_PUBLIC_URL", "http://127.0.0.1:8000")


def _local_token() -> str:
    from local.workspace import Workspace

    try:
        return Workspace.of(os.environ).admin_token.read_text().strip()
    except OSError:
        raise StageError("No token: give --token or VALHALLA_TOKEN, or start the system here with `make run`.") from None
