"""Users and API keys as stored, both in the user's partition, with the user's sessions; and blocks of users of the external issuer."""

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern
from chalicelib.foundation.store.entity import Entity


class User(Entity):
    """A person who can sign in.

    `epoch` counts how often all sessions were ended; a session of an older epoch is invalid. So ending all sessions is one write,
    in the same transaction as its cause. API keys are not affected by it, but by a deactivation: keys created before
    `keys_valid_from` remain invalid when the user is activated again.
    """

    KIND = "user"
    ID = IdFormat("user", "user")
    ALL = AccessPattern("gsi1", "USER", serves="GET /auth/users; events-forward")
    BY_PROFESSIONAL = AccessPattern("gsi2", "USER#PRO#{professional_id}", serves="DELETE /pros/scorecard/professionals/{id}, refused")
    GOVERNING = AccessPattern("gsi4", "USER#GOVERNANCE#{governs}", serves="GET /governance/roles")
    SECRET = frozenset({"password_hash"})
    PERSONAL = frozenset({"email", "pending_email", "name"})

    email = a.string()
    pending_email = a.optional_string()  # asked for, and not confirmed by its holder yet
    name = a.string()
    roles = a.string_list()
    governance_roles = a.string_list()
    professional_id = a.optional_string()
    is_active = a.boolean()
    password_hash = a.optional_string()  # none until an invitation is accepted
    password_is_initial = a.boolean()  # set by somebody else and not changed since
    epoch = a.integer()
    keys_valid_from = a.optional_datetime()  # the last deactivation

    @property
    def governs(self) -> str | None:
        """A constant while they hold a governance role, so that the index has them."""
        return "0" if self.is_active and self.governance_roles else None

    def list_view(self) -> JsonObject:
        """What the list shows."""
        return {
            "id": self.id,
            "email": self.email,
            "name": self.name[:100],
            "roles": self.roles,
            "governance_roles": self.governance_roles,
            "professional_id": self.professional_id,
            "is_active": self.is_active,
            "has_password": self.password_hash is not None,
            "created_at": format_timestamp(self.created_at),
        }


class ApiKey(Entity):
    """A credential for a program. It allows what its roles, its scopes and the present roles of its user all allow."""

    KIND = "api_key"
    ID = IdFormat("key", "API key", parents={"u": "user"}, row="K")
    ALL = AccessPattern("gsi1", "APIKEY", sort="{prefix}", serves="GET /auth/api-keys")  # a prefix begins with the time
    SECRET = frozenset({"secret_hash"})

    user_id = a.string()
    name = a.string()
    prefix = a.string()
    secret_hash = a.string()  # SHA-256: 256 random bits need no slow hash
    roles = a.string_list()
    scopes = a.list_()  # empty: everything that the roles allow
    has_scopes = a.boolean()
    expires_at = a.optional_datetime()

    def list_view(self) -> JsonObject:
        """What the list shows."""
        return {
            "id": self.id,
            "user_id": self.user_id,
            "name": self.name[:100],
            "prefix": self.prefix,
            "roles": self.roles,
            "expires_at": self.expires_at and format_timestamp(self.expires_at),
            "created_at": format_timestamp(self.created_at),
        }


class ExternalBlock(Entity):
    """A user of the external issuer who is refused. A guard row of the user's id, which authentication reads, exists as long as the block."""

    KIND = "external_block"
    ID = IdFormat("xblk", "block")
    ALL = AccessPattern("gsi1", "XBLK", serves="GET /auth/external-blocks")
    PERSONAL = frozenset({"user_id", "reason"})

    user_id = a.string()
    reason = a.optional_string()

    def list_view(self) -> JsonObject:
        """What the list shows."""
        return {"id": self.id, "user_id": self.user_id, "reason": self.reason, "created_at": format_timestamp(self.created_at)}
