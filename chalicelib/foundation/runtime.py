"""What lives as long as the process: settings, secrets, the client, the clock. Built once, by an entry point."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.foundation.aws import client
from chalicelib.foundation.cache import Cache
from chalicelib.foundation.context import ANYONE, Actor, Context
from chalicelib.foundation.secrets import SecretStore
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store.store import Store

_ENOUGH = 25.0  # seconds a request may take where nobody says less; the gateway gives up at 29


class Runtime:
    """The process's outside, as the entry points (doorway, schedules, streams, shell) find it."""

    def __init__(
        self,
        settings: Settings,
        *,
        dynamodb: Any = None,
        secrets: SecretStore | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self.dynamodb = dynamodb or client("dynamodb", settings)
        self.secrets = secrets or SecretStore(settings)
        self.clock = clock
        self.sleep = sleep
        self.cache = Cache()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Runtime":
        """The runtime that the environment describes; raises SettingsError."""
        return cls(Settings.from_environment(environment))

    def context(
        self,
        *,
        request_id: str,
        correlation_id: str = "",
        actor: Actor = ANYONE,
        remaining: Callable[[], float] | None = None,
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
            store=self.store(remaining),
            settings=self.settings,
            secret_store=self.secrets,
            cache=self.cache,
            source_ip=source_ip,
            user_agent=user_agent,
            endpoint=endpoint,
        )

    def store(self, remaining: Callable[[], float] | None = None) -> Store:
        """A store for one request or run; `remaining` tells the seconds that are left."""
        if remaining is None:
            deadline = time.monotonic() + _ENOUGH
            remaining = lambda: deadline - time.monotonic()  # noqa: E731
        return Store(
            self.dynamodb,
            self.settings.table,
            remaining=remaining,
            count_capacity=self.settings.count_capacity,
            sleep=self.sleep,
        )

    def identify(self, headers: Mapping[str, str], ctx: Context) -> Actor:
        """Who sends these headers; Unauthenticated where nobody we know."""
        from chalicelib.foundation.auth.callers import identify  # cryptography, when the first caller shows a token

        return identify(headers, ctx)
