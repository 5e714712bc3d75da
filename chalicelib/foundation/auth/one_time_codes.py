"""Invitations and password resets by a mailed code, which is invalid once the user has another address."""

from chalicelib.foundation import emails, idempotency, outbox
from chalicelib.foundation.access import require_live_caller
from chalicelib.foundation.auth import codes, lockout, passwords, rate_limit, users
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.auth.schemas import AcceptedView, CodeConfirmationRequest, InvitationCreate, InvitationView, PasswordResetRequest
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.network import client_network
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction

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
    response: InvitationView = {"user_id": user.id, "expires_at": format_timestamp(ctx.now + codes.CODE_TTL)}
    tx = idempotency.idempotent_transaction(ctx, response)
    if existing:
        require_live_caller(ctx, tx)
    else:
        users.add_create(ctx, tx, user)
    text = codes.add(ctx, tx, "invitation", user, user.email)
    outbox.add_mail(tx, ctx, to=user.email, subject="Your invitation to Valhalla", text=text)
    tx.commit()
    return response


def confirm_invitation(ctx: Context, body: CodeConfirmationRequest) -> None:
    """Set the first password. Raises Invalid for a code that is unknown, expired or used."""
    _confirm(ctx, body, "invitation")


# -- forgotten passwords


def ask_for_reset(ctx: Context, body: PasswordResetRequest) -> AcceptedView:
    """Mail a code to the user of this address. For an unknown address: the same response, the same round trips, and no mail."""
    rate_limit.consume(ctx, "reset-from", client_network(ctx.source_ip), every=60, burst=20)
    rate_limit.consume(ctx, "reset-for", emails.normalize_email(body.email), every=1200, burst=3)
    user = users.by_email(ctx, body.email)
    tx = Transaction(ctx.store)
    recipient = user if user and user.is_active and user.password_hash else None
    to = recipient.email if recipient else body.email
    text = codes.add(ctx, tx, "password-reset", recipient, to)
    outbox.add_mail(tx, ctx, to=to, subject="A new password for Valhalla", text=text, decoy=recipient is None)
    tx.commit()
    return {"status": "accepted"}


def confirm_reset(ctx: Context, body: CodeConfirmationRequest) -> None:
    """Set a new password and end every session. Raises Invalid for a code that is unknown, expired or used."""
    _confirm(ctx, body, "password-reset")


# -- codes


def _confirm(ctx: Context, body: CodeConfirmationRequest, purpose: codes.Purpose) -> None:
    code = codes.find(ctx, body.token, purpose)
    first = users.get(ctx, code.user_id)
    passwords.validate_password(body.password, first.email)
    _use_code(ctx, code, passwords.hash_password(body.password))


@retry_on_conflict
def _use_code(ctx: Context, code: codes.OneTimeCode, password_hash: str) -> None:
    """Set the password of the code's user and delete the code. Raises ValidationFailed where the code holds no longer."""
    user = codes.find_user(ctx, code)
    if not code.was_mailed_to(user.email):
        raise codes.invalid_code()
    after = user.with_changes(ctx, password_hash=password_hash, password_is_initial=False, epoch=user.epoch + 1)
    after.updated_by = user.id  # the code identifies the user
    tx = Transaction(ctx.store)
    codes.add_use(tx, code)
    users.add_update(ctx, tx, user, after)
    lockout.reset(ctx, tx, user.email)  # as the response to too many attempts says
    tx.commit()
