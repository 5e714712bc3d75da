"""The rules of a change of mail address: who must confirm it, and who is told.

Whoever reads a user's mail can set their password. So an address is changed by its holder alone: the new one stays pending until they
confirm it, with a code that is mailed to it and their password. The old address and the auditors are told of every step.
"""

from collections.abc import Collection
from typing import Literal, NamedTuple

from chalicelib.foundation import emails, outbox
from chalicelib.foundation.auth import codes
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.auth.user_events import add_user_event
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.store.transactions import Transaction

Step = Literal["requested", "confirmed", "corrected"]
_TITLES: dict[Step, str] = {
    "requested": "A change of the mail address of a user was asked for",
    "confirmed": "The mail address of a user was changed, and confirmed by its holder",
    "corrected": "The mail address of a user who has no password yet was changed",
}
_CHANGED = "The mail address of your user has been changed: this one is it no longer. If you didn't want that, tell your auditors.\n"
_NOTICES: dict[Step, str] = {
    "requested": (
        "Somebody asked for another mail address for your user. Nothing has changed yet: it takes a code that was sent there, and your "
        "password. If it wasn't you, keep your password to yourself, and tell your auditors.\n"
    ),
    "confirmed": _CHANGED,
    "corrected": _CHANGED,
}


class AddressChange(NamedTuple):
    """The attributes of the user to change, and the step to tell others of; None where the mailbox stays the same."""

    values: dict[str, object]
    step: Step | None


def decide(user: User, address: str, governance_roles: Collection[str]) -> AddressChange:
    """What a request for this address does. `governance_roles` are those that the user has before and after it.

    The present address in any spelling is taken at once and withdraws a change that is pending. Somebody who was invited and has no password
    can't confirm anything: their address is corrected, but raises Conflict where they hold a governance role, since whoever
    reads the new mailbox would hold it.
    """
    if emails.normalize_email(address) == emails.normalize_email(user.email):
        return AddressChange({"email": address, "pending_email": None}, None)
    if user.password_hash:
        return AddressChange({"pending_email": address}, "requested")
    if governance_roles:
        detail = "They hold a governance role and have no password to confirm another address with. Take the role from them first."
        raise Conflict(detail, code="governance_holder")
    return AddressChange({"email": address, "pending_email": None}, "corrected")


def add_step(ctx: Context, tx: Transaction, before: User, after: User, step: Step, *, deliver: bool = True) -> None:
    """Add to the transaction what a step tells: the code to the new address, a notice to the old one, an event for the auditors.

    Without `deliver` the code is nobody's and its mail isn't sent, and all else is the same: the new address belongs to somebody else.
    """
    if step == "requested":
        address = after.pending_email or ""
        text = codes.add(ctx, tx, "email-change", after if deliver else None, address)
        outbox.add_mail(tx, ctx, to=address, subject="Confirm your mail address", text=text, decoy=not deliver)
    outbox.add_mail(tx, ctx, to=before.email, subject="Your mail address at Valhalla", text=_NOTICES[step])
    occasion = f"{after.id}#{step}#{ctx.request_id}"
    add_user_event(ctx, tx, "auth.email_change", after.id, occasion, _TITLES[step], for_role="auditor", data={"step": step})
