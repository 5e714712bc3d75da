"""API keys: credentials for programs, created by a user for themselves.

A key has the form `vk_<prefix>_<secret>`. The prefix is the key's own ULID and may be shown and searched; the secret holds the
user's ULID and 256 random bits. So one strong read by key returns the user, the key and its last use: a key never allows more
than its user may do at this moment, and nothing once they are deactivated.
"""

import hmac
import os
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from chalicelib.foundation import idempotency, signing
from chalicelib.foundation.access import require_live_caller
from chalicelib.foundation.actor import Actor, CallerRow
from chalicelib.foundation.auth import users
from chalicelib.foundation.auth.entities import ApiKey, User
from chalicelib.foundation.auth.schemas import ApiKeyCreate, ApiKeyListQuery, ApiKeySummary, ApiKeyView, CreatedApiKeyView
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden, NotFound, Unauthenticated, ValidationFailed, VersionConflict
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey
from chalicelib.foundation.presentation import present, present_row
from chalicelib.foundation.roles import is_limit
from chalicelib.foundation.schema_types import PageOf
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.expiry import live_row
from chalicelib.foundation.store.expressions import any_of, attribute
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction

LAST_USED_RESOLUTION = timedelta(minutes=5)  # precision of `last_used_at`, so that a read rarely causes a write
CACHE_TTL = timedelta(seconds=2)  # how long a process trusts a verified key without reading it again
_MAX_CACHED = 1000
_LAST_USED_TTL = timedelta(days=400)
_KEY_PATTERN = re.compile(r"vk_([0-7][0-9A-HJKMNP-TV-Z]{25})_([A-Za-z0-9_-]{78})", re.ASCII)
_ULID_LENGTH = 26
_actor_cache: dict[tuple[str, str], tuple[datetime, Actor]] = {}


class _PresentedKey(NamedTuple):
    """The parts of a key that a caller presents."""

    user_id: str
    id: str
    hash: str

    @property
    def last_used_key(self) -> ItemKey:
        return _last_used_key(self.id)


def _last_used_key(id: str) -> ItemKey:
    return ItemKey(f"KEYUSED#{id}", "U")  # a row of its own: a use does not change the key


# -- use cases


def create(ctx: Context, body: ApiKeyCreate) -> CreatedApiKeyView:
    """Create a key with some of the caller's roles; for an administrator also with others whose rights they hold.

    Only this response holds the key; an idempotent replay has null in its place.
    """
    owner = users.current_user(ctx)
    if beyond := set(body.roles) - _available_roles(ctx, owner, body.roles):
        raise Forbidden(f"You don't hold {', '.join(sorted(beyond))}, or not all of its rights; a key can't either.")
    if body.expires_at and body.expires_at <= ctx.now:
        raise ValidationFailed.field("expires_at", "it must lie in the future", "past")
    if body.scopes is not None and (unreachable := set(body.scopes) - ctx.roles.permissions(body.roles)):
        raise ValidationFailed.field("scopes", f"the roles don't allow {', '.join(sorted(unreachable)[:5])}", "scope")
    id = ApiKey.ID.new(ctx.now, owner.id)
    key_text = _format_key(owner.id, id, os.urandom(32))
    key = ApiKey.new(
        ctx,
        id=id,
        user_id=owner.id,
        name=body.name,
        prefix=_prefix(id),
        secret_hash=signing.sha256_hex(key_text),
        roles=users.sort_roles(body.roles),
        scopes=sorted(set(body.scopes or ())),
        has_scopes=body.scopes is not None,
        expires_at=body.expires_at,
    )
    key_view = view(key, None)
    tx = idempotency.idempotent_transaction(ctx, {**key_view, "key": None})
    require_live_caller(ctx, tx)
    tx.create(key)
    tx.commit()
    return {**key_view, "key": key_text}


def _available_roles(ctx: Context, user: User, names: Iterable[str]) -> frozenset[str]:
    """Those of the roles that a key of this user may have: the user's own, and an administrator's also those they hold all rights of."""
    wanted, own = frozenset(names), frozenset(user.roles)
    may_choose = "users:admin" in ctx.roles.permissions(own)
    return wanted & own | (ctx.roles.covered(wanted, own) if may_choose else frozenset())


def get(ctx: Context, id: str) -> ApiKeyView:
    """One key; NotFound unless it is the caller's, or they may read users."""
    key, last_used_at = _get_authorized(ctx, id)
    return view(key, last_used_at)


def list_api_keys(ctx: Context, query: ApiKeyListQuery) -> PageOf[ApiKeySummary]:
    """A page of keys, newest first: all keys for a caller who may read users, else the caller's own."""
    if ctx.actor.can("users:read"):
        partition = ApiKey.ALL.range(prefix=query.prefix)
    else:
        me = users.current_user(ctx).id
        partition = KeyRange(None, me, prefix=f"{ApiKey.ID.row}#key_u{me.removeprefix('user_')}{query.prefix or ''}")
    page = ctx.paginate(partition, query, lambda row: row)
    last_used_rows = ctx.store.batch_get(_last_used_key(row["id"]) for row in page["items"])
    items = [
        present_row(ApiKeySummary, row, last_used_at=_last_used_at(ctx, last_used_rows.get(_last_used_key(row["id"]))))
        for row in page["items"]
    ]
    return {"items": items, "next_cursor": page["next_cursor"]}


@retry_on_conflict
def revoke(ctx: Context, id: str) -> None:
    """Revoke a key. A process that has just verified it may accept it for two more seconds, for what is not checked at once."""
    key, _ = _get_authorized(ctx, id, "users:write")
    ctx.check_if_match(key.revision)
    tx = Transaction(ctx.store)
    require_live_caller(ctx, tx, key)
    tx.save(key.soft_deleted(ctx))
    tx.delete(_last_used_key(id))
    tx.commit()


def _get_authorized(ctx: Context, id: str, permission: str = "users:read") -> tuple[ApiKey, str | None]:
    row, last_used = ApiKey.ID.key(id), _last_used_key(id)
    items = ctx.store.batch_get([row, last_used])
    key = parse_live(ApiKey, items.get(row))
    if key is None or not (_is_own(ctx.actor, key) or ctx.actor.can(permission)):
        raise NotFound("API key")
    if permission == "users:write" and ctx.actor.kind == "api_key" and not _is_own(ctx.actor, key):
        raise Forbidden("A key can revoke only itself.")
    return key, _last_used_at(ctx, items.get(last_used))


def _is_own(actor: Actor, key: ApiKey) -> bool:
    """Whether the key is the caller's own: to a user all that they have created, to a key only itself."""
    return actor.session == key.id if actor.kind == "api_key" else actor.id == key.user_id


def view(key: ApiKey, last_used_at: str | None) -> ApiKeyView:
    """The API representation of a key, without its secret."""
    return present(ApiKeyView, key, scopes=key.scopes if key.has_scopes else None, last_used_at=last_used_at)


def _last_used_at(ctx: Context, row: codec.DynamoItem | None) -> str | None:
    live = live_row(row, ctx.now)
    return live["at"]["S"] if live else None


# -- presenting a key


def authenticate(key_text: str, ctx: Context, *, live: bool = False) -> Actor:
    """The actor behind a presented key; Unauthenticated, in the same words for every reason.

    One strong read: at most every two seconds, with `live` in every request.

    The actor is the user, so that somebody who requested something with a key can't decide on it in person; its kind says that
    it was a key, which may never decide, approve or sign.
    """
    presented = _parse_key(key_text)
    cached = _actor_cache.get((ctx.store.table, presented.hash))
    if not live and cached and cached[0] <= ctx.now < cached[0] + CACHE_TTL:
        return cached[1]
    actor = _load_actor(presented, ctx)
    if len(_actor_cache) >= _MAX_CACHED:
        _actor_cache.clear()
    _actor_cache[ctx.store.table, presented.hash] = (ctx.now, actor)
    return actor


def _load_actor(presented: _PresentedKey, ctx: Context) -> Actor:
    row, root = ApiKey.ID.key(presented.id), ItemKey(presented.user_id, ROOT_SORT_KEY)
    items = ctx.store.batch_get([row, root, presented.last_used_key])
    key, user = parse_live(ApiKey, items.get(row)), parse_live(User, items.get(root))
    if key is None or user is None or not user.is_active or not hmac.compare_digest(key.secret_hash, presented.hash):
        raise _invalid_key()
    if key.expires_at and key.expires_at <= ctx.now:
        raise _invalid_key()
    if user.keys_valid_from and key.created_at <= user.keys_valid_from:
        raise _invalid_key()
    _touch_last_used(ctx, presented, _last_used_at(ctx, items.get(presented.last_used_key)))
    roles = _available_roles(ctx, user, key.roles)
    allowed = ctx.roles.permissions(roles)
    scopes = frozenset(key.scopes)
    return Actor(
        id=user.id,
        kind="api_key",
        roles=roles,
        permissions=frozenset(each for each in allowed if each in scopes or is_limit(each)) if key.has_scopes else allowed,
        professional_id=user.professional_id,
        session=key.id,
        rows=(users.caller_row(user), CallerRow(row, {"deleted_at": None})),
    )


def _touch_last_used(ctx: Context, presented: _PresentedKey, last_used_at: str | None) -> None:
    if last_used_at and datetime.fromisoformat(last_used_at) > ctx.now - LAST_USED_RESOLUTION:
        return
    try:
        ctx.store.update(
            presented.last_used_key,
            set={"at": ctx.now, "ttl": int((ctx.now + _LAST_USED_TTL).timestamp())},
            when=any_of(attribute("at").does_not_exist(), attribute("at") <= ctx.now - LAST_USED_RESOLUTION),
        )
    except VersionConflict:
        return  # another process has updated it


def _prefix(id: str) -> str:
    return id[-_ULID_LENGTH:]


def _format_key(user_id: str, id: str, random_bytes: bytes) -> str:
    secret = signing.to_base64url(user_id.removeprefix("user_").encode() + random_bytes)
    return f"vk_{_prefix(id)}_{secret}"


def _parse_key(key_text: str) -> _PresentedKey:
    match = _KEY_PATTERN.fullmatch(key_text)
    if not match:
        raise _invalid_key()
    user = signing.from_base64url(match[2])[:_ULID_LENGTH].decode("ascii", "replace")
    try:
        id = f"key_u{user}{match[1]}"
        ApiKey.ID.key(id)
    except NotFound:
        raise _invalid_key() from None
    return _PresentedKey(f"user_{user}", id, signing.sha256_hex(key_text))


def _invalid_key() -> Unauthenticated:
    return Unauthenticated("The API key is not valid.")
