"""The dependencies of the process: its packs, settings, secrets, the client, the clock. Built once, by an entry point."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.foundation.actor import ANONYMOUS, Actor
from chalicelib.foundation.aws import client
from chalicelib.foundation.cache import Cache
from chalicelib.foundation.context import Context
from chalicelib.foundation.manifest import Pack
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store.retry_policy import REQUESTS, RetryBudget, RetryPolicy
from chalicelib.foundation.store.store import Store

_DEFAULT_SECONDS = 25.0  # seconds a request may take by default; the gateway times out after 29


class Runtime:
    """The dependencies of the process, for every entry point (API, schedules, stream consumers, commands).

    `packs` are the installed packs: what the foundation derives from manifests, it derives from these.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        packs: Iterable[Pack],
        dynamodb: Any = None,
        secrets: SecretStore | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self.packs = PackRegistry(packs)
        self.dynamodb = dynamodb or client("dynamodb", settings)
        self.secrets = secrets or SecretStore(settings)
        self.clock = clock
        self.sleep = sleep
        self.retry_by(REQUESTS)
        self.cache = Cache()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], packs: tuple[Pack, ...]) -> "Runtime":
        """The runtime for these environment variables, with these packs. Raises SettingsError."""
        return cls(Settings.from_environment(environment, packs), packs=packs)

    def retry_by(self, policy: RetryPolicy) -> None:
        """Repeat calls to the table by this policy; the process has one budget for all of them."""
        self._retry_policy, self._retry_budget = policy, RetryBudget(policy)

    def context(
        self,
        *,
        request_id: str,
        correlation_id: str = "",
        actor: Actor = ANONYMOUS,
        remaining_seconds: Callable[[], float] | None = None,
        source_ip: str = "",
        user_agent: str = "",
        endpoint: str = "",
    ) -> Context:
        """A context for one request or run, now."""
        now = self.clock()
        return Context(
            actor=actor,
            now=now,
            request_id=request_id,
            correlation_id=correlation_id or request_id,
            store=self.store(remaining_seconds),
            settings=self.settings,
            secret_store=self.secrets,
            packs=self.packs,
            cache=self.cache,
            source_ip=source_ip,
            user_agent=user_agent,
            endpoint=endpoint,
        )

    def store(self, remaining_seconds: Callable[[], float] | None = None) -> Store:
        """A store for one request or run; `remaining_seconds` returns the seconds left."""
        if remaining_seconds is None:
            deadline = time.monotonic() + _DEFAULT_SECONDS
            remaining_seconds = lambda: deadline - time.monotonic()  # noqa: E731
        return Store(
            self.dynamodb,
            self.settings.table,
            remaining_seconds=remaining_seconds,
            count_capacity=self.settings.count_capacity,
            sleep=self.sleep,
            policy=self._retry_policy,
            budget=self._retry_budget,
        )

    def identify(self, headers: Mapping[str, str], ctx: Context, *, live: bool = False) -> Actor:
        """The caller with these headers; with `live` as their own rows say at this moment, one round trip. Raises Unauthenticated."""
        from chalicelib.foundation.auth.authentication import authenticate  # imports cryptography only when needed

        return authenticate(headers, ctx, live=live)
