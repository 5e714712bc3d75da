"""Sign-in, and the use cases of the caller's own account."""

from chalicelib.foundation import roles, telemetry
from chalicelib.foundation.access import user_key
from chalicelib.foundation.auth import lockout, passwords, sessions, tokens, users
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.auth.schemas import KeySetView, MeView, PasswordChangeRequest, RolePage, RoleView, SignInRequest, TokenPairView
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden, Unauthenticated, VersionConflict
from chalicelib.foundation.roles import RoleMatrix
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction


def sign_in(ctx: Context, body: SignInRequest) -> TokenPairView:
    """Create a session; returns its first token pair.

    Raises Unauthenticated, in the same words and after the same work, for an unknown address, a wrong password, an invitation that
    wasn't accepted, and a deactivated user; RateLimited after too many of those.
    """
    attempt = lockout.count_attempt(ctx, body.email)
    user = users.by_email(ctx, body.email)
    is_correct = passwords.verify_password(user.password_hash if user else None, body.password)
    if user is None or not is_correct or not user.is_active:
        attempt.record_failure()
        telemetry.log("WARNING", "sign-in refused", user=user.id if user else None, source_ip=ctx.source_ip, request_id=ctx.request_id)
        raise Unauthenticated("The mail address or the password is wrong.")
    tx = Transaction(ctx.store)
    attempt.add_success(tx)
    pair = sessions.create_session(ctx, tx, user)
    tx.commit()
    telemetry.log("INFO", "signed in", user=user.id, source_ip=ctx.source_ip, request_id=ctx.request_id)
    _rehash_if_needed(ctx, user, body.password)
    return pair


def _rehash_if_needed(ctx: Context, user: User, password: str) -> None:
    """Rehash the password where its hash has outdated parameters. Skipped on a concurrent change: the next sign-in does it."""
    if user.password_hash and passwords.needs_rehash(user.password_hash):
        try:
            after = user.with_changes(ctx, password_hash=passwords.hash_password(password))
            after.updated_by = user.id  # the user who has just authenticated
            ctx.store.save(after)
        except VersionConflict:
            return


def change_password(ctx: Context, body: PasswordChangeRequest) -> None:
    """Set a new password; the caller's session continues, all their other sessions end.

    A wrong current password counts as a failed sign-in.
    """
    user = users.current_user(ctx)
    users.check_own_password(user)
    passwords.validate_password(body.new_password, user.email, "new_password")
    attempt = lockout.count_attempt(ctx, user.email)
    if not passwords.verify_password(user.password_hash, body.current_password):
        attempt.record_failure()
        raise Forbidden("The current password is wrong.")
    _set_password(ctx, user.password_hash, passwords.hash_password(body.new_password), attempt)


@retry_on_conflict
def _set_password(ctx: Context, old_hash: str | None, new_hash: str, attempt: lockout.SignInAttempt) -> None:
    current = users.current_user(ctx)
    if current.password_hash != old_hash:
        raise Forbidden("The password has been changed meanwhile.")
    after = current.with_changes(ctx, password_hash=new_hash, password_is_initial=False, epoch=current.epoch + 1)
    tx = Transaction(ctx.store)
    users.add_update(ctx, tx, current, after)
    sessions.move_to_epoch(ctx, tx, after, ctx.actor.session)
    attempt.add_success(tx)
    tx.commit()


@retry_on_conflict
def end_all_sessions(ctx: Context) -> None:
    """End every session of the caller, including this one. Access tokens remain valid for up to 15 minutes."""
    user = users.current_user(ctx)
    ctx.store.save(user.with_changes(ctx, epoch=user.epoch + 1))


def me(ctx: Context) -> MeView:
    """The caller; the profile is null for a user of an external issuer."""
    actor = ctx.actor
    user = parse_live(User, ctx.store.get_item(user_key(actor.id)))
    return {
        "id": actor.id,
        "kind": actor.kind,
        "roles": users.sort_roles(actor.roles),
        "permissions": sorted(actor.permissions),
        "professional_id": actor.professional_id,
        "session_id": actor.session,
        "user": users.view(user) if user else None,
    }


def list_roles(matrix: RoleMatrix) -> RolePage:
    """The roles, then the governance roles, each with its permissions."""
    names = (*roles.ROLES, *roles.GOVERNANCE_ROLES)
    items: list[RoleView] = [
        {
            "name": name,
            "about": roles.ABOUT[name],
            "governance": name in roles.GOVERNANCE,
            "permissions": sorted(matrix.permissions([name]) | {f"governance:{act}" for act in roles.GOVERNANCE.get(name, _NONE)[0]}),
        }
        for name in names
    ]
    return {"items": items, "next_cursor": None}


_NONE: tuple[frozenset[str], None] = (frozenset(), None)


def key_set(ctx: Context) -> KeySetView:
    """The public keys, including keys that are not active yet, so that a key is always known before its first token."""
    return {"keys": tokens.key_set(ctx.secrets)}
