"""What time and pipelines do to offers, written down by the job: offers that expired, and offers whose contract ended.

That an offer has lapsed with its pipeline shows at once, for it follows from the pipeline. Writing it down takes a transaction a
few offers, so it is done afterwards: the job asks each pipeline that is on offer whether it still is.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.foundation import telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import NotFound, Unavailable
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import EXPIRIES_DUE, ON_OFFER, Assignment, OfferRoster
from chalicelib.packs.dispositions.presenters import lapse_of
from chalicelib.packs.dispositions.rules import assignments
from chalicelib.packs.dispositions.service import writing
from chalicelib.packs.dispositions.service.seen import PipelineSnapshot, get_pipelines, read_assignment
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.rules import stages

_PAGE_SIZE = 50
_BATCH_SIZE = 25  # offers of two actions each


# -- expired ones


def expire_offers(ctx: Context, run: RunStats) -> None:
    """Let fall out what is past its `expires_at`, the longest past first."""
    public.process_due(ctx, run, EXPIRIES_DUE, _no_keys, _expire_one, until=format_timestamp(ctx.now), id_of=_assignment_id)


def _assignment_id(row: DynamoItem) -> str:
    return str(row["sk"]["S"].partition("#")[2])


def _no_keys(id: str) -> Iterable[ItemKey]:  # noqa: ARG001 - offers of one pipeline share a roster: each is read when its turn comes
    return ()


def _expire_one(ctx: Context, id: str, rows: dict[ItemKey, DynamoItem]) -> bool:  # noqa: ARG001
    """Let one offer fall out; False where the index was behind: somebody has moved it already."""

    def step() -> bool:
        try:
            before, seen = read_assignment(ctx, id)
        except NotFound:
            return False
        if before.status != assignments.OFFERED or before.expires_at is None or before.expires_at > ctx.now:
            return False
        _fall_out_offers(ctx, seen, [before])
        return True

    return ctx.store.retry_on_conflict(step)


# -- those whose contract ended


def expire_ended_contracts(ctx: Context, run: RunStats) -> None:
    """Let fall out, for good, the offers of pipelines that were lost, died or were closed with another buyer."""
    for ids in _pages_on_offer(ctx):
        pipelines = get_pipelines(ctx, ids)
        for id in ids:
            if ctx.store.remaining_seconds() <= 0:
                run.has_more = True
                return
            pipeline = pipelines.get(id)
            if pipeline is None:
                continue
            try:
                _fall_out_pipeline(ctx, run, pipeline)
            except Unavailable:
                run.has_more = True
                return
            except Exception as error:
                run.failed += 1
                telemetry.log_exception(error, ctx.request_id)


def _pages_on_offer(ctx: Context) -> Iterator[list[str]]:
    """The pipelines that somebody has a live offer of, page by page."""
    start: dict[str, Any] = {}
    while True:
        response = ctx.store.query(
            IndexName="gsi1",
            KeyConditionExpression="gsi1pk = :pk",
            ExpressionAttributeValues={":pk": {"S": ON_OFFER}},
            Limit=_PAGE_SIZE,
            **start,
        )
        yield [raw["pk"]["S"] for raw in response["Items"]]
        if "LastEvaluatedKey" not in response:
            return
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


def _fall_out_pipeline(ctx: Context, run: RunStats, pipeline: public.Pipeline) -> None:
    """Settle all that has lapsed of one pipeline, some at a time. One that goes on costs no more than having been looked at."""
    if pipeline.stage != stages.CLOSED and not pipeline.contracts_ended:
        return
    while True:
        count = ctx.store.retry_on_conflict(lambda: _fall_out_some(ctx, pipeline.id))
        run.found += count
        run.done += count
        if count < _BATCH_SIZE:
            return


def _fall_out_some(ctx: Context, pipeline_id: str) -> int:
    keys = public.key(pipeline_id), OfferRoster.key(pipeline_id)
    rows = ctx.store.batch_get(keys)
    pipeline, roster = public.parse_pipeline(rows.get(keys[0])), OfferRoster.from_item(pipeline_id, rows.get(keys[1]))
    if pipeline is None:
        return 0
    lapsed_ids = [id for id, place in roster.live.items() if lapse_of(pipeline, assignments.OFFERED, id, place.contract_no)][:_BATCH_SIZE]
    if not lapsed_ids:
        return 0
    offer_rows = ctx.store.batch_get(Assignment.ID.key(id) for id in lapsed_ids)
    offers = [one for one in (parse_live(Assignment, raw) for raw in offer_rows.values()) if one and one.status == assignments.OFFERED]
    _fall_out_offers(ctx, PipelineSnapshot(pipeline, roster), offers)
    return len(offers)


def _fall_out_offers(ctx: Context, seen: PipelineSnapshot, offers: list[Assignment]) -> None:
    """One transaction: these offers fell out, and neither buyers nor pipeline are held by them any more."""
    tx = Transaction(ctx.store)
    for before in offers:
        lapse = lapse_of(seen.pipeline, before.status, before.id, before.contract_no)
        reason, on = (lapse["reason"], lapse["on"]) if lapse else (assignments.EXPIRED, None)
        assignments.check_transition(before.status, assignments.FALLOUT, reason=reason, initiator=assignments.SYSTEM)
        writing.add_fallout(tx, writing.with_fallout(ctx, before, reason, on))
    public.remove_reference(tx, seen.pipeline.id, len(offers))
    writing.put_roster(ctx, tx, seen.roster.without_entries(*(one.id for one in offers)))
    tx.commit()
