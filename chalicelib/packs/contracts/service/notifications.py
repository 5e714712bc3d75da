"""What people of the firm are told of a contract: the owner of its deal, else the operators."""

from datetime import date

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import notification_target
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.mail_events import MailEvent
from chalicelib.foundation.signing import sha256_hex
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.contracts import repository
from chalicelib.packs.contracts.entities import Contract
from chalicelib.packs.contracts.service.mails import SIGN
from chalicelib.packs.deals.public import DealGate


def event_of(
    ctx: Context,
    contract: Contract,
    gate: DealGate,
    event: str,
    words: str,
    *,
    occasion: str,
    on: date,
    due_on: date | None = None,
    data: JsonObject | None = None,
) -> Notification:
    """The one notification of an occasion."""
    return Notification.for_occasion(
        ctx,
        f"{contract.id}/{event}/{occasion}",
        on=on,
        event=f"contracts.{event}",
        title=f"{words}: {contract.title}",
        due_on=due_on,
        data={"deal_id": contract.deal_id, **(data or {})},
        **notification_target("contract", contract.id, gate.owner),
    )


@retry_on_conflict
def report_mail_event(ctx: Context, about: str, purpose: str, event: MailEvent) -> None:
    """Tell that a mail with a link to sign has bounced, or was complained of: once. The contract stays as it is.

    Raises NotFound for a contract that is gone. One round trip, and one for the notification.
    """
    snapshot = repository.read(ctx, about)
    if purpose != SIGN:
        return
    contract = snapshot.contract
    party_ids = [party["id"] for party in contract.parties if party.get("email") == event.address]
    told = event_of(
        ctx,
        contract,
        snapshot.gate,
        "mail_bounced",
        "A mail with a link to sign didn't arrive" if event.kind != "complaint" else "A mail with a link to sign was complained of",
        occasion=f"{contract.sending}/{event.kind}/{sha256_hex(event.address)}",
        on=contract.status_entered_at.date(),
        data={"kind": event.kind, "party_ids": party_ids, "detail": event.detail},
    )
    tx = Transaction(ctx.store)
    add_notifications(ctx, tx, [told], lambda _: Conflict("It was told before."))
    try:
        tx.commit()
    except Conflict:
        return
