"""Invitations and password resets by a mailed code that works once, within an hour.

The row is found by the code's hash. It holds the user's epoch, so a code is invalid once the password was changed or all sessions
were ended in any other way; and a hash of the mail address, so it is invalid once the user has another address.
"""

import secrets
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from chalicelib.foundation import emails, idempotency, outbox
from chalicelib.foundation.access import require_live_caller
from chalicelib.foundation.auth import lockout, passwords, rate_limit, users
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.auth.schemas import AcceptedView, CodeConfirmationRequest, InvitationCreate, InvitationView, PasswordResetRequest
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.signing import sha256_hex
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_ABSENT, ROW_EXISTS
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction

CODE_TTL = timedelta(hours=1)
Purpose = Literal["invitation", "password-reset"]


class OneTimeCode(NamedTuple):
    """A new code, the key of its row, and when it expires."""

    text: str
    key: ItemKey
    expires_at: datetime


# -- invitations


def invite(ctx: Context, body: InvitationCreate) -> InvitationView:
    """Create a user without a password and mail them a code to set one. A repeated invitation sends another mail.

    Raises Conflict where the address belongs to a user who has a password, or who has other roles than these.
    """
    roles = users.sort_roles(body.roles)
    users.check_grant(ctx, roles, ())
    professional_id = users.check_professional_id(roles, body.professional_id)
    idempotency.read_or_replay(ctx, [])  # a replay must not see the changes of its first run
    rate_limit.consume(ctx, "invitation", emails.normalize_email(body.email), every=600, burst=3)
    existing = users.by_email(ctx, body.email)
    if existing:
        user = existing
        users.check_can_manage(ctx, user)
        if user.password_hash or not user.is_active:
            raise Conflict("This user has been invited and has a password, or is deactivated.", code="email_taken")
        if (user.roles, user.professional_id) != (roles, professional_id):
            raise Conflict("This user was invited with other roles; change those first.", code="roles_differ")
    else:
        user = User.new(
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
    code = _new_code(ctx)
    response: InvitationView = {"user_id": user.id, "expires_at": format_timestamp(code.expires_at)}
    tx = idempotency.idempotent_transaction(ctx, response)
    if existing:
        require_live_caller(ctx, tx)
    else:
        users.add_create(ctx, tx, user)
    _add_code(ctx, tx, code, "invitation", user)
    outbox.add_mail(tx, ctx, to=user.email, subject="Your invitation to Valhalla", text=_mail_text(ctx, code, "invitation"))
    tx.commit()
    return response


def confirm_invitation(ctx: Context, body: CodeConfirmationRequest) -> None:
    """Set the first password. Raises Invalid for a code that is unknown, expired or used."""
    _confirm(ctx, body, "invitation")


# -- forgotten passwords


def ask_for_reset(ctx: Context, body: PasswordResetRequest) -> AcceptedView:
    """Mail a code to the user of this address. For an unknown address: the same response, the same round trips, and no mail."""
    rate_limit.consume(ctx, "reset-from", ctx.source_ip, every=60, burst=20)
    rate_limit.consume(ctx, "reset-for", emails.normalize_email(body.email), every=1200, burst=3)
    user = users.by_email(ctx, body.email)
    code = _new_code(ctx)
    tx = Transaction(ctx.store)
    recipient = user if user and user.is_active and user.password_hash else None
    _add_code(ctx, tx, code, "password-reset", recipient)
    text, to = _mail_text(ctx, code, "password-reset"), recipient.email if recipient else body.email
    outbox.add_mail(tx, ctx, to=to, subject="A new password for Valhalla", text=text, decoy=recipient is None)
    tx.commit()
    return {"status": "accepted"}


def confirm_reset(ctx: Context, body: CodeConfirmationRequest) -> None:
    """Set a new password and end every session. Raises Invalid for a code that is unknown, expired or used."""
    _confirm(ctx, body, "password-reset")


# -- codes


def _new_code(ctx: Context) -> OneTimeCode:
    text = secrets.token_urlsafe(32)
    return OneTimeCode(text, _code_key(text), ctx.now + CODE_TTL)


def _code_key(code: str) -> ItemKey:
    return ItemKey(f"CODE#{sha256_hex(code)}", "C")


def _add_code(ctx: Context, tx: Transaction, code: OneTimeCode, purpose: Purpose, user: User | None) -> None:
    """Add the code's row to the transaction. A row without a user looks like any other, so that timing reveals nothing."""
    owner = {"user_id": user.id, "epoch": user.epoch} if user else {"user_id": "", "epoch": 0}
    row = {"kind": "code", "purpose": purpose, **owner, "mailed_to": _email_hash(user.email if user else ""), "request_id": ctx.request_id}
    tx.put_values(code.key, {**row, "ttl": int(code.expires_at.timestamp())}, ROW_ABSENT)


def _email_hash(email: str) -> str:
    return sha256_hex(emails.normalize_email(email))


def _confirm(ctx: Context, body: CodeConfirmationRequest, purpose: Purpose) -> None:
    rate_limit.consume(ctx, "confirm", ctx.source_ip, every=30, burst=10)
    key = _code_key(body.token)
    error = ValidationFailed.field("token", "it is unknown, older than an hour, or used", "token")
    row = ctx.store.get_item(key)
    if row is None or row["purpose"]["S"] != purpose or int(row["ttl"]["N"]) <= ctx.now.timestamp() or not row["user_id"]["S"]:
        raise error
    first = users.get(ctx, row["user_id"]["S"])
    passwords.validate_password(body.password, first.email)
    _use_code(ctx, key, row, passwords.hash_password(body.password), error)


@retry_on_conflict
def _use_code(ctx: Context, key: ItemKey, row: DynamoItem, password_hash: str, error: ValidationFailed) -> None:
    """Set the password of the code's user and delete the code. Raises `error` where the code holds no longer."""
    user = ctx.store.find(User, row["user_id"]["S"])
    if user is None or not user.is_active or user.epoch != int(row["epoch"]["N"]) or _email_hash(user.email) != row["mailed_to"]["S"]:
        raise error
    after = user.with_changes(ctx, password_hash=password_hash, password_is_initial=False, epoch=user.epoch + 1)
    after.updated_by = user.id  # the code identifies the user
    tx = Transaction(ctx.store)
    tx.delete(key, ROW_EXISTS, error)
    users.add_update(ctx, tx, user, after)
    lockout.reset(ctx, tx, user.email)  # as the response to too many attempts says
    tx.commit()


def _mail_text(ctx: Context, code: OneTimeCode, purpose: Purpose) -> str:
    introduction = {
        "invitation": "You are invited to Valhalla. Choose a password to begin.",
        "password-reset": "Somebody, probably you, asked for a new password. If it wasn't you, do nothing; nothing has changed.",
    }[purpose]
    path = {"invitation": "invitations", "password-reset": "password-reset"}[purpose]
    if ctx.settings.app_url:
        instruction = f"Go on here: {ctx.settings.app_url}/{path}#token={code.text}"  # after #: no server on the way logs it
    else:
        instruction = f'Send {{"token": "{code.text}", "password": "…"}} to POST {ctx.settings.public_url}/auth/{path}/confirm'
    return f"{introduction}\n\n{instruction}\n\nIt works once, until {format_timestamp(code.expires_at)}.\n"
