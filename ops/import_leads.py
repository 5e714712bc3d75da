"""`python -m ops import-leads FILE.csv`: bring leads from a CSV file into the pipeline, through the API.

It goes through the file twice: once to count it and to learn what a square foot sells for in each postal code, once to send
it, a hundred rows to a request and a few requests at once. Neither holds more than some hundred rows.

A lead's `external_ref` is the digest of its row. So it can be stopped and begun again, and run twice, without a duplicate: what is
there already is recognised.

An ARV that the file doesn't have is estimated: living area x the median price per square foot of the same postal code in the
same file, to the nearest thousand, where at least five houses tell. Such leads have `arv_confidence` low, the tag
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

from chalicelib.foundation.json import dumps, loads
from ops.shell import StageError

BATCH = 100  # rows that POST /wholesale/bulk takes
TAG = "arv-estimated"
_MOST_ZEROS = 14  # of a power of ten that a number reaches, up or down; the API takes no more digits
_TELLING = 5  # houses of a postal code that make a median
_TRIES, _FIRST_WAIT, _LONGEST_WAIT = 7, 0.5, 20.0
_TOO_BUSY = (429, 502, 503, 504)

Parse = Callable[[str], Any]


def _whole(text: str) -> int:
    number = _number(text)
    if number != int(number):
        raise ValueError(f"{text} is not a whole number")
    return int(number)


def _number(text: str) -> Decimal:
    digits = text.replace("$", "").replace(",", "").strip()
    try:
        number = Decimal(digits)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not number.is_finite() or "_" in digits or not digits.isascii():
        raise ValueError(f"{text!r} is not a number")
    if number and abs(number.adjusted()) > _MOST_ZEROS:  # 1e999999 is a short text, and a number that fills the memory
        raise ValueError(f"{text!r} is out of range")
    return number


# A lead's fields by the names that --map takes: where they lie in the API's body, and how their text is read.
FIELDS: dict[str, tuple[str, Parse]] = {
    "asking_price": ("asking_price", _number),
    "arv_estimate": ("arv_estimate", _number),
    "repair_estimate": ("repair_estimate", _number),
    "assignment_fee_target": ("assignment_fee_target", _number),
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
    "bedrooms": ("property.bedrooms", _whole),
    "bathrooms": ("property.bathrooms", _number),
    "sqft": ("property.sqft", _whole),
    "lot_sqft": ("property.lot_sqft", _whole),
    "year_built": ("property.year_built", _whole),
    "lat": ("property.lat", _number),
    "lng": ("property.lng", _number),
}

# What columns are often called. A column that is named like a field is that field.
USUAL = {
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


def mapping(columns: list[str], given: list[str]) -> dict[str, str]:
    """Which column is which field: as usual, changed by `given` ("column=field", "column=" to leave it out). Raises StageError."""
    found = {column: USUAL.get(column.lower(), column.lower()) for column in columns}
    found = {column: field for column, field in found.items() if field in FIELDS}
    for pair in (part for one in given for part in one.split(",") if part.strip()):
        column, equals, field = (part.strip() for part in pair.partition("="))
        if not equals:
            raise StageError(f"--map {pair}: write column=field, e.g. price=asking_price.")
        if column not in columns:
            raise StageError(f"--map {pair}: the file has no column {column!r}; it has {', '.join(columns)}.")
        if field and field not in FIELDS:
            raise StageError(f"--map {pair}: there is no field {field!r}; there are {', '.join(FIELDS)}.")
        found.pop(column, None)
        if field:
            found = {other: named for other, named in found.items() if named != field} | {column: field}
    if not found:
        raise StageError("No column of the file is a field of a lead: name them by --map column=field.")
    return found


@dataclass(frozen=True)
class Row:
    """A row of the file: its line, and either the lead that it describes or the reason why it can't."""

    line: int
    cells: dict[str, str]
    lead: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


class Estimates:
    """Median prices per square foot, a postal code each, learnt row by row.

    Prices are counted to the nearest unit of currency, so that memory depends on how far they differ and not on the file.
    """

    def __init__(self) -> None:
        self._counts: dict[str, Counter[int]] = {}

    def learn(self, lead: Mapping[str, Any]) -> None:
        """Take one lead in."""
        price, (code, sqft) = lead.get("asking_price"), _place(lead)
        if price and code and sqft:
            self._counts.setdefault(code, Counter())[round(price / sqft)] += 1

    def of(self, lead: Mapping[str, Any]) -> Decimal | None:
        """The ARV that a lead's own house would have; None where too few houses tell."""
        code, sqft = _place(lead)
        counts = self._counts.get(code or "", Counter())
        if not sqft or counts.total() < _TELLING:
            return None
        middle, seen = (counts.total() + 1) // 2, 0
        for price in sorted(counts):
            seen += counts[price]
            if seen >= middle:
                return Decimal(round(Decimal(price * sqft), -3))
        return None

    def complete(self, lead: dict[str, Any]) -> dict[str, Any]:
        """The lead with an estimated ARV, marked as one; as it is where it has one or none can be had."""
        if "arv_estimate" in lead or not (estimate := self.of(lead)):
            return lead
        said = f"ARV estimated at import: living area x the median price per square foot of {_place(lead)[0]} in the file."
        notes = "\n".join(part for part in (lead.get("notes"), said) if part)
        return {**lead, "arv_estimate": estimate, "arv_confidence": "low", "tags": [*lead.get("tags", []), TAG], "notes": notes}


def _place(lead: Mapping[str, Any]) -> tuple[str | None, int | None]:
    house = lead.get("property") or {}
    return (house.get("address") or {}).get("postal_code"), house.get("sqft")


def read(path: Path, map_: list[str], defaults: Mapping[str, str]) -> Iterator[Row]:
    """The rows of a file as leads. `defaults` are values of fields that the file doesn't have. Raises StageError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)  # what is too much in a row is under None, what lacks is None
            columns = list(reader.fieldnames or ())
            fields = mapping(columns, map_)
            for cells in reader:
                yield _row(reader.line_num, cells, columns, fields, defaults)
    except UnicodeDecodeError:
        raise StageError(f"{path} is not UTF-8.") from None
    except OSError as error:
        raise StageError(f"{path} can't be read: {error.strerror}.") from None
    except csv.Error as error:
        raise StageError(f"{path} is no CSV file: {error}.") from None


def _row(line: int, cells: dict[str, Any], columns: list[str], fields: Mapping[str, str], defaults: Mapping[str, str]) -> Row:
    given = {column: cells.get(column) or "" for column in columns}
    if None in cells or None in cells.values():
        return Row(line, given, fault=f"it has {'more' if None in cells else 'fewer'} than {len(columns)} columns")
    texts = {**defaults, **{name: text for column, name in fields.items() if (text := given[column].strip())}}
    lead: dict[str, Any] = {}
    for name, text in texts.items():
        where, parse = FIELDS[name]
        try:
            _put(lead, where, parse(text))
        except ValueError as error:
            return Row(line, given, fault=f"{name}: {error}")
    lead.setdefault("external_ref", f"csv-{_digest(given)}")
    return Row(line, given, lead)


def _digest(cells: Mapping[str, str]) -> str:
    return hashlib.sha256(dumps(sorted(cells.items())).encode()).hexdigest()[:24]


def _put(lead: dict[str, Any], where: str, value: Any) -> None:
    *parents, last = where.split(".")
    for parent in parents:
        lead = lead.setdefault(parent, {})
    lead[last] = value


@dataclass
class Report:
    """What became of the rows. Refused ones are written to `file` as they come: line, reason, and the row itself."""

    file: Path
    created: int = 0
    known: int = 0
    refused: int = 0

    def refuse(self, row: Row, reason: str) -> None:
        """Note a refused row."""
        first = self.refused == 0
        with self.file.open("w" if first else "a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if first:
                writer.writerow(["line", "reason", *row.cells])
            writer.writerow([row.line, reason, *row.cells.values()])
        self.refused += 1

    def take(self, rows: list[Row], results: list[dict[str, Any]]) -> None:
        """Note a request's results."""
        for row, result in zip(rows, results, strict=True):
            if result["status"] == 201:
                self.created += 1
            elif result["status"] == 200:
                self.known += 1
            else:
                self.refuse(row, result["problem"]["detail"])


class Importer:
    """Sends leads to the API, some requests at once."""

    def __init__(
        self, client: httpx.Client, report: Report, *, dry_run: bool = False, parallel: int = 4, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client, self._report, self._dry_run, self._parallel, self._sleep = client, report, dry_run, parallel, sleep

    def send(self, rows: Iterator[Row], done: Callable[[int], None] = lambda _: None) -> None:
        """Send all rows; `done` is told how many more are through. Raises StageError where the API refuses altogether."""
        pending: deque[tuple[list[Row], Future[list[dict[str, Any]]]]] = deque()
        with ThreadPoolExecutor(self._parallel) as pool:
            try:
                for batch in self._batches(rows, done):
                    pending.append((batch, pool.submit(self._post, [row.lead for row in batch])))
                    if len(pending) > self._parallel:
                        self._settle(*pending.popleft(), done)
                while pending:
                    self._settle(*pending.popleft(), done)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _batches(self, rows: Iterator[Row], done: Callable[[int], None]) -> Iterator[list[Row]]:
        batch: list[Row] = []
        for row in rows:
            if row.fault:
                self._report.refuse(row, row.fault)
                done(1)
                continue
            batch.append(row)
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _settle(self, rows: list[Row], answer: Future[list[dict[str, Any]]], done: Callable[[int], None]) -> None:
        self._report.take(rows, answer.result())
        done(len(rows))

    def _post(self, leads: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The results of a request. It is repeated while the API is busy or out of reach: references make that safe."""
        query = {"dry_run": "true"} if self._dry_run else {}
        body = dumps({"items": leads}).encode()
        for attempt in range(_TRIES):
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
            try:
                answer = self._client.post("/wholesale/bulk", params=query, content=body, headers={"Content-Type": "application/json"})
            except httpx.TransportError as error:
                trouble = f"The API is out of reach: {error}."
            else:
                if answer.status_code == 200:
                    results: list[dict[str, Any]] = loads(answer.text)["results"]
                    return results
                trouble = f"The API answers {answer.status_code}: {_detail(answer)}"
                if answer.status_code not in _TOO_BUSY:
                    break
                wait = float(answer.headers.get("Retry-After") or wait)
            if attempt + 1 < _TRIES:
                self._sleep(wait)
        raise StageError(f"{trouble} Run the same command again: what has arrived is recognised.")


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase or "without a reason"


def survey(path: Path, map_: list[str], defaults: Mapping[str, str]) -> tuple[int, Estimates]:
    """The first pass: how many rows there are, and what they tell of prices."""
    count, estimates = 0, Estimates()
    for row in read(path, map_, defaults):
        count += 1
        estimates.learn(row.lead)
    return count, estimates


def leads(path: Path, map_: list[str], defaults: Mapping[str, str], estimates: Estimates | None) -> Iterator[Row]:
    """The second pass: the rows, with estimates where they are wanted."""
    for row in read(path, map_, defaults):
        yield row if row.fault or estimates is None else Row(row.line, row.cells, estimates.complete(row.lead))


app = typer.Typer()


@app.command("import-leads")
def import_leads_command(
    file: Annotated[Path, typer.Argument(help="A CSV file in UTF-8, with a first line of column names.")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="column=field, several separated by commas; column= leaves one out. Usual names are known already."),
    ] = None,
    region: Annotated[str, typer.Option(help="The state, where the file doesn't say.")] = "WA",
    country: Annotated[str, typer.Option(help="The country, where the file doesn't say.")] = "US",
    lead_source: Annotated[str, typer.Option(help="Where the leads come from, where the file doesn't say.")] = "import",
    estimate: Annotated[bool, typer.Option(help="Estimate the ARV where the file has none: area x the postal code's median price.")] = True,
    dry_run: Annotated[bool, typer.Option(help="Check every row and write nothing.")] = False,
    refused: Annotated[Path | None, typer.Option(help="Where refused rows are written; FILE.refused.csv by default.")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Requests at once.")] = 4,
    url: Annotated[str | None, typer.Option(help="The API's URL; the stage's by default.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="VALHALLA_TOKEN", help="A bearer token; the local administrator's by default.")
    ] = None,
) -> None:
    """Bring leads from a CSV file into the pipeline, through the API. Running it again brings no duplicates."""
    console = Console(highlight=False, soft_wrap=True)
    defaults = {"region": region, "country": country, "lead_source": lead_source}
    report = Report(refused or file.with_name(f"{file.name}.refused.csv"))
    started = time.monotonic()
    total, estimates = survey(file, map_ or [], defaults)
    rows = leads(file, map_ or [], defaults, estimates if estimate else None)
    headers = {"Authorization": f"Bearer {token or _local_token()}"}
    with httpx.Client(base_url=url or _local_url(), headers=headers, timeout=60, trust_env=False) as client, _bar(console) as bar:
        task = bar.add_task("Checking leads" if dry_run else "Importing leads", total=total)
        Importer(client, report, dry_run=dry_run, parallel=parallel).send(rows, lambda more: bar.advance(task, more))
    seconds = time.monotonic() - started
    new = "could be created or are there already" if dry_run else f"created, {report.known} there already"
    count = report.known if dry_run else report.created
    console.print(f"{total} rows in {seconds:.1f} s: {count} {new}, {report.refused} refused.")
    if report.refused:
        console.print(f"The refused rows, with line and reason: {report.file}", style="red")
        raise typer.Exit(1)


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def _local_url() -> str:
    return os.environ.get("VALHALLA_PUBLIC_URL", "http://127.0.0.1:8000")


def _local_token() -> str:
    from local.home import Home

    try:
        return Home.of(os.environ).admin_token.read_text().strip()
    except OSError:
        raise StageError("No token: give --token or VALHALLA_TOKEN, or start the system here with `make run`.") from None
