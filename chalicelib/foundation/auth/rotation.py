"""New signing keys: published first, signing later, dropped when nothing that they signed can still be valid.

A process reads the secrets every five minutes and verifiers keep the public keys as long, so a key must be known for a while
before the first token is signed by it.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.foundation.auth.tokens import ACCESS_LIFE, LEEWAY
from chalicelib.foundation.aws import client
from chalicelib.foundation.calendar import instant, parse_instant
from chalicelib.foundation.secrets import new_secrets
from chalicelib.foundation.settings import Settings

MIN_OVERLAP = timedelta(minutes=10)  # twice what a process or a verifier may be behind
# After its successor began to sign: the last process to learn of it, and the last token of the old key.
_OUTLIVED = MIN_OVERLAP + ACCESS_LIFE + 2 * LEEWAY


@dataclass(frozen=True)
class Rotation:
    """What a rotation did: the new key, when it begins to sign, and the ids of those that were dropped."""

    secrets: str
    added: str
    active_from: datetime
    dropped: tuple[str, ...]


def rotated(secrets: str, now: datetime, overlap: timedelta) -> Rotation:
    """The stage's secrets, as JSON, with one more signing key that signs from `now` + `overlap` on.

    ValueError for an overlap too short, or while an earlier new key has not begun to sign: one at a time.
    """
    if overlap < MIN_OVERLAP:
        raise ValueError(f"An overlap of less than {MIN_OVERLAP.seconds // 60} minutes would meet verifiers that don't know the key.")
    held: dict[str, Any] = json.loads(secrets)
    keys = sorted(held["signing_keys"], key=lambda key: parse_instant(key["active_from"]))
    begins = [parse_instant(key["active_from"]) for key in keys]
    if begins and begins[-1] > now:
        raise ValueError(f"The key {keys[-1]['kid']} has not begun to sign yet.")
    kept = [key for key, successor in zip(keys, [*begins[1:], None], strict=True) if successor is None or successor + _OUTLIVED > now]
    added = {**json.loads(new_secrets(now))["signing_keys"][0], "active_from": instant(now + overlap)}
    dropped = tuple(key["kid"] for key in keys if key not in kept)
    return Rotation(json.dumps({**held, "signing_keys": [*kept, added]}, indent=1), added["kid"], now + overlap, dropped)


def rotate(settings: Settings, now: datetime, overlap: timedelta) -> Rotation:
    """Rotate where the stage's secrets lie: in the file of a local run, or in Secrets Manager."""
    scheme, _, place = settings.secrets.partition(":")
    if scheme == "file":
        path = Path(place)
        found = rotated(path.read_text(), now, overlap)
        fresh = path.with_name(path.name + ".new")
        fresh.touch(mode=0o600)
        fresh.write_text(found.secrets)
        fresh.replace(path)  # whole or not at all
        return found
    manager = client("secretsmanager", settings)
    found = rotated(str(manager.get_secret_value(SecretId=place)["SecretString"]), now, overlap)
    manager.put_secret_value(SecretId=place, SecretString=found.secrets)
    return found
