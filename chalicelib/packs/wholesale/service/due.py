"""How scheduled work finds what is due, and claims it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chalicelib.foundation import telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Problem, Stale, Unavailable
from chalicelib.foundation.events import Event
from chalicelib.foundation.ids import Key
from chalicelib.foundation.schedules import Run
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import Pipeline

_PAGE = 50
_DESK = "operator"  # the role that hears of pipelines without an owner

Raise = Callable[[Context, str, dict[Key, Raw]], bool]


def work_off(
    ctx: Context,
    run: Run,
    partition: str,
    keys: Callable[[str], Iterable[Key]],
    raise_due: Raise,
    *,
    until: str = "",
    name_of: Callable[[Raw], str] = lambda row: row["pk"]["S"],
) -> None:
    """Raise what is due until today in a partition of the due index, page by page, while there is time.

    `until` is another end than the firm's day, as sort keys begin; `name_of` gives the id of an index row that is no root.

    What one run doesn't reach the next one finds: nothing but a claim takes it from the index. One that fails is counted,
    logged, and left where it is.
    """
    for ids in _pages(ctx, partition, until or ctx.today.isoformat(), name_of):
        rows = ctx.store.get_many(key for id in ids for key in keys(id))
        for id in ids:
            if ctx.store.remaining() <= 0:
                run.more = True
                return
            run.found += 1
            try:
                run.done += raise_due(ctx, id, rows)
            except Unavailable:
                run.more = True
                return
            except Exception as error:
                run.failed += 1
                telemetry.exception(error, ctx.request_id)


def _pages(ctx: Context, partition: str, until: str, name_of: Callable[[Raw], str]) -> Iterator[list[str]]:
    start: dict[str, Any] = {}
    while True:
        answer = ctx.store.query(
            IndexName="gsi3",
            KeyConditionExpression="gsi3pk = :pk AND gsi3sk < :end",
            ExpressionAttributeValues={":pk": {"S": partition}, ":end": {"S": f"{until}~"}},
            Limit=_PAGE,
            **start,
        )
        yield [name_of(row) for row in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


class _Raised(Problem):
    """The event is there already."""

    kind = "conflict"

    def __init__(self, event: Event) -> None:
        super().__init__(event.id)
        self.event = event


def claimed(ctx: Context, claim: Callable[[Transaction], None], events: list[Event]) -> bool:
    """Land a claim with its events in one transaction; False where somebody else was first.

    An event that is there already (a date was moved away and back) is not raised again; the claim stands without it.
    """
    while True:
        tx = Transaction(ctx.store)
        claim(tx)
        for event in events:
            tx.create(event, _Raised(event))
        try:
            tx.commit()
        except _Raised as raised:
            events = [event for event in events if event is not raised.event]
        except Stale:
            return False
        else:
            return bool(events)


def addressed(pipeline: Pipeline) -> dict[str, Any]:
    """About which pipeline, and for whom: its owner, or those who look after what nobody owns."""
    return {
        "subject_type": "pipeline",
        "subject_id": pipeline.id,
        "for_user": pipeline.owner,
        "for_role": None if pipeline.owner else _DESK,
    }


def name(pipeline: Pipeline) -> str:
    """What people call it: its address. Never the seller."""
    address = (pipeline.property or {}).get("address") or {}
    parts = [part for part in (address.get("line1"), address.get("city")) if part]
    return ", ".join(parts) or pipeline.id
