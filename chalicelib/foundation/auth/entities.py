"""Users and API keys as they lie in the table. Both live in the user's partition, with the user's sessions."""

from typing import Any

from chalicelib.foundation.calendar import instant
from chalicelib.foundation.ids import IdForm
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity


class User(Entity):
    """Who can sign in.

    `epoch` counts the occasions on which all sessions ended; a session of an older epoch is dead. So ending them all is one
    write, in the transaction of whatever is the reason. Their API keys outlive that; of a deactivation they do not: those made
    before `keys_valid_from` stay dead when the user comes back.
    """

    KIND = "user"
    ID = IdForm("user", "user")
    SECRET = frozenset({"password_hash"})
    PERSONAL = frozenset({"email", "name"})

    email = a.text()
    name = a.text()
    roles = a.texts()
    governance_roles = a.texts()
    professional_id = a.optional_text()
    is_active = a.flag()
    password_hash = a.optional_text()  # none until an invitation is taken up
    password_is_initial = a.flag()  # set by somebody else, and not changed since
    epoch = a.whole()
    keys_valid_from = a.optional_moment()  # the last deactivation

    def index_keys(self) -> dict[str, str]:
        """All users, newest first."""
        return {"gsi1pk": "USER", "gsi1sk": self.id}

    def view(self) -> dict[str, Any]:
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
            "created_at": instant(self.created_at),
        }


class ApiKey(Entity):
    """A program's way in. It may what its roles, its scopes and its maker's present roles allow together."""

    KIND = "api_key"
    ID = IdForm("key", "API key", parents={"u": "user"}, row="K")
    SECRET = frozenset({"secret_hash"})

    user_id = a.text()
    name = a.text()
    prefix = a.text()
    secret_hash = a.text()  # SHA-256: the secret is 256 bits of chance, which nothing slow protects better
    roles = a.texts()
    scopes = a.items()  # empty: whatever the roles allow
    has_scopes = a.flag()
    expires_at = a.optional_moment()

    def index_keys(self) -> dict[str, str]:
        """All keys by their prefix, newest first, since the prefix begins with the time."""
        return {"gsi1pk": "APIKEY", "gsi1sk": self.prefix}

    def view(self) -> dict[str, Any]:
        """What the list shows."""
        return {
            "id": self.id,
            "user_id": self.user_id,
            "name": self.name[:100],
            "prefix": self.prefix,
            "roles": self.roles,
            "expires_at": self.expires_at and instant(self.expires_at),
            "created_at": instant(self.created_at),
        }
