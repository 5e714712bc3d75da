"""An outside OpenID issuer (Cognito, Auth0, Keycloak): its tokens, checked against its published keys; its groups, as roles.

Which issuer, which audience, where its keys are and which group holds which role are settings of the stage. Nothing in a token
chooses an address to fetch from or an algorithm beyond the list.
"""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
import urllib3

from chalicelib.foundation import telemetry
from chalicelib.foundation.auth.tokens import LEEWAY, Claims
from chalicelib.foundation.errors import Unauthenticated, Unavailable
from chalicelib.foundation.settings import Settings

ALGORITHMS = ("RS256", "ES256")  # asymmetric ones only: a public key must never pass for a shared secret
_KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}
_KEPT = timedelta(minutes=10)
_AGAIN = timedelta(seconds=30)  # an unknown key id is reason to ask again, but no oftener than this
_MOST_BYTES = 256 * 1024
_MIN_RSA_BITS = 2048
_PLAIN_SUBJECT = re.compile(r"[A-Za-z0-9._:@|+-]{1,100}", re.ASCII)


@dataclass
class _Held:
    """The keys of one address, as they were fetched last."""

    keys: dict[str, Any] = field(default_factory=dict)
    fetched_at: datetime | None = None
    tried_at: datetime | None = None


_held: dict[str, _Held] = {}
_lock = threading.Lock()
_http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=3), retries=False)


def verify(token: str, settings: Settings, now: datetime) -> Claims:
    """What a token of the outside issuer says; Unauthenticated where it doesn't hold, Unavailable where its keys can't be had."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError("not on the list")
        key = _key(settings.oidc_jwks_url or "", str(header.get("kid")), now)
        if key is None or key.key_type != _KEY_TYPES[algorithm]:
            raise jwt.InvalidKeyError("no such key")
        # Time is checked below, against the request's own clock.
        options: Any = {"require": ["exp", "sub", "iss", "aud"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        claims = jwt.decode(token, key.key, [algorithm], audience=settings.oidc_audience, issuer=settings.oidc_issuer, options=options)
        expires = datetime.fromtimestamp(int(claims["exp"]), now.tzinfo)
        begins = datetime.fromtimestamp(int(claims.get("nbf", claims.get("iat", 0))), now.tzinfo)
        subject = str(claims["sub"])
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, OSError):  # the last two: an instant beyond all days
        raise Unauthenticated("The token is not valid.") from None
    if now > expires + LEEWAY or now < begins - LEEWAY:
        raise Unauthenticated("The token has expired.")
    return Claims(f"oidc:{_plain(subject)}", roles_of(claims.get(settings.oidc_groups_claim), settings), "", None, expires)


def roles_of(groups: Any, settings: Settings) -> tuple[str, ...]:
    """The roles that the groups of a token hold here; groups that the stage doesn't name hold none."""
    several = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    named = {group for group in several if isinstance(group, str)}
    return tuple(sorted({role for group, role in settings.oidc_group_roles if group in named}))


def _plain(subject: str) -> str:
    """A subject as part of an id: as it is where it is plain, else its hash."""
    return subject if _PLAIN_SUBJECT.fullmatch(subject) else hashlib.sha256(subject.encode()).hexdigest()[:40]


def _key(url: str, kid: str, now: datetime) -> Any:
    """The key of that id; None where the issuer has none. Unavailable where that can't be known now."""
    with _lock:
        held = _held.setdefault(url, _Held())
        fresh = held.fetched_at is not None and now - held.fetched_at < _KEPT
        if not (fresh and kid in held.keys) and (held.tried_at is None or now - held.tried_at >= _AGAIN):
            held.tried_at = now
            try:
                held.keys, held.fetched_at = _fetch(url), now
            except (urllib3.exceptions.HTTPError, ValueError) as error:
                telemetry.line("ERROR", "the issuer's keys can't be read", url=url, error=type(error).__name__)
        key = held.keys.get(kid)
        if key is None and held.fetched_at != held.tried_at:  # the last try failed
            raise Unavailable("The issuer's keys can't be read at this moment.", retry_after=30)
        return key


def _fetch(url: str) -> dict[str, Any]:
    """The keys at an address, by their ids. No redirects, a bounded answer, only keys that one of our algorithms can use."""
    answer = _http.request("GET", url, redirect=False, preload_content=False, headers={"Accept": "application/json"})
    try:
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        body = answer.read(_MOST_BYTES + 1)
    finally:
        answer.release_conn()
    if len(body) > _MOST_BYTES:
        raise ValueError("too large")
    document = json.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no key set")
    found: dict[str, Any] = {}
    for entry in entries:
        if key := _usable(entry):
            found[str(entry["kid"])] = key
    return found


def _usable(entry: Any) -> Any:
    """The entry as a key; None where it is of another kind (another use, a shared secret, a curve or length we don't take)."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or "kid" not in entry:
        return None
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(entry.get("kty")))
    if algorithm is None or entry.get("alg", algorithm) != algorithm or (algorithm == "ES256" and entry.get("crv") != "P-256"):
        return None
    try:
        key = jwt.PyJWK(entry, algorithm)
    except jwt.PyJWTError:
        return None
    if algorithm == "RS256" and key.key.key_size < _MIN_RSA_BITS:
        return None
    return key
