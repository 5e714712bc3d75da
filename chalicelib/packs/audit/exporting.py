"""Exports of the trail: asked for by a request, made in parts by the worker of the outbox.

A part reads records in the order of recording for some seconds. Every thousand of them become one member of the gzipped file; as soon as
there are enough bytes for a part of an upload to S3 they are sent, and the rest waits in a file of its own for the next part. Then the row in the outbox
says how far the export came, so that a worker which dies loses one part, which the next one reads again.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice
from typing import Any

from chalicelib.foundation import files, outbox, telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.outbox import DeliveryResult
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.audit import days, repository
from chalicelib.packs.audit.entities import AuditExport
from chalicelib.packs.audit.export_lines import record_line, seal_line
from chalicelib.packs.audit.rules import DONE, FAILED, QUEUED, RUNNING
from chalicelib.packs.audit.seals import Seal, is_settled

WORK = "export"  # the kind of its rows in the outbox
CONTENT_TYPE = "application/gzip"
KEPT = timedelta(days=7)
PART_SECONDS = 20.0  # for which one part reads
_SECONDS_TO_STOP = 10.0  # of the function's time, that are left for what follows the reading
_PIECE = 1000  # records of a member of the file
UPLOAD_BYTES = 8 * 2**20  # of a part of the upload
_MAX_ATTEMPTS = 10  # at one part


# -- asking for one


def add_work(tx: Transaction, ctx: Context, export: AuditExport) -> None:
    """Have the worker make an export, whose entity the transaction creates."""
    outbox.add_work(tx, ctx, WORK, export.id, export=export.id, **_Progress(export.first_day).values)


def object_name(id: str) -> str:
    """Where the file of an export lies."""
    return f"exports/{id}.jsonl.gz"


def download_url(ctx: Context, export: AuditExport) -> str | None:
    """The URL by which the file of an export can be downloaded for some minutes; None where there is none yet. No round trip."""
    if export.status != DONE or export.version_id is None:
        return None
    filename = f"trail-{export.first_day}--{export.last_day}.jsonl.gz"
    return files.presigned_get(ctx, object_name(export.id), version_id=export.version_id, filename=filename, content_type=CONTENT_TYPE)


# -- making one


@dataclass
class _Progress:
    """How far an export came: the day, after which record of it, and what was sent to S3."""

    day: date
    after: str = ""
    records: int = 0
    upload_id: str = ""
    tags: list[str] = field(default_factory=list)  # of the parts of the upload
    kept: int = 0  # bytes that wait in a file of their own

    @classmethod
    def of(cls, row: JsonObject) -> "_Progress":
        """The progress in a row of the outbox."""
        return cls(date.fromisoformat(row["day"]), row["after"], row["records"], row["upload_id"], list(row["tags"]), row["kept"])

    @property
    def values(self) -> dict[str, Any]:
        """What the row holds of it."""
        return {**vars(self), "day": self.day.isoformat()}


def deliver_part(ctx: Context, key: ItemKey) -> DeliveryResult:
    """Make the next part of the export of this row, and queue the one after it. Raises what a repetition may resolve."""
    if ctx.store.remaining_seconds() < PART_SECONDS / 2 + _SECONDS_TO_STOP:  # others of the batch took the time
        outbox.enqueue(ctx.settings, [outbox.Message(WORK, key)])
        return DeliveryResult("continued")
    row = outbox.claim(ctx, key)
    if row is None:
        return outbox.unclaimed_result(ctx, key)
    export = repository.find_export(ctx, row["export"])
    if export is None:
        outbox.update_leased(ctx, key, row, {"state": "gone", **outbox.NOT_DUE})
        return DeliveryResult("gone")
    try:
        return _Part(ctx, key, row, export).make()
    except Exception as error:
        telemetry.log_exception(error, ctx.request_id)
        if row["attempts"] < _MAX_ATTEMPTS:
            outbox.update_leased(ctx, key, row, {})
            raise
        _settle(ctx, key, row, export.with_changes(ctx, status=FAILED))
        return DeliveryResult("failed")


class _Part:
    """One part of an export."""

    def __init__(self, ctx: Context, key: ItemKey, row: JsonObject, export: AuditExport) -> None:
        self._ctx, self._key, self._row, self._export = ctx, key, row, export
        self._progress = _Progress.of(row)
        self._name = object_name(export.id)
        self._rest = f"{self._name}.rest"
        self._bytes = bytearray()
        self._listed: Iterator[days.Listed] | None = None  # the rest of the day
        self._began = ctx.store.clock()

    def make(self) -> DeliveryResult:
        """Read for a while; finish the file where all was read, else keep what there is and queue the next part."""
        ctx, progress = self._ctx, self._progress
        if self._export.status == QUEUED:
            self._export = self._export.with_changes(ctx, status=RUNNING)
            ctx.store.save(self._export)
        if progress.kept:
            self._bytes += files.get(ctx, self._rest) or b""
            if len(self._bytes) != progress.kept:
                raise ValueError("what waited of the export isn't what was kept")
        while progress.day <= self._export.last_day:
            if self._is_over:
                return self._continue()
            self._read_piece()
            if len(self._bytes) >= UPLOAD_BYTES:
                self._send()
        return self._finish()

    @property
    def _is_over(self) -> bool:
        store = self._ctx.store
        return store.clock() - self._began >= PART_SECONDS or store.remaining_seconds() < _SECONDS_TO_STOP

    def _read_piece(self) -> None:
        """Read up to a thousand records of a day, and where the day ends its seal, into one member of the file."""
        store, progress = self._ctx.store, self._progress
        if self._listed is None:
            self._listed = days.in_order(store, progress.day, after=progress.after, upto=self._export.created_at)
        listed = list(islice(self._listed, _PIECE))
        lines = [record_line(record) for _, record in days.read_records(store, listed) if record is not None]
        progress.records += len(lines)
        if len(listed) == _PIECE:
            progress.after = listed[-1].sort
        else:
            lines.append(seal_line(progress.day, self._seal_of(progress.day)))
            progress.day, progress.after, self._listed = progress.day + timedelta(days=1), "", None
        self._bytes += gzip.compress("".join(lines).encode(), mtime=0)

    def _seal_of(self, day: date) -> Seal | None:
        """The seal of a day, unless the export holds only a part of it."""
        return repository.find_seals_around(self._ctx.store, day)[1] if is_settled(day, self._export.created_at) else None

    def _send(self) -> None:
        progress = self._progress
        if not progress.upload_id:
            progress.upload_id = files.begin_upload(self._ctx, self._name, content_type=CONTENT_TYPE)
        part = files.put_part(self._ctx, self._name, progress.upload_id, len(progress.tags) + 1, bytes(self._bytes))
        progress.tags.append(part)
        self._bytes.clear()

    def _continue(self) -> DeliveryResult:
        ctx, progress = self._ctx, self._progress
        if self._bytes:
            files.put(ctx, self._rest, bytes(self._bytes), content_type=CONTENT_TYPE)
        progress.kept = len(self._bytes)
        due = outbox.due_keys(self._key, ctx.now + outbox.FORGOTTEN_AFTER)
        outbox.update_leased(ctx, self._key, self._row, {**progress.values, "attempts": 0, **due})
        outbox.enqueue(ctx.settings, [outbox.Message(WORK, self._key)])
        return DeliveryResult("continued")

    def _finish(self) -> DeliveryResult:
        ctx, progress = self._ctx, self._progress
        if progress.upload_id:
            if self._bytes:
                self._send()
            stored = files.finish_upload(ctx, self._name, progress.upload_id, progress.tags)
        else:
            stored = files.put(ctx, self._name, bytes(self._bytes), content_type=CONTENT_TYPE)
        if stored is None:
            raise ValueError("the upload of the export is gone")
        done = self._export.with_changes(ctx, status=DONE, records=progress.records, size=stored.size, version_id=stored.version_id)
        _settle(ctx, self._key, self._row, done)
        return DeliveryResult("done")


def _settle(ctx: Context, key: ItemKey, row: JsonObject, export: AuditExport) -> None:
    """Write the end of an export, where the row is still leased by us. One round trip."""
    tx = Transaction(ctx.store)
    tx.save(export)
    ended = {"state": export.status, "finished_at": ctx.now, **outbox.NOT_DUE}
    tx.update(key, set=ended, remove=("lease", "leased_by"), when=outbox.is_leased_as(row))
    tx.commit()
