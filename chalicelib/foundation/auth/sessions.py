"""Sessions: one a sign-in, kept as a row in the user's partition, with a refresh token that changes at each use.

A refresh token names its user, its session and its number, and carries 256 bits. The first are chance; each next is derived
from the one before under a key of the stage, so a spent token, however old, can be told from an invented one without keeping
it. The row holds hashes only. The access token that a refresh answered lies there encrypted under the spent token, so that
whoever comes with that token within ten seconds (a second tab) is answered the same pair, and nobody else can read it.
"""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.foundation import telemetry
from chalicelib.foundation.auth import tokens
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound, Stale, Unauthenticated
from chalicelib.foundation.events import Event
from chalicelib.foundation.ids import ROOT, IdForm, Key
from chalicelib.foundation.store import codec, pages
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.store import alive, wire_key
from chalicelib.foundation.store.transactions import Transaction

SESSION = IdForm("ses", "session")
REFRESH_LIFE = timedelta(days=30)
GRACE = timedelta(seconds=10)  # how long the spent token before the present one still answers
_MOST_STEPS = 4000  # rotations that a spent token is followed over: every fifteen minutes for forty days
_NONCE = 12  # bytes
_ROW = "F"  # the family of tokens that come of one sign-in
_FORM = re.compile(r"vr_([0-7][0-9A-HJKMNP-TV-Z]{25})([0-7][0-9A-HJKMNP-TV-Z]{25})_([0-9]{1,9})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token's parts. `number` counts the rotations of its session."""

    user_id: str
    session_id: str
    number: int
    secret: bytes

    @classmethod
    def parse(cls, text: str) -> "RefreshToken":
        """The parts of a token; Unauthenticated for what has not its form."""
        found = _FORM.fullmatch(text)
        if not found:
            raise _refused()
        secret = base64.urlsafe_b64decode(found[4] + "=")
        return cls(f"user_{found[1]}", f"ses_{found[2]}", int(found[3]), secret)

    def __str__(self) -> str:
        secret = base64.urlsafe_b64encode(self.secret).decode().rstrip("=")
        return f"vr_{self.user_id.removeprefix('user_')}{self.session_id.removeprefix('ses_')}_{self.number}_{secret}"

    def __repr__(self) -> str:
        return "RefreshToken(…)"

    @property
    def key(self) -> Key:
        """Where its session lies."""
        return _key(self.user_id, self.session_id)

    @property
    def hash(self) -> str:
        """What is kept of it."""
        return hashlib.sha256(str(self).encode()).hexdigest()

    def next(self, ctx: Context) -> "RefreshToken":
        """The token that a refresh with this one answers."""
        return RefreshToken(self.user_id, self.session_id, self.number + 1, self._derive(ctx, "next"))

    def sealing_key(self, ctx: Context) -> bytes:
        """The key under which the pair that this one was spent for is kept."""
        return self._derive(ctx, "seal")

    def _derive(self, ctx: Context, purpose: str) -> bytes:
        stage_key = hmac.digest(ctx.secrets.cursor_key, b"refresh tokens", "sha256")
        return hmac.digest(stage_key, f"{purpose} {self.session_id} {self.number} ".encode() + self.secret, "sha256")


def _key(user_id: str, session_id: str) -> Key:
    return Key(user_id, f"{_ROW}#{session_id}")


def begin(ctx: Context, tx: Transaction, user: User) -> dict[str, Any]:
    """Put a new session of `user` into the transaction; answers its first pair."""
    session_id = SESSION.new(ctx.now)
    token = RefreshToken(user.id, session_id, 0, os.urandom(32))
    row = {
        "kind": "session",
        "created_at": ctx.now,
        "epoch": user.epoch,
        "token_hash": token.hash,
        "rotations": 0,
        **_used(ctx),
    }
    tx.put_row(_key(user.id, session_id), row, "attribute_not_exists(pk)")
    return _pair(access_token(ctx, user, session_id), token, tokens.ACCESS_LIFE)


def access_token(ctx: Context, user: User, session_id: str) -> str:
    """An access token with the user's roles of this moment."""
    roles = [*user.roles, *user.governance_roles]
    return tokens.issue(
        ctx.settings, ctx.secrets, ctx.now, user_id=user.id, roles=roles, session=session_id, professional_id=user.professional_id
    )


def _pair(access: str, refresh: RefreshToken, life: timedelta) -> dict[str, Any]:
    return {"access_token": access, "refresh_token": str(refresh), "token_type": "Bearer", "expires_in": int(life.total_seconds())}


def _used(ctx: Context) -> dict[str, Any]:
    """What each use of a session writes anew: when, from where, and until when it is good."""
    return {
        "last_used_at": ctx.now,
        "ttl": int((ctx.now + REFRESH_LIFE).timestamp()),
        "address": ctx.source_ip,
        "user_agent": re.sub(r"[^\x20-\x7e]", "?", ctx.user_agent)[:200],
    }


def refresh(ctx: Context, given: str) -> dict[str, Any]:
    """The next pair for a refresh token; Unauthenticated for one that is unknown, over, or spent. Two round trips.

    A spent one means that somebody else has it too: its session ends at once, and the administrators are told.
    """
    token = RefreshToken.parse(given)

    def step() -> dict[str, Any]:
        user, row = _live(ctx, token)
        if hmac.compare_digest(row["token_hash"]["S"], token.hash):
            return _rotate(ctx, token, user)
        if _just_spent(ctx, token, row):
            return _same_pair(ctx, token, row)
        if _was_ours(ctx, token, row):
            _end_stolen(ctx, token, row)
        raise _refused()

    return ctx.store.settle(step)


def _live(ctx: Context, token: RefreshToken) -> tuple[User, Raw]:
    root = Key(token.user_id, ROOT)
    found = ctx.store.get_many([root, token.key])
    user, row = alive(User, found.get(root)), found.get(token.key)
    if user is None or not user.is_active or row is None:
        raise _refused()
    if int(row["epoch"]["N"]) != user.epoch or int(row["ttl"]["N"]) <= ctx.now.timestamp():
        raise _refused()
    return user, row


def _rotate(ctx: Context, token: RefreshToken, user: User) -> dict[str, Any]:
    next_token = token.next(ctx)
    access = access_token(ctx, user, token.session_id)
    values = {
        "token_hash": next_token.hash,
        "rotations": next_token.number,
        "spent": token.hash,
        "spent_at": int(ctx.now.timestamp() * 1000),
        "sealed": _seal(token.sealing_key(ctx), access),
        **_used(ctx),
    }
    names = {f"#{name}": name for name in values}
    sets = ", ".join(f"#{name} = :{name}" for name in values)
    ctx.store.update(
        token.key,
        f"SET {sets}",
        ConditionExpression="token_hash = :seen",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=codec.wire({":seen": token.hash, **{f":{name}": value for name, value in values.items()}}),
    )
    return _pair(access, next_token, tokens.ACCESS_LIFE)


def _just_spent(ctx: Context, token: RefreshToken, row: Raw) -> bool:
    if "spent" not in row or not hmac.compare_digest(row["spent"]["S"], token.hash):
        return False
    return ctx.now.timestamp() * 1000 <= int(row["spent_at"]["N"]) + GRACE.total_seconds() * 1000


def _same_pair(ctx: Context, token: RefreshToken, row: Raw) -> dict[str, Any]:
    access = _open(token.sealing_key(ctx), codec.decode(row["sealed"]))
    age = timedelta(milliseconds=max(0, int(ctx.now.timestamp() * 1000) - int(row["spent_at"]["N"])))
    return _pair(access, token.next(ctx), tokens.ACCESS_LIFE - age)


def _was_ours(ctx: Context, token: RefreshToken, row: Raw) -> bool:
    """Whether the present token descends from this one. Only then is it a spent token, and not an invented one."""
    steps = int(row["rotations"]["N"]) - token.number
    if not 0 < steps <= _MOST_STEPS:
        return False
    for _ in range(steps):
        token = token.next(ctx)
    return hmac.compare_digest(row["token_hash"]["S"], token.hash)


def _end_stolen(ctx: Context, token: RefreshToken, row: Raw) -> None:
    tx = Transaction(ctx.store)
    tx.delete(token.key, "token_hash = :seen", values={":seen": row["token_hash"]["S"]})
    event = Event.single(
        ctx,
        f"auth.token_reuse#{token.session_id}",
        on=ctx.today,
        event="auth.token_reuse",
        subject_type="user",
        subject_id=token.user_id,
        title="A spent refresh token was used again; its session has been ended",
        for_role="admin",
        data={"session_id": token.session_id, "address": ctx.source_ip},
    )
    tx.create(event)
    tx.commit()
    telemetry.line("WARNING", "refresh of a spent token", user=token.user_id, session=token.session_id, request_id=ctx.request_id)


def end_by_token(ctx: Context, given: str) -> None:
    """End the session of a refresh token, be it the present one or a spent one. What isn't a token of ours ends nothing."""
    try:
        token = RefreshToken.parse(given)
    except Unauthenticated:
        return
    row = ctx.store.get_raw(token.key)
    if row and (hmac.compare_digest(row["token_hash"]["S"], token.hash) or _was_ours(ctx, token, row)):
        ctx.store.call("delete_item", TableName=ctx.store.table, Key=wire_key(token.key))


def end(ctx: Context, user_id: str, session_id: str) -> None:
    """End one session of a user; NotFound where they have none of that id."""
    SESSION.key(session_id)  # NotFound for another form
    try:
        ctx.store.call(
            "delete_item",
            TableName=ctx.store.table,
            Key=wire_key(_key(user_id, session_id)),
            ConditionExpression="attribute_exists(pk)",
        )
    except ctx.store.client.exceptions.ConditionalCheckFailedException:
        raise NotFound("session") from None


def keep(ctx: Context, tx: Transaction, user: User, session_id: str | None) -> None:
    """Bring one session over into the user's new epoch, while all others end with the old one."""
    if session_id is None or not session_id.startswith("ses_"):
        return
    row = ctx.store.get_raw(_key(user.id, session_id))
    if row is None or int(row["epoch"]["N"]) != user.epoch - 1:
        return
    tx.update(
        _key(user.id, session_id),
        "SET epoch = :epoch",
        "token_hash = :hash",
        Stale(),
        {":epoch": user.epoch, ":hash": row["token_hash"]["S"]},
    )


def listed(ctx: Context, user: User, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of the user's live sessions, newest first."""

    def live(session: Mapping[str, Any]) -> bool:
        return bool(session["epoch"] == user.epoch and session["ttl"] > ctx.now.timestamp())

    partition = pages.Partition(None, user.id, prefix=f"{_ROW}#")
    seal = pages.CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, "", ctx.actor.id)
    found = pages.page(ctx.store, [partition], seal, limit=limit, cursor=cursor, keep=live, shown=codec.plain)
    return {"items": [_view(session, ctx.actor.session) for session in found.rows], "next_cursor": found.next_cursor}


def _view(session: Mapping[str, Any], current: str | None) -> dict[str, Any]:
    session_id = session["sk"].removeprefix(f"{_ROW}#")
    return {
        "id": session_id,
        "created_at": session["created_at"],
        "last_used_at": session["last_used_at"],
        "expires_at": instant(datetime.fromtimestamp(session["ttl"], UTC)),
        "address": session["address"],
        "user_agent": session["user_agent"],
        "current": session_id == current,
    }


def _refused() -> Unauthenticated:
    return Unauthenticated("The refresh token is not valid. Sign in again.")


def _seal(key: bytes, text: str) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, text.encode(), None)


def _open(key: bytes, sealed: bytes) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], None).decode()
