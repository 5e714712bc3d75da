"""Invitations and forgotten passwords: a code that comes by mail, works once, for an hour.

The row is found by the code's hash. It names the user's epoch, so a code is dead once the password was changed or all sessions
were ended by whatever other way; and where it was mailed, so it is dead once the user's address is another.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from chalicelib.foundation import idempotency, outbox
from chalicelib.foundation.auth import emails, lockout, passwords, rates, users
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.auth.schemas import Confirmation, Invitation, ResetRequest
from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Invalid
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store.store import alive
from chalicelib.foundation.store.transactions import Transaction

LIFE = timedelta(hours=1)
Purpose = Literal["invitation", "password-reset"]


class Code(NamedTuple):
    """A fresh code, the transaction's row for it, and when it is over."""

    text: str
    key: Key
    expires_at: datetime


# -- invitations


def invite(ctx: Context, body: Invitation) -> dict[str, Any]:
    """A user without a password, and a mail with the code to set one. Again for the same person: another mail.

    Conflict where the address is that of a user who has a password, or whose roles are others than these.
    """
    roles = users.in_order(body.roles)
    users.check_grant(ctx, roles, ())
    professional_id = users.professional_of(roles, body.professional_id)
    idempotency.read(ctx, [])  # a replay must not meet what its first run has changed
    rates.take(ctx, "invitation", emails.same(body.email), every=600, burst=3)
    known = users.by_email(ctx, body.email)
    if known:
        user = known
        users.check_reach(ctx, user)
        if user.password_hash or not user.is_active:
            raise Conflict("This user has been invited and has a password, or is deactivated.", code="email_taken")
        if (user.roles, user.professional_id) != (roles, professional_id):
            raise Conflict("This user was invited with other roles; change those first.", code="roles_differ")
    else:
        user = User.fresh(
            ctx,
            email=body.email,
            name=body.name,
            roles=roles,
            governance_roles=[],
            professional_id=professional_id,
            is_active=True,
            password_is_initial=False,
            epoch=0,
        )
    code = _code(ctx)
    answer = {"user_id": user.id, "expires_at": code.expires_at}
    tx = idempotency.transaction(ctx, answer)
    if not known:
        users.add(ctx, tx, user)
    _put_code(ctx, tx, code, "invitation", user)
    outbox.mail(tx, ctx, to=user.email, subject="Your invitation to Valhalla", text=_letter(ctx, code, "invitation"))
    tx.commit()
    return answer


def confirm_invitation(ctx: Context, body: Confirmation) -> None:
    """Set the first password. Invalid for a code that is unknown, over or used."""
    _confirm(ctx, body, "invitation")


# -- forgotten passwords


def ask_for_reset(ctx: Context, body: ResetRequest) -> dict[str, Any]:
    """Mail a code to a user of this address. For everybody else: the same answer, the same round trips, and no mail."""
    rates.take(ctx, "reset-from", ctx.source_ip, every=60, burst=20)
    rates.take(ctx, "reset-for", emails.same(body.email), every=1200, burst=3)
    user = users.by_email(ctx, body.email)
    code = _code(ctx)
    tx = Transaction(ctx.store)
    known = user if user and user.is_active and user.password_hash else None
    _put_code(ctx, tx, code, "password-reset", known)
    letter, to = _letter(ctx, code, "password-reset"), known.email if known else body.email
    outbox.mail(tx, ctx, to=to, subject="A new password for Valhalla", text=letter, void=known is None)
    tx.commit()
    return {"status": "accepted"}


def confirm_reset(ctx: Context, body: Confirmation) -> None:
    """Set another password and end every session. Invalid for a code that is unknown, over or used."""
    _confirm(ctx, body, "password-reset")


# -- codes


def _code(ctx: Context) -> Code:
    text = secrets.token_urlsafe(32)
    return Code(text, _key(text), ctx.now + LIFE)


def _key(code: str) -> Key:
    return Key(f"CODE#{hashlib.sha256(code.encode()).hexdigest()}", "C")


def _put_code(ctx: Context, tx: Transaction, code: Code, purpose: Purpose, user: User | None) -> None:
    """Put the code's row into the transaction; one for nobody is like any other, and opens nothing."""
    whose = {"user_id": user.id, "epoch": user.epoch} if user else {"user_id": "", "epoch": 0}
    row = {"kind": "code", "purpose": purpose, **whose, "mailed_to": _mailbox(user.email if user else ""), "request_id": ctx.request_id}
    tx.put_row(code.key, {**row, "ttl": int(code.expires_at.timestamp())}, "attribute_not_exists(pk)")


def _mailbox(email: str) -> str:
    return hashlib.sha256(emails.same(email).encode()).hexdigest()


def _confirm(ctx: Context, body: Confirmation, purpose: Purpose) -> None:
    rates.take(ctx, "confirm", ctx.source_ip, every=30, burst=10)
    key = _key(body.token)
    refusal = Invalid.field("token", "it is unknown, older than an hour, or used", "token")
    row = ctx.store.get_raw(key)
    if row is None or row["purpose"]["S"] != purpose or int(row["ttl"]["N"]) <= ctx.now.timestamp() or not row["user_id"]["S"]:
        raise refusal
    first = users.get(ctx, row["user_id"]["S"])
    passwords.check(body.password, first.email)
    kept = passwords.keep(body.password)

    def step() -> None:
        user = alive(User, ctx.store.get_raw(first.key))
        if user is None or not user.is_active or user.epoch != int(row["epoch"]["N"]) or _mailbox(user.email) != row["mailed_to"]["S"]:
            raise refusal
        after = user.changed(ctx, password_hash=kept, password_is_initial=False, epoch=user.epoch + 1)
        after.updated_by = user.id  # the code says who they are
        tx = Transaction(ctx.store)
        tx.delete(key, "attribute_exists(pk)", refusal)
        users.put(ctx, tx, user, after)
        lockout.forgive(ctx, tx, user.email)  # as the refusal of too many attempts promises
        tx.commit()

    ctx.store.settle(step)


def _letter(ctx: Context, code: Code, purpose: Purpose) -> str:
    what = {
        "invitation": "You are invited to Valhalla. Choose a password to begin.",
        "password-reset": "Somebody, probably you, asked for a new password. If it wasn't you, do nothing; nothing has changed.",
    }[purpose]
    way = {"invitation": "invitations", "password-reset": "password-reset"}[purpose]
    if ctx.settings.app_url:
        how = f"Go on here: {ctx.settings.app_url}/{way}#token={code.text}"  # after #: no server on the way writes it down
    else:
        how = f'Send {{"token": "{code.text}", "password": "…"}} to POST {ctx.settings.public_url}/auth/{way}/confirm'
    return f"{what}\n\n{how}\n\nIt works once, until {instant(code.expires_at)}.\n"
