"""Crypto-shredding: personal data on the immutable trail is encrypted with a key per subject, which can be destroyed.

The subject is the root of an entity's partition: a pipeline with its seller, a user. Its sealed values are readable as long as its
key exists; erasing destroys only the key, so no record changes and every hash remains valid.

Values are sealed with AES-SIV (RFC 5297), which is deterministic and needs no nonce: a replayed record has the same bytes. The
subject's key is stored in an item of its own, wrapped with a key derived from the stage's secret; both are needed to read a value.
"""

import base64
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chalicelib.foundation.canonical_json import canonical_json
from chalicelib.foundation.errors import Unavailable, VersionConflict
from chalicelib.foundation.json_codec import loads
from chalicelib.foundation.signing import keyed_digest
from chalicelib.foundation.store.store import Store
from chalicelib.foundation.store.transactions import MAX_ACTIONS
from chalicelib.packs.audit import repository

ERASED = "erased"
_KEY_BYTES = 64


class DataSubjectKeys:
    """The encryption keys of subjects, each read once. `seal` creates the key of a new subject."""

    def __init__(self, store: Store, secret: Callable[[], bytes]) -> None:
        self._store, self._secret = store, secret
        self._keys: dict[str, bytes | None] = {}  # None: destroyed
        self._loaded: set[str] = set()
        self._cipher: AESSIV | None = None

    def add_loaded(self, subjects: Iterable[str], wrapped: Mapping[str, bytes | None]) -> None:
        """Add the keys of these subjects, as they were read together with other items; None for one that was destroyed."""
        for subject in subjects:
            self._loaded.add(subject)
            if subject in wrapped:
                self._keys[subject] = self._unwrap(subject, wrapped[subject])

    def load(self, subjects: Iterable[str]) -> None:
        """Read the keys of these subjects: one round trip per hundred."""
        missing = [subject for subject in subjects if subject not in self._loaded]
        if missing:
            self.add_loaded(missing, repository.find_subject_keys(self._store, missing))

    def is_erased(self, subject: str) -> bool:
        """Whether the subject's key was destroyed."""
        return subject in self._keys and self._keys[subject] is None

    def seal(self, subject: str, context: str, value: object) -> dict[str, str] | None:
        """A value as stored on the trail: a keyed digest, by which equal values can be recognised, and the sealed value.

        `context` is authenticated with it, so that it can't be unsealed elsewhere. None where the subject has been erased.
        """
        key = self._key(subject)
        if key is None:
            return None
        text = canonical_json(value).encode()
        sealed = AESSIV(key).encrypt(text, [context.encode()])
        return {"digest": keyed_digest(key, text).hex(), "sealed": base64.b64encode(sealed).decode()}

    def encrypt(self, subject: str, context: str, content: bytes) -> bytes | None:
        """Content under the subject's key, bound to `context`; None where the subject has been erased."""
        self.load([subject])
        key = self._key(subject)
        return None if key is None else AESSIV(key).encrypt(content, [context.encode()])

    def decrypt(self, subject: str, context: str, sealed: bytes) -> bytes | None:
        """The content that was encrypted; None where the subject's key doesn't exist. Raises InvalidTag where it was tampered with."""
        self.load([subject])
        key = self._keys.get(subject)
        return None if key is None else AESSIV(key).decrypt(sealed, [context.encode()])

    def unseal(self, subject: str, context: str, sealed: str) -> Any:
        """The value that was sealed; "erased" where its key doesn't exist. Raises InvalidTag where it was tampered with."""
        key = self._keys.get(subject)
        if key is None:
            return ERASED
        return loads(AESSIV(key).decrypt(base64.b64decode(sealed), [context.encode()]).decode())

    def _key(self, subject: str) -> bytes | None:
        if subject not in self._keys:
            self._keys[subject] = self._create_key(subject)
        return self._keys[subject]

    def create(self, subjects: Iterable[str]) -> None:
        """Create the keys of those of these subjects that were loaded and have none. One round trip per hundred.

        Where that is refused, since another worker created one of them, each is read or created when it is needed.
        """
        missing = sorted(subject for subject in subjects if subject in self._loaded and subject not in self._keys)
        for start in range(0, len(missing), MAX_ACTIONS):
            keys = {subject: os.urandom(_KEY_BYTES) for subject in missing[start : start + MAX_ACTIONS]}
            try:
                repository.create_subject_keys(self._store, {subject: self._wrap(subject, key) for subject, key in keys.items()})
            except (VersionConflict, ClientError, Unavailable):
                continue
            self._keys.update(keys)

    def _create_key(self, subject: str) -> bytes | None:
        key = os.urandom(_KEY_BYTES)
        try:
            repository.create_subject_keys(self._store, {subject: self._wrap(subject, key)})
        except VersionConflict:
            # Another worker was first, or the response to this put was lost: the stored key is the valid one.
            existing = repository.find_subject_keys(self._store, [subject])
            return self._unwrap(subject, existing[subject]) if subject in existing else self._create_key(subject)
        return key

    def _wrap(self, subject: str, key: bytes) -> bytes:
        return self._wrapping_cipher().encrypt(key, [subject.encode()])

    def _unwrap(self, subject: str, wrapped: bytes | None) -> bytes | None:
        return None if wrapped is None else self._wrapping_cipher().decrypt(wrapped, [subject.encode()])

    def _wrapping_cipher(self) -> AESSIV:
        if self._cipher is None:
            derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"valhalla: keys of subjects").derive(self._secret())
            self._cipher = AESSIV(derived)
        return self._cipher
