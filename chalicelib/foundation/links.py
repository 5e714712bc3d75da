"""Links in mails for people without an account: who has one may see, or do, one thing until it ends.

A link holds 32 random bytes in base64url, of which only the SHA-256 is kept, as the key of its row: somebody who reads the table has no
link. The row says what the link is for, of which thing and, where there are several, of whom; and the thing's epoch when the link was made:
whoever opens one compares it with the thing's own, so that all links of a thing end when its epoch is raised.

A link that is unknown, cut, run out or of another purpose is answered in one and the same way. The caller does so too for an epoch of before.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.signing import sha256_hex
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.expiry import find_live_row
from chalicelib.foundation.store.expressions import ROW_ABSENT
from chalicelib.foundation.store.transactions import Transaction

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

PREFIX = "LINK"  # of the partition keys
_TOKEN = re.compile("[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True)
class Link:
    """What a link is of: the thing, its epoch when the link was made, the part of it (a party's id; empty for all of it), and its end."""

    thing_id: str
    epoch: int
    part: str
    ends_at: datetime


def add_link(ctx: "Context", tx: Transaction, purpose: str, thing_id: str, *, epoch: int, ends_at: datetime, part: str = "") -> str:
    """Add the row of a new link to the transaction; returns the token, which is kept nowhere. It ends at `ends_at`, to the second."""
    token = secrets.token_urlsafe(32)
    row = {
        "kind": "link",
        "purpose": purpose,
        "thing_id": thing_id,
        "epoch": epoch,
        "part": part,
        "request_id": ctx.request_id,
        "ttl": int(ends_at.timestamp()),
    }
    tx.put_values(_key(token), row, ROW_ABSENT)
    return token


def find_link(ctx: "Context", purpose: str, token: str) -> Link:
    """The link with this token. NotFound where it is unknown, cut, run out, or of another purpose. One round trip at most."""
    row = find_live_row(ctx.store, _key(token), ctx.now) if _TOKEN.fullmatch(token) else None
    values = codec.decode_item(row) if row else {}
    if values.get("purpose") != purpose:
        raise no_such_link()
    return Link(values["thing_id"], int(values["epoch"]), values["part"], datetime.fromtimestamp(int(values["ttl"]), UTC))


def no_such_link() -> NotFound:
    """The one refusal of a link, whatever is wrong with it."""
    return NotFound("link")


def link_url(ctx: "Context", path: str, token: str) -> str:
    """The URL of a link for a mail. `path` is that of the endpoint before the token, e.g. /s."""
    return f"{ctx.settings.public_url}{path}/{token}"


def _key(token: str) -> ItemKey:
    return ItemKey(f"{PREFIX}#{sha256_hex(token)}", "L")
