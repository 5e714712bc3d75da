"""Signing in, and what one does with one's own account."""

from typing import Any

from chalicelib.foundation import telemetry
from chalicelib.foundation.auth import lockout, passwords, roles, sessions, tokens, users
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.auth.schemas import PasswordChange, SignIn
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden, Stale, Unauthenticated
from chalicelib.foundation.ids import ROOT, Key
from chalicelib.foundation.store.store import alive
from chalicelib.foundation.store.transactions import Transaction


def sign_in(ctx: Context, body: SignIn) -> dict[str, Any]:
    """The first pair of a new session.

    Unauthenticated in the same words and after the same work for an unknown address, a wrong password, an invitation that wasn't
    taken up, a deactivated user; RateLimited after too many of those.
    """
    attempt = lockout.attempt(ctx, body.email)
    user = users.by_email(ctx, body.email)
    right = passwords.matches(user.password_hash if user else None, body.password)
    if user is None or not right or not user.is_active:
        attempt.failed()
        telemetry.line("WARNING", "sign-in refused", user=user.id if user else None, source_ip=ctx.source_ip, request_id=ctx.request_id)
        raise Unauthenticated("The mail address or the password is wrong.")
    tx = Transaction(ctx.store)
    attempt.succeeded(tx)
    pair = sessions.begin(ctx, tx, user)
    tx.commit()
    telemetry.line("INFO", "signed in", user=user.id, source_ip=ctx.source_ip, request_id=ctx.request_id)
    _keep_anew(ctx, user, body.password)
    return pair


def _keep_anew(ctx: Context, user: User, password: str) -> None:
    """Keep the password with today's parameters, if it lies there with other ones. Lost to any other change: the next sign-in does it."""
    if user.password_hash and passwords.outdated(user.password_hash):
        try:
            after = user.changed(ctx, password_hash=passwords.keep(password))
            after.updated_by = user.id  # who has only just said who they are
            ctx.store.save(after)
        except Stale:
            return


def change_password(ctx: Context, body: PasswordChange) -> None:
    """Set another password; the caller's session goes on, all their other ones end.

    Guesses at the present password count as failures to sign in.
    """
    user = users.own(ctx)
    passwords.check(body.new_password, user.email, "new_password")
    attempt = lockout.attempt(ctx, user.email)
    if not passwords.matches(user.password_hash, body.current_password):
        attempt.failed()
        raise Forbidden("The current password is wrong.")
    kept = passwords.keep(body.new_password)

    def step() -> None:
        now = users.own(ctx)
        if now.password_hash != user.password_hash:
            raise Forbidden("The password has been changed meanwhile.")
        after = now.changed(ctx, password_hash=kept, password_is_initial=False, epoch=now.epoch + 1)
        tx = Transaction(ctx.store)
        users.put(ctx, tx, now, after)
        sessions.keep(ctx, tx, after, ctx.actor.session)
        attempt.succeeded(tx)
        tx.commit()

    ctx.store.settle(step)


def end_all_sessions(ctx: Context) -> None:
    """End every session of the caller, this one too. Access tokens live out their 15 minutes."""

    def step() -> None:
        user = users.own(ctx)
        ctx.store.save(user.changed(ctx, epoch=user.epoch + 1))

    ctx.store.settle(step)


def me(ctx: Context) -> dict[str, Any]:
    """Who the caller is; the profile is null for one whom an outside issuer vouches for."""
    actor = ctx.actor
    user = alive(User, ctx.store.get_raw(Key(actor.id, ROOT)))
    return {
        "id": actor.id,
        "kind": actor.kind,
        "roles": users.in_order(actor.roles),
        "permissions": sorted(actor.permissions),
        "professional_id": actor.professional_id,
        "session_id": actor.session,
        "user": users.view(user) if user else None,
    }


def all_roles() -> dict[str, Any]:
    """The roles, then the governance roles, each with everything that it allows."""
    names = (*roles.ROLES, *roles.GOVERNANCE_ROLES)
    items = [
        {
            "name": name,
            "about": roles.ABOUT[name],
            "governance": name in roles.GOVERNANCE,
            "permissions": sorted(roles.permissions([name]) | {f"governance:{act}" for act in roles.GOVERNANCE.get(name, _NONE)[0]}),
        }
        for name in names
    ]
    return {"items": items, "next_cursor": None}


_NONE: tuple[frozenset[str], None] = (frozenset(), None)


def key_set(ctx: Context) -> dict[str, Any]:
    """The public keys, those that will sign soon among them, so that nobody meets a token before its key."""
    return {"keys": tokens.key_set(ctx.secrets)}
