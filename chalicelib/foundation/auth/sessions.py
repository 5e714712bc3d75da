"""Sessions: one per sign-in, stored as a row in the user's partition, with a refresh token that is rotated at each use.

A refresh token names its user, its session and its number, and carries a secret of 256 bits. The first secret is random; each
next is derived from the one before with a key of the stage, so a spent token of any age can be distinguished from a forged one
without storing it. The row holds hashes only. The access token of the last refresh is stored encrypted with the spent token, so
that a second use of that token within ten seconds (a second tab) returns the same pair, and nobody else can read it.
"""

import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from chalicelib.foundation import signing, telemetry
from chalicelib.foundation.access import user_key
from chalicelib.foundation.actor import Actor, CallerRow
from chalicelib.foundation.auth import tokens, users
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.auth.schemas import SessionView, TokenPairView
from chalicelib.foundation.auth.user_events import add_user_event
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import NotFound, Unauthenticated
from chalicelib.foundation.ids import ROOT_SORT_KEY, IdFormat, ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import PageOf, PageParams
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expiry import find_live_row, has_ended, is_live, live_row
from chalicelib.foundation.store.expressions import ROW_ABSENT, attribute
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction

SESSION = IdFormat("ses", "session")
REFRESH_TTL = timedelta(days=30)
GRACE = timedelta(seconds=10)  # how long the token before the present one is still accepted
_MAX_ROTATIONS = 4000  # over which a spent token is recognised: every fifteen minutes for forty days
_NONCE_LENGTH = 12  # bytes
_SORT_KEY_PREFIX = "F"  # for family: the tokens of one sign-in
_TOKEN_PATTERN = re.compile(r"vr_([0-7][0-9A-HJKMNP-TV-Z]{25})([0-7][0-9A-HJKMNP-TV-Z]{25})_([0-9]{1,9})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token's parts. `number` counts the rotations of its session."""

    user_id: str
    session_id: str
    number: int
    secret: bytes

    @classmethod
    def parse(cls, text: str) -> "RefreshToken":
        """The parts of a token; raises Unauthenticated for any other text."""
        match = _TOKEN_PATTERN.fullmatch(text)
        if not match:
            raise _invalid_token()
        secret = signing.from_base64url(match[4])
        return cls(f"user_{match[1]}", f"ses_{match[2]}", int(match[3]), secret)

    def __str__(self) -> str:
        secret = signing.to_base64url(self.secret)
        return f"vr_{self.user_id.removeprefix('user_')}{self.session_id.removeprefix('ses_')}_{self.number}_{secret}"

    def __repr__(self) -> str:
        return "RefreshToken(…)"

    @property
    def key(self) -> ItemKey:
        """The key of its session's row."""
        return _key(self.user_id, self.session_id)

    @property
    def hash(self) -> str:
        """The hash that is stored."""
        return signing.sha256_hex(str(self))

    def next(self, ctx: Context) -> "RefreshToken":
        """The token that replaces this one."""
        return RefreshToken(self.user_id, self.session_id, self.number + 1, self._derive(ctx, "next"))

    def encryption_key(self, ctx: Context) -> bytes:
        """The key that encrypts the access token of the refresh with this one."""
        return self._derive(ctx, "seal")

    def _derive(self, ctx: Context, purpose: str) -> bytes:
        stage_key = signing.keyed_digest(ctx.secrets.cursor_key, b"refresh tokens")
        return signing.keyed_digest(stage_key, f"{purpose} {self.session_id} {self.number} ".encode() + self.secret)


def _key(user_id: str, session_id: str) -> ItemKey:
    return ItemKey(user_id, f"{_SORT_KEY_PREFIX}#{session_id}")


def create_session(ctx: Context, tx: Transaction, user: User) -> TokenPairView:
    """Add a new session of `user` to the transaction; returns its first token pair."""
    session_id = SESSION.new(ctx.now)
    token = RefreshToken(user.id, session_id, 0, os.urandom(32))
    row = {
        "kind": "session",
        "created_at": ctx.now,
        "epoch": user.epoch,
        "token_hash": token.hash,
        "rotations": 0,
        **_usage_values(ctx),
    }
    tx.put_values(_key(user.id, session_id), row, ROW_ABSENT)
    return _token_pair(access_token(ctx, user, session_id), token, tokens.ACCESS_TTL)


def access_token(ctx: Context, user: User, session_id: str) -> str:
    """An access token with the user's present roles."""
    roles = effective_roles(user)
    return tokens.issue(
        ctx.settings, ctx.secrets, ctx.now, user_id=user.id, roles=roles, session=session_id, professional_id=user.professional_id
    )


def effective_roles(user: User) -> list[str]:
    """The roles that a user's sessions have. Governance roles only with a password of their own: the first one is known to who set it."""
    return [*user.roles, *(() if user.password_is_initial else user.governance_roles)]


def _token_pair(access: str, refresh: RefreshToken, ttl: timedelta) -> TokenPairView:
    return {"access_token": access, "refresh_token": str(refresh), "token_type": "Bearer", "expires_in": int(ttl.total_seconds())}


def _usage_values(ctx: Context) -> dict[str, object]:
    """The attributes that each use of a session updates: time, origin and expiry."""
    return {
        "last_used_at": ctx.now,
        "ttl": int((ctx.now + REFRESH_TTL).timestamp()),
        "address": ctx.source_ip,
        "user_agent": re.sub(r"[^\x20-\x7e]", "?", ctx.user_agent)[:200],
    }


@retry_on_conflict
def refresh(ctx: Context, token_text: str) -> TokenPairView:
    """The next pair for a refresh token; raises Unauthenticated for one that is unknown, expired, or spent. Two round trips.

    Reuse of a spent token means that somebody else has it too: its session is revoked and the administrators are notified.
    """
    token = RefreshToken.parse(token_text)
    user, row = _load_live(ctx, token)
    if hmac.compare_digest(row["token_hash"]["S"], token.hash):
        return _rotate(ctx, token, user)
    if _within_grace(ctx, token, row):
        return _replay_pair(ctx, token, row)
    if _is_ancestor(ctx, token, row):
        _revoke_on_reuse(ctx, token, row)
    raise _invalid_token()


def confirm(ctx: Context, actor: Actor) -> Actor:
    """The bearer of an access token as their rows say now; raises Unauthenticated where their session has ended. One round trip.

    The roles are those of both the token and the user: new ones come with the next token.
    """
    user, rows = live_user(ctx, actor, ctx.store.batch_get(caller_keys(actor)))
    roles = actor.roles & frozenset(effective_roles(user))
    return replace(actor, roles=roles, permissions=ctx.roles.permissions(roles), rows=rows)


def caller_keys(actor: Actor) -> tuple[ItemKey, ItemKey]:
    """The rows on which the rights of the bearer of an access token rest: the user, and the session."""
    return user_key(actor.id), _key(actor.id, actor.session or "")


def live_user(ctx: Context, actor: Actor, items: Mapping[ItemKey, DynamoItem]) -> tuple[User, tuple[CallerRow, ...]]:
    """The user in the rows that `caller_keys` names, and what their rights rest on; Unauthenticated where their session has ended."""
    user_row, session_row = caller_keys(actor)
    user, session = parse_live(User, items.get(user_row)), items.get(session_row)
    if user is None or not user.is_active or session is None or not _is_session_live(ctx, user, session):
        raise Unauthenticated("Your session has ended. Sign in again.")
    return user, (users.caller_row(user), CallerRow(session_row, {"epoch": user.epoch}))


def _is_session_live(ctx: Context, user: User, session: DynamoItem) -> bool:
    return int(session["epoch"]["N"]) == user.epoch and live_row(session, ctx.now) is not None


def _load_live(ctx: Context, token: RefreshToken) -> tuple[User, DynamoItem]:
    root = ItemKey(token.user_id, ROOT_SORT_KEY)
    items = ctx.store.batch_get([root, token.key])
    user, row = parse_live(User, items.get(root)), items.get(token.key)
    if user is None or not user.is_active or row is None or not _is_session_live(ctx, user, row):
        raise _invalid_token()
    return user, row


def _rotate(ctx: Context, token: RefreshToken, user: User) -> TokenPairView:
    next_token = token.next(ctx)
    access = access_token(ctx, user, token.session_id)
    values = {
        "token_hash": next_token.hash,
        "rotations": next_token.number,
        "spent": token.hash,
        "spent_at": int(ctx.now.timestamp() * 1000),
        "sealed": _encrypt(token.encryption_key(ctx), access),
        **_usage_values(ctx),
    }
    ctx.store.update(token.key, set=values, when=attribute("token_hash") == token.hash)
    return _token_pair(access, next_token, tokens.ACCESS_TTL)


def _within_grace(ctx: Context, token: RefreshToken, row: DynamoItem) -> bool:
    if "spent" not in row or not hmac.compare_digest(row["spent"]["S"], token.hash):
        return False
    return ctx.now.timestamp() * 1000 <= int(row["spent_at"]["N"]) + GRACE.total_seconds() * 1000


def _replay_pair(ctx: Context, token: RefreshToken, row: DynamoItem) -> TokenPairView:
    access = _decrypt(token.encryption_key(ctx), codec.decode_value(row["sealed"]))
    age = timedelta(milliseconds=max(0, int(ctx.now.timestamp() * 1000) - int(row["spent_at"]["N"])))
    return _token_pair(access, token.next(ctx), tokens.ACCESS_TTL - age)


def _is_ancestor(ctx: Context, token: RefreshToken, row: DynamoItem) -> bool:
    """Whether the present token was derived from this one: then this is a spent token, else a forged one."""
    steps = int(row["rotations"]["N"]) - token.number
    if not 0 < steps <= _MAX_ROTATIONS:
        return False
    for _ in range(steps):
        token = token.next(ctx)
    return hmac.compare_digest(row["token_hash"]["S"], token.hash)


def _revoke_on_reuse(ctx: Context, token: RefreshToken, row: DynamoItem) -> None:
    tx = Transaction(ctx.store)
    tx.delete(token.key, attribute("token_hash") == row["token_hash"]["S"])
    title = "A spent refresh token was used again; its session has been ended"
    data: dict[str, object] = {"session_id": token.session_id, "address": ctx.source_ip}
    add_user_event(ctx, tx, "auth.token_reuse", token.user_id, token.session_id, title, for_role="admin", data=data)
    tx.commit()
    telemetry.log("WARNING", "refresh of a spent token", user=token.user_id, session=token.session_id, request_id=ctx.request_id)


def revoke_by_token(ctx: Context, token_text: str) -> None:
    """Revoke the session of a refresh token, present or spent. Any other text has no effect."""
    try:
        token = RefreshToken.parse(token_text)
    except Unauthenticated:
        return
    row = find_live_row(ctx.store, token.key, ctx.now)
    if row and (hmac.compare_digest(row["token_hash"]["S"], token.hash) or _is_ancestor(ctx, token, row)):
        ctx.store.delete(token.key)


def revoke_session(ctx: Context, user_id: str, session_id: str) -> None:
    """Revoke one session of a user; raises NotFound where there is none with this id."""
    SESSION.key(session_id)  # NotFound for another form
    ctx.store.delete(_key(user_id, session_id), is_live(ctx.now), NotFound("session"))


def move_to_epoch(ctx: Context, tx: Transaction, user: User, session_id: str | None) -> None:
    """Move one session to the user's new epoch, while all others end with the old one. One round trip."""
    if session_id is None or not session_id.startswith("ses_"):
        return
    row = find_live_row(ctx.store, _key(user.id, session_id), ctx.now)
    if row is None or int(row["epoch"]["N"]) != user.epoch - 1:
        return
    tx.update(_key(user.id, session_id), set={"epoch": user.epoch}, when=attribute("token_hash") == row["token_hash"]["S"])


def list_sessions(ctx: Context, user: User, query: PageParams) -> PageOf[SessionView]:
    """A page of the user's live sessions, newest first."""

    def is_listed(session: JsonObject) -> bool:
        return bool(session["epoch"] == user.epoch and not has_ended(session["ttl"], ctx.now))

    partition = KeyRange(None, user.id, prefix=f"{_SORT_KEY_PREFIX}#")
    return ctx.paginate(partition, query, lambda row: _session_view(row, ctx.actor.session), predicate=is_listed, decode=codec.decode_item)


def _session_view(session: JsonObject, current: str | None) -> SessionView:
    session_id = session["sk"].removeprefix(f"{_SORT_KEY_PREFIX}#")
    return {
        "id": session_id,
        "created_at": session["created_at"],
        "last_used_at": session["last_used_at"],
        "expires_at": format_timestamp(datetime.fromtimestamp(session["ttl"], UTC)),
        "address": session["address"],
        "user_agent": session["user_agent"],
        "current": session_id == current,
    }


def _invalid_token() -> Unauthenticated:
    return Unauthenticated("The refresh token is not valid. Sign in again.")


def _encrypt(key: bytes, text: str) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE_LENGTH)
    return nonce + AESGCM(key).encrypt(nonce, text.encode(), None)


def _decrypt(key: bytes, sealed: bytes) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key).decrypt(sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], None).decode()
