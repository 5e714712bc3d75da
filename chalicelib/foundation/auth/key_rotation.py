"""Rotation of signing keys: published first, used later, removed when no token that they signed can still be valid.

A process reads the secrets every five minutes and verifiers cache the public keys as long, so a key must be published for a while
before the first token is signed with it.

The keys that seal the trail are rotated on request only, and never removed: a seal is verified by its key for as long as it is kept.
Secrets of before there were seals get their first one by any rotation.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from chalicelib.foundation.auth.tokens import ACCESS_TTL, LEEWAY
from chalicelib.foundation.aws import client
from chalicelib.foundation.dates import parse_timestamp
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.secret_store import new_key_pair
from chalicelib.foundation.settings import Settings

MIN_OVERLAP = timedelta(minutes=10)  # twice the time that a process or a verifier may be behind
# After its successor becomes active: until every process has read it, and the last token of the old key has expired.
_RETIRE_AFTER = MIN_OVERLAP + ACCESS_TTL + 2 * LEEWAY


@dataclass(frozen=True)
class Rotation:
    """The result of a rotation: the new secrets, the ids of the new key and of a new seal key (empty for none), when they become active, and
    the ids of removed keys. A stage's first seal key is active at once.
    """

    secrets: str
    added: str
    added_seal_key: str
    active_from: datetime
    dropped: tuple[str, ...]


def rotate_json(secrets: str, now: datetime, overlap: timedelta, *, seal_key: bool = False) -> Rotation:
    """The stage's secrets, as JSON, with one more signing key that is active from `now` + `overlap` on; with `seal_key` one more of seals, too.

    Raises ValueError for an overlap that is too short, or while an earlier new key is not active yet: one at a time.
    """
    if overlap < MIN_OVERLAP:
        raise ValueError(f"An overlap of less than {MIN_OVERLAP.seconds // 60} minutes would meet verifiers that don't know the key.")
    content: JsonObject = json.loads(secrets)
    known_seal_keys = len(content.get("seal_keys", ()))
    keys = sorted(content["signing_keys"], key=lambda key: parse_timestamp(key["active_from"]))
    starts = [parse_timestamp(key["active_from"]) for key in keys]
    if starts and starts[-1] > now:
        raise ValueError(f"The key {keys[-1]['kid']} has not begun to sign yet.")
    remaining = [
        key for key, successor in zip(keys, [*starts[1:], None], strict=True) if successor is None or successor + _RETIRE_AFTER > now
    ]
    added = new_key_pair("k", now + overlap, made_at=now)
    content["signing_keys"] = [*remaining, added]
    seal_keys = content.setdefault("seal_keys", [])
    if seal_key or not seal_keys:
        seal_keys.append(new_key_pair("s", now + overlap if seal_keys else now, made_at=now))
    return Rotation(
        json.dumps(content, indent=1),
        added["kid"],
        seal_keys[-1]["kid"] if len(seal_keys) > known_seal_keys else "",
        now + overlap,
        dropped=tuple(key["kid"] for key in keys if key not in remaining),
    )


def rotate(settings: Settings, now: datetime, overlap: timedelta, *, seal_key: bool = False) -> Rotation:
    """Rotate the keys where the stage's secrets are stored: in the file of a local run, or in Secrets Manager."""
    scheme, _, location = settings.secrets.partition(":")
    if scheme == "file":
        path = Path(location)
        rotation = rotate_json(path.read_text(), now, overlap, seal_key=seal_key)
        new_file = path.with_name(path.name + ".new")
        new_file.touch(mode=0o600)
        new_file.write_text(rotation.secrets)
        new_file.replace(path)  # atomic
        return rotation
    manager = client("secretsmanager", settings)
    stored = str(manager.get_secret_value(SecretId=location)["SecretString"])
    rotation = rotate_json(stored, now, overlap, seal_key=seal_key)
    manager.put_secret_value(SecretId=location, SecretString=rotation.secrets)
    return rotation
