"""Personal data on a trail that never changes: each subject's under a key of its own, which can be destroyed.

The subject is the root in whose partition an entity lies: a pipeline with its seller, a user. What was sealed for it can be
read as long as its key exists; `erase` destroys the key and nothing else, so no record changes and every hash still holds.

Sealing is AES-SIV (RFC 5297), which needs no nonce: a record that comes again gives the same bytes. The key lies wrapped in
a row of its own, under a key derived from the stage's secret; neither alone opens anything.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import Key
from chalicelib.foundation.json import loads
from chalicelib.foundation.store.codec import Raw, decode, wire
from chalicelib.foundation.store.store import Store, wire_key
from chalicelib.packs.auditor.canonical import canonical

ERASED = "erased"
_KEY_BYTES = 64


def key_of(subject: str) -> Key:
    """Where a subject's key lies."""
    return Key(f"PERSON#{subject}", "K")


class Subjects:
    """The keys of the subjects that one run meets. Reads each once; makes one for a new subject where told to."""

    def __init__(self, store: Store, secret: Callable[[], bytes]) -> None:
        self._store, self._secret = store, secret
        self._keys: dict[str, bytes | None] = {}  # None: destroyed
        self._looked: set[str] = set()
        self._wrapping: AESSIV | None = None

    def take(self, subjects: Iterable[str], rows: dict[Key, Raw]) -> None:
        """Remember the keys among `rows`, which were read for these subjects along with other things."""
        for subject in subjects:
            self._looked.add(subject)
            if row := rows.get(key_of(subject)):
                self._keys[subject] = self._unwrapped(subject, row)

    def load(self, subjects: Iterable[str]) -> None:
        """Read the keys of these subjects: one round trip a hundred."""
        missing = [subject for subject in subjects if subject not in self._looked]
        if missing:
            self.take(missing, self._store.get_many([key_of(subject) for subject in missing]))

    def erased(self, subject: str) -> bool:
        """Whether the subject's key was destroyed."""
        return subject in self._keys and self._keys[subject] is None

    def seal(self, subject: str, place: str, value: Any) -> dict[str, str] | None:
        """A value as the trail keeps it: a keyed digest, by which equal values are known, and the sealed value.

        `place` is bound to it, so that it opens nowhere else. None where the subject has been erased.
        """
        key = self._key(subject)
        if key is None:
            return None
        text = canonical(value).encode()
        sealed = AESSIV(key).encrypt(text, [place.encode()])
        return {"digest": hmac.new(key, text, hashlib.sha256).hexdigest(), "sealed": base64.b64encode(sealed).decode()}

    def open(self, subject: str, place: str, sealed: str) -> Any:
        """The value that was sealed; "erased" where its key is gone. Raises InvalidTag where it was tampered with."""
        key = self._keys.get(subject)
        if key is None:
            return ERASED
        return loads(AESSIV(key).decrypt(base64.b64decode(sealed), [place.encode()]).decode())

    def _key(self, subject: str) -> bytes | None:
        if subject not in self._keys:
            self._keys[subject] = self._made(subject)
        return self._keys[subject]

    def _made(self, subject: str) -> bytes | None:
        key = os.urandom(_KEY_BYTES)
        row = wire_key(key_of(subject)) | wire({"key": self._wrap().encrypt(key, [subject.encode()])})
        try:
            self._store.call("put_item", TableName=self._store.table, Item=row, ConditionExpression="attribute_not_exists(pk)")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            # Another worker was first, or the answer to our own put was lost: what stands there is the key.
            standing = self._store.get_raw(key_of(subject))
            return self._unwrapped(subject, standing) if standing else self._made(subject)
        return key

    def _unwrapped(self, subject: str, row: Raw) -> bytes | None:
        if "key" not in row:
            return None
        return self._wrap().decrypt(decode(row["key"]), [subject.encode()])

    def _wrap(self) -> AESSIV:
        if self._wrapping is None:
            derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"valhalla: keys of subjects").derive(self._secret())
            self._wrapping = AESSIV(derived)
        return self._wrapping


def destroy(ctx: Context, subject: str) -> None:
    """Destroy the subject's key, for good; what comes later about it is sealed under none."""
    ctx.store.update(
        key_of(subject),
        "REMOVE #key SET erased_at = if_not_exists(erased_at, :now), erased_by = if_not_exists(erased_by, :actor)",
        ExpressionAttributeNames={"#key": "key"},
        ExpressionAttributeValues=wire({":now": instant(ctx.now), ":actor": ctx.actor.id}),
    )
