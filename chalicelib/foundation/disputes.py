"""Disputes of what is recorded about a professional: their signals, their interactions.

What is disputed counts nowhere until somebody settles it, and what was upheld never again. A record is disputed once; who recorded it
doesn't settle it. The record holds the dispute as one map:

    {status: open | upheld | rejected, reason, by, at, note, settled_by, settled_at}
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from chalicelib.foundation.actor import Stamp
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Conflict, Forbidden
from chalicelib.foundation.json_codec import JsonObject

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context
    from chalicelib.foundation.events import Notification

OPEN, UPHELD, REJECTED = STATUSES = ("open", "upheld", "rejected")
OUTCOMES = (UPHELD, REJECTED)

Dispute = Mapping[str, Any]


class DisputeView(TypedDict):
    """A dispute: why, by whom and when; and once it is settled how, by whom and when."""

    status: str
    reason: str
    by: str
    at: str
    note: str | None
    settled_by: str | None
    settled_at: str | None


def dispute_view(dispute: Dispute | None) -> DisputeView | None:
    """A record's dispute as an answer; None where there is none."""
    if dispute is None:
        return None
    return {
        "status": dispute["status"],
        "reason": dispute["reason"],
        "by": dispute["by"],
        "at": dispute["at"],
        "note": dispute.get("note"),
        "settled_by": dispute.get("settled_by"),
        "settled_at": dispute.get("settled_at"),
    }


def counts(dispute: Dispute | None) -> bool:
    """Whether what is recorded counts: it is undisputed, or the dispute was rejected."""
    return dispute is None or dispute["status"] == REJECTED


def opened(ctx: Stamp, dispute: Dispute | None, reason: str) -> JsonObject:
    """The dispute that the caller opens. Conflict where there is one already, settled or not."""
    if dispute is not None:
        raise Conflict("It has been disputed already.", code="disputed", dispute_status=dispute["status"])
    return {"status": OPEN, "reason": reason, "by": ctx.actor.id, "at": format_timestamp(ctx.now)}


def settled(ctx: Stamp, dispute: Dispute | None, outcome: str, note: str, recorded_by: str) -> JsonObject:
    """The dispute as the caller settles it. Conflict where none is open, Forbidden for who recorded what is disputed."""
    if dispute is None or dispute["status"] != OPEN:
        raise Conflict("There is no open dispute of it.", code="not_disputed")
    if recorded_by == ctx.actor.id:
        raise Forbidden("Somebody else settles the dispute: you recorded what is disputed.")
    return {**dispute, "status": outcome, "note": note, "settled_by": ctx.actor.id, "settled_at": format_timestamp(ctx.now)}


def disputed_event(
    ctx: "Context", event: str, title: str, subject_type: str, subject_id: str, professional_id: str | None
) -> "Notification":
    """The one event for operators that something is disputed, e.g. `scorecards.disputed`: to be written with the dispute."""
    from chalicelib.foundation.due_work import notification_target
    from chalicelib.foundation.events import Notification

    data = {"professional_id": professional_id} if professional_id else {}
    target = notification_target(subject_type, subject_id, owner=None)
    return Notification.for_occasion(ctx, f"{subject_id}/disputed", on=ctx.today, event=event, title=title, data=data, **target)
