"""Changes of a mail address by its holder: asking for one, and confirming one that the holder or an administrator has asked for."""

from chalicelib.foundation.auth import addresses, codes, lockout, passwords, users
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.auth.schemas import AcceptedView, EmailChangeConfirmationRequest, EmailChangeRequest
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction


def ask(ctx: Context, body: EmailChangeRequest) -> AcceptedView:
    """Mail a code to the new address of the caller. For one that is taken: the same response, the same round trips, and no mail to it."""
    user = users.current_user(ctx)
    users.limit_address_changes(ctx, user)
    owner = users.EMAILS.find_owner(ctx.store, body.email)
    _request(ctx, body.email, deliver=owner in (None, user.id))
    return {"status": "accepted"}


@retry_on_conflict
def _request(ctx: Context, address: str, *, deliver: bool) -> None:
    user = users.current_user(ctx)
    change = addresses.decide(user, address, user.governance_roles)
    after = user.with_changes(ctx, **change.values)
    tx = Transaction(ctx.store)
    users.add_update(ctx, tx, user, after)
    if change.step:
        addresses.add_step(ctx, tx, user, after, change.step, deliver=deliver)
    tx.commit()


def confirm(ctx: Context, body: EmailChangeConfirmationRequest) -> None:
    """Make the pending address the user's. Their sessions continue.

    Raises ValidationFailed for a code that doesn't hold; Forbidden for a wrong password, which counts as a failed sign-in; Conflict
    where another user has taken the address meanwhile.
    """
    code = codes.find(ctx, body.token, "email-change")
    user = _holder(ctx, code)
    users.check_own_password(user)
    attempt = lockout.count_attempt(ctx, user.email)
    if not passwords.verify_password(user.password_hash, body.password):
        attempt.record_failure()
        raise Forbidden("The password is wrong.")
    _apply(ctx, code, user.password_hash, attempt)


@retry_on_conflict
def _apply(ctx: Context, code: codes.OneTimeCode, password_hash: str | None, attempt: lockout.SignInAttempt) -> None:
    user = _holder(ctx, code)
    users.check_own_password(user)
    if user.password_hash != password_hash:
        raise Forbidden("The password has been changed meanwhile.")
    after = user.with_changes(ctx, email=user.pending_email, pending_email=None)
    after.updated_by = user.id  # code and password identify the user
    tx = Transaction(ctx.store)
    codes.add_use(tx, code)
    users.add_update(ctx, tx, user, after)
    attempt.add_success(tx)
    addresses.add_step(ctx, tx, user, after, "confirmed")
    tx.commit()


def _holder(ctx: Context, code: codes.OneTimeCode) -> User:
    """The user whose pending address the code was mailed to."""
    user = codes.find_user(ctx, code)
    if user.pending_email is None or not code.was_mailed_to(user.pending_email):
        raise codes.invalid_code()
    return user
