"""Signatures of what leaves the system and comes back: cursors, links in mails; and digests under a key of the stage.

HMAC-SHA256. Each use names its purpose, which is part of what is signed, so that nothing that was signed for one purpose is
accepted for another. A signature is 16 bytes: 2^128 guesses. Text forms are base64url without padding.
"""

import base64
import hashlib
import hmac

SIGNATURE_BYTES = 16


class InvalidSignature(ValueError):
    """It was not signed by this stage for this purpose."""


# -- one text that holds what was signed


def sign(key: bytes, purpose: bytes, message: bytes) -> str:
    """The message with its signature, as one text."""
    return to_base64url(signature(key, purpose, message) + message)


def verify(key: bytes, purpose: bytes, signed: str) -> bytes:
    """The message in a signed text. ValueError for a text of another form; InvalidSignature, which is one, for a signature that isn't ours."""
    packed = from_base64url(signed)
    given, message = packed[:SIGNATURE_BYTES], packed[SIGNATURE_BYTES:]
    if not hmac.compare_digest(given, signature(key, purpose, message)):
        raise InvalidSignature
    return message


# -- a signature beside what it signs, e.g. an id in a link


def sign_text(key: bytes, purpose: str, text: str) -> str:
    """The signature of a text, to be sent along with it."""
    return to_base64url(signature(key, purpose.encode(), text.encode()))


def is_signature(key: bytes, purpose: str, text: str, given: str) -> bool:
    """Whether `given` is the signature of the text for this purpose. Takes the same time whatever is wrong with it."""
    return hmac.compare_digest(given.encode(errors="surrogatepass"), sign_text(key, purpose, text).encode())


# -- raw forms


def signature(key: bytes, purpose: bytes, message: bytes) -> bytes:
    """The signature, 16 bytes."""
    return keyed_digest(key, purpose + b"\0" + message)[:SIGNATURE_BYTES]


def keyed_digest(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256, 32 bytes: a key for one purpose out of another, or a digest of what a plain hash would let others guess."""
    return hmac.digest(key, message, "sha256")


def pseudonym(key: bytes, *parts: str) -> str:
    """What stands in a key for mail addresses and network addresses: somebody who reads the table can't test guesses against it.

    Keyed BLAKE2b, 48 hexadecimal digits.
    """
    return hashlib.blake2b("\0".join(parts).encode(), key=key[:64], digest_size=24).hexdigest()


def sha256_hex(text: str) -> str:
    """SHA-256 of a text that cannot be guessed (a token, a key) or needs no protection, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def to_base64url(value: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """The bytes of unpadded base64url. ValueError for any other character or length."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
