"""The stage's secrets: the keys that sign tokens and cursors. Read at start, again every five minutes, never logged."""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.foundation.calendar import instant, parse_instant
from chalicelib.foundation.settings import Settings

_REFRESH = timedelta(minutes=5)


@dataclass(frozen=True)
class SigningKey:
    """One key pair for access tokens. The newest one whose `active_from` has come signs; all of them verify."""

    kid: str
    private_pem: str
    active_from: datetime


@dataclass(frozen=True)
class Secrets:
    """What is in the secret. `__repr__` shows nothing of it."""

    signing_keys: tuple[SigningKey, ...]
    cursor_key: bytes
    personal_key: bytes  # derives the keys under which personal data lies in the trail

    def __repr__(self) -> str:
        return "Secrets(…)"

    @classmethod
    def from_json(cls, text: str) -> "Secrets":
        """The secrets as they lie in the store."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            signing_keys=tuple(
                SigningKey(key["kid"], key["private_pem"], parse_instant(key["active_from"])) for key in raw["signing_keys"]
            ),
            cursor_key=base64.b64decode(raw["cursor_key"]),
            personal_key=base64.b64decode(raw["personal_key"]),
        )


class SecretStore:
    """Reads the secrets from where the settings say, and again when they are five minutes old."""

    def __init__(self, settings: Settings, fetch: Callable[[], str] | None = None) -> None:
        self._fetch = fetch or (lambda: _fetch(settings))
        self._held: Secrets | None = None
        self._read_at: datetime | None = None

    def get(self, now: datetime) -> Secrets:
        """The secrets, at most five minutes old; an unreachable store leaves the ones we have."""
        if self._held is None or self._read_at is None or now - self._read_at > _REFRESH:
            try:
                self._held = Secrets.from_json(self._fetch())
            except Exception:
                if self._held is None:
                    raise
            self._read_at = now
        return self._held


def _fetch(settings: Settings) -> str:
    scheme, _, place = settings.secrets.partition(":")
    if scheme == "file":
        return Path(place).read_text()
    from chalicelib.foundation.aws import client

    return str(client("secretsmanager", settings).get_secret_value(SecretId=place)["SecretString"])


def new_secrets(now: datetime) -> str:
    """Fresh secrets, as JSON: for a new stage, and for the file of the local run."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    pem = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = {"kid": f"k{now:%Y%m%d%H%M%S}", "private_pem": pem.decode(), "active_from": instant(now)}
    other = {name: base64.b64encode(os.urandom(32)).decode() for name in ("cursor_key", "personal_key")}
    return json.dumps({"signing_keys": [key], **other}, indent=1)
