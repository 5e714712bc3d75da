"""Keys that sign seals in tests."""

from datetime import UTC, datetime
from functools import cache

from chalicelib.foundation.key_pairs import key_set
from chalicelib.foundation.secret_store import SigningKey, new_key_pair
from chalicelib.packs.audit import seals

_ACTIVE_FROM = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def private_pem(kid: str) -> str:
    """The same key for the same id."""
    return str(new_key_pair("s", _ACTIVE_FROM)["private_pem"])


def jwks(*kids: str) -> list[dict[str, str]]:
    """The public keys of these ids as JSON web keys."""
    return key_set(SigningKey(kid, private_pem(kid), _ACTIVE_FROM) for kid in kids)


def public(*kids: str) -> seals.PublicKeys:
    """The public keys of these ids."""
    return seals.public_keys(jwks(*kids))
