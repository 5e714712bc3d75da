"""Reading and writing the items of the pipeline: what needs more than a read or a write of the store's own."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from chalicelib.foundation import access, idempotency, party_rows
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import start_of_day
from chalicelib.foundation.due_work import DueHandler, commit_claim, process_due
from chalicelib.foundation.errors import NotFound, ValidationFailed, VersionConflict
from chalicelib.foundation.events import Notification
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey, encode_ulid
from chalicelib.foundation.pending_changes import add_pending
from chalicelib.foundation.postal_codes import AREA_LENGTH, normalize_postal_code, postal_area
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.state_history import StateHistory
from chalicelib.foundation.store import shared_values
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import NOTHING, all_of, any_of, attribute, unchanged
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.references import IS_OPEN, close_if_unreferenced
from chalicelib.foundation.store.shared_values import NOBODY, Sharing
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.store.unique import UniqueValue, external_ref_taken
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.wholesale.entities import NO_OWNER, Activity, Pipeline, PipelineActivityState, PipelineListing
from chalicelib.packs.wholesale.rules import follow_ups, stages
from chalicelib.packs.wholesale.schemas import PipelineQuery, StageIntervalView

EXTERNAL_REF = UniqueValue.by_digest("pipeline-ref")
_TAKEN = external_ref_taken("pipeline")
STAGES = StateHistory(StageIntervalView, "stage")
_FIRST_DAY, _LAST_DAY = date(1970, 1, 2), date(9998, 12, 30)  # that a timestamp can hold in any time zone
_SALE_PAGE = 201
ME = "me"  # in a query: the caller

# -- reading one


def find_with_activities(ctx: Context, id: str, limit: int) -> tuple[Pipeline, list[Activity]]:
    """A pipeline with its latest activities: one query, backwards from the end of its partition."""
    range = KeyRange(None, Pipeline.ID.key(id).pk, low=Activity.children_of(id).prefix, high=ROOT_SORT_KEY)
    rows = next(ctx.store.query_pages(range, newest_first=True, page_size=limit + 1))
    pipeline = parse_live(Pipeline, rows[0]) if rows and rows[0]["sk"]["S"] == ROOT_SORT_KEY else None
    if pipeline is None:
        raise NotFound("pipeline")
    return pipeline, [Activity.from_item(row) for row in rows[1:]]


def list_ranges(ctx: Context, query: PipelineQuery) -> list[KeyRange]:
    """Where the listed pipelines are: a range for any two of market, owner and stage; ids bound the day of creation, but in markets.

    Of all three, owner and market have the fewest.
    """
    low, high = created_between(ctx, query) or (None, None)
    owner = None if query.owner is None else _owner_in_key(ctx, query.owner)
    if query.market is not None:
        area = postal_area(query.market)
        if area is None:
            raise ValidationFailed.field("market", f"at least {AREA_LENGTH} letters or digits are needed")
        market = {"market_country": query.country, "market_area": area, "prefix": normalize_postal_code(query.market)}
        if owner is not None:
            return [PipelineListing.BY_OWNER_AND_MARKET.range(owner=owner, **market)]
        if query.stage is not None:
            return [PipelineListing.BY_MARKET_AND_STAGE.range(stage=query.stage, **market)]
        return [Pipeline.BY_MARKET.range(**market)]
    if owner is not None:
        if query.stage is not None:
            return [PipelineListing.BY_OWNER_AND_STAGE.range(owner=owner, stage=query.stage, low=low, high=high)]
        return [Pipeline.BY_OWNER.range(owner=owner, low=low, high=high)]
    listed = stages.STAGES if query.stage is None else (query.stage,)
    return [Pipeline.BY_STAGE.range(stage=stage, low=low, high=high) for stage in listed]


def next_actions(owner: str, due_before: date | None) -> KeyRange:
    """Open pipelines of an owner (`none`: of nobody) by the day of their next action, those due before a day or all that have one."""
    high = None if due_before is None else due_before.isoformat()
    return PipelineListing.NEXT_ACTIONS.range(owner=owner, high=high)


def due_actions(ctx: Context, owner: str, before: date, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """What lists show of an owner's pipelines whose next action is due before a day, the earliest first, and whether there are more."""
    rows = next(ctx.store.query_pages(next_actions(owner, before), page_size=limit + 1))
    return [decode_view(row) for row in rows[:limit]], len(rows) > limit


def owner_of(ctx: Context, text: str) -> str | None:
    """Whom a query's `owner` means: `me` is the caller, `none` nobody."""
    return {ME: ctx.actor.id, NO_OWNER: None}.get(text, text)


def _owner_in_key(ctx: Context, text: str) -> str:
    return owner_of(ctx, text) or NO_OWNER


def created_between(ctx: Context, query: PipelineQuery) -> tuple[str, str] | None:
    """The first and the last id that the queried days of creation allow; None where every day is allowed."""
    first, last = query.created_from, query.created_to
    if first is None and last is None:
        return None
    if first and last and first > last:
        raise ValidationFailed.field("created_from", "must not be after `created_to`")
    return _id_at(_start(ctx, first or _FIRST_DAY), 0), _id_at(_start(ctx, last or _LAST_DAY, days=1) - timedelta(milliseconds=1), 255)


def _start(ctx: Context, day: date, days: int = 0) -> datetime:
    return start_of_day(min(max(day, _FIRST_DAY), _LAST_DAY) + timedelta(days=days), ctx.settings.firm_time_zone)


def _id_at(timestamp: datetime, tail: int) -> str:
    """The least (`tail` 0) or the greatest (255) id that a pipeline of that millisecond can have."""
    return f"{Pipeline.ID.prefix}_{encode_ulid(timestamp, bytes([tail] * 10))}"


def inactive_until(day: date) -> KeyRange:
    """Watched pipelines whose last activity was on this day or earlier, by that day."""
    return PipelineActivityState.INACTIVE.range(high=f"{day.isoformat()}~")


def inactive_since(row: DynamoItem) -> tuple[str, date]:
    """The pipeline's id and the day of its last activity, from a row of `inactive_until`."""
    day, _, id = row[PipelineActivityState.INACTIVE.sk_name]["S"].partition("#")
    return id, date.fromisoformat(day)


def ids_in_stages(ctx: Context, range: KeyRange, stages: tuple[str, ...], limit: int) -> tuple[list[str], bool]:
    """The ids of a range whose stage is one of these, newest first, and whether the range was read to its end: at most `limit` rows."""
    rows = ctx.store.query_all(range, newest_first=True, page_size=min(_SALE_PAGE, limit + 1))
    ids = [row["pk"]["S"] for row in islice(rows, limit) if decode_view(row).get("stage") in stages]
    return ids, next(rows, None) is None


# -- writing


def create(ctx: Context, pipeline: Pipeline, sharing: Sharing, response: object) -> None:
    """Write a new pipeline, and remember the response under the request's Idempotency-Key. One round trip, replay or not."""
    tx = idempotency.idempotent_transaction(ctx, response)
    add_create(ctx, tx, pipeline, sharing)
    tx.commit()


def add_create(ctx: Context, tx: Transaction, pipeline: Pipeline, sharing: Sharing, *, owner_known: bool = False) -> None:
    """Add a new pipeline to a transaction: its item, its listing, its activity state, the guard of its external reference, and where
    others find it.

    `sharing` is what was read of its house and phone. `owner_known`: the owner was checked before (a transaction takes one action per
    item, and many pipelines may share an owner).
    """
    if not owner_known:
        access.require_active_user(ctx, tx, pipeline.owner)
    EXTERNAL_REF.change(ctx, tx, None, pipeline.external_ref, pipeline.id, _TAKEN)
    shared_values.add_changes(tx, (), pipeline.found_by, pipeline.id, sharing)
    pipeline.is_listed = True
    tx.create(pipeline)
    tx.put(pipeline.listing)
    add_pending(ctx, tx, None, pipeline)
    state = PipelineActivityState.at(
        reference_counter(pipeline.id),
        refs=0,
        opened_at=ctx.now,
        last_activity_at=ctx.now,
        last_day=ctx.today,
        follow_up_on=follow_ups.next_follow_up(ctx.today, None, ctx.today).raise_on,
        **_mirrored(pipeline),
    )
    tx.put(state)


def save(ctx: Context, before: Pipeline, after: Pipeline, sharing: Sharing = NOBODY) -> None:
    """Write a changed pipeline, with what changes with it. One round trip."""
    tx = Transaction(ctx.store)
    add_update(ctx, tx, before, after)
    shared_values.add_changes(tx, before.found_by or (), after.found_by or (), after.id, sharing)
    tx.commit()


def save_idempotent(ctx: Context, before: Pipeline, after: Pipeline, response: object) -> None:
    """Write a changed pipeline, and remember the response under the request's Idempotency-Key. One round trip."""
    tx = idempotency.idempotent_transaction(ctx, response)
    add_update(ctx, tx, before, after)
    tx.commit()


def add_update(ctx: Context, tx: Transaction, before: Pipeline, after: Pipeline, *, refs: int = 0) -> None:
    """Add a changed pipeline to a transaction, with the completed stage interval, its external reference, its activity state, its parties
    and its listing.

    `refs` references are added (below zero: removed) in the same update of the activity state, which is the reference counter. One that
    leaves the stage dead does so only while its deal isn't finalized.
    """
    if after.owner != before.owner:
        access.require_active_user(ctx, tx, after.owner)
    EXTERNAL_REF.change(ctx, tx, before.external_ref, after.external_ref, after.id, _TAKEN)
    if (changes := _activity_state_changes(ctx, before, after)) or refs:
        tx.update(reference_counter(after.id), set=changes, add={"refs": refs} if refs else NOTHING, when=IS_OPEN)
    if after.stage != before.stage:
        STAGES.add(tx, ctx, before, after, clears=stages.MACHINE.cleared_fields(before.stage, after.stage))
    if before.stage == stages.DEAD != after.stage and before.deal is not None:
        tx.condition_check(SubjectRegistry(ctx.packs).key(before.deal), attribute("status") != stages.DEAL_FINALIZED)
    add_pending(ctx, tx, before, after)
    party_rows.add_changes(tx, before.party_rows, after.party_rows)
    if not before.is_listed or after.listing.to_item() != before.listing.to_item():
        after.is_listed = True
        tx.put(after.listing)
    tx.save(after)


def delete(ctx: Context, pipeline: Pipeline) -> None:
    """Mark a pipeline deleted; Conflict while anything refers to it. One round trip."""
    tx, deleted = Transaction(ctx.store), pipeline.soft_deleted(ctx)
    close_if_unreferenced(ctx, tx, Pipeline, pipeline.id, remove=PipelineActivityState.index_attributes())
    EXTERNAL_REF.change(ctx, tx, pipeline.external_ref, None, pipeline.id, _TAKEN)
    shared_values.add_changes(tx, pipeline.found_by or (), (), pipeline.id)
    tx.delete(PipelineListing.key_of(pipeline.id))
    add_pending(ctx, tx, pipeline, deleted)
    tx.save(deleted)
    tx.commit()


def _mirrored(pipeline: Pipeline) -> dict[str, Any]:
    """What the activity state repeats of the pipeline."""
    return {"owner": pipeline.owner, "currency": pipeline.currency, "watched": pipeline.is_watched}


def _activity_state_changes(ctx: Context, before: Pipeline, after: Pipeline) -> dict[str, object]:
    """What a change of the pipeline sets in its activity state. A change of stage is activity; watching again is none."""
    changes: dict[str, object] = _mirrored(after) if _mirrored(after) != _mirrored(before) else {}
    if after.is_watched != before.is_watched:
        for pattern in (PipelineActivityState.INACTIVE, PipelineActivityState.FOLLOW_UPS):
            changes[pattern.pk_name] = pattern.range().pk if after.is_watched else None
    if after.stage != before.stage:
        changes |= _last_activity(after.id, ctx.now, ctx.today)
    return changes


def _last_activity(pipeline_id: str, at: datetime, day: date) -> dict[str, object]:
    """What activity at this time sets in the activity state, the place in the index of inactive pipelines included."""
    inactive = PipelineActivityState.INACTIVE
    return {"last_activity_at": at, "last_day": day, inactive.sk_name: inactive.sort.fill({"last_day": day, "pk": pipeline_id})}


# -- activities


class UnexpectedActivityState(Exception):
    """The activity state isn't the one that a write was conditioned on; `actual` is."""

    def __init__(self, actual: PipelineActivityState) -> None:
        super().__init__("unexpected activity state")
        self.actual = actual


def usual_activity_state(ctx: Context, pipeline_id: str, at: datetime, day: date, owner: str | None) -> PipelineActivityState:
    """The activity state of most pipelines: watched, in the default currency, without a later activity, of nobody or of `owner`."""
    return PipelineActivityState.at(
        reference_counter(Pipeline.ID.key(pipeline_id).pk),
        last_activity_at=at,
        last_day=day,
        currency=ctx.settings.default_currency,
        watched=True,
        owner=owner,
    )


def create_activity(
    ctx: Context, activity: Activity, latest: PipelineActivityState, expected: PipelineActivityState, *, was_read: bool, response: object
) -> None:
    """Write an activity, and of the activity state what is latest now. One round trip.

    `was_read`: the expected state was read, and must not have changed since. Otherwise it is a guess: the pipeline may belong to nobody
    instead, and its last activity may be earlier. Raises NotFound, or UnexpectedActivityState where the guess was wrong.
    """
    conditions = [IS_OPEN, *unchanged({"currency": expected.currency, "watched": expected.watched})]
    if was_read:
        conditions += unchanged({"last_activity_at": expected.last_activity_at, "owner": expected.owner})
    else:
        conditions.append(attribute("last_activity_at") <= expected.last_activity_at)
        if expected.owner:
            conditions.append(any_of(*unchanged({"owner": None}), attribute("owner") == expected.owner))
    values = _last_activity(activity.pipeline_id, latest.last_activity_at, latest.last_day)
    tx = idempotency.idempotent_transaction(ctx, response)
    tx.update(latest.key, set=values, when=all_of(*conditions), on_conflict=_unexpected_state)
    tx.create(activity)
    tx.commit()


def _unexpected_state(row: DynamoItem) -> Exception:
    return UnexpectedActivityState(PipelineActivityState.from_item(row)) if row and "closed" not in row else NotFound("pipeline")


# -- due work


def process_follow_ups(ctx: Context, run: RunStats, handle: DueHandler) -> None:
    """Handle the pipelines for which a follow-up may be due, each with its activity state."""
    due = PipelineActivityState.FOLLOW_UPS.until(ctx.today)
    process_due(ctx, run, due, handle, keys=lambda id: (Pipeline.ID.key(id), reference_counter(id)))


def read_due(id: str, items: Mapping[ItemKey, DynamoItem]) -> tuple[Pipeline | None, PipelineActivityState | None]:
    """The pipeline and its activity state among the items that were read for a page of due work."""
    state = items.get(reference_counter(id))
    return parse_live(Pipeline, items.get(Pipeline.ID.key(id))), PipelineActivityState.from_item(state) if state else None


def claim_follow_up(ctx: Context, before: PipelineActivityState, after: PipelineActivityState, notifications: list[Notification]) -> bool:
    """Move the due key, with the notifications; False where another run was first."""
    is_due = attribute(PipelineActivityState.FOLLOW_UPS.pk_name).exists()
    same = unchanged({"follow_up_on": before.follow_up_on, "last_day": before.last_day, "watched": True})
    return commit_claim(ctx, lambda tx: tx.update_row(before, after, all_of(*same, is_due), VersionConflict()), notifications)
