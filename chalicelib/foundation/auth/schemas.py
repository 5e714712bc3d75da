"""Request and response schemas of /auth."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation import emails
from chalicelib.foundation.auth.passwords import MAX_LENGTH, MIN_LENGTH
from chalicelib.foundation.schema_types import (
    EmailAddress,
    Name,
    PageParams,
    PatchBody,
    QueryFlag,
    RequestBody,
    ResourceView,
    StrictBool,
    Text,
    Timestamp,
    TimestampText,
    UserId,
)

Secret = Annotated[str, StringConstraints(strict=True, strip_whitespace=False, min_length=1, max_length=MAX_LENGTH)]
NewPassword = Annotated[
    Secret,
    WithJsonSchema({"type": "string", "format": "password", "minLength": MIN_LENGTH, "maxLength": MAX_LENGTH, "writeOnly": True}),
]
Token = Annotated[Text, Field(min_length=1, max_length=300)]
RoleName = Literal["admin", "operator", "dealmaker", "counsel", "auditor", "viewer", "professional"]
GovernanceRoleName = Literal["King", "Queen", "Odin", "Tyr", "Loki"]
Role = Annotated[RoleName, Field(title="Role")]
GovernanceRole = Annotated[GovernanceRoleName, Field(title="GovernanceRole")]
Roles = Annotated[list[Role], Field(max_length=7)]
GovernanceRoles = Annotated[list[GovernanceRole], Field(max_length=5)]
ProfessionalId = Annotated[Text, Field(pattern=r"^pro_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
Scope = Annotated[Text, Field(pattern=r"^[a-z-]{1,40}:[a-z-]{1,40}$")]


class SignInRequest(RequestBody):
    """Email and password."""

    email: Annotated[str, Field(strict=True, min_length=1, max_length=emails.MAX_ADDRESS)]
    password: Secret


class RefreshTokenRequest(RequestBody):
    """A refresh token from the response of POST /auth/token or /auth/refresh."""

    refresh_token: Token


class TokenPairView(TypedDict):
    """An access token for `Authorization: Bearer`, and the refresh token for the next pair. `expires_in` is in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


class InvitationCreate(RequestBody):
    """The user to invite. The role professional needs `professional_id`."""

    email: EmailAddress
    name: Name
    roles: Roles
    professional_id: ProfessionalId | None = None


class InvitationView(TypedDict):
    """The invited user, and until when the code is valid."""

    user_id: str
    expires_at: TimestampText


class CodeConfirmationRequest(RequestBody):
    """The code from the mail, and the new password."""

    token: Token
    password: NewPassword


class PasswordResetRequest(RequestBody):
    """The mail address of the user whose password is reset."""

    email: EmailAddress


class EmailChangeRequest(RequestBody):
    """The new mail address of the caller."""

    email: EmailAddress


class EmailChangeConfirmationRequest(RequestBody):
    """The code that was mailed to the new address, and the user's present password."""

    token: Token
    password: Secret


class AcceptedView(TypedDict):
    """The response, the same whether or not the address is known."""

    status: str


class PasswordChangeRequest(RequestBody):
    """The current password and the new one."""

    current_password: Secret
    new_password: NewPassword


class UserCreate(RequestBody):
    """A user with a first password, which they should change. The role professional needs `professional_id`."""

    email: EmailAddress
    name: Name
    password: NewPassword
    roles: Roles
    governance_roles: GovernanceRoles = Field(default_factory=list)
    professional_id: ProfessionalId | None = None


class UserPatch(PatchBody):
    """Changes of a user. A password is changed only by its user, or reset by mail; another `email` is pending until its holder confirms it."""

    # The defaults only make a field optional; `changes` holds what was sent.
    email: EmailAddress = Field(default_factory=str)
    name: Name = Field(default_factory=str)
    roles: Roles = Field(default_factory=list)
    governance_roles: GovernanceRoles = Field(default_factory=list)
    professional_id: ProfessionalId | None = None
    is_active: StrictBool = True


class UserView(ResourceView):
    """A user. `pending_email` was asked for, and becomes `email` when its holder confirms it."""

    email: str
    pending_email: str | None
    name: str
    roles: list[Role]
    governance_roles: list[GovernanceRole]
    professional_id: str | None
    is_active: bool
    has_password: bool
    password_is_initial: bool


class UserSummary(TypedDict):
    """A user as shown in lists."""

    id: str
    email: str
    name: str
    roles: list[Role]
    governance_roles: list[GovernanceRole]
    professional_id: str | None
    is_active: bool
    has_password: bool
    created_at: TimestampText


class UserListQuery(PageParams):
    """Filters of the list of users."""

    role: Literal[RoleName, GovernanceRoleName] | None = Field(None, description="Only holders of this role.")
    is_active: QueryFlag | None = Field(None, description="Only active ones, or only those who are not.")


class HandoverRequest(RequestBody):
    """To whom everything is handed over."""

    to: UserId = Field(description="An active user who may work on what they are given.")


class HandoverView(TypedDict):
    """What one call has handed over. `done` is false where there may be more: call again, with another Idempotency-Key."""

    moved: int
    moved_by_kind: dict[str, int]
    done: bool


class MeView(TypedDict):
    """The caller. `user` is null for a user of an external issuer."""

    id: str
    kind: str
    roles: list[str]
    permissions: list[str]
    professional_id: str | None
    session_id: str | None
    user: UserView | None


class SessionView(TypedDict):
    """One signed-in device. `last_used_at` is its last sign-in or refresh."""

    id: str
    created_at: TimestampText
    last_used_at: TimestampText
    expires_at: TimestampText
    address: str
    user_agent: str
    current: bool


class ApiKeyCreate(RequestBody):
    """A key with some of the caller's roles, narrowed further by scopes (permissions such as `wholesale:read`)."""

    name: Name
    roles: Annotated[Roles, Field(min_length=1)]
    scopes: Annotated[list[Scope], Field(max_length=200)] | None = None
    expires_at: Timestamp | None = None


class ApiKeyView(ResourceView):
    """An API key, without its secret."""

    user_id: str
    name: str
    prefix: str
    roles: list[Role]
    scopes: list[str] | None
    expires_at: TimestampText | None
    last_used_at: TimestampText | None


class CreatedApiKeyView(ApiKeyView):
    """A new API key. `key` is shown only once; a replay by Idempotency-Key returns null in its place, since it isn't stored."""

    key: str | None


class ApiKeySummary(TypedDict):
    """An API key as shown in lists. `last_used_at` is exact to five minutes."""

    id: str
    user_id: str
    name: str
    prefix: str
    roles: list[Role]
    expires_at: TimestampText | None
    last_used_at: TimestampText | None
    created_at: TimestampText


class ApiKeyListQuery(PageParams):
    """Filters of the list of API keys."""

    prefix: Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{1,26}$")] | None = Field(
        None, description="Only keys whose prefix, the part after `vk_`, begins with this."
    )


class ExternalBlockCreate(RequestBody):
    """A user of the external issuer who is refused from now on, by the id that GET /auth/me and the trail show."""

    user_id: Annotated[Text, Field(pattern=r"^oidc:[A-Za-z0-9._:@|+-]{1,100}$", examples=["oidc:auth0|5f7c"])]
    reason: Name | None = None


class ExternalBlockView(ResourceView):
    """A user of the external issuer who is refused."""

    user_id: str
    reason: str | None


class ExternalBlockSummary(TypedDict):
    """A block as shown in lists."""

    id: str
    user_id: str
    reason: str | None
    created_at: TimestampText


class RoleView(TypedDict):
    """A role and its permissions."""

    name: str
    about: str
    governance: bool
    permissions: list[str]


class RolePage(TypedDict):
    """All roles, in one page."""

    items: list[RoleView]
    next_cursor: str | None


class KeySetView(TypedDict):
    """A JSON web key set (RFC 7517)."""

    keys: list[dict[str, str]]
