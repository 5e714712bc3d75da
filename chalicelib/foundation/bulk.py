"""Many rows in one request: each is checked and answered by itself, and the good ones are written.

`run` writes independent rows, `run_in_steps` rows that build on what was written before. Both answer a repeated request (same
Idempotency-Key) with the same results, and go on where a crashed one stopped.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar, cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Problem, TooLarge, Unavailable, ValidationFailed, VersionConflict
from chalicelib.foundation.http.responses import problem_body
from chalicelib.foundation.idempotency import IdempotencyRecordKey, IdempotentReplay
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import RowRemarks, RowResult
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.store.unique import UniqueValue

MAX_ROWS = 100
ROWS_PER_TRANSACTION = 20  # of at most four actions each; the table takes a hundred actions, and 4 MB. Rows of more are fewer.

R = TypeVar("R")
S = TypeVar("S", bound=Mapping[str, object])
Items = Mapping[ItemKey, DynamoItem]


class RowOutcome(TypedDict):
    """A row's result without its index: what is stored for a repeated request."""

    status: int
    id: NotRequired[str]
    problem: NotRequired[JsonObject]
    warnings: NotRequired[list[str]]
    duplicate_of: NotRequired[list[str]]


def check_row_count(rows: Sequence[object], maximum: int = MAX_ROWS, noun: str = "rows") -> None:
    """Raise TooLarge for more rows than one request takes."""
    if len(rows) > maximum:
        raise TooLarge(f"At most {maximum} {noun} in one request; these are {len(rows)}.", limit=maximum)


def refused(ctx: Context, problem: Problem) -> RowOutcome:
    """The outcome of a row that can't be written."""
    return {"status": problem.status, "problem": problem_body(problem, ctx.request_id)}


# -- independent rows


class BulkOperation(ABC, Generic[R]):
    """What a pack says of its rows. R is a row as it is written: an entity, or whatever the pack makes of one."""

    reference: UniqueValue | None = None
    """The unique value by which a row is known, e.g. its external_ref: two rows with the same one are the same row."""

    @abstractmethod
    def parse(self, ctx: Context, item: Mapping[str, object]) -> R:
        """The row in a part of the body. Raises the Problem that is its result."""

    @abstractmethod
    def id_of(self, row: R) -> str:
        """The id that the row will have."""

    @abstractmethod
    def add(self, ctx: Context, tx: Transaction, row: R) -> None:
        """Add the row to a transaction, the claim of its reference included. At most four actions (or fewer rows a transaction), none on
        a row of another's, but for updates that are one (`Transaction.update`).
        """

    def reference_of(self, row: R) -> str | None:  # noqa: ARG002 - for operations that have one
        """The row's reference, if it has one."""
        return None

    def keys(self, ctx: Context, row: R) -> Iterable[ItemKey]:  # noqa: ARG002 - for operations that read something
        """What must be read to check the row. All rows' keys are read together."""
        return ()

    def check(self, ctx: Context, row: R, items: Items) -> Problem | None:  # noqa: ARG002 - for operations that read something
        """Why the row can't be written, by what was read."""
        return None

    def remarks(self, ctx: Context, row: R, items: Items) -> RowRemarks:  # noqa: ARG002 - for operations that have any
        """What the result of a row that can be written says besides its id. Asked once for each, in their order."""
        return {}


@dataclass
class _Row(Generic[R]):
    """A well-formed row. `indexes` are its own and those of later rows with the same reference."""

    indexes: list[int]
    row: R
    guard: ItemKey | None
    record: IdempotencyRecordKey | None
    outcome: RowOutcome | None = None
    remarks: RowRemarks = field(default_factory=lambda: RowRemarks())


def run(
    ctx: Context,
    items: Sequence[object],
    operation: BulkOperation[R],
    *,
    dry_run: bool = False,
    max_rows: int = MAX_ROWS,
    rows_per_transaction: int = ROWS_PER_TRANSACTION,
) -> list[RowResult]:
    """Write each row, and answer with a result for each, in their order; one that is no object is refused by itself.

    A row whose reference is known is what has it (200). `dry_run` checks and writes nothing. Under an Idempotency-Key each row has
    a record of its own, so that a repetition after a crash writes the rest; a repetition is answered by IdempotentReplay with
    `{"results": [...]}`. One round trip for the key, one for each hundred rows of what is known, one for each `rows_per_transaction`; where
    one of these is refused, one for each of them. Where the store becomes busy, the rows that are left are refused with that (503). Raises TooLarge over
    `max_rows`, Unavailable where no row was written.
    """
    check_row_count(items, max_rows)
    is_replay = not dry_run and _is_replay(ctx)
    results: list[RowResult | None] = [None] * len(items)
    rows = _parse(ctx, items, operation, results)
    _resolve_known(ctx, rows, operation, is_replay=is_replay)
    new_rows = [row for row in rows if row.outcome is None]
    if dry_run:
        for row in new_rows:
            row.outcome = _good(200, row)
    else:
        _write_all(ctx, new_rows, operation, rows_per_transaction)
    for row in rows:
        outcome = row.outcome
        assert outcome is not None
        for position, index in enumerate(row.indexes):
            results[index] = {"index": index, **outcome}
            if position and outcome["status"] == 201:
                results[index] = {"index": index, **outcome, "status": 200}
    finished = [result for result in results if result is not None]
    if is_replay:
        raise IdempotentReplay({"results": finished})
    return finished


def _good(status: int, row: _Row[R], id: str | None = None) -> RowOutcome:
    """The outcome of a row that can be written, or was, with what is said of it."""
    return cast(RowOutcome, {"status": status, **({"id": id} if id else {}), **row.remarks})


def _is_replay(ctx: Context) -> bool:
    """Bind the caller's key to this body, and whether that was done before."""
    if ctx.idempotency is None:
        return False
    try:
        idempotency.idempotent_transaction(ctx, None).commit()
    except IdempotentReplay:
        return True
    return False


def _parse(ctx: Context, items: Sequence[object], operation: BulkOperation[R], results: list[RowResult | None]) -> list[_Row[R]]:
    """The rows that are well formed, each reference once; the others get their result."""
    rows: dict[str, _Row[R]] = {}
    for index, item in enumerate(items):
        try:
            if not isinstance(item, Mapping):
                raise ValidationFailed([{"loc": [], "message": "a JSON object is needed", "type": "model_type"}])
            row = operation.parse(ctx, item)
        except Problem as problem:
            results[index] = {"index": index, **refused(ctx, problem)}
            continue
        reference = operation.reference_of(row)
        guard = operation.reference.key(reference) if operation.reference and reference else None
        name = guard.pk if guard else f"row {index}"
        if name in rows:
            rows[name].indexes.append(index)
        else:
            record = ctx.idempotency.for_row(name) if ctx.idempotency else None
            rows[name] = _Row([index], row, guard, record)
    return list(rows.values())


def _resolve_known(ctx: Context, rows: list[_Row[R]], operation: BulkOperation[R], *, is_replay: bool) -> None:
    """Give their outcome to rows that were written before, exist already, or fail the operation's check. One read."""
    keys: list[ItemKey] = []
    for row in rows:
        keys += [key for key in (row.guard, row.record.key if row.record and is_replay else None) if key]
        keys += operation.keys(ctx, row.row)
    items = ctx.store.batch_get(keys)
    for row in rows:
        recorded = idempotency.recorded_response(ctx, row.record, items.get(row.record.key)) if row.record else None
        guard = items.get(row.guard) if row.guard else None
        if recorded:
            row.outcome = cast(RowOutcome, recorded)
        elif guard:
            row.outcome = {"status": 200, "id": str(UniqueValue.owner_in(guard))}
        elif problem := operation.check(ctx, row.row, items):
            row.outcome = refused(ctx, problem)
        else:
            row.remarks = operation.remarks(ctx, row.row, items)


def _write_all(ctx: Context, rows: list[_Row[R]], operation: BulkOperation[R], rows_per_transaction: int) -> None:
    """Write the rows, some at a time. A store that is busy for one row is so for the next one: it isn't asked for each of them."""
    try:
        for start in range(0, len(rows), rows_per_transaction):
            _write_batch(ctx, rows[start : start + rows_per_transaction], operation)
    except Unavailable as busy:
        if not any(row.outcome for row in rows):
            raise
        for row in rows:
            row.outcome = row.outcome or refused(ctx, busy)


def _write_batch(ctx: Context, rows: list[_Row[R]], operation: BulkOperation[R]) -> None:
    """Write the rows together, or else one by one."""
    try:
        _write(ctx, rows, operation)
    except Unavailable:
        raise
    except (Problem, IdempotentReplay, VersionConflict):
        for row in rows:
            _write_one(ctx, row, operation)


def _write_one(ctx: Context, row: _Row[R], operation: BulkOperation[R]) -> None:
    try:
        ctx.store.retry_on_conflict(lambda: _write(ctx, [row], operation))
    except IdempotentReplay as replay:
        row.outcome = replay.body
    except Conflict as conflict:
        # Another request created it since we looked: the problem of a taken reference names what has it.
        known_id = conflict.members.get("id")
        row.outcome = {"status": 200, "id": known_id} if known_id else refused(ctx, conflict)
    except Unavailable:
        raise
    except Problem as problem:
        row.outcome = refused(ctx, problem)


def _write(ctx: Context, rows: list[_Row[R]], operation: BulkOperation[R]) -> None:
    tx = Transaction(ctx.store)
    outcomes = [_good(201, row, operation.id_of(row.row)) for row in rows]
    for row, outcome in zip(rows, outcomes, strict=True):
        if row.record:
            idempotency.record_response(ctx, tx, outcome, row.record)
        operation.add(ctx, tx, row.row)
    tx.commit()
    for row, outcome in zip(rows, outcomes, strict=True):
        row.outcome = outcome


# -- rows that build on each other


class Step(NamedTuple, Generic[S]):
    """The next few rows, decided on: a result for each, and the actions that write the good ones (None where there is nothing to write)."""

    results: list[S]
    add: Callable[[Transaction], None] | None


def run_in_steps(
    ctx: Context,
    plan: Callable[[], list[str]],
    decide: Callable[[list[str], int], Step[S]],
    *,
    dry_run: bool = False,
    rows_per_step: int = ROWS_PER_TRANSACTION,
) -> list[S]:
    """Write rows in steps, each seeing what the step before has written; one result for each row, in their order.

    `plan` names the rows, e.g. by the ids of those whom something is offered to. It is asked once a request: under an Idempotency-Key the
    first step remembers the plan with its results, and a repetition goes on from there (the last step remembers the whole answer, which
    is raised as IdempotentReplay). `decide(rows, index of the first)` reads, decides, and is asked again where the step's
    transaction meets a VersionConflict. One round trip a step, and those of `decide`.
    """
    progress = None if dry_run else _progress(ctx)
    rows, results = progress if progress else (plan(), [])
    while len(results) < len(rows):
        results = _run_step(ctx, rows, results, decide, dry_run, rows_per_step)
    return results


def _progress_key(ctx: Context, done: int) -> IdempotencyRecordKey | None:
    """Where the state after the step that begins with row number `done` is remembered."""
    return ctx.idempotency.for_row(f"after {done}" if done else "first") if ctx.idempotency else None


def _progress(ctx: Context) -> tuple[list[str], list[Any]] | None:
    """The plan and the results that an earlier run of this request remembers of its first step."""
    record = _progress_key(ctx, 0)
    stored = idempotency.recorded_response(ctx, record, ctx.store.get_item(record.key)) if record else None
    return (stored["wanted"], stored["results"]) if stored else None


def _run_step(
    ctx: Context,
    rows: list[str],
    results: list[S],
    decide: Callable[[list[str], int], Step[S]],
    dry_run: bool,
    rows_per_step: int,
) -> list[S]:
    """The results with those of the next step."""
    some = rows[len(results) : len(results) + rows_per_step]
    is_last = len(results) + len(some) == len(rows)

    def write() -> list[S]:
        step = decide(some, len(results))
        done = results + step.results
        if dry_run:
            return done
        tx = Transaction(ctx.store)
        record = ctx.idempotency if is_last else _progress_key(ctx, len(results))
        if record:  # the first action: of several that fail it is the one that speaks
            idempotency.record_response(ctx, tx, {"results": done} if is_last else {"results": done, "wanted": rows}, record)
        if step.add:
            step.add(tx)
        if len(tx):
            tx.commit()
        return done

    try:
        return ctx.store.retry_on_conflict(write)
    except IdempotentReplay as replay:
        if is_last:
            raise
        return cast("list[S]", replay.body["results"])
