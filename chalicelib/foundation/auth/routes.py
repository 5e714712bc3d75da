"""The endpoints of /auth."""

from chalicelib.foundation.auth import (
    account,
    api_keys,
    email_changes,
    external_users,
    handover,
    offboarding,
    one_time_codes,
    sessions,
    users,
)
from chalicelib.foundation.auth.schemas import (
    AcceptedView,
    ApiKeyCreate,
    ApiKeyListQuery,
    ApiKeySummary,
    ApiKeyView,
    CodeConfirmationRequest,
    CreatedApiKeyView,
    EmailChangeConfirmationRequest,
    EmailChangeRequest,
    ExternalBlockCreate,
    ExternalBlockSummary,
    ExternalBlockView,
    HandoverRequest,
    HandoverView,
    InvitationCreate,
    InvitationView,
    KeySetView,
    MeView,
    PasswordChangeRequest,
    PasswordResetRequest,
    RefreshTokenRequest,
    RolePage,
    SessionView,
    SignInRequest,
    TokenPairView,
    UserCreate,
    UserListQuery,
    UserPatch,
    UserSummary,
    UserView,
)
from chalicelib.foundation.context import Context
from chalicelib.foundation.schema_types import PageOf, PageParams


def sign_in(ctx: Context, body: SignInRequest) -> TokenPairView:
    """Sign in.

    Governance roles come only with a password of the user's own: not with the first one, which whoever created the user knows.

    Five failures in 15 minutes for a mail address from one IP address, or fifty from anywhere, lock it for 15 minutes: 429 with
    Retry-After. Unknown mail addresses are counted, take as long, and get the same response. One IP address has thirty failures for all mail
    addresses together, and then one a minute.
    """
    return account.sign_in(ctx, body)


def refresh(ctx: Context, body: RefreshTokenRequest) -> TokenPairView:
    """The next token pair, with the present roles.

    The token that was sent is spent. For ten more seconds it returns the same pair again, for a second tab; later its reuse
    means that somebody else has it, and ends the session.
    """
    return sessions.refresh(ctx, body.refresh_token)


def sign_out(ctx: Context, body: RefreshTokenRequest) -> None:
    """End the session. Its access tokens remain valid for up to 15 minutes, since they are verified without the table, but change no users,
    keys, settings or policies any more.
    """
    sessions.revoke_by_token(ctx, body.refresh_token)


def invite(ctx: Context, body: InvitationCreate) -> InvitationView:
    """Create a user without a password and mail them a code, valid for one use within an hour. A repeated invitation mails a new code."""
    return one_time_codes.invite(ctx, body)


def confirm_invitation(ctx: Context, body: CodeConfirmationRequest) -> None:
    """Set the first password."""
    one_time_codes.confirm_invitation(ctx, body)


def ask_for_reset(ctx: Context, body: PasswordResetRequest) -> AcceptedView:
    """Mail a code, valid for one use within an hour, to the user of this address, if there is one."""
    return one_time_codes.ask_for_reset(ctx, body)


def confirm_reset(ctx: Context, body: CodeConfirmationRequest) -> None:
    """Set a new password and end every session."""
    one_time_codes.confirm_reset(ctx, body)


def ask_for_email_change(ctx: Context, body: EmailChangeRequest) -> AcceptedView:
    """Mail a code, valid for one use within an hour, to the caller's new address. The old address and the auditors are told.

    The present address stays until POST /auth/email-change/confirm. The response is the same where another user has the new one.
    """
    return email_changes.ask(ctx, body)


def confirm_email_change(ctx: Context, body: EmailChangeConfirmationRequest) -> None:
    """Make the pending address the user's own, with the mailed code and their password. A wrong password counts as a failed sign-in."""
    email_changes.confirm(ctx, body)


def list_sessions(ctx: Context, query: PageParams) -> PageOf[SessionView]:
    """The caller's live sessions. A session expires 30 days after its last refresh."""
    return sessions.list_sessions(ctx, users.current_user(ctx), query)


def end_sessions(ctx: Context) -> None:
    """End all sessions of the caller, including this one."""
    account.end_all_sessions(ctx)


def end_session(ctx: Context, id: str) -> None:
    """End one session of the caller."""
    sessions.revoke_session(ctx, users.current_user(ctx).id, id)


def me(ctx: Context) -> MeView:
    """The caller and their present permissions."""
    return account.me(ctx)


def change_password(ctx: Context, body: PasswordChangeRequest) -> None:
    """Change the caller's password. At least 12 characters, not the mail address, not one of the most common.

    A holder of a governance role replaces a first password by POST /auth/password-reset: whoever created the user knows it, too.
    """
    account.change_password(ctx, body)


def create_user(ctx: Context, body: UserCreate) -> UserView:
    """Create a user with a first password, which they should change: `password_is_initial` is true until they do."""
    return users.create(ctx, body)


def list_users(ctx: Context, query: UserListQuery) -> PageOf[UserSummary]:
    """Users, newest first, deactivated ones included."""
    return users.list_users(ctx, query)


def get_user(ctx: Context, id: str) -> UserView:
    """One user."""
    return users.view(users.get(ctx, id))


def change_user(ctx: Context, id: str, body: UserPatch) -> UserView:
    """Update a user. New roles apply from the next refresh on; a role that was taken changes no users, keys or settings from now on.

    Governance roles are granted by a signed-in administrator, to themselves only while nobody holds the role. The last administrator
    can't be demoted or deactivated. Another `email` becomes `pending_email`, and the user's when its holder confirms it by the code
    that is mailed there and their password; the old address and the auditors are told. An API key changes no address. The present
    address withdraws a pending one. Of an invited user without a password the address is corrected at once, unless they hold a
    governance role (409).

    The unread events of a user who is deactivated reach the operators, too; one who is reactivated has them again, and new ones alone.
    """
    return offboarding.change(ctx, id, body)


def deactivate_user(ctx: Context, id: str) -> None:
    """Deactivate a user. The record is kept, since other records refer to it; PATCH `is_active` reactivates them.

    Their unread events reach the operators, too. What they own stays theirs until it is handed over.
    """
    offboarding.deactivate(ctx, id)


def hand_over(ctx: Context, id: str, body: HandoverRequest) -> HandoverView:
    """Give what a user owns, active or not, to another user.

    One call looks at 100 rows at the most. Until `done` call again: it goes on with what is left, whoever else does the same or changes rows
    meanwhile. The trail names the caller at each row. Besides users:write the caller needs the right to reassign every kind of thing
    that has an owner, which an API key with narrower scopes lacks; the new owner needs the right to work on what they get. A user
    who was deactivated can create something for up to 15 more minutes, as long as a token is valid: call once more after that.
    """
    return handover.hand_over(ctx, id, body)


def create_api_key(ctx: Context, body: ApiKeyCreate) -> CreatedApiKeyView:
    """Create an API key for the caller, sent as `X-API-Key`: `vk_<prefix>_<secret>`.

    It allows what its roles and scopes allow, and never more than its user may do at that moment. An administrator may give it any role
    whose rights they all hold; others their own roles. `key` is in this response only
    and not stored: a replay by Idempotency-Key returns the same record with `key` null. If the response was lost, revoke the key and
    create another.
    """
    return api_keys.create(ctx, body)


def list_api_keys(ctx: Context, query: ApiKeyListQuery) -> PageOf[ApiKeySummary]:
    """API keys, newest first. An API key lists them only where it may read users."""
    return api_keys.list_api_keys(ctx, query)


def get_api_key(ctx: Context, id: str) -> ApiKeyView:
    """One API key. An API key that may not read users sees only itself."""
    return api_keys.get(ctx, id)


def revoke_api_key(ctx: Context, id: str) -> None:
    """Revoke a key; it is refused within two seconds. An API key can revoke only itself."""
    api_keys.revoke(ctx, id)


def block_external_user(ctx: Context, body: ExternalBlockCreate) -> ExternalBlockView:
    """Refuse a user of the external issuer, whatever the issuer says: effective within two seconds.

    A user who was deactivated here is refused without a block where a token of the issuer names their mail address.
    """
    return external_users.block(ctx, body)


def list_external_blocks(ctx: Context, query: PageParams) -> PageOf[ExternalBlockSummary]:
    """Users of the external issuer who are refused, newest first."""
    return external_users.list_blocks(ctx, query)


def get_external_block(ctx: Context, id: str) -> ExternalBlockView:
    """One block."""
    return external_users.get(ctx, id)


def lift_external_block(ctx: Context, id: str) -> None:
    """Let the user in again."""
    external_users.lift(ctx, id)


def list_roles(ctx: Context) -> RolePage:
    """The roles and the permissions of each."""
    return account.list_roles(ctx.roles)


def key_set(ctx: Context) -> KeySetView:
    """The public keys that verify access tokens (RFC 7517): present, recent and future signing keys."""
    return account.key_set(ctx)
