"""Telling of what a verification has found: auditors by an event, once for each break, and who keeps what others observe.

What is broken is raised as CHAIN_BROKEN, and a verification that finds the whole of it sound ends that.
"""

from chalicelib.foundation import observations, telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.observations import Observation
from chalicelib.packs.audit import repository
from chalicelib.packs.audit.sealing import DayVerdict
from chalicelib.packs.audit.verification import ChainBreak

CODE = "CHAIN_BROKEN"
_DAY = "trail"  # the type of a day as the subject of an event


def report_chain(ctx: Context, entity_id: str, kind: str, root_id: str | None, found: ChainBreak | None) -> None:
    """Tell of a chain that was verified to its end: `found` is its first break."""
    if found is not None:
        _tell(ctx, f"{entity_id}#{found.seq}", kind, entity_id, found.reason, seq=found.seq)
    reason = f"Its trail is broken at {found.seq}: {found.reason}." if found else ""
    observations.report(ctx, Observation(CODE, kind, entity_id, reason, stands=found is not None, root_id=root_id))


def report_day(ctx: Context, verdict: DayVerdict) -> None:
    """Tell of a day that isn't as it was sealed, or that it is."""
    day, found = verdict.date.isoformat(), verdict.first_break
    if found is not None:
        _tell(ctx, f"day#{day}", _DAY, day, found.reason, entity_id=found.entity_id, seq=found.seq)
        observations.report(ctx, Observation(CODE, _DAY, day, f"The day isn't as it was sealed: {found.reason}."))
    elif verdict.sealed and verdict.complete:
        observations.report(ctx, Observation(CODE, _DAY, day, "", stands=False))


def _tell(ctx: Context, occasion: str, subject_type: str, subject_id: str, reason: str, **data: object) -> None:
    telemetry.log("ERROR", CODE, subject=subject_id, reason=reason, **data)
    telemetry.emit_metric({"ChainBroken": 1}, stream="verification")
    title = f"The trail of {subject_id} isn't as it was recorded: {reason}"
    repository.notify_broken(ctx, occasion, subject_type=subject_type, subject_id=subject_id, title=title, data={"reason": reason, **data})
