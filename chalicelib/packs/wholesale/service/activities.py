"""What happened with a pipeline: noting it, listing it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.calendar import firm_day
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Invalid, NotFound, Stale
from chalicelib.foundation.models import Page, check_money
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.pages import CursorSeal, Partition, page
from chalicelib.packs.wholesale.entities import ACTIVITIES, Activity, Beside, Pipeline
from chalicelib.packs.wholesale.schemas import ActivityCreate, ActivityPage, ActivityView
from chalicelib.packs.wholesale.service.rights import ANY_OWNER, need_write
from chalicelib.packs.wholesale.service.shown import activity_view

_CLOCKS_APART = timedelta(minutes=5)  # how far a caller's clock may be ahead of ours

_FIRST_YEAR = 1900


class _Otherwise(Exception):
    """The row beside the pipeline isn't as it was taken for."""

    def __init__(self, beside: Beside) -> None:
        super().__init__("otherwise")
        self.beside = beside


@dataclass(frozen=True)
class _Assumption:
    """What the row beside the pipeline is taken for. `exact`: it was read, and must not have changed since."""

    beside: Beside
    exact: bool


def log(ctx: Context, id: str, body: ActivityCreate) -> ActivityView:
    """Note an activity.

    One round trip where the pipeline is as most are: watched, in the firm's currency, quieter than this activity. The refusal
    of the first attempt brings what is otherwise, and the second takes that into account.
    """
    Pipeline.ID.key(id)  # of another form: not found, before any store is asked
    at = _occurred(ctx, body.occurred_at)
    owner = None if ctx.actor.may(ANY_OWNER) else ctx.actor.id
    usual = Beside(at, _day(ctx, at), ctx.settings.default_currency, watched=True, owner=owner)
    assumed = _Assumption(usual, exact=False)
    try:
        return _write(ctx, id, body, at, assumed)
    except _Otherwise as found:
        assumed = _Assumption(found.beside, exact=True)

    def step() -> ActivityView:
        nonlocal assumed
        try:
            return _write(ctx, id, body, at, assumed)
        except _Otherwise as found:
            assumed = _Assumption(found.beside, exact=True)
            raise Stale from None

    return ctx.store.settle(step)


def _occurred(ctx: Context, given: datetime | None) -> datetime:
    if given is None:
        return ctx.now
    if given > ctx.now + _CLOCKS_APART:
        raise Invalid.field("occurred_at", "it can't lie in the future")
    if given.year < _FIRST_YEAR:
        raise Invalid.field("occurred_at", f"it can't lie before {_FIRST_YEAR}")
    return min(given, ctx.now)


def _day(ctx: Context, at: datetime) -> Any:
    return firm_day(at, ctx.settings.firm_time_zone)


def _write(ctx: Context, id: str, body: ActivityCreate, at: datetime, assumed: _Assumption) -> ActivityView:
    beside = assumed.beside
    if assumed.exact:
        need_write(ctx, beside.owner)
    check_money(beside.currency, {"amount": body.amount})
    activity = Activity.fresh(
        ctx,
        id=Activity.ID.new(ctx.now, parent=id),
        pipeline_id=id,
        event_type=body.event_type,
        description=body.description,
        amount=body.amount,
        currency=beside.currency,
        occurred_at=at,
    )
    answer = activity_view(activity)
    tx = idempotency.transaction(ctx, answer)
    expression, condition, values = _touch(ctx, id, at, assumed)
    names = {"#owner": "owner"} if "#owner" in condition else None
    tx.update(Beside.key(id), expression, condition, _refusal, values, names)
    tx.create(activity)
    tx.commit()
    return answer


def _touch(ctx: Context, id: str, at: datetime, assumed: _Assumption) -> tuple[str, str, dict[str, Any]]:
    """The update of the row beside, its condition and values."""
    beside = assumed.beside
    latest = replace(beside, last_activity_at=at, last_day=_day(ctx, at)) if at >= beside.last_activity_at else beside
    expression = "SET last_activity_at = :at, last_day = :day, gsi1sk = :quiet"
    values: dict[str, Any] = {":at": latest.last_activity_at, ":day": latest.last_day, ":quiet": latest.keys(id)["gsi1sk"]}
    condition = ["attribute_exists(pk)", "attribute_not_exists(closed)", "currency = :currency", "watched = :watched"]
    values |= {":currency": beside.currency, ":watched": beside.watched}
    if assumed.exact:
        condition += ["last_activity_at = :seen", "#owner = :owner" if beside.owner else "attribute_not_exists(#owner)"]
        values[":seen"] = beside.last_activity_at
    else:
        condition.append("last_activity_at <= :at")
        if beside.owner:
            condition.append("(attribute_not_exists(#owner) OR #owner = :owner)")
    if beside.owner:
        values[":owner"] = beside.owner
    return expression, " AND ".join(condition), values


def _refusal(row: Raw) -> Exception:
    if not row or "closed" in row:
        return NotFound("pipeline")
    return _Otherwise(Beside.from_item(row))


def list_page(ctx: Context, id: str, query: Page) -> ActivityPage:
    """A pipeline's activities, the latest noted first. Two round trips: the pipeline must be there."""
    if ctx.store.find(Pipeline, id) is None:
        raise NotFound("pipeline")
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, id, ctx.actor.id)
    partition = Partition(None, id, prefix=ACTIVITIES)
    found = page(ctx.store, [partition], seal, limit=query.limit, cursor=query.cursor, shown=_shown)
    return {"items": cast(list[ActivityView], found.rows), "next_cursor": found.next_cursor}


def _shown(raw: Raw) -> dict[str, Any]:
    return cast(dict[str, Any], activity_view(Activity.from_item(raw)))
