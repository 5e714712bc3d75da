"""The stage's secrets: the keys that sign tokens, cursors and the trail's seals. Read when first needed and every five minutes, never logged."""

import base64
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from chalicelib.foundation.dates import format_timestamp, parse_timestamp
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.settings import Settings

_CACHE_TTL = timedelta(minutes=5)


@dataclass(frozen=True)
class SigningKey:
    """One key pair, for access tokens or for seals. The newest one whose `active_from` has come signs; all of them verify."""

    kid: str
    private_pem: str
    active_from: datetime


@dataclass(frozen=True)
class Secrets:
    """The content of the secret. `__repr__` shows none of it."""

    signing_keys: tuple[SigningKey, ...]
    cursor_key: bytes
    personal_key: bytes  # derives the keys that encrypt personal data in the trail
    seal_keys: tuple[SigningKey, ...] = ()  # never removed: seals are verified years later; a secret of before there were seals has none

    def __repr__(self) -> str:
        return "Secrets(…)"

    @classmethod
    def from_json(cls, text: str) -> "Secrets":
        """The secrets from their stored JSON."""
        raw: JsonObject = json.loads(text)
        return cls(
            signing_keys=_key_pairs(raw["signing_keys"]),
            cursor_key=base64.b64decode(raw["cursor_key"]),
            personal_key=base64.b64decode(raw["personal_key"]),
            seal_keys=_key_pairs(raw.get("seal_keys", ())),
        )


def _key_pairs(raw: Iterable[JsonObject]) -> tuple[SigningKey, ...]:
    return tuple(SigningKey(key["kid"], key["private_pem"], parse_timestamp(key["active_from"])) for key in raw)


class SecretStore:
    """Reads the secrets from the location in the settings, and again when they are five minutes old."""

    def __init__(self, settings: Settings, fetch: Callable[[], str] | None = None) -> None:
        self._fetch = fetch or (lambda: _fetch(settings))
        self._cached: Secrets | None = None
        self._read_at: datetime | None = None

    def get(self, now: datetime) -> Secrets:
        """The secrets, at most five minutes old; while their location is unreachable, the last ones that were read."""
        if self._cached is None or self._read_at is None or now - self._read_at > _CACHE_TTL:
            try:
                self._cached = Secrets.from_json(self._fetch())
            except Exception:
                if self._cached is None:
                    raise
            self._read_at = now
        return self._cached


def _fetch(settings: Settings) -> str:
    scheme, _, location = settings.secrets.partition(":")
    if scheme == "file":
        return Path(location).read_text()
    from chalicelib.foundation.aws import client

    return str(client("secretsmanager", settings).get_secret_value(SecretId=location)["SecretString"])


def new_secrets(now: datetime) -> str:
    """New secrets, as JSON: for a new stage, and for the file of the local run."""
    other = {name: base64.b64encode(os.urandom(32)).decode() for name in ("cursor_key", "personal_key")}
    return json.dumps({"signing_keys": [new_key_pair("k", now)], "seal_keys": [new_key_pair("s", now)], **other}, indent=1)


def completed(secrets: str, now: datetime) -> str:
    """Secrets, as JSON, with a seal key: those of before there were seals have none."""
    content: JsonObject = json.loads(secrets)
    return secrets if content.get("seal_keys") else json.dumps({**content, "seal_keys": [new_key_pair("s", now)]}, indent=1)


def new_key_pair(prefix: str, active_from: datetime, made_at: datetime | None = None) -> JsonObject:
    """A key pair as the secrets hold it. Its id begins with `prefix` and says when it was made."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    pem = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    kid = f"{prefix}{made_at or active_from:%Y%m%d%H%M%S}"
    return {"kid": kid, "private_pem": pem.decode(), "active_from": format_timestamp(active_from)}
