"""What goes over the wire under /auth."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation.auth import emails
from chalicelib.foundation.auth.passwords import MAX_LENGTH, MIN_LENGTH
from chalicelib.foundation.models import Audited, Flag, Input, Instant, Name, Page, Patch, Text, When

Email = Annotated[
    str,
    Field(strict=True, max_length=emails.MAX_ADDRESS),
    AfterValidator(emails.clean),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": emails.MAX_ADDRESS}),
]
Secret = Annotated[str, StringConstraints(strict=True, strip_whitespace=False, min_length=1, max_length=MAX_LENGTH)]
NewPassword = Annotated[
    Secret,
    WithJsonSchema({"type": "string", "format": "password", "minLength": MIN_LENGTH, "maxLength": MAX_LENGTH, "writeOnly": True}),
]
Token = Annotated[Text, Field(min_length=1, max_length=300)]
Role = Literal["admin", "operator", "dealmaker", "counsel", "auditor", "viewer", "professional"]
GovernanceRole = Literal["King", "Queen", "Odin", "Tyr", "Loki"]
Roles = Annotated[list[Role], Field(max_length=7)]
GovernanceRoles = Annotated[list[GovernanceRole], Field(max_length=5)]
ProfessionalId = Annotated[Text, Field(pattern=r"^pro_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
Scope = Annotated[Text, Field(pattern=r"^[a-z-]{1,40}:[a-z-]{1,40}$")]


class SignIn(Input):
    """Email and password."""

    email: Annotated[str, Field(strict=True, min_length=1, max_length=emails.MAX_ADDRESS)]
    password: Secret


class RefreshToken(Input):
    """A refresh token, as POST /auth/token or /auth/refresh answered it."""

    refresh_token: Token


class Pair(TypedDict):
    """An access token for `Authorization: Bearer`, and the refresh token that gets the next pair. `expires_in` is in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


class Invitation(Input):
    """Whom to invite. A role of professional needs `professional_id`."""

    email: Email
    name: Name
    roles: Roles
    professional_id: ProfessionalId | None = None


class Invited(TypedDict):
    """Whom the invitation made, and until when its code is good."""

    user_id: str
    expires_at: When


class Confirmation(Input):
    """The code from the mail, and the new password."""

    token: Token
    password: NewPassword


class ResetRequest(Input):
    """Whose password is forgotten."""

    email: Email


class Accepted(TypedDict):
    """The same answer whether or not the address is known."""

    status: str


class PasswordChange(Input):
    """The password in force, and the new one."""

    current_password: Secret
    new_password: NewPassword


class NewUser(Input):
    """A user with a first password, which they should change. A role of professional needs `professional_id`."""

    email: Email
    name: Name
    password: NewPassword
    roles: Roles
    governance_roles: GovernanceRoles = Field(default_factory=list)
    professional_id: ProfessionalId | None = None


class UserPatch(Patch):
    """What may change of a user. Their password is theirs: they change it, or reset it by mail."""

    # The factories only say that a field may be left out; `changes` holds what was sent.
    email: Email = Field(default_factory=str)
    name: Name = Field(default_factory=str)
    roles: Roles = Field(default_factory=list)
    governance_roles: GovernanceRoles = Field(default_factory=list)
    professional_id: ProfessionalId | None = None
    is_active: Flag = True


class UserView(Audited):
    """A user."""

    email: str
    name: str
    roles: list[str]
    governance_roles: list[str]
    professional_id: str | None
    is_active: bool
    has_password: bool
    password_is_initial: bool


class UserSummary(TypedDict):
    """A user as lists show them."""

    id: str
    email: str
    name: str
    roles: list[str]
    governance_roles: list[str]
    professional_id: str | None
    is_active: bool
    has_password: bool
    created_at: When


class UserPage(TypedDict):
    """A page of users."""

    items: list[UserSummary]
    next_cursor: str | None


class UsersQuery(Page):
    """Which users."""

    role: Literal[Role, GovernanceRole] | None = Field(None, description="Only holders of this role.")
    is_active: bool | None = Field(None, description="Only active ones, or only those who are not.")


class Me(TypedDict):
    """Who the caller is. `user` is null for someone whom an outside issuer vouches for."""

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
    created_at: When
    last_used_at: When
    expires_at: When
    address: str
    user_agent: str
    current: bool


class SessionPage(TypedDict):
    """A page of sessions."""

    items: list[SessionView]
    next_cursor: str | None


class NewApiKey(Input):
    """A key with some of one's own roles, narrowed further by scopes (permissions such as `wholesale:read`)."""

    name: Name
    roles: Annotated[Roles, Field(min_length=1)]
    scopes: Annotated[list[Scope], Field(max_length=200)] | None = None
    expires_at: Instant | None = None


class ApiKeyView(Audited):
    """An API key, without its secret."""

    user_id: str
    name: str
    prefix: str
    roles: list[str]
    scopes: list[str] | None
    expires_at: When | None
    last_used_at: When | None


class NewApiKeyView(ApiKeyView):
    """A new API key. `key` is shown this once; a replay by Idempotency-Key answers null in its place, since it isn't kept."""

    key: str | None


class ApiKeySummary(TypedDict):
    """An API key as lists show it. `last_used_at` is exact to five minutes."""

    id: str
    user_id: str
    name: str
    prefix: str
    roles: list[str]
    expires_at: When | None
    last_used_at: When | None
    created_at: When


class ApiKeyPage(TypedDict):
    """A page of API keys."""

    items: list[ApiKeySummary]
    next_cursor: str | None


class ApiKeysQuery(Page):
    """Which keys."""

    prefix: Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{1,26}$")] | None = Field(
        None, description="Only keys whose prefix, the part after `vk_`, begins so."
    )


class RoleView(TypedDict):
    """A role and everything that it allows."""

    name: str
    about: str
    governance: bool
    permissions: list[str]


class RoleList(TypedDict):
    """All roles; they are few, so there is one page."""

    items: list[RoleView]
    next_cursor: str | None


class KeySet(TypedDict):
    """RFC 7517."""

    keys: list[dict[str, str]]
