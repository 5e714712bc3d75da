"""Creating and reading snapshots, and correcting the close of a day.

A snapshot's id is made of day, kind and version, and it is put only where there is none, so that repeated or concurrent creation
gives one. None is ever changed; a correction is the next version.
"""

from datetime import date, timedelta

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound, ValidationFailed, VersionConflict
from chalicelib.foundation.schema_types import PageOf
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.holdings import repository
from chalicelib.packs.holdings.entities import Snapshot, SnapshotContent
from chalicelib.packs.holdings.permissions import CORRECT_SNAPSHOTS
from chalicelib.packs.holdings.presenters import snapshot_summary, snapshot_view
from chalicelib.packs.holdings.rules.snapshots import CLOSE, INTRADAY, closed_day, may_wait
from chalicelib.packs.holdings.rules.summary import Summary, summarize
from chalicelib.packs.holdings.schemas import SnapshotCreate, SnapshotListQuery, SnapshotQuery, SnapshotSummary, SnapshotView
from chalicelib.packs.holdings.service import reports

# -- creating


@retry_on_conflict
def create_snapshot(ctx: Context, body: SnapshotCreate) -> tuple[SnapshotView, bool]:
    """Today's snapshot, or a new version of a day's close; and whether it is new. Seven round trips, one more with an Idempotency-Key."""
    if body.date is not None:
        return _correct_close(ctx, body.date, body.reason)
    if body.reason is not None:
        raise ValidationFailed.field("date", "a reason belongs to the correction of a day's close")
    idempotency.read_or_replay(ctx, ())
    if existing := repository.latest_snapshot(ctx, ctx.today, INTRADAY):
        return _view(ctx, existing), False
    return _write(ctx, _build(ctx, ctx.today, INTRADAY, pending=repository.count_pending(ctx, ctx.today))), True


def _correct_close(ctx: Context, day: date, reason: str | None) -> tuple[SnapshotView, bool]:
    ctx.actor.require(CORRECT_SNAPSHOTS)
    if reason is None:
        raise ValidationFailed.field("reason", "a correction says why")
    if day > last_ended_day(ctx):
        raise ValidationFailed.field("date", "the day hasn't ended")
    idempotency.read_or_replay(ctx, ())
    existing = repository.latest_snapshot(ctx, day, CLOSE)
    pending = repository.count_pending(ctx, ctx.today)
    corrected = _build(ctx, day, CLOSE, existing.head.version + 1 if existing else 1, reason, pending=pending)
    if existing is None and not corrected.head.totals and (reports.first_holding_day(ctx) or date.max) > day:
        raise Conflict("Nothing was held on that day or before it: there is nothing to keep.")
    if existing and existing.head.content_hash == corrected.head.content_hash and existing.head.reason == reason:
        return _view(ctx, existing), False
    return _write(ctx, corrected), True


def _build(ctx: Context, day: date, kind: str, version: int = 1, reason: str | None = None, *, pending: int) -> SnapshotContent:
    """The snapshot of a day from the current data; `pending` was counted before. Two round trips."""
    totals, rates = reports.totals_on_day(ctx, day), repository.rates_between(ctx, day, day)
    return SnapshotContent.build(ctx, day, kind, totals, rates, version=version, reason=reason, pending_changes=pending)


def _write(ctx: Context, snapshot: SnapshotContent) -> SnapshotView:
    view = _view(ctx, snapshot)
    repository.create_snapshot(ctx, snapshot, view)
    return view


def last_ended_day(ctx: Context) -> date:
    """The latest day that can be closed."""
    return closed_day(ctx.now, ctx.settings.firm_time_zone)


def close(ctx: Context, day: date) -> bool | None:
    """Create the close of a day; False where it exists already, None where it waits for the totals to catch up. Six round trips."""
    pending = repository.count_pending(ctx, day)
    if pending and may_wait(day, ctx.now, ctx.settings.firm_time_zone):
        return None
    try:
        repository.create_snapshot(ctx, _build(ctx, day, CLOSE, pending=pending))
    except VersionConflict:
        return False
    return True


def first_open_day(ctx: Context) -> date | None:
    """The first day that may have no close yet: after the last scheduled close, else the day of the first holding's entry.

    A correction (with a reason) doesn't imply that the days before it are closed. None where there are no holdings.
    """
    last = repository.last_scheduled_close(ctx)
    return last + timedelta(days=1) if last else repository.first_entry_day(ctx)


# -- reading


def get(ctx: Context, day: str, query: SnapshotQuery) -> SnapshotView:
    """A day's close, or another of its snapshots. One query; NotFound without one."""
    try:
        on = date.fromisoformat(day) if len(day) == len("2026-01-01") else None
    except ValueError:
        on = None
    snapshot = repository.latest_snapshot(ctx, on, query.kind, query.version) if on else None
    if snapshot is None:
        raise NotFound("snapshot")
    return _view(ctx, snapshot, query.currency)


def list_snapshots(ctx: Context, query: SnapshotListQuery) -> PageOf[SnapshotSummary]:
    """Snapshots, the latest day first. One query."""
    if query.from_ and query.to and query.from_ > query.to:
        raise ValidationFailed.field("from", "the first day is after the last")

    def view(snapshot: Snapshot) -> SnapshotSummary:
        return snapshot_summary(snapshot, _summarize(ctx, snapshot, snapshot.on, query.currency))

    return ctx.paginate(repository.snapshot_range(query), query, view, decode=Snapshot.from_item)


def _view(ctx: Context, snapshot: SnapshotContent, currency: str | None = None) -> SnapshotView:
    return snapshot_view(snapshot.head, _summarize(ctx, snapshot, snapshot.head.on, currency))


def _summarize(ctx: Context, snapshot: Snapshot | SnapshotContent, day: date, currency: str | None) -> Summary:
    """The summary of a snapshot by its own rates."""
    totals, rates = snapshot.totals_and_rates
    return summarize(totals, rates, currency or ctx.settings.default_currency, day)
