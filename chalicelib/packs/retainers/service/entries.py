"""Logging hours, taking them back, approving them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import notification_target
from chalicelib.foundation.errors import Conflict, Forbidden, NotFound
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_EXISTS
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.deals import public as deals
from chalicelib.packs.retainers import permissions, repository
from chalicelib.packs.retainers.entities import ClosedPeriod, Entry, Retainer
from chalicelib.packs.retainers.presenters import entry_view, logged_view
from chalicelib.packs.retainers.rules import entries
from chalicelib.packs.retainers.rules.entries import Logged
from chalicelib.packs.retainers.rules.minutes import logged_minutes, to_hours
from chalicelib.packs.retainers.rules.states import ANY_DEAL
from chalicelib.packs.retainers.schemas import HoursCreate, HoursEntryView, HoursReversalRequest, LoggedHoursView

_TASK = "task"  # the type of subject

# -- logging


@retry_on_conflict
def log_hours(ctx: Context, id: str, body: HoursCreate, query: ExplainParams) -> LoggedHoursView:
    """Log hours, in steps of the retainer's increment. They are drawn from what was carried over, then this period's, then overage."""
    # Two round trips: retainer, task and gate of its deal are one read. Of entries at once one is written, the others read again.
    task_keys = _task_keys(ctx, body.task_id)
    retainer, items = repository.read_to_change(ctx, id, task_keys)
    permissions.require_log(ctx, retainer.professional_id)
    _check_task(ctx, retainer, body.task_id, items)
    ctx.check_if_match(retainer.revision)
    before = repository.settle(ctx, retainer)
    after, entry, logged = _logged(ctx, before, body.hours, body.worked_on, body.description, body.task_id)
    view = logged_view(ctx, after, entry, logged, explain=query.explain)
    tx = idempotent_transaction(ctx, view)
    _add(ctx, tx, after, entry, logged)
    tx.commit()
    return view


def add_hours(
    ctx: Context,
    tx: Transaction,
    retainer: Retainer,
    hours: Decimal,
    *,
    task_id: str | None,
    worked_on: date | None = None,
    description: str | None = None,
) -> LoggedHoursView:
    """Add an entry of hours to the transaction, by the rules of log_hours: three actions at the most.

    The caller has read the retainer and checked the task. Raises what log_hours raises; the transaction fails with VersionConflict where
    somebody else was first.
    """
    ctx.actor.require(permissions.LOG)
    permissions.require_log(ctx, retainer.professional_id)
    after, entry, logged = _logged(ctx, repository.settle(ctx, retainer), hours, worked_on, description, task_id)
    _add(ctx, tx, after, entry, logged)
    return logged_view(ctx, after, entry, logged)


def _logged(
    ctx: Context, before: Retainer, hours: Decimal, worked_on: date | None, description: str | None, task_id: str | None
) -> tuple[Retainer, Entry, Logged]:
    today, approved = before.today(ctx), not permissions.logs_as_professional(ctx, before.professional_id)
    minutes, day = logged_minutes(hours, before.increment_minutes), worked_on or today
    logged = entries.log(before.account, minutes, day, today, approved=approved)
    entry = _entry(ctx, before, logged, minutes, day, description=description, task_id=task_id, approved=approved)
    return repository.changed(ctx, before, logged.account), entry, logged


def _entry(ctx: Context, retainer: Retainer, logged: Logged, minutes: int, worked_on: date, **values: object) -> Entry:
    return Entry.new(
        ctx,
        id=Entry.ID.new(ctx.now, retainer.id),
        retainer_id=retainer.id,
        minutes=minutes,
        worked_on=worked_on,
        period=logged.period,
        draws=[{"from": draw.source, "minutes": draw.minutes} for draw in logged.draws],
        late_for=logged.late_for,
        **values,
    )


def _add(ctx: Context, tx: Transaction, after: Retainer, entry: Entry, logged: Logged) -> None:
    tx.create(entry)
    tx.save(after)
    if logged.crossed:
        add_notifications(ctx, tx, [_threshold_event(ctx, after, logged)])


def _threshold_event(ctx: Context, retainer: Retainer, logged: Logged) -> Notification:
    figures = logged.account.figures
    return Notification.for_occasion(
        ctx,
        f"{retainer.id}/threshold/{logged.period}/{logged.crossed[-1]}",
        on=ctx.today,
        event="retainers.threshold",
        title=f"{logged.crossed[-1]} % of the hours are used: {retainer.name}",
        data={
            "period": logged.period,
            "crossed": list(logged.crossed),
            "utilization_pct": figures.utilization_pct,
            "hours_used": to_hours(figures.used),
            "hours_available": to_hours(figures.available),
        },
        **notification_target("retainer", retainer.id, owner=None),
    )


# -- tasks


def _task_keys(ctx: Context, task_id: str | None) -> tuple[ItemKey, ...]:
    """The task, and the gate of its deal where it is of one. NotFound for an id that can't name a task."""
    if task_id is None:
        return ()
    registry = SubjectRegistry(ctx.packs)
    registry.require_type(task_id, _TASK)
    return deals.with_gate(registry.key(task_id))


def _check_task(ctx: Context, retainer: Retainer, task_id: str | None, items: Mapping[ItemKey, DynamoItem]) -> None:
    """Raise NotFound for a task that isn't there, Forbidden where the caller needs one of an own deal and names none."""
    keys, is_theirs = _task_keys(ctx, task_id), True
    if task_id is not None:
        task = SubjectRegistry(ctx.packs).parse(task_id, items.get(keys[0]), ctx.today)
        is_theirs = task.facts["professional_id"] == ctx.actor.professional_id
        if permissions.logs_on_own_only(ctx) and not is_theirs:
            raise NotFound(_TASK)
    if ctx.actor.can(ANY_DEAL) or (is_theirs and permissions.logs_as_professional(ctx, retainer.professional_id)):
        return
    gate = deals.parse_gate(items.get(keys[1])) if len(keys) > 1 else None
    if gate is None:
        raise Forbidden("Name a task of one of your own deals.")
    deals.require_own_deal(ctx, gate, ANY_DEAL)


# -- reading


def list_entries(ctx: Context, id: str, query: PageParams) -> PageOf[HoursEntryView]:
    """The hours that were logged, newest first."""
    repository.require_readable(ctx, id)
    return ctx.paginate(Entry.children_of(id), query, entry_view, decode=Entry.from_item)


def get_entry(ctx: Context, id: str, entry_id: str) -> HoursEntryView:
    """An entry of hours."""
    keys = Retainer.ID.key(id), Entry.ID.key(entry_id)
    items = ctx.store.batch_get(keys)
    retainer, entry = parse_live(Retainer, items.get(keys[0])), parse_live(Entry, items.get(keys[1]))
    if retainer is None:
        raise NotFound(Retainer.ID.name)
    permissions.require_read(ctx, retainer.professional_id)
    return entry_view(_of_retainer(entry, id))


def _of_retainer(entry: Entry | None, retainer_id: str) -> Entry:
    if entry is None or entry.retainer_id != retainer_id:
        raise NotFound(Entry.ID.name)
    return entry


# -- taking back, approving


@retry_on_conflict
def reverse_entry(ctx: Context, id: str, entry_id: str, body: HoursReversalRequest, query: ExplainParams) -> LoggedHoursView:
    """Take an entry back, once, by a counter-entry in the open period: it gives back what was drawn last."""
    retainer, entry = _read_entry(ctx, id, entry_id)
    if entry.reverses is not None:
        raise Conflict("A counter-entry can't be taken back. Log the hours again.", code="counter_entry")
    _require_standing(entry)
    settled = repository.settle(ctx, retainer)
    late_for = entry.late_for or (entry.period if settled.account.periods != entry.period else None)
    logged = entries.take_back(settled.account, entry.minutes, late_for)
    counter = _entry(
        ctx, settled, logged, -entry.minutes, entry.worked_on,
        description=body.reason, task_id=entry.task_id, approved=True, reverses=entry.id,
    )  # fmt: skip
    after = repository.changed(ctx, settled, logged.account)
    unapproved = 0 if entry.approved else entry.minutes
    if entry.period == logged.period:
        after = _less_unapproved(after, unapproved)
    view = logged_view(ctx, after, counter, logged, explain=query.explain)
    tx = idempotent_transaction(ctx, view)
    _add(ctx, tx, after, counter, logged)
    tx.save(entry.with_changes(ctx, reversed_by=counter.id))
    if unapproved and entry.period != logged.period:
        _add_less_unapproved(tx, entry)
    tx.commit()
    return view


@retry_on_conflict
def approve_entry(ctx: Context, id: str, entry_id: str) -> HoursEntryView:
    """Approve hours that a professional has logged. Whoever logged them may not, and no API key may."""
    retainer, entry = _read_entry(ctx, id, entry_id)
    _require_standing(entry)
    if entry.approved:
        raise Conflict("The entry is approved.", code="approved")
    if entry.created_by == ctx.actor.id:
        raise Forbidden("Whoever logged hours may not approve them.")
    if ctx.actor.kind == "api_key":
        raise Forbidden("A person approves hours: an API key may not.")
    after = entry.with_changes(ctx, approved=True, approved_by=ctx.actor.id)
    view = entry_view(after)
    tx = idempotent_transaction(ctx, view)
    tx.save(after)
    period = retainer.account.period
    if period is not None and period.n == entry.period:
        tx.save(_less_unapproved(retainer.with_changes(ctx), entry.minutes))
    else:
        _add_less_unapproved(tx, entry)
    tx.commit()
    return view


def _read_entry(ctx: Context, id: str, entry_id: str) -> tuple[Retainer, Entry]:
    key = Entry.ID.key(entry_id)
    retainer, items = repository.read_to_change(ctx, id, [key])
    entry = _of_retainer(parse_live(Entry, items.get(key)), id)
    ctx.check_if_match(entry.revision)
    return retainer, entry


def _require_standing(entry: Entry) -> None:
    if entry.reversed_by is not None:
        raise Conflict("The entry was taken back.", code="reversed")


def _less_unapproved(retainer: Retainer, minutes: int) -> Retainer:
    """The retainer with fewer unapproved minutes in its open period."""
    period: JsonObject = dict(retainer.open_period or {})
    return retainer.with_values(open_period={**period, "unapproved": period["unapproved"] - minutes})


def _add_less_unapproved(tx: Transaction, entry: Entry) -> None:
    """Count the entry's minutes no more among the unapproved ones of its period, which is closed."""
    tx.update(ClosedPeriod.key_of(entry.retainer_id, entry.period), add={"unapproved": -entry.minutes}, when=ROW_EXISTS)
