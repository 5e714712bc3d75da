"""Shared parts of the measurements: a runtime on a given client, tokens, proxy events."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from chalicelib.foundation.auth import tokens
from chalicelib.foundation.http.app import ValhallaApp
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore, new_secrets
from chalicelib.foundation.settings import Settings
from chalicelib.packs import PACKS
from local.gateway import proxy_event
from tests.callers import SESSION

TABLE = "valhalla-bench"
CALLER = "user_01M8630Z0RNNA89T1SNB6WBP9W"
SECRETS = new_secrets(datetime(2026, 1, 1, tzinfo=UTC))


def settings(**overrides: Any) -> Settings:
    return Settings(stage="bench", table=TABLE, region="us-east-1", secrets="file:/dev/null", **overrides)


def runtime(stage_settings: Settings, dynamodb: Any = None) -> Runtime:
    return Runtime(stage_settings, packs=PACKS, dynamodb=dynamodb, secrets=SecretStore(stage_settings, lambda: SECRETS))


def make_app(runtime: Runtime) -> ValhallaApp:
    app = ValhallaApp("valhalla", runtime=lambda: runtime)
    app.register(PACKS)
    return app


def token(runtime: Runtime, *roles: str, user: str = CALLER) -> str:
    now = runtime.clock()
    return tokens.issue(runtime.settings, runtime.secrets.get(now), now, user_id=user, roles=list(roles), session=SESSION)


def event(method: str, path: str, bearer: str, body: Any = None, query: dict[str, str] | None = None, **headers: str) -> dict[str, Any]:
    sent_headers = {
        "Accept": "*/*",
        "Accept-Encoding": "gzip, br",
        "Authorization": f"Bearer {bearer}",
        "Content-Type": "application/json",
        "Host": "api.example.com",
        "User-Agent": "bench",
        "X-Forwarded-For": "203.0.113.7",
        **headers,
    }
    return proxy_event(method, path, sent_headers, query or {}, None if body is None else json.dumps(body))


class RecordingClient:
    """A client that records the operations called, as (name, arguments, response)."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._inner, name)

        def call(**arguments: Any) -> Any:
            response = operation(**arguments)
            self.calls.append((name, arguments, response))
            return response

        return call


@contextmanager
def capture_stdout() -> Iterator[None]:
    """Write log lines to memory: they are part of a request's cost."""
    original, sys.stdout = sys.stdout, io.StringIO()
    try:
        yield
    finally:
        sys.stdout = original
