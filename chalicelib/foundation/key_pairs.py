"""Key pairs that sign (ES256): which one signs at an instant, and their public halves for those who verify."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from chalicelib.foundation.secret_store import SigningKey

ALGORITHM = "ES256"


def active_key(keys: Iterable[SigningKey], now: datetime) -> SigningKey:
    """The newest active key. Raises ValueError where there is none."""
    return max((key for key in keys if key.active_from <= now), key=lambda key: key.active_from)


@lru_cache(maxsize=32)
def _public_key(private_pem: str) -> Any:
    return serialization.load_pem_private_key(private_pem.encode(), None).public_key()


def public_keys(keys: Iterable[SigningKey]) -> list[tuple[str, Any]]:
    """Key id and public key of each key."""
    return [(key.kid, _public_key(key.private_pem)) for key in keys]


def key_set(keys: Iterable[SigningKey]) -> list[dict[str, str]]:
    """The public keys as JSON web keys (RFC 7517)."""
    return [
        {**jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True), "kid": kid, "use": "sig", "alg": ALGORITHM}
        for kid, key in public_keys(keys)
    ]
