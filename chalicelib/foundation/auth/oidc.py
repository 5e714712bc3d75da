"""Tokens of an external OpenID issuer (Cognito, Auth0, Keycloak): verified with its published keys, its groups mapped to roles.

An ID or access token is for us by its audience. Cognito's access tokens have none; they name the client that they were issued to.

Issuer, audience, URL of the keys and the role of each group are settings of the stage. Nothing in a token chooses a URL to fetch
from, or an algorithm that is not allowed.
"""

import json
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
import urllib3

from chalicelib.foundation import emails, telemetry
from chalicelib.foundation.auth.tokens import EXTERNAL_PREFIX, LEEWAY, Claims
from chalicelib.foundation.errors import Unauthenticated, Unavailable
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.signing import sha256_hex

ALGORITHMS = ("RS256", "ES256")  # asymmetric only: a public key must never be accepted as a shared secret
_KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}
_CACHE_TTL = timedelta(minutes=10)
_RETRY_INTERVAL = timedelta(seconds=30)  # an unknown key id causes a new fetch, but no more often than this
_MAX_BYTES = 256 * 1024
_MIN_RSA_BITS = 2048
_ADDRESS_CLAIMS = ("email", "username", "cognito:username", "preferred_username")
_SAFE_SUBJECT = re.compile(r"[A-Za-z0-9._:@|+-]{1,100}", re.ASCII)


@dataclass
class _CachedJwks:
    """The keys of one URL as fetched last."""

    keys: JsonObject = field(default_factory=dict)
    fetched_at: datetime | None = None
    tried_at: datetime | None = None


_jwks_cache: dict[str, _CachedJwks] = {}
_lock = threading.Lock()
_http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=3), retries=False)


def verify(token: str, settings: Settings, now: datetime) -> Claims:
    """The claims of a token; raises Unauthenticated where it is not valid, Unavailable where the issuer's keys can't be fetched."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError("not on the list")
        key = _key(settings.oidc_jwks_url or "", str(header.get("kid")), now)
        if key is None or key.key_type != _KEY_TYPES[algorithm]:
            raise jwt.InvalidKeyError("no such key")
        # Audience and time are checked below: not every token has an audience, and the time is the request's own clock's.
        options: Any = {
            "require": ["exp", "iat", "sub", "iss"],
            "verify_aud": False,
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        }
        claims = jwt.decode(token, key.key, [algorithm], issuer=settings.oidc_issuer, options=options)
        expires = datetime.fromtimestamp(int(claims["exp"]), now.tzinfo)
        issued = datetime.fromtimestamp(int(claims["iat"]), now.tzinfo)
        valid_from = max(issued, datetime.fromtimestamp(int(claims.get("nbf", claims["iat"])), now.tzinfo))
        subject = str(claims["sub"])
        if not _is_for_us(claims, settings):
            raise jwt.InvalidAudienceError("for somebody else")
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, OSError):  # the last two: a timestamp out of range
        raise Unauthenticated("The token is not valid.") from None
    if now > expires + LEEWAY or now < valid_from - LEEWAY:
        raise Unauthenticated("The token has expired.")
    if expires - issued > timedelta(minutes=settings.oidc_max_minutes):
        raise Unauthenticated(f"A token may last {settings.oidc_max_minutes} minutes here; this one was issued for longer.")
    roles = roles_of(claims.get(settings.oidc_groups_claim), settings)
    return Claims(f"{EXTERNAL_PREFIX}{_subject_id(subject)}", roles, "", None, expires, _addresses(claims))


def _is_for_us(claims: JsonObject, settings: Settings) -> bool:
    """Whether the token is for the stage's audience; one without an audience, whether it is an access token of one of its clients."""
    audience = claims.get("aud")
    if audience is None:
        return claims.get("token_use") == "access" and claims.get("client_id") in settings.oidc_client_ids
    return settings.oidc_audience is not None and settings.oidc_audience in (audience if isinstance(audience, list) else [audience])


def _addresses(claims: JsonObject) -> tuple[str, ...]:
    """The mail addresses that a token names, whether verified or not: they only ever refuse its holder."""
    named = (claims.get(name) for name in _ADDRESS_CLAIMS)
    return tuple(sorted({emails.normalize_email(text) for text in named if isinstance(text, str) and _is_address(text)}))


def _is_address(text: str) -> bool:
    try:
        return bool(emails.validate_email(text))
    except ValueError:
        return False


def roles_of(groups: Any, settings: Settings) -> tuple[str, ...]:
    """The roles of a token's groups, by the settings of the stage; other groups have none."""
    group_list = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    names = {group for group in group_list if isinstance(group, str)}
    return tuple(sorted({role for group, role in settings.oidc_group_roles if group in names}))


def _subject_id(subject: str) -> str:
    """A subject as part of an id: unchanged where its characters are safe, else its hash."""
    return subject if _SAFE_SUBJECT.fullmatch(subject) else sha256_hex(subject)[:40]


def _key(url: str, kid: str, now: datetime) -> Any:
    """The key with this id; None where the issuer has none. Raises Unavailable where the keys can't be fetched now."""
    with _lock:
        cached = _jwks_cache.setdefault(url, _CachedJwks())
        is_fresh = cached.fetched_at is not None and now - cached.fetched_at < _CACHE_TTL
        if not (is_fresh and kid in cached.keys) and (cached.tried_at is None or now - cached.tried_at >= _RETRY_INTERVAL):
            cached.tried_at = now
            try:
                cached.keys, cached.fetched_at = _fetch(url), now
            except (urllib3.exceptions.HTTPError, ValueError) as error:
                telemetry.log("ERROR", "the issuer's keys can't be read", url=url, error=type(error).__name__)
        key = cached.keys.get(kid)
        if key is None and cached.fetched_at != cached.tried_at:  # the last try failed
            raise Unavailable("The issuer's keys can't be read at this moment.", retry_after=30)
        return key


def _fetch(url: str) -> JsonObject:
    """The keys at a URL, by their ids. No redirects, a bounded response, only keys for the allowed algorithms."""
    response = _http.request("GET", url, redirect=False, preload_content=False, headers={"Accept": "application/json"})
    try:
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        body = response.read(_MAX_BYTES + 1)
    finally:
        response.release_conn()
    if len(body) > _MAX_BYTES:
        raise ValueError("too large")
    document = json.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no key set")
    keys: JsonObject = {}
    for entry in entries:
        if key := _parse_jwk(entry):
            keys[str(entry["kid"])] = key
    return keys


def _parse_jwk(entry: Any) -> Any:
    """The entry as a key; None for another use, a shared secret, or a curve or length that is not accepted."""
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
