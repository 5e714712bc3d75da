"""Who acts, and the stamp that an action leaves on what it writes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from chalicelib.foundation.errors import Forbidden
from chalicelib.foundation.ids import ItemKey


class CallerRow(NamedTuple):
    """A row on which the caller's rights rest, and the attributes that they rest on, as they were read in this request."""

    key: ItemKey
    values: Mapping[str, object]  # None for one that is absent


@dataclass(frozen=True)
class Actor:
    """Who acts. `kind` is user, api_key or system; `permissions` come from the roles (and, of a key, its scopes).

    `rows` are those that were read to find it: none where a token or a cached key was trusted.
    """

    id: str
    kind: str = "user"
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    professional_id: str | None = None
    session: str | None = None  # the token family, or the id of the API key
    rows: tuple[CallerRow, ...] = field(default=(), compare=False, repr=False)

    @property
    def credential(self) -> str:
        """What the caller identifies themselves with: the API key's id, or the user's, whichever session of theirs it is."""
        return self.session if self.kind == "api_key" and self.session else self.id

    def can(self, permission: str) -> bool:
        """Whether one of its roles grants `permission`, e.g. "wholesale:write"."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise Forbidden without `permission`."""
        if not self.can(permission):
            raise Forbidden(f"This needs the permission {permission}.")


ANONYMOUS = Actor(id="anonymous", kind="anonymous")


def system_actor(job: str) -> Actor:
    """The actor of scheduled and other internal work, e.g. system:retention."""
    return Actor(id=f"system:{job}", kind="system")


class Stamp(Protocol):
    """Who writes, when, and in which request: what every entity records of its last write. A Context is one."""

    @property
    def actor(self) -> Actor:
        """Who writes."""

    @property
    def now(self) -> datetime:
        """When: the one timestamp of the request."""

    @property
    def request_id(self) -> str:
        """In which request."""

    @property
    def correlation_id(self) -> str:
        """What the request belongs to, by the caller's word."""
