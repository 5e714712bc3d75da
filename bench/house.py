"""The API as the measurements use it: a runtime on a given client, callers with tokens, proxy events."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from chalicelib.foundation.auth import tokens
from chalicelib.foundation.http.doorway import Doorway
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secrets import SecretStore, new_secrets
from chalicelib.foundation.settings import Settings
from chalicelib.packs import PACKS
from local.gateway import proxy_event

TABLE = "valhalla-bench"
SECRETS = new_secrets(datetime(2026, 1, 1, tzinfo=UTC))


def settings(**over: Any) -> Settings:
    return Settings(stage="bench", table=TABLE, region="us-east-1", secrets="file:/dev/null", **over)


def runtime(chosen: Settings, dynamodb: Any = None) -> Runtime:
    return Runtime(chosen, dynamodb=dynamodb, secrets=SecretStore(chosen, lambda: SECRETS))


def app_on(house: Runtime) -> Doorway:
    app = Doorway("valhalla", runtime=lambda: house)
    app.register(PACKS)
    return app


def token(house: Runtime, *roles: str) -> str:
    now = house.clock()
    return tokens.issue(
        house.settings, house.secrets.get(now), now, user_id="user_01M8630Z0RNNA89T1SNB6WBP9W", roles=list(roles), session="bench"
    )


def event(method: str, path: str, bearer: str, body: Any = None, query: dict[str, str] | None = None, **headers: str) -> dict[str, Any]:
    sent = {
        "Accept": "*/*",
        "Accept-Encoding": "gzip, br",
        "Authorization": f"Bearer {bearer}",
        "Content-Type": "application/json",
        "Host": "api.example.com",
        "User-Agent": "bench",
        "X-Forwarded-For": "203.0.113.7",
        **headers,
    }
    return proxy_event(method, path, sent, query or {}, None if body is None else json.dumps(body))


@contextmanager
def quiet() -> Iterator[None]:
    """Log lines are written, to memory: they are part of a request's cost."""
    kept, sys.stdout = sys.stdout, io.StringIO()
    try:
        yield
    finally:
        sys.stdout = kept
