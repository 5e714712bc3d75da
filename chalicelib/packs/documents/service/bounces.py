"""Mails about a document that came back, or were complained about."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import commit_claim, notification_target
from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.events import Notification
from chalicelib.foundation.mail_events import MailEvent
from chalicelib.foundation.state_machine import SYSTEM
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.documents import repository
from chalicelib.packs.documents.entities import Route
from chalicelib.packs.documents.rules.statuses import BOUNCED, MACHINE, OPENED, SENT
from chalicelib.packs.documents.service import delivery


@retry_on_conflict
def mail_failed(ctx: Context, about: str, purpose: str, event: MailEvent) -> None:
    """Note that a mail of the route's present sending failed: one that was sent bounces, and its links end.

    One that was opened stays so, since the mail had come before; it is not reminded of any more, but by hand. Repeated, it changes nothing.
    What the receiving system wrote isn't kept: it names the address. Two round trips.
    """
    key = Route.ID.key(about)
    gate_key = deals.gate_key(key.pk)
    items = ctx.store.batch_get([key, gate_key])
    route, gate = parse_live(Route, items.get(key)), deals.parse_gate(items.get(gate_key))
    if route is None or gate is None or purpose != delivery.sending_of(route):
        return
    if route.status == SENT:
        MACHINE.check(SENT, BOUNCED, initiator=SYSTEM, reason=event.kind)
        entry = repository.HISTORY.entry(ctx, BOUNCED, reason=event.kind)
        after = route.with_changes(ctx, **entry, epoch=route.epoch + 1)
    elif route.status == OPENED and not route.is_undeliverable:
        after = route.with_changes(ctx, is_undeliverable=True)
    else:
        return

    def claim(tx: Transaction) -> None:
        repository.add_change(ctx, tx, route, after, statuses=deals.ANY_STATUS)

    if not commit_claim(ctx, claim, [_event(ctx, route, gate, event.kind)]):
        raise VersionConflict


def _event(ctx: Context, route: Route, gate: deals.DealGate, kind: str) -> Notification:
    return Notification.for_occasion(
        ctx,
        f"{route.id}/bounced/{route.epoch}/{route.status}",
        on=ctx.today,
        event="documents.bounced",
        title=f"A mail came back ({kind}): {route.title or route.document_type}",
        data={"deal_id": route.deal_id, "professional_id": route.professional_id, "kind": kind, "status": route.status},
        **notification_target("route", route.id, gate.owner),
    )
