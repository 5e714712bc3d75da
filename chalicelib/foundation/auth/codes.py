"""One-time codes by mail: a code works once, within an hour, for one purpose.

The row is found by the code's hash. It holds the user's epoch, so a code is invalid once the password was changed or all sessions were
ended in any other way; and a hash of the address that it was mailed to, which whoever uses the code compares.
"""

import secrets
from datetime import timedelta
from typing import Literal, NamedTuple

from chalicelib.foundation import emails
from chalicelib.foundation.auth import rate_limit
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_for_people
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.network import client_network
from chalicelib.foundation.signing import sha256_hex
from chalicelib.foundation.store.expiry import find_live_row
from chalicelib.foundation.store.expressions import ROW_ABSENT, ROW_EXISTS
from chalicelib.foundation.store.transactions import Transaction

CODE_TTL = timedelta(hours=1)
Purpose = Literal["invitation", "password-reset", "email-change"]
_INTRODUCTIONS: dict[Purpose, str] = {
    "invitation": "you are invited to Valhalla. Choose a password, and you can sign in with it and this mail address.",
    "password-reset": "somebody, probably you, asked for a new password for Valhalla. If it wasn't you, do nothing: nothing has changed.",
    "email-change": "this is to be your mail address at Valhalla. Confirm it with the password that you sign in with.\n\n"
    "If you don't know of this, do nothing: nothing has changed.",
}
_PATHS: dict[Purpose, str] = {"invitation": "invitations", "password-reset": "password-reset", "email-change": "email-change"}


class OneTimeCode(NamedTuple):
    """A code that was found: the key of its row, whose it is, the epoch of its user then, and a hash of the address it was mailed to."""

    key: ItemKey
    user_id: str
    epoch: int
    mailed_to: str

    def was_mailed_to(self, address: str) -> bool:
        """Whether it was mailed to this address, in any spelling."""
        return self.mailed_to == _email_hash(address)


def add(ctx: Context, tx: Transaction, purpose: Purpose, user: User | None, address: str) -> str:
    """Add the row of a new code, mailed to `address`, to the transaction; returns the text of the mail.

    A row without a user looks like any other, so that timing reveals nothing.
    """
    code, expires_at = secrets.token_urlsafe(32), ctx.now + CODE_TTL
    owner = {"user_id": user.id, "epoch": user.epoch} if user else {"user_id": "", "epoch": 0}
    row = {"kind": "code", "purpose": purpose, **owner, "mailed_to": _email_hash(address if user else ""), "request_id": ctx.request_id}
    tx.put_values(_key(code), {**row, "ttl": int(expires_at.timestamp())}, ROW_ABSENT)
    greeting = f"Hello {user.name}," if user else "Hello,"
    until = format_for_people(expires_at, ctx.settings.firm_time_zone)
    return f"{greeting}\n\n{_INTRODUCTIONS[purpose]}\n\n{_instruction(ctx, purpose, code)}\n\nIt works once, until {until}.\n"


def find(ctx: Context, text: str, purpose: Purpose) -> OneTimeCode:
    """The code with this text. Raises ValidationFailed where it is unknown, expired, used, or for something else.

    Guesses are limited by the client's address: RateLimited. Two round trips, or three.
    """
    rate_limit.consume(ctx, "confirm", client_network(ctx.source_ip), every=30, burst=10)
    key = _key(text)
    row = find_live_row(ctx.store, key, ctx.now)
    if row is None or row["purpose"]["S"] != purpose or not row["user_id"]["S"]:
        raise invalid_code()
    return OneTimeCode(key, row["user_id"]["S"], int(row["epoch"]["N"]), row["mailed_to"]["S"])


def find_user(ctx: Context, code: OneTimeCode) -> User:
    """The code's user; raises ValidationFailed where they are not active any more, or their sessions were ended. One round trip."""
    user = ctx.store.find(User, code.user_id)
    if user is None or not user.is_active or user.epoch != code.epoch:
        raise invalid_code()
    return user


def add_use(tx: Transaction, code: OneTimeCode) -> None:
    """Let the transaction use the code up; it fails with ValidationFailed where the code was used."""
    tx.delete(code.key, ROW_EXISTS, invalid_code())


def invalid_code() -> ValidationFailed:
    """The error for a code that doesn't hold, in the same words for every reason."""
    return ValidationFailed.field("token", "it is unknown, older than an hour, or used", "token")


def _key(code: str) -> ItemKey:
    return ItemKey(f"CODE#{sha256_hex(code)}", "C")


def _email_hash(email: str) -> str:
    return sha256_hex(emails.normalize_email(email))


def _instruction(ctx: Context, purpose: Purpose, code: str) -> str:
    if ctx.settings.app_url:
        return f"Go on here:\n{ctx.settings.app_url}/{_PATHS[purpose]}#token={code}"  # after #: no server on the way logs it
    request = f'POST {ctx.settings.public_url}/auth/{_PATHS[purpose]}/confirm with {{"token": "{code}", "password": "..."}}'
    return f"Your code is:\n{code}\n\nThe program that you sign in with asks for it. (For who writes one: {request})"
