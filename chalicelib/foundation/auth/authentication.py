"""Authentication of a request: turns a bearer token or an API key into an actor."""

from collections.abc import Mapping

from chalicelib.foundation.actor import Actor
from chalicelib.foundation.auth import tokens
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Unauthenticated
from chalicelib.foundation.secret_store import Secrets

_claims_cache: dict[str, tuple[str, Secrets, tokens.Claims]] = {}  # token → issuer of the stage, secrets that verified it, claims
_MAX_CACHED = 1000


def authenticate(headers: Mapping[str, str], ctx: Context, *, live: bool = False) -> Actor:
    """The actor that the headers name; Unauthenticated where they name none, an unknown one, or two.

    With `live` as the caller's rows say now, by one strong read: who was deactivated, or whose session or key has ended, is refused, and a
    role that was taken from them allows nothing. A user of an external issuer has no rows here; their token alone says who they are.
    """
    authorization, api_key = headers.get("authorization", ""), headers.get("x-api-key")
    if api_key is not None:
        if authorization:
            raise Unauthenticated("Send either a bearer token or an API key, not both.")
        from chalicelib.foundation.auth import api_keys

        return api_keys.authenticate(api_key.strip(), ctx, live=live)
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token:
        actor = _authenticate_bearer(token.strip(), ctx)
        if live and not actor.id.startswith(tokens.EXTERNAL_PREFIX):
            from chalicelib.foundation.auth import sessions

            return sessions.confirm(ctx, actor)
        return actor
    raise Unauthenticated()


def _authenticate_bearer(token: str, ctx: Context) -> Actor:
    claims = _claims(token, ctx)
    if claims.user_id.startswith(tokens.EXTERNAL_PREFIX):
        from chalicelib.foundation.auth import external_users

        external_users.check_admission(ctx, claims)
    return Actor(
        id=claims.user_id,
        kind="user",
        roles=frozenset(claims.roles),
        permissions=ctx.roles.permissions(claims.roles),
        professional_id=claims.professional_id,
        session=claims.session,
    )


def _claims(token: str, ctx: Context) -> tokens.Claims:
    """The token's claims. Its signature is checked once per load of the secrets, its expiry at each request.

    So the tokens of a key that was removed from the secrets are refused after five minutes at most, cached or not.
    """
    stage, secrets = tokens.issuer(ctx.settings), ctx.secrets
    cached = _claims_cache.get(token)
    if cached and cached[0] == stage and cached[1] is secrets and ctx.now <= cached[2].expires_at:
        return cached[2]
    claims = _verify(token, ctx)
    if len(_claims_cache) >= _MAX_CACHED:
        _claims_cache.clear()
    _claims_cache[token] = (stage, secrets, claims)
    return claims


def _verify(token: str, ctx: Context) -> tokens.Claims:
    """Verify with the external issuer's keys where the token names that issuer and the stage trusts it, else with our own."""
    if ctx.settings.oidc_issuer and tokens.unverified_issuer(token) == ctx.settings.oidc_issuer:
        from chalicelib.foundation.auth import oidc

        return oidc.verify(token, ctx.settings, ctx.now)
    return tokens.verify(token, ctx.settings, ctx.secrets, ctx.now)
