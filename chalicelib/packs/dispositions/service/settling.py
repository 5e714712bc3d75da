"""What time and pipelines do to offers, written down by the job: offers that expired, and offers whose contract ended.

That an offer has lapsed with its pipeline shows at once, for it follows from the pipeline. Writing it down takes a transaction a
few offers, so it is done afterwards: the job asks each pipeline that is on offer whether it still is.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.foundation import telemetry
from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound, Unavailable
from chalicelib.foundation.ids import Key
from chalicelib.foundation.schedules import Run
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.store import alive
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import EXPIRIES_DUE, ON_OFFER, Assignment, Roster
from chalicelib.packs.dispositions.rules import assignments
from chalicelib.packs.dispositions.service import writing
from chalicelib.packs.dispositions.service.seen import Seen, pipelines_of, read_assignment
from chalicelib.packs.dispositions.service.shown import lapsed
from chalicelib.packs.wholesale.rules import stages
from chalicelib.packs.wholesale.service import dealings

_PAGE = 50
_TOGETHER = 25  # offers of two actions each


# -- expired ones


def expire(ctx: Context, run: Run) -> None:
    """Let fall out what is past its `expires_at`, the longest past first."""
    dealings.work_off(ctx, run, EXPIRIES_DUE, _nothing, _expire_one, until=instant(ctx.now), name_of=_name)


def _name(row: Raw) -> str:
    return str(row["sk"]["S"].partition("#")[2])


def _nothing(id: str) -> Iterable[Key]:  # noqa: ARG001 - offers of one pipeline share a roster: each is read when its turn comes
    return ()


def _expire_one(ctx: Context, id: str, rows: dict[Key, Raw]) -> bool:  # noqa: ARG001
    """Let one offer fall out; False where the index was behind: somebody has moved it already."""

    def step() -> bool:
        try:
            before, seen = read_assignment(ctx, id)
        except NotFound:
            return False
        if before.status != assignments.OFFERED or before.expires_at is None or before.expires_at > ctx.now:
            return False
        _settle(ctx, seen, [before])
        return True

    return ctx.store.settle(step)


# -- those whose contract ended


def settle_ended(ctx: Context, run: Run) -> None:
    """Let fall out, for good, the offers of pipelines that were lost, died or were closed with another buyer."""
    for ids in _on_offer(ctx):
        pipelines = pipelines_of(ctx, ids)
        for id in ids:
            if ctx.store.remaining() <= 0:
                run.more = True
                return
            pipeline = pipelines.get(id)
            if pipeline is None:
                continue
            try:
                _settle_pipeline(ctx, run, pipeline)
            except Unavailable:
                run.more = True
                return
            except Exception as error:
                run.failed += 1
                telemetry.exception(error, ctx.request_id)


def _on_offer(ctx: Context) -> Iterator[list[str]]:
    """The pipelines that somebody has a live offer of, page by page."""
    start: dict[str, Any] = {}
    while True:
        answer = ctx.store.query(
            IndexName="gsi1",
            KeyConditionExpression="gsi1pk = :pk",
            ExpressionAttributeValues={":pk": {"S": ON_OFFER}},
            Limit=_PAGE,
            **start,
        )
        yield [raw["pk"]["S"] for raw in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _settle_pipeline(ctx: Context, run: Run, seen_first: dealings.Pipeline) -> None:
    """Settle all that has lapsed of one pipeline, some at a time. One that goes on costs no more than having been looked at."""
    if seen_first.stage != stages.CLOSED and not seen_first.contracts_ended:
        return
    while True:
        settled = ctx.store.settle(lambda: _settle_some(ctx, seen_first.id))
        run.found += settled
        run.done += settled
        if settled < _TOGETHER:
            return


def _settle_some(ctx: Context, pipeline_id: str) -> int:
    keys = dealings.key(pipeline_id), Roster.key(pipeline_id)
    rows = ctx.store.get_many(keys)
    pipeline, roster = dealings.of_row(rows.get(keys[0])), Roster.of_row(pipeline_id, rows.get(keys[1]))
    if pipeline is None:
        return 0
    over = [id for id, place in roster.live.items() if lapsed(pipeline, assignments.OFFERED, id, place.contract_no)][:_TOGETHER]
    if not over:
        return 0
    found = ctx.store.get_many(Assignment.ID.key(id) for id in over)
    offers = [one for one in (alive(Assignment, raw) for raw in found.values()) if one and one.status == assignments.OFFERED]
    _settle(ctx, Seen(pipeline, roster), offers)
    return len(offers)


def _settle(ctx: Context, seen: Seen, offers: list[Assignment]) -> None:
    """One transaction: these offers fell out, and neither buyers nor pipeline are held by them any more."""
    tx = Transaction(ctx.store)
    for before in offers:
        lapse = lapsed(seen.pipeline, before.status, before.id, before.contract_no)
        reason, on = (lapse["reason"], lapse["on"]) if lapse else (assignments.EXPIRED, None)
        assignments.check_move(before.status, assignments.FALLOUT, reason=reason, by=assignments.SYSTEM)
        writing.add_fallen(tx, writing.fallen(ctx, before, reason, on))
    dealings.release(tx, seen.pipeline.id, len(offers))
    writing.put_roster(ctx, tx, seen.roster.without(*(one.id for one in offers)))
    tx.commit()
