"""Who sends a request: a bearer token or an API key, turned into an actor."""

from collections.abc import Mapping
from functools import lru_cache

from chalicelib.foundation.auth import roles, tokens
from chalicelib.foundation.context import Actor, Context
from chalicelib.foundation.errors import Unauthenticated
from chalicelib.foundation.secrets import Secrets

_permissions = lru_cache(maxsize=128)(roles.permissions)
_verified: dict[str, tuple[str, Secrets, tokens.Claims]] = {}  # token → stage's issuer, the secrets that verified it, claims
_MOST_HELD = 1000


def identify(headers: Mapping[str, str], ctx: Context) -> Actor:
    """The actor behind the headers; Unauthenticated where there is none that we know, or where they name two."""
    authorization, api_key = headers.get("authorization", ""), headers.get("x-api-key")
    if api_key is not None:
        if authorization:
            raise Unauthenticated("Send either a bearer token or an API key, not both.")
        from chalicelib.foundation.auth import api_keys

        return api_keys.identify(api_key.strip(), ctx)
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token:
        return _bearer(token.strip(), ctx)
    raise Unauthenticated()


def _bearer(token: str, ctx: Context) -> Actor:
    claims = _claims(token, ctx)
    held = tuple(sorted(claims.roles))
    return Actor(
        id=claims.user_id,
        kind="user",
        roles=frozenset(held),
        permissions=_permissions(held),
        professional_id=claims.professional_id,
        session=claims.session,
    )


def _claims(token: str, ctx: Context) -> tokens.Claims:
    """The token's claims. A signature is checked once for each reading of the secrets, time at each request.

    So a key that was taken out of the secrets opens nothing five minutes later, whatever a process has seen of its tokens.
    """
    stage, secrets = tokens.issuer(ctx.settings), ctx.secrets
    held = _verified.get(token)
    if held and held[0] == stage and held[1] is secrets and ctx.now <= held[2].expires_at:
        return held[2]
    claims = _verify(token, ctx)
    if len(_verified) >= _MOST_HELD:
        _verified.clear()
    _verified[token] = (stage, secrets, claims)
    return claims


def _verify(token: str, ctx: Context) -> tokens.Claims:
    """By the outside issuer's keys where the token names that issuer and the stage trusts it, else by ours."""
    if ctx.settings.oidc_issuer and tokens.unverified_issuer(token) == ctx.settings.oidc_issuer:
        from chalicelib.foundation.auth import oidc

        return oidc.verify(token, ctx.settings, ctx.now)
    return tokens.verify(token, ctx.settings, ctx.secrets, ctx.now)
