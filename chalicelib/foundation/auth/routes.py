"""The endpoints of /auth."""

from typing import cast

from chalicelib.foundation.auth import api_keys, links, service, sessions, users
from chalicelib.foundation.auth.schemas import (
    Accepted,
    ApiKeyPage,
    ApiKeysQuery,
    ApiKeyView,
    Confirmation,
    Invitation,
    Invited,
    KeySet,
    Me,
    NewApiKey,
    NewApiKeyView,
    NewUser,
    Pair,
    PasswordChange,
    RefreshToken,
    ResetRequest,
    RoleList,
    SessionPage,
    SignIn,
    UserPage,
    UserPatch,
    UsersQuery,
    UserView,
)
from chalicelib.foundation.context import Context
from chalicelib.foundation.models import Page


def sign_in(ctx: Context, body: SignIn) -> Pair:
    """Sign in.

    Five failures in 15 minutes for a mail address from one address of the net, or fifty from anywhere, lock it for 15 minutes:
    429 with Retry-After. Unknown addresses count, take as long, and are answered in the same words.
    """
    return cast(Pair, service.sign_in(ctx, body))


def refresh(ctx: Context, body: RefreshToken) -> Pair:
    """The next pair, with the roles of this moment.

    The token that was sent is spent. For ten more seconds it answers the same pair again, for a second tab; later its use
    means that somebody else has it, and ends the session.
    """
    return cast(Pair, sessions.refresh(ctx, body.refresh_token))


def sign_out(ctx: Context, body: RefreshToken) -> None:
    """End the session. Access tokens that it has given out live out their 15 minutes: they are checked without the store."""
    sessions.end_by_token(ctx, body.refresh_token)


def invite(ctx: Context, body: Invitation) -> Invited:
    """Make a user without a password and mail them a code, good for one use within an hour. Again for the same: a new code."""
    return cast(Invited, links.invite(ctx, body))


def confirm_invitation(ctx: Context, body: Confirmation) -> None:
    """Set the first password."""
    links.confirm_invitation(ctx, body)


def ask_for_reset(ctx: Context, body: ResetRequest) -> Accepted:
    """Mail a code, good for one use within an hour, to the user of this address, if there is one."""
    return cast(Accepted, links.ask_for_reset(ctx, body))


def confirm_reset(ctx: Context, body: Confirmation) -> None:
    """Set a new password and end every session."""
    links.confirm_reset(ctx, body)


def list_sessions(ctx: Context, query: Page) -> SessionPage:
    """One's own live sessions. A session is good for 30 days from its last refresh."""
    return cast(SessionPage, sessions.listed(ctx, users.own(ctx), query.limit, query.cursor))


def end_sessions(ctx: Context) -> None:
    """End all of one's own sessions, this one too."""
    service.end_all_sessions(ctx)


def end_session(ctx: Context, id: str) -> None:
    """End one session."""
    sessions.end(ctx, users.own(ctx).id, id)


def me(ctx: Context) -> Me:
    """Who one is, and what one may do now."""
    return cast(Me, service.me(ctx))


def change_password(ctx: Context, body: PasswordChange) -> None:
    """Change one's password. At least 12 characters, not one's mail address, not one of the most common."""
    service.change_password(ctx, body)


def create_user(ctx: Context, body: NewUser) -> UserView:
    """Make a user with a first password, which they should change: `password_is_initial` says so until they do."""
    return cast(UserView, users.create(ctx, body))


def list_users(ctx: Context, query: UsersQuery) -> UserPage:
    """Users, newest first; deactivated ones too."""
    return cast(UserPage, users.listed(ctx, query))


def get_user(ctx: Context, id: str) -> UserView:
    """One user."""
    return cast(UserView, users.view(users.get(ctx, id)))


def change_user(ctx: Context, id: str, body: UserPatch) -> UserView:
    """Change a user. New roles count from the next refresh on. Governance roles are granted by a signed-in administrator, to
    oneself only while nobody holds the role. The last administrator can't be demoted or deactivated.
    """
    return cast(UserView, users.change(ctx, id, body))


def deactivate_user(ctx: Context, id: str) -> None:
    """Deactivate a user. The row stays, since others name them as who did something; PATCH `is_active` brings them back."""
    users.deactivate(ctx, id)


def create_api_key(ctx: Context, body: NewApiKey) -> NewApiKeyView:
    """Make a key of one's own for `X-API-Key`: `vk_<prefix>_<secret>`.

    It may what its roles and scopes allow, and never more than its maker at that moment. `key` is shown in this answer only and
    not kept: a replay by Idempotency-Key answers the same key's record with `key` null. Who lost the answer revokes it and makes
    another.
    """
    return cast(NewApiKeyView, api_keys.create(ctx, body))


def list_api_keys(ctx: Context, query: ApiKeysQuery) -> ApiKeyPage:
    """API keys, newest first."""
    return cast(ApiKeyPage, api_keys.listed(ctx, query))


def get_api_key(ctx: Context, id: str) -> ApiKeyView:
    """One API key."""
    return cast(ApiKeyView, api_keys.get(ctx, id))


def revoke_api_key(ctx: Context, id: str) -> None:
    """Revoke a key; it is refused at once, at most two seconds later."""
    api_keys.revoke(ctx, id)


def list_roles(ctx: Context) -> RoleList:  # noqa: ARG001 - every handler takes a context
    """The roles and everything that each allows."""
    return cast(RoleList, service.all_roles())


def key_set(ctx: Context) -> KeySet:
    """RFC 7517: the keys that sign access tokens now, signed until lately, or will sign soon."""
    return cast(KeySet, service.key_set(ctx))
