"""Creating many pipelines in one request: each row is validated by itself and has its own result.

Rows are written twenty to a transaction, which is five round trips for a hundred. Where a transaction fails, its rows are written
one by one.
"""

from dataclasses import dataclass, field
from typing import Any

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Problem, TooLarge, VersionConflict
from chalicelib.foundation.http.handlers import validate
from chalicelib.foundation.http.responses import problem_body
from chalicelib.foundation.idempotency import IdempotencyRecordKey, IdempotentReplay
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale import permissions
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.schemas import PipelineBulkCreate, PipelineBulkResult, PipelineCreate
from chalicelib.packs.wholesale.service import changes, pipelines

MAX_ROWS = 100
_ROWS_PER_TRANSACTION = 20  # a row takes up to four actions; DynamoDB allows 100 actions and 4 MB


@dataclass
class _BulkRow:
    """A valid row. `indexes` are its index and those of later rows with the same external reference: they are the same pipeline."""

    indexes: list[int]
    pipeline: Pipeline
    record: IdempotencyRecordKey | None
    outcome: dict[str, Any] = field(default_factory=dict)

    @property
    def guard(self) -> ItemKey | None:
        """The key of the guard of its external reference."""
        return changes.external_ref_key(self.pipeline.external_ref) if self.pipeline.external_ref else None


def create_many(ctx: Context, body: PipelineBulkCreate, *, dry_run: bool) -> tuple[list[PipelineBulkResult], bool]:
    """Create a pipeline per row. Returns the results, and whether the request is a replay.

    A row whose `external_ref` exists results in the pipeline that has it. Raises TooLarge over 100 rows.
    """
    if len(body.items) > MAX_ROWS:
        raise TooLarge(f"At most {MAX_ROWS} rows in one request; these are {len(body.items)}.", limit=MAX_ROWS)
    replayed = not dry_run and _is_replay(ctx)
    results: list[Any] = [None] * len(body.items)
    rows = _rows(ctx, body, results)
    _resolve_known(ctx, rows, replayed=replayed)
    new = [row for row in rows if not row.outcome]
    if dry_run:
        for row in new:
            row.outcome = {"status": 200}
    else:
        for start in range(0, len(new), _ROWS_PER_TRANSACTION):
            _write_batch(ctx, new[start : start + _ROWS_PER_TRANSACTION])
    for row in rows:
        for position, index in enumerate(row.indexes):
            repeated = {"status": 200} if position and row.outcome["status"] == 201 else {}
            results[index] = {"index": index, **row.outcome, **repeated}
    return results, replayed


def _is_replay(ctx: Context) -> bool:
    """Bind the idempotency key to this body; returns whether it was bound before. Each row then has its own record."""
    if ctx.idempotency is None:
        return False
    try:
        idempotency.idempotent_transaction(ctx, None).commit()
    except IdempotentReplay:
        return True
    return False


def _rows(ctx: Context, body: PipelineBulkCreate, results: list[Any]) -> list[_BulkRow]:
    """The valid rows, one per external reference; the result of an invalid row is set in `results`."""
    rows: dict[str, _BulkRow] = {}
    for index, item in enumerate(body.items):
        try:
            pipeline = pipelines.build_pipeline(ctx, validate(PipelineCreate, item))
        except Problem as problem:
            results[index] = {"index": index, **_problem_outcome(ctx, problem)}
            continue
        row = _BulkRow([index], pipeline, None)
        name = row.guard.pk if row.guard else f"row {index}"
        if name in rows:
            rows[name].indexes.append(index)
            continue
        row.record = ctx.idempotency.for_row(name) if ctx.idempotency else None
        rows[name] = row
    return list(rows.values())


def _resolve_known(ctx: Context, rows: list[_BulkRow], *, replayed: bool) -> None:
    """Set the outcome of rows that exist already or whose owner isn't an active user. One batch read."""
    keys: list[ItemKey] = []
    for row in rows:
        keys += [key for key in (row.guard, row.record.key if row.record and replayed else None, _owner(ctx, row)) if key]
    items = ctx.store.batch_get(keys)
    for row in rows:
        record = items.get(row.record.key) if row.record else None
        guard = items.get(row.guard) if row.guard else None
        owner = _owner(ctx, row)
        if record:
            row.outcome = idempotency.stored_response(record)
        elif guard:
            row.outcome = _existing_outcome(guard)
        elif owner and not permissions.is_active(items.get(owner)):
            row.outcome = _problem_outcome(ctx, permissions.unknown_owner_error())


def _owner(ctx: Context, row: _BulkRow) -> ItemKey | None:
    """The key of the owner to check: one other than the caller."""
    owner = row.pipeline.owner
    return permissions.user_key(owner) if owner and owner != ctx.actor.id else None


def _write_batch(ctx: Context, rows: list[_BulkRow]) -> None:
    """Write the rows in one transaction, or, if it fails, one by one."""
    try:
        _write(ctx, rows)
    except (Problem, IdempotentReplay, VersionConflict):
        for row in rows:
            _write_one(ctx, row)


def _write_one(ctx: Context, row: _BulkRow) -> None:
    try:
        ctx.store.retry_on_conflict(lambda: _write(ctx, [row]))
    except IdempotentReplay as replay:
        row.outcome = replay.body
    except Conflict as conflict:
        existing_id = conflict.members.get("id")
        row.outcome = {"status": 200, "id": existing_id} if existing_id else _problem_outcome(ctx, conflict)
    except Problem as problem:
        row.outcome = _problem_outcome(ctx, problem)


def _write(ctx: Context, rows: list[_BulkRow]) -> None:
    tx = Transaction(ctx.store)
    outcomes = [{"status": 201, "id": row.pipeline.id} for row in rows]
    for row, outcome in zip(rows, outcomes, strict=True):
        if row.record:
            idempotency.record_response(ctx, tx, outcome, row.record)
        changes.add_create(ctx, tx, row.pipeline, owner_known=True)
    tx.commit()
    for row, outcome in zip(rows, outcomes, strict=True):
        row.outcome = outcome


def _existing_outcome(guard: DynamoItem) -> dict[str, Any]:
    return {"status": 200, "id": guard["owner"]["S"]}


def _problem_outcome(ctx: Context, problem: Problem) -> dict[str, Any]:
    return {"status": problem.status, "problem": problem_body(problem, ctx.request_id)}
