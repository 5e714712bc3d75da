"""Telling that a packet was not accepted in time. A packet's due key is the instant by which it was to be."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date, format_timestamp
from chalicelib.foundation.due_work import commit_claim, process_due_entities
from chalicelib.foundation.events import FALLBACK_ROLE, Notification
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.handoffs.entities import Packet


def raise_due(ctx: Context, run: RunStats) -> None:
    """Tell operators and the sender of each packet past its time, once. Two round trips for fifty packets, and one for each."""
    process_due_entities(ctx, run, Packet.UNACCEPTED.until(ctx.now), Packet, _raise)


def _raise(ctx: Context, packet: Packet) -> bool:
    if packet.unaccepted_from is None or packet.unaccepted_from > ctx.now:
        return False  # the index lags: it was answered, or another run has told of it
    after = packet.with_changes(ctx, alarmed_at=ctx.now)
    return commit_claim(ctx, lambda tx: tx.save(after), [_event(ctx, packet)])


def _event(ctx: Context, packet: Packet) -> Notification:
    due = packet.accept_by or ctx.now
    return Notification.for_occasion(
        ctx,
        f"{packet.id}/unaccepted",
        on=business_date(due, ctx.settings.firm_time_zone),
        event="handoffs.unaccepted",
        title=f"Packet No. {packet.number} was not accepted in time",
        subject_type="packet",
        subject_id=packet.id,
        for_user=packet.sending_user,
        for_role=FALLBACK_ROLE,
        data={"deal_id": packet.deal_id, "professional_id": packet.professional_id, "accept_by": format_timestamp(due)},
    )
