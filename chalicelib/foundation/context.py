"""What a use case needs from outside: who acts, when, in which request, and the store.

Services take a Context and validated input, and can so be called from a route, a schedule, a stream, a test or a shell alike.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from chalicelib.foundation.cache import Cache
from chalicelib.foundation.calendar import firm_day
from chalicelib.foundation.errors import Forbidden, PreconditionFailed
from chalicelib.foundation.idempotency import IdempotencyKey
from chalicelib.foundation.secrets import Secrets, SecretStore
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store.store import Store


@dataclass(frozen=True)
class Actor:
    """Who acts. `kind` is user, api_key or system; `permissions` come from the roles (and, of a key, its scopes)."""

    id: str
    kind: str = "user"
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    professional_id: str | None = None
    session: str | None = None  # the token family

    def may(self, permission: str) -> bool:
        """Whether one of its roles grants `permission`, e.g. "wholesale:write"."""
        return permission in self.permissions

    def need(self, permission: str) -> None:
        """Raise Forbidden without `permission`."""
        if not self.may(permission):
            raise Forbidden(f"This needs the permission {permission}.")


ANYONE = Actor(id="anonymous", kind="anonymous")


def system(job: str) -> Actor:
    """The actor of scheduled and other own work, e.g. system:retention."""
    return Actor(id=f"system:{job}", kind="system")


@dataclass(kw_only=True)
class Context:
    """The outside of one request or run. `now` is its one instant."""

    actor: Actor
    now: datetime
    request_id: str
    correlation_id: str
    store: Store
    settings: Settings
    secret_store: SecretStore
    source_ip: str = ""
    user_agent: str = ""
    endpoint: str = ""  # "GET /wholesale": what cursors are bound to
    base_path: str = ""  # what the API lies under on its gateway, e.g. /api: links begin with it
    idempotency: IdempotencyKey | None = None
    if_match: frozenset[int] | None = None
    cache: Cache = field(default_factory=Cache)  # the process's own
    warnings: list[str] = field(default_factory=list)

    @property
    def today(self) -> date:
        """The firm's day."""
        return firm_day(self.now, self.settings.firm_time_zone)

    @property
    def secrets(self) -> Secrets:
        """The stage's secrets, read when they are first needed: health and documentation need none."""
        return self.secret_store.get(self.now)

    def expect_revision(self, revision: int) -> None:
        """Hold the caller's If-Match against the revision that was read; raises PreconditionFailed."""
        if self.if_match is not None and revision not in self.if_match:
            raise PreconditionFailed(f"It is at revision {revision} by now.", revision=revision)
