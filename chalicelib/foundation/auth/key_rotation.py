"""Rotation of signing keys: published first, used later, removed when no token that they signed can still be valid.

A process reads the secrets every five minutes and verifiers cache the public keys as long, so a key must be published for a while
before the first token is signed with it.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from chalicelib.foundation.auth.tokens import ACCESS_TTL, LEEWAY
from chalicelib.foundation.aws import client
from chalicelib.foundation.dates import format_timestamp, parse_timestamp
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.secret_store import new_secrets
from chalicelib.foundation.settings import Settings

MIN_OVERLAP = timedelta(minutes=10)  # twice the time that a process or a verifier may be behind
# After its successor becomes active: until every process has read it, and the last token of the old key has expired.
_RETIRE_AFTER = MIN_OVERLAP + ACCESS_TTL + 2 * LEEWAY


@dataclass(frozen=True)
class Rotation:
    """The result of a rotation: the new secrets, the id of the new key, when it becomes active, and the ids of removed keys."""

    secrets: str
    added: str
    active_from: datetime
    dropped: tuple[str, ...]


def rotate_json(secrets: str, now: datetime, overlap: timedelta) -> Rotation:
    """The stage's secrets, as JSON, with one more signing key that is active from `now` + `overlap` on.

    Raises ValueError for an overlap that is too short, or while an earlier new key is not active yet: one at a time.
    """
    if overlap < MIN_OVERLAP:
        raise ValueError(f"An overlap of less than {MIN_OVERLAP.seconds // 60} minutes would meet verifiers that don't know the key.")
    content: JsonObject = json.loads(secrets)
    keys = sorted(content["signing_keys"], key=lambda key: parse_timestamp(key["active_from"]))
    starts = [parse_timestamp(key["active_from"]) for key in keys]
    if starts and starts[-1] > now:
        raise ValueError(f"The key {keys[-1]['kid']} has not begun to sign yet.")
    remaining = [
        key for key, successor in zip(keys, [*starts[1:], None], strict=True) if successor is None or successor + _RETIRE_AFTER > now
    ]
    added = {**json.loads(new_secrets(now))["signing_keys"][0], "active_from": format_timestamp(now + overlap)}
    dropped = tuple(key["kid"] for key in keys if key not in remaining)
    return Rotation(json.dumps({**content, "signing_keys": [*remaining, added]}, indent=1), added["kid"], now + overlap, dropped)


def rotate(settings: Settings, now: datetime, overlap: timedelta) -> Rotation:
    """Rotate the keys where the stage's secrets are stored: in the file of a local run, or in Secrets Manager."""
    scheme, _, location = settings.secrets.partition(":")
    if scheme == "file":
        path = Path(location)
        rotation = rotate_json(path.read_text(), now, overlap)
        new_file = path.with_name(path.name + ".new")
        new_file.touch(mode=0o600)
        new_file.write_text(rotation.secrets)
        new_file.replace(path)  # atomic
        return rotation
    manager = client("secretsmanager", settings)
    rotation = rotate_json(str(manager.get_secret_value(SecretId=location)["SecretString"]), now, overlap)
    manager.put_secret_value(SecretId=location, SecretString=rotation.secrets)
    return rotation
