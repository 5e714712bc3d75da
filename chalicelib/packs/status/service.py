"""The system status: computed, except the completion of the backend, which users set. Reading never writes."""

from collections import Counter

from chalicelib import __version__
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.status import repository
from chalicelib.packs.status.probes import DEGRADED, INSTALLED, PENDING, pack_statuses
from chalicelib.packs.status.schemas import PackCounts, PackStatusView, SystemStatusView

_DEFAULT_NOTES = "System metadata initialized."
_COMPLETE = "Backend marked as complete"
_INCOMPLETE = "Backend marked as incomplete (development mode)"


def status(ctx: Context) -> tuple[SystemStatusView, int]:
    """The full status, and the age of the pack statuses in seconds."""
    completion = repository.find_completion(ctx)
    cached = pack_statuses(ctx)
    return _status_view(ctx, completion, cached.value), cached.age


def pack_status(ctx: Context, letter: str) -> tuple[PackStatusView, int]:
    """The status of one pack by its letter, in either case, and its age in seconds; NotFound for an unknown letter."""
    letter = letter.upper()
    if letter not in ctx.packs.headings:
        raise NotFound("pack")
    cached = pack_statuses(ctx)
    return next(pack for pack in cached.value if pack["id"] == letter), cached.age


@retry_on_conflict
def set_completion(ctx: Context, *, complete: bool, notes: str | None) -> SystemStatusView:
    """Set or clear the completion; returns the full status. The time of completion remains the first one until it is cleared."""
    packs = pack_statuses(ctx).value
    before = repository.find_completion_or_replay(ctx)
    after = {
        "complete": complete,
        "notes": notes or (_COMPLETE if complete else _INCOMPLETE),
        "completed_at": (before.get("completed_at") or format_timestamp(ctx.now)) if complete else None,
        "updated_at": format_timestamp(ctx.now),
        "updated_by": ctx.actor.id,
        "request_id": ctx.request_id,
        "revision": before.get("revision", 0) + 1,
    }
    view = _status_view(ctx, after, packs)
    repository.save_completion(ctx, before, after, view)
    return view


def counts(packs: list[PackStatusView]) -> PackCounts:
    """Number of packs by status; `deprecated` is always 0, but clients of the older API read it."""
    by_status = Counter(pack["status"] for pack in packs)
    return {
        "total": len(packs),
        "installed": by_status[INSTALLED],
        "pending": by_status[PENDING],
        "deprecated": 0,
        "degraded": by_status[DEGRADED],
    }


def summary_text(packs: list[PackStatusView]) -> str:
    """The counts in a sentence."""
    totals = counts(packs)
    return f"{totals['installed']} of {totals['total']} packs installed, {totals['pending']} pending, {totals['degraded']} degraded."


def _status_view(ctx: Context, row: JsonObject, packs: list[PackStatusView]) -> SystemStatusView:
    return {
        "version": __version__,
        "backend_complete": row.get("complete", False),
        "packs": packs,
        "summary": summary_text(packs),
        "extra": {
            "notes": row.get("notes", _DEFAULT_NOTES),
            "updated_at": row.get("updated_at"),
            "completed_at": row.get("completed_at"),
            "git_revision": ctx.settings.git_revision,
            "built_at": ctx.settings.built_at,
        },
    }
