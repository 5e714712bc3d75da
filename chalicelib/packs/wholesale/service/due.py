"""Finding items that are due, and claiming them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chalicelib.foundation import telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Problem, Unavailable, VersionConflict
from chalicelib.foundation.events import Notification
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import Pipeline

_PAGE = 50
FALLBACK_ROLE = "operator"  # the role that is notified of pipelines without an owner

DueHandler = Callable[[Context, str, dict[ItemKey, DynamoItem]], bool]


def process_due(
    ctx: Context,
    run: RunStats,
    partition: str,
    keys: Callable[[str], Iterable[ItemKey]],
    handle: DueHandler,
    *,
    until: str = "",
    id_of: Callable[[DynamoItem], str] = lambda row: row["pk"]["S"],
) -> None:
    """Handle the items that are due until today in a partition of the due index, page by page, while time remains.

    `until` replaces today as the end, as a sort key prefix; `id_of` gives the id for an index row, by default its partition key.

    Items that a run doesn't reach remain in the index for the next run: only a claim removes them. A failing item is counted,
    logged and left in the index.
    """
    for ids in _pages(ctx, partition, until or ctx.today.isoformat(), id_of):
        rows = ctx.store.batch_get(key for id in ids for key in keys(id))
        for id in ids:
            if ctx.store.remaining_seconds() <= 0:
                run.has_more = True
                return
            run.found += 1
            try:
                run.done += handle(ctx, id, rows)
            except Unavailable:
                run.has_more = True
                return
            except Exception as error:
                run.failed += 1
                telemetry.log_exception(error, ctx.request_id)


def _pages(ctx: Context, partition: str, until: str, id_of: Callable[[DynamoItem], str]) -> Iterator[list[str]]:
    start: dict[str, Any] = {}
    while True:
        response = ctx.store.query(
            IndexName="gsi3",
            KeyConditionExpression="gsi3pk = :pk AND gsi3sk < :end",
            ExpressionAttributeValues={":pk": {"S": partition}, ":end": {"S": f"{until}~"}},
            Limit=_PAGE,
            **start,
        )
        yield [id_of(row) for row in response["Items"]]
        if "LastEvaluatedKey" not in response:
            return
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


class _EventExists(Problem):
    """The event exists already."""

    kind = "conflict"

    def __init__(self, event: Notification) -> None:
        super().__init__(event.id)
        self.event = event


def commit_claim(ctx: Context, claim: Callable[[Transaction], None], events: list[Notification]) -> bool:
    """Write a claim and its events in one transaction; False where another run was first, or no event was written.

    An event that exists already (a date was moved away and back) is not raised again; the claim is then written without it.
    """
    while True:
        tx = Transaction(ctx.store)
        claim(tx)
        for event in events:
            tx.create(event, _EventExists(event))
        try:
            tx.commit()
        except _EventExists as existing:
            events = [event for event in events if event is not existing.event]
        except VersionConflict:
            return False
        else:
            return bool(events)


def notification_target(pipeline: Pipeline) -> dict[str, Any]:
    """Subject and recipient of a notification about a pipeline: its owner, or a role where it has none."""
    return {
        "subject_type": "pipeline",
        "subject_id": pipeline.id,
        "for_user": pipeline.owner,
        "for_role": None if pipeline.owner else FALLBACK_ROLE,
    }


def display_name(pipeline: Pipeline) -> str:
    """How a notification names a pipeline: by its address, never by the seller."""
    address = (pipeline.property or {}).get("address") or {}
    parts = [part for part in (address.get("line1"), address.get("city")) if part]
    return ", ".join(parts) or pipeline.id
