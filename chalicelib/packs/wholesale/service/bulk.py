"""Opening many pipelines at once: each row is checked and answered by itself, and the good ones land.

Rows are written twenty to a transaction, which is five round trips for a hundred. Where one of the twenty is refused, they
are written one by one.
"""

from dataclasses import dataclass, field
from typing import Any

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Problem, Stale, TooLarge
from chalicelib.foundation.http.answers import problem_body
from chalicelib.foundation.http.handlers import validate
from chalicelib.foundation.idempotency import IdempotencyKey, Replay
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.schemas import BulkCreate, BulkResult, PipelineCreate
from chalicelib.packs.wholesale.service import changes, pipelines, rights

MOST_ROWS = 100
_TOGETHER = 20  # rows of at most four actions; the table takes a hundred, and 4 MB


@dataclass
class _Row:
    """A well-formed row. `indexes` are its place and those of later rows with the same reference: they are the same pipeline."""

    indexes: list[int]
    pipeline: Pipeline
    record: IdempotencyKey | None
    outcome: dict[str, Any] = field(default_factory=dict)

    @property
    def guard(self) -> Key | None:
        """Where its reference is taken."""
        return changes.reference_key(self.pipeline.external_ref) if self.pipeline.external_ref else None


def create_many(ctx: Context, body: BulkCreate, *, dry_run: bool) -> tuple[list[BulkResult], bool]:
    """Open a pipeline a row. The results, and whether this repeats a request that ran before.

    A row whose `external_ref` is known is the pipeline that has it. Raises TooLarge over 100 rows.
    """
    if len(body.items) > MOST_ROWS:
        raise TooLarge(f"At most {MOST_ROWS} rows in one request; these are {len(body.items)}.", limit=MOST_ROWS)
    replayed = not dry_run and _began_before(ctx)
    results: list[Any] = [None] * len(body.items)
    rows = _rows(ctx, body, results)
    _recognise(ctx, rows, replayed=replayed)
    new = [row for row in rows if not row.outcome]
    if dry_run:
        for row in new:
            row.outcome = {"status": 200}
    else:
        for start in range(0, len(new), _TOGETHER):
            _land(ctx, new[start : start + _TOGETHER])
    for row in rows:
        for place, index in enumerate(row.indexes):
            again = {"status": 200} if place and row.outcome["status"] == 201 else {}
            results[index] = {"index": index, **row.outcome, **again}
    return results, replayed


def _began_before(ctx: Context) -> bool:
    """Bind the caller's key to this body, and whether that was done before. Each row then has a record of its own."""
    if ctx.idempotency is None:
        return False
    try:
        idempotency.transaction(ctx, None).commit()
    except Replay:
        return True
    return False


def _rows(ctx: Context, body: BulkCreate, results: list[Any]) -> list[_Row]:
    """The rows that are well formed, each reference once; the others have their result."""
    found: dict[str, _Row] = {}
    for index, item in enumerate(body.items):
        try:
            pipeline = pipelines.new(ctx, validate(PipelineCreate, item))
        except Problem as problem:
            results[index] = {"index": index, **_refused(ctx, problem)}
            continue
        row = _Row([index], pipeline, None)
        name = row.guard.pk if row.guard else f"row {index}"
        if name in found:
            found[name].indexes.append(index)
            continue
        row.record = ctx.idempotency.row(name) if ctx.idempotency else None
        found[name] = row
    return list(found.values())


def _recognise(ctx: Context, rows: list[_Row], *, replayed: bool) -> None:
    """Give their outcome to rows that are there already, or whose owner isn't. One read."""
    wanted: list[Key] = []
    for row in rows:
        wanted += [key for key in (row.guard, row.record.key if row.record and replayed else None, _owner(ctx, row)) if key]
    found = ctx.store.get_many(wanted)
    for row in rows:
        record = found.get(row.record.key) if row.record else None
        guard = found.get(row.guard) if row.guard else None
        owner = _owner(ctx, row)
        if record:
            row.outcome = idempotency.answer_in(record)
        elif guard:
            row.outcome = _known(guard)
        elif owner and not rights.is_active(found.get(owner)):
            row.outcome = _refused(ctx, rights.unknown_owner())


def _owner(ctx: Context, row: _Row) -> Key | None:
    """The user to look for: an owner that isn't the caller."""
    owner = row.pipeline.owner
    return rights.user_key(owner) if owner and owner != ctx.actor.id else None


def _land(ctx: Context, rows: list[_Row]) -> None:
    """Write the rows together, or else one by one."""
    try:
        _write(ctx, rows)
    except (Problem, Replay, Stale):
        for row in rows:
            _land_alone(ctx, row)


def _land_alone(ctx: Context, row: _Row) -> None:
    try:
        ctx.store.settle(lambda: _write(ctx, [row]))
    except Replay as replay:
        row.outcome = replay.body
    except Conflict as conflict:
        known = conflict.members.get("id")
        row.outcome = {"status": 200, "id": known} if known else _refused(ctx, conflict)
    except Problem as problem:
        row.outcome = _refused(ctx, problem)


def _write(ctx: Context, rows: list[_Row]) -> None:
    tx = Transaction(ctx.store)
    outcomes = [{"status": 201, "id": row.pipeline.id} for row in rows]
    for row, outcome in zip(rows, outcomes, strict=True):
        if row.record:
            idempotency.remember(ctx, tx, outcome, row.record)
        changes.add_new(ctx, tx, row.pipeline, owner_known=True)
    tx.commit()
    for row, outcome in zip(rows, outcomes, strict=True):
        row.outcome = outcome


def _known(guard: Raw) -> dict[str, Any]:
    return {"status": 200, "id": guard["owner"]["S"]}


def _refused(ctx: Context, problem: Problem) -> dict[str, Any]:
    return {"status": problem.status, "problem": problem_body(problem, ctx.request_id)}
