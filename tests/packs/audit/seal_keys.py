"""Keys that sign seals in tests."""

from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from chalicelib.packs.audit import seals


@cache
def private_pem(kid: str) -> str:
    """The same key for the same id."""
    format = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return generate_private_key(SECP256R1()).private_bytes(*format).decode()


def public(*kids: str) -> seals.PublicKeys:
    """The public keys of these ids."""
    return seals.public_keys([seals.public_jwk(kid, private_pem(kid)) for kid in kids])
