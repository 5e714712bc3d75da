"""API keys: a program's way in, made by a user for themself.

A key reads `vk_<prefix>_<secret>`. The prefix is the key's own ULID and may be shown and searched; the secret holds the user's
ULID and 256 bits of chance. So one strong read by key brings the user, the key and when it was last used: a key is never worth
more than what its user may at this moment, and is worth nothing once they are deactivated.
"""

import base64
import hashlib
import hmac
import os
import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from chalicelib.foundation import idempotency
from chalicelib.foundation.auth import roles, users
from chalicelib.foundation.auth.entities import ApiKey, User
from chalicelib.foundation.auth.schemas import ApiKeysQuery, NewApiKey
from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Actor, Context
from chalicelib.foundation.errors import Forbidden, Invalid, NotFound, Stale, Unauthenticated
from chalicelib.foundation.ids import ROOT, Key
from chalicelib.foundation.store import codec, pages
from chalicelib.foundation.store.store import alive
from chalicelib.foundation.store.transactions import Transaction

STAMP_EVERY = timedelta(minutes=5)  # `last_used_at` is no more exact than this, so that a read is not a write
TRUSTED_FOR = timedelta(seconds=2)  # how long a process takes a key's word without asking again
_MOST_TRUSTED = 1000
_USED_LIFE = timedelta(days=400)
_FORM = re.compile(r"vk_([0-7][0-9A-HJKMNP-TV-Z]{25})_([A-Za-z0-9_-]{78})", re.ASCII)
_ULID_LENGTH = 26
_trusted: dict[tuple[str, str], tuple[datetime, Actor]] = {}
_permissions = lru_cache(maxsize=256)(roles.permissions)


class _Given(NamedTuple):
    """What a presented key says of itself."""

    user_id: str
    id: str
    hash: str

    @property
    def used_row(self) -> Key:
        return _used_row(self.id)


def _used_row(id: str) -> Key:
    return Key(f"KEYUSED#{id}", "U")  # a row of its own: a use is no change of the key


# -- use cases


def create(ctx: Context, body: NewApiKey) -> dict[str, Any]:
    """A key with some of the caller's roles. The answer alone holds the key; what a replay answers has null there."""
    user = users.own(ctx)
    if beyond := set(body.roles) - set(user.roles):
        raise Forbidden(f"You don't hold {', '.join(sorted(beyond))}; a key can't either.")
    if body.expires_at and body.expires_at <= ctx.now:
        raise Invalid.field("expires_at", "it must lie in the future", "past")
    if body.scopes is not None and (idle := set(body.scopes) - roles.permissions(body.roles)):
        raise Invalid.field("scopes", f"the roles don't allow {', '.join(sorted(idle)[:5])}", "scope")
    id = ApiKey.ID.new(ctx.now, user.id)
    text = _text(user.id, id, os.urandom(32))
    key = ApiKey.fresh(
        ctx,
        id=id,
        user_id=user.id,
        name=body.name,
        prefix=_prefix(id),
        secret_hash=_hash(text),
        roles=users.in_order(body.roles),
        scopes=sorted(set(body.scopes or ())),
        has_scopes=body.scopes is not None,
        expires_at=body.expires_at,
    )
    shown = view(key, None)
    tx = idempotency.transaction(ctx, {**shown, "key": None})
    tx.create(key)
    tx.commit()
    return {**shown, "key": text}


def get(ctx: Context, id: str) -> dict[str, Any]:
    """One key; NotFound unless it is the caller's, or they may read users."""
    key, used = _find(ctx, id)
    return view(key, used)


def listed(ctx: Context, query: ApiKeysQuery) -> dict[str, Any]:
    """A page of keys, newest first: all of them for who may read users, else the caller's own."""
    all_of_them = ctx.actor.may("users:read")
    seal = pages.CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, query.prefix, ctx.actor.id, all_of_them)
    if all_of_them:
        partition = pages.Partition("gsi1", "APIKEY", prefix=query.prefix)
    else:
        me = users.own(ctx).id
        partition = pages.Partition(None, me, prefix=f"{ApiKey.ID.row}#key_u{me.removeprefix('user_')}{query.prefix or ''}")
    found = pages.page(ctx.store, [partition], seal, limit=query.limit, cursor=query.cursor, keep=bool)  # a revoked one has no view
    used = ctx.store.get_many(_used_row(row["id"]) for row in found.rows) if found.rows else {}
    items = [{**row, "last_used_at": _at(used.get(_used_row(row["id"])))} for row in found.rows]
    return {"items": items, "next_cursor": found.next_cursor}


def revoke(ctx: Context, id: str) -> None:
    """End a key: its next use, at most two seconds later on a process that has just seen it, is refused."""

    def step() -> None:
        key, _ = _find(ctx, id, "users:write")
        ctx.expect_revision(key.revision)
        tx = Transaction(ctx.store)
        tx.save(key.deleted(ctx))
        tx.delete(_used_row(id))
        tx.commit()

    ctx.store.settle(step)


def _find(ctx: Context, id: str, needed: str = "users:read") -> tuple[ApiKey, str | None]:
    row, used = ApiKey.ID.key(id), _used_row(id)
    found = ctx.store.get_many([row, used])
    key = alive(ApiKey, found.get(row))
    if key is None or not (key.user_id == ctx.actor.id or ctx.actor.may(needed)):
        raise NotFound("API key")
    if needed == "users:write" and key.user_id != ctx.actor.id and ctx.actor.kind == "api_key":
        raise Forbidden("A key can't revoke the keys of others.")
    return key, _at(found.get(used))


def view(key: ApiKey, last_used_at: str | None) -> dict[str, Any]:
    """A key as the API shows it, without its secret."""
    return {
        "id": key.id,
        "user_id": key.user_id,
        "name": key.name,
        "prefix": key.prefix,
        "roles": key.roles,
        "scopes": key.scopes if key.has_scopes else None,
        "expires_at": key.expires_at,
        "last_used_at": last_used_at,
        "revision": key.revision,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "updated_at": key.updated_at,
        "updated_by": key.updated_by,
    }


def _at(row: codec.Raw | None) -> str | None:
    return row["at"]["S"] if row else None


# -- presenting a key


def identify(text: str, ctx: Context) -> Actor:
    """The actor behind a presented key; Unauthenticated for every reason alike. One strong read, at most every two seconds.

    The actor is the user, so that whoever asked for something by a key can't decide on it in person; its kind says that it
    was a key, which may never decide, approve or sign.
    """
    given = _parse(text)
    held = _trusted.get((ctx.store.table, given.hash))
    if held and held[0] <= ctx.now < held[0] + TRUSTED_FOR:
        return held[1]
    actor = _read(given, ctx)
    if len(_trusted) >= _MOST_TRUSTED:
        _trusted.clear()
    _trusted[ctx.store.table, given.hash] = (ctx.now, actor)
    return actor


def _read(given: _Given, ctx: Context) -> Actor:
    row, root = ApiKey.ID.key(given.id), Key(given.user_id, ROOT)
    found = ctx.store.get_many([row, root, given.used_row])
    key, user = alive(ApiKey, found.get(row)), alive(User, found.get(root))
    if key is None or user is None or not user.is_active or not hmac.compare_digest(key.secret_hash, given.hash):
        raise _refused()
    if key.expires_at and key.expires_at <= ctx.now:
        raise _refused()
    if user.keys_valid_from and key.created_at <= user.keys_valid_from:
        raise _refused()
    _stamp(ctx, given, _at(found.get(given.used_row)))
    held = frozenset(key.roles) & frozenset(user.roles)
    allowed = _permissions(tuple(sorted(held)))
    return Actor(
        id=user.id,
        kind="api_key",
        roles=held,
        permissions=allowed & frozenset(key.scopes) if key.has_scopes else allowed,
        professional_id=user.professional_id,
        session=key.id,
    )


def _stamp(ctx: Context, given: _Given, last: str | None) -> None:
    if last and datetime.fromisoformat(last) > ctx.now - STAMP_EVERY:
        return
    try:
        ctx.store.update(
            given.used_row,
            "SET #at = :now, #ttl = :ttl",
            ConditionExpression="attribute_not_exists(#at) OR #at <= :due",
            ExpressionAttributeNames={"#at": "at", "#ttl": "ttl"},
            ExpressionAttributeValues=codec.wire(
                {":now": ctx.now, ":due": instant(ctx.now - STAMP_EVERY), ":ttl": int((ctx.now + _USED_LIFE).timestamp())}
            ),
        )
    except Stale:
        return  # another process was quicker


def _prefix(id: str) -> str:
    return id[-_ULID_LENGTH:]


def _text(user_id: str, id: str, chance: bytes) -> str:
    secret = base64.urlsafe_b64encode(user_id.removeprefix("user_").encode() + chance).decode().rstrip("=")
    return f"vk_{_prefix(id)}_{secret}"


def _parse(text: str) -> _Given:
    found = _FORM.fullmatch(text)
    if not found:
        raise _refused()
    user = base64.urlsafe_b64decode(found[2] + "==")[:_ULID_LENGTH].decode("ascii", "replace")
    try:
        id = f"key_u{user}{found[1]}"
        ApiKey.ID.key(id)
    except NotFound:
        raise _refused() from None
    return _Given(f"user_{user}", id, _hash(text))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _refused() -> Unauthenticated:
    return Unauthenticated("The API key is not valid.")
