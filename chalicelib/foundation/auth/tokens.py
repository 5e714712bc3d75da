"""Access tokens: JSON web tokens with one fixed algorithm, signed with the stage's newest key, verified with any of its keys."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from chalicelib.foundation import key_pairs
from chalicelib.foundation.errors import Unauthenticated
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.key_pairs import ALGORITHM, active_key, public_keys
from chalicelib.foundation.secret_store import Secrets, SigningKey
from chalicelib.foundation.settings import Settings

AUDIENCE = "valhalla-api"
EXTERNAL_PREFIX = "oidc:"  # of the ids of users of an external issuer
ACCESS_TTL = timedelta(minutes=15)
LEEWAY = timedelta(seconds=60)


@dataclass(frozen=True)
class Claims:
    """The claims of an access token."""

    user_id: str
    roles: tuple[str, ...]
    session: str
    professional_id: str | None
    expires_at: datetime
    addresses: tuple[str, ...] = ()  # the mail addresses that a token of the external issuer names, normalised


def issuer(settings: Settings) -> str:
    """The issuer name: one per stage, so that a token of one stage is not valid on another."""
    return f"valhalla:{settings.stage}"


def issue(
    settings: Settings,
    secrets: Secrets,
    now: datetime,
    *,
    user_id: str,
    roles: list[str],
    session: str,
    professional_id: str | None = None,
    ttl: timedelta = ACCESS_TTL,
) -> str:
    """A signed access token, valid for 15 minutes; longer only for a local run."""
    key = signing_key(secrets, now)
    claims: JsonObject = {
        "iss": issuer(settings),
        "aud": AUDIENCE,
        "sub": user_id,
        "iat": int(now.timestamp()),
        "exp": int((now + ttl).timestamp()),
        "roles": roles,
        "sid": session,
    }
    if professional_id:
        claims["pro"] = professional_id
    return jwt.encode(claims, key.private_pem, ALGORITHM, headers={"kid": key.kid})


def signing_key(secrets: Secrets, now: datetime) -> SigningKey:
    """The newest active key."""
    return active_key(secrets.signing_keys, now)


def key_set(secrets: Secrets) -> list[dict[str, str]]:
    """The public keys as JSON web keys (RFC 7517)."""
    return key_pairs.key_set(secrets.signing_keys)


def unverified_issuer(token: str) -> str | None:
    """The issuer that a token names, unverified: only selects the keys to verify it with."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    issuer_claim = claims.get("iss")
    return issuer_claim if isinstance(issuer_claim, str) else None


def verify(token: str, settings: Settings, secrets: Secrets, now: datetime) -> Claims:
    """The claims of a token of this stage; raises Unauthenticated where it is another's, was changed, or has expired."""
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = dict(public_keys(secrets.signing_keys)).get(str(kid))
        if key is None:
            raise jwt.InvalidTokenError("unknown key")
        # Time is checked below, against the request's own clock.
        options: Any = {"require": ["exp", "iat", "sub", "iss", "aud"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        claims = jwt.decode(token, key, [ALGORITHM], audience=AUDIENCE, issuer=issuer(settings), options=options)
        expires = datetime.fromtimestamp(int(claims["exp"]), now.tzinfo)
        issued = datetime.fromtimestamp(int(claims["iat"]), now.tzinfo)
        result = Claims(str(claims["sub"]), tuple(claims["roles"]), str(claims["sid"]), claims.get("pro"), expires)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError, OSError):  # the last two: a timestamp out of range
        raise Unauthenticated("The token is not valid.") from None
    if now > expires + LEEWAY or now < issued - LEEWAY:
        raise Unauthenticated("The token has expired.")
    return result
