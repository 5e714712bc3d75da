"""Telling of what a verification has found: auditors by an event, once for each break."""

from chalicelib.foundation import telemetry
from chalicelib.foundation.context import Context
from chalicelib.packs.audit import repository
from chalicelib.packs.audit.sealing import DayVerdict
from chalicelib.packs.audit.verification import ChainBreak


def report_chain(ctx: Context, entity_id: str, kind: str, first_break: ChainBreak | None) -> None:
    """Tell of a chain that was verified to its end. One round trip where it is broken."""
    if first_break is not None:
        _tell(ctx, f"{entity_id}#{first_break.seq}", kind or "trail", entity_id, first_break.reason, seq=first_break.seq)


def report_day(ctx: Context, verdict: DayVerdict) -> None:
    """Tell of a day that isn't as it was sealed. One round trip where there is one."""
    if (found := verdict.first_break) is not None:
        _tell(ctx, f"day#{verdict.date}", "trail", verdict.date.isoformat(), found.reason, entity_id=found.entity_id, seq=found.seq)


def _tell(ctx: Context, occasion: str, subject_type: str, subject_id: str, reason: str, **data: object) -> None:
    telemetry.log("ERROR", "CHAIN_BROKEN", subject=subject_id, reason=reason, **data)
    telemetry.emit_metric({"ChainBroken": 1}, stream="verification")
    title = f"The trail of {subject_id} isn't as it was recorded: {reason}"
    repository.notify_broken(ctx, occasion, subject_type=subject_type, subject_id=subject_id, title=title, data={"reason": reason, **data})
