"""The system's status: computed, save for one mark that people set: that the backend is complete. Reading never writes."""

from collections import Counter
from typing import Any

from chalicelib import __version__
from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.idempotency import read as read_once
from chalicelib.foundation.idempotency import transaction
from chalicelib.foundation.store import keys
from chalicelib.foundation.store.codec import plain, wire
from chalicelib.foundation.store.store import wire_key
from chalicelib.packs.status.probes import DEGRADED, INSTALLED, PENDING, pack_states
from chalicelib.packs.status.titles import TITLES

_MARK = keys.config("completion")
_UNMARKED = "System metadata initialized."
_COMPLETE = "Backend marked as complete"
_INCOMPLETE = "Backend marked as incomplete (development mode)"


def status(ctx: Context) -> tuple[dict[str, Any], int]:
    """The whole status, and how old its packs' part is in seconds."""
    raw = ctx.store.get_raw(_MARK)
    held = pack_states(ctx)
    return _whole(ctx, plain(raw) if raw else {}, held.value), held.age


def one(ctx: Context, letter: str) -> tuple[dict[str, Any], int]:
    """One pack by its letter, whatever its case; NotFound for what is no pack's."""
    letter = letter.upper()
    if letter not in TITLES:
        raise NotFound("pack")
    held = pack_states(ctx)
    return next(pack for pack in held.value if pack["id"] == letter), held.age


def mark(ctx: Context, *, complete: bool, notes: str | None) -> dict[str, Any]:
    """Set or take away the mark; gives the whole status. The instant of completion stays that of the first mark until it is taken away."""
    packs = pack_states(ctx).value

    def step() -> dict[str, Any]:
        raw = read_once(ctx, [_MARK]).get(_MARK)
        before = plain(raw) if raw else {}
        row = {
            "complete": complete,
            "notes": notes or (_COMPLETE if complete else _INCOMPLETE),
            "completed_at": (before.get("completed_at") or instant(ctx.now)) if complete else None,
            "updated_at": instant(ctx.now),
            "updated_by": ctx.actor.id,
            "request_id": ctx.request_id,
            "revision": before.get("revision", 0) + 1,
        }
        answer = _whole(ctx, row, packs)
        tx = transaction(ctx, answer)
        seen = before.get("revision")
        item = wire_key(_MARK) | wire(row)
        if seen is None:
            tx.put(item, "attribute_not_exists(pk)")
        else:
            tx.put(item, "revision = :seen", values={":seen": seen})
        tx.commit()
        return answer

    return ctx.store.settle(step)


def counts(packs: list[dict[str, Any]]) -> dict[str, int]:
    """How many packs there are of each status; none is ever deprecated, the older API's clients read that number."""
    of = Counter(pack["status"] for pack in packs)
    return {"total": len(packs), "installed": of[INSTALLED], "pending": of[PENDING], "deprecated": 0, "degraded": of[DEGRADED]}


def sentence(packs: list[dict[str, Any]]) -> str:
    """The counts in words."""
    number = counts(packs)
    return f"{number['installed']} of {number['total']} packs installed, {number['pending']} pending, {number['degraded']} degraded."


def _whole(ctx: Context, row: dict[str, Any], packs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "version": __version__,
        "backend_complete": row.get("complete", False),
        "packs": packs,
        "summary": sentence(packs),
        "extra": {
            "notes": row.get("notes", _UNMARKED),
            "updated_at": row.get("updated_at"),
            "completed_at": row.get("completed_at"),
            "git_revision": ctx.settings.git_revision,
            "built_at": ctx.settings.built_at,
        },
    }
