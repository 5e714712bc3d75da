"""Creating and listing the activities of a pipeline."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date
from chalicelib.foundation.errors import NotFound, ValidationFailed, VersionConflict
from chalicelib.foundation.schema_types import PageParams, check_money
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.pagination import CursorSigner, paginate
from chalicelib.packs.wholesale.entities import ACTIVITIES, Activity, Pipeline, PipelineActivityState
from chalicelib.packs.wholesale.permissions import ANY_OWNER, require_write
from chalicelib.packs.wholesale.presenters import activity_view
from chalicelib.packs.wholesale.schemas import ActivityCreate, ActivityPage, ActivityView

_MAX_CLOCK_SKEW = timedelta(minutes=5)  # how far a caller's clock may be ahead of ours

_FIRST_YEAR = 1900


class _AssumptionFailed(Exception):
    """The activity state differs from what was expected; `state` is the actual one."""

    def __init__(self, state: PipelineActivityState) -> None:
        super().__init__("the activity state differs")
        self.state = state


@dataclass(frozen=True)
class _ExpectedState:
    """The activity state that a write is conditioned on. `exact`: it was read, and must not have changed since."""

    state: PipelineActivityState
    exact: bool


def create_activity(ctx: Context, id: str, body: ActivityCreate) -> ActivityView:
    """Create an activity.

    One round trip in the usual case: the pipeline is watched, in the default currency, and has no later activity. Otherwise the
    failed condition returns the actual state, and a second attempt is conditioned on that.
    """
    Pipeline.ID.key(id)  # raises NotFound for an id of another format, without a round trip
    at = _occurred_at(ctx, body.occurred_at)
    owner = None if ctx.actor.can(ANY_OWNER) else ctx.actor.id
    usual_state = PipelineActivityState(at, _day(ctx, at), ctx.settings.default_currency, watched=True, owner=owner)
    expected = _ExpectedState(usual_state, exact=False)
    try:
        return _write(ctx, id, body, at, expected)
    except _AssumptionFailed as failure:
        expected = _ExpectedState(failure.state, exact=True)

    def attempt() -> ActivityView:
        nonlocal expected
        try:
            return _write(ctx, id, body, at, expected)
        except _AssumptionFailed as failure:
            expected = _ExpectedState(failure.state, exact=True)
            raise VersionConflict from None

    return ctx.store.retry_on_conflict(attempt)


def _occurred_at(ctx: Context, occurred_at: datetime | None) -> datetime:
    if occurred_at is None:
        return ctx.now
    if occurred_at > ctx.now + _MAX_CLOCK_SKEW:
        raise ValidationFailed.field("occurred_at", "it can't lie in the future")
    if occurred_at.year < _FIRST_YEAR:
        raise ValidationFailed.field("occurred_at", f"it can't lie before {_FIRST_YEAR}")
    return min(occurred_at, ctx.now)


def _day(ctx: Context, at: datetime) -> Any:
    return business_date(at, ctx.settings.firm_time_zone)


def _write(ctx: Context, id: str, body: ActivityCreate, at: datetime, expected: _ExpectedState) -> ActivityView:
    state = expected.state
    if expected.exact:
        require_write(ctx, state.owner)
    check_money(state.currency, {"amount": body.amount})
    activity = Activity.new(
        ctx,
        id=Activity.ID.new(ctx.now, parent=id),
        pipeline_id=id,
        event_type=body.event_type,
        description=body.description,
        amount=body.amount,
        currency=state.currency,
        occurred_at=at,
    )
    view = activity_view(activity)
    tx = idempotency.idempotent_transaction(ctx, view)
    expression, condition, values = _activity_update(ctx, id, at, expected)
    names = {"#owner": "owner"} if "#owner" in condition else None
    tx.update_by_expression(PipelineActivityState.key(id), expression, condition, _condition_error, values, names)
    tx.create(activity)
    tx.commit()
    return view


def _activity_update(ctx: Context, id: str, at: datetime, expected: _ExpectedState) -> tuple[str, str, dict[str, Any]]:
    """Update expression, condition and values for the activity state."""
    state = expected.state
    latest = replace(state, last_activity_at=at, last_day=_day(ctx, at)) if at >= state.last_activity_at else state
    expression = "SET last_activity_at = :at, last_day = :day, gsi1sk = :quiet"
    values: dict[str, Any] = {":at": latest.last_activity_at, ":day": latest.last_day, ":quiet": latest.keys(id)["gsi1sk"]}
    condition = ["attribute_exists(pk)", "attribute_not_exists(closed)", "currency = :currency", "watched = :watched"]
    values |= {":currency": state.currency, ":watched": state.watched}
    if expected.exact:
        condition += ["last_activity_at = :seen", "#owner = :owner" if state.owner else "attribute_not_exists(#owner)"]
        values[":seen"] = state.last_activity_at
    else:
        condition.append("last_activity_at <= :at")
        if state.owner:
            condition.append("(attribute_not_exists(#owner) OR #owner = :owner)")
    if state.owner:
        values[":owner"] = state.owner
    return expression, " AND ".join(condition), values


def _condition_error(row: DynamoItem) -> Exception:
    if not row or "closed" in row:
        return NotFound("pipeline")
    return _AssumptionFailed(PipelineActivityState.from_item(row))


def list_activities(ctx: Context, id: str, query: PageParams) -> ActivityPage:
    """A page of a pipeline's activities, the latest logged first. Two round trips: the pipeline must exist."""
    if ctx.store.find(Pipeline, id) is None:
        raise NotFound("pipeline")
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, id, ctx.actor.id)
    partition = KeyRange(None, id, prefix=ACTIVITIES)
    result = paginate(ctx.store, [partition], seal, limit=query.limit, cursor=query.cursor, decode=_row_view)
    return {"items": cast(list[ActivityView], result.rows), "next_cursor": result.next_cursor}


def _row_view(raw: DynamoItem) -> dict[str, Any]:
    return cast(dict[str, Any], activity_view(Activity.from_item(raw)))
