"""Sending leads to the API, a hundred per request and a few requests at once."""

import csv
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ops.import_leads.api import Api
from ops.import_leads.estimates import TAG
from ops.import_leads.reading import Row

BATCH = 100  # rows that POST /wholesale/bulk takes
_UPDATE_TRIES = 4  # of a lead that others change at the same time
_REFUSALS = (403, 404, 409, 412, 413, 422)  # of one lead; anything else ends the import


class Outcome(NamedTuple):
    """What became of a row, and why it was refused; or what the API warns of, and which leads may be the same."""

    kind: Literal["created", "known", "updated", "unchanged", "refused"]
    reason: str = ""
    warnings: tuple[str, ...] = ()
    duplicate_of: tuple[str, ...] = ()


@dataclass
class Report:
    """Counts of the outcomes. Rejected rows are appended to `file`: line, reason, and the row itself; rows with a warning to
    `warnings_file`: line, codes, ids of leads that may be the same, and the row.
    """

    file: Path
    warnings_file: Path
    created: int = 0
    known: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    warned: int = 0
    by_warning: Counter[str] = field(default_factory=Counter)

    def record(self, row: Row, outcome: Outcome) -> None:
        """Count a row's outcome, and write it down where it was refused or warned of."""
        if outcome.kind == "refused":
            _write(self.file, row, self.refused == 0, reason=outcome.reason)
        setattr(self, outcome.kind, getattr(self, outcome.kind) + 1)
        if outcome.warnings:
            duplicates = " ".join(outcome.duplicate_of)
            _write(self.warnings_file, row, self.warned == 0, warnings=" ".join(outcome.warnings), duplicate_of=duplicates)
            self.warned += 1
            self.by_warning.update(outcome.warnings)


def _write(path: Path, row: Row, first: bool, **columns: str) -> None:
    with path.open("w" if first else "a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if first:
            writer.writerow(["line", *columns, *row.cells])
        writer.writerow([row.line, *columns.values(), *row.cells.values()])


class Importer:
    """Creates a lead of each row, with the tag of this import; changes those that are there already if `update`."""

    def __init__(self, api: Api, report: Report, *, tag: str, update: bool = False, dry_run: bool = False, parallel: int = 4) -> None:
        self._api, self._report, self._tag, self._update, self._dry_run, self._parallel = api, report, tag, update, dry_run, parallel

    def send(self, rows: Iterator[Row], on_progress: Callable[[int], None] = lambda _: None) -> None:
        """Send all rows; `on_progress` gets how many more are done. Raises StageError where the API refuses a whole request."""
        pending: deque[tuple[list[Row], Future[list[Outcome]]]] = deque()
        with ThreadPoolExecutor(self._parallel) as pool:
            try:
                for batch in self._batches(rows, on_progress):
                    pending.append((batch, pool.submit(self._send_batch, batch)))
                    if len(pending) > self._parallel:
                        self._record(*pending.popleft(), on_progress)
                while pending:
                    self._record(*pending.popleft(), on_progress)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _batches(self, rows: Iterator[Row], on_progress: Callable[[int], None]) -> Iterator[list[Row]]:
        batch: list[Row] = []
        for row in rows:
            if row.error:
                self._report.record(row, Outcome("refused", row.error))
                on_progress(1)
                continue
            batch.append(row)
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _record(self, rows: list[Row], future: Future[list[Outcome]], on_progress: Callable[[int], None]) -> None:
        for row, outcome in zip(rows, future.result(), strict=True):
            self._report.record(row, outcome)
        on_progress(len(rows))

    def _send_batch(self, rows: list[Row]) -> list[Outcome]:
        """The outcomes of one request, and of the changes of those that are there already. External references make it safe to repeat."""
        items = [{**row.lead, "tags": [self._tag, *row.lead.get("tags", [])]} for row in rows]
        params = {"dry_run": "true"} if self._dry_run else {}
        results = self._api.request("POST", "/wholesale/bulk", {"items": items}, params=params).body["results"]
        return [self._outcome(row, result) for row, result in zip(rows, results, strict=True)]

    def _outcome(self, row: Row, result: Mapping[str, Any]) -> Outcome:
        if result["status"] not in (200, 201):
            return Outcome("refused", result["problem"]["detail"])
        if result["status"] == 201 or "id" not in result:  # in a dry run, what doesn't exist has no id
            return Outcome("created", "", tuple(result.get("warnings", ())), tuple(result.get("duplicate_of", ())))
        if self._dry_run or not self._update:
            return Outcome("known")
        return self._update_lead(row, result["id"])

    def _update_lead(self, row: Row, id: str) -> Outcome:
        """Change what differs from the file, conditioned on the revision that was compared."""
        path = f"/wholesale/{id}"
        for _ in range(_UPDATE_TRIES):
            found = self._api.request("GET", path, accept=_REFUSALS)
            if found.status >= 300:
                return Outcome("refused", found.detail)
            patch = changes(row, found.body)
            if not _differs(patch, found.body):
                return Outcome("unchanged")
            revision = found.body["revision"]
            changed = self._api.request("PATCH", path, patch, if_match=revision, accept=_REFUSALS)
            if changed.status < 300:
                return Outcome("unchanged" if changed.body["revision"] == revision else "updated")
            if changed.status != 412:
                break
        return Outcome("refused", changed.detail)


def changes(row: Row, current: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that writes a row into the lead that it has become: what the file itself says, and an estimated ARV if it has none."""
    is_estimated = "arv_estimate" in row.lead and "arv_estimate" not in row.given
    if is_estimated and current["arv_estimate"] is None:
        tags = [*(tag for tag in current["tags"] if tag != TAG), TAG]
        kept = None if "notes" in row.given else current["notes"]
        notes = "\n".join(part for part in (kept, row.lead["notes"]) if part)
        return {**row.given, "arv_estimate": row.lead["arv_estimate"], "arv_confidence": "low", "tags": tags, "notes": notes}
    if is_estimated and "notes" in row.given and TAG in current["tags"]:
        return {**row.given, "notes": row.lead["notes"]}  # with what they say about the estimate
    return row.given


def _differs(patch: Mapping[str, Any], current: Mapping[str, Any] | None) -> bool:
    """Whether the patch would change anything."""
    found = current or {}
    return any(
        _differs(value, found.get(name)) if isinstance(value, Mapping) else value != found.get(name) for name, value in patch.items()
    )
