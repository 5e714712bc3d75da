"""The scheduled ends of offers: those that have expired, and those whose contract has ended.

Responses show an offer as fallen out as soon as its contract has ended, since that is derived from the pipeline. Writing it
needs a transaction for each few offers, so the job does it later: it checks every pipeline that has live offers.
"""

from datetime import date

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import DueItems, work_in_time
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.state_machine import SYSTEM
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.dispositions import repository
from chalicelib.packs.dispositions.entities import Assignment, PipelineSnapshot
from chalicelib.packs.dispositions.rules import assignments
from chalicelib.packs.wholesale.public import Pipeline, stages

_BATCH_SIZE = 25  # offers in one transaction, three actions each


@retry_on_conflict
def close_out_expired(ctx: Context, id: str, items: DueItems) -> bool:  # noqa: ARG001
    """Close out one offer past its end; False where it is not due any more (the index is eventually consistent)."""
    try:
        before, snapshot = repository.read_assignment(ctx, id)
    except NotFound:
        return False
    if before.offer_expires_at is None or before.offer_expires_at > ctx.now:
        return False
    _close_out(ctx, snapshot, [before])
    return True


def close_out_ended_contracts(ctx: Context, run: RunStats) -> None:
    """Close out the offers of pipelines that lost their contract, are dead or were closed with another buyer."""
    for pipelines in repository.pipelines_on_offer(ctx):
        if not work_in_time(ctx, run, pipelines, lambda pipeline: _close_out_pipeline(ctx, run, pipeline)):
            return


def _close_out_pipeline(ctx: Context, run: RunStats, pipeline: Pipeline) -> None:
    """Close out all lapsed offers of one pipeline in batches. A pipeline without ended contracts costs no round trip."""
    if pipeline.stage != stages.CLOSED and not pipeline.contracts_ended:
        return
    count = _BATCH_SIZE
    while count == _BATCH_SIZE:
        count = _close_out_some(ctx, pipeline.id)
        run.found += count
        run.done += count


@retry_on_conflict
def _close_out_some(ctx: Context, pipeline_id: str) -> int:
    lapsed = repository.read_lapsed(ctx, pipeline_id, _BATCH_SIZE)
    if lapsed is None:
        return 0
    _close_out(ctx, *lapsed)
    return len(lapsed[1])


def _close_out(ctx: Context, snapshot: PipelineSnapshot, offers: list[Assignment]) -> None:
    """Close out these offers in one transaction, with their references to buyers and pipeline."""
    fallen = []
    for before in offers:
        lapse = before.lapse(snapshot.pipeline)
        reason, day = (lapse["reason"], lapse["on"]) if lapse else (assignments.EXPIRED, None)
        assignments.MACHINE.transition(before.status, assignments.FALLOUT, initiator=SYSTEM).check_reason(reason, None)
        fallen.append(before.fallen_out(ctx, reason, date.fromisoformat(day) if day else ctx.today))
    repository.save_fallen_offers(ctx, snapshot, fallen)
