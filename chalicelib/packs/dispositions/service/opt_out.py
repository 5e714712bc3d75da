"""The link by which a buyer asks not to be written to any more. It needs no account and never runs out.

Opening it changes nothing, for mail scanners open links too; the page's own button does.
"""

import base64
import hashlib
import hmac

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.dispositions.entities import Buyer
from chalicelib.packs.dispositions.service import buyers

_DIGEST = 16  # bytes


def link(ctx: Context, buyer_id: str) -> str:
    """The address of the buyer's page."""
    return f"{ctx.settings.public_url}/dispo/opt-out/{token(ctx, buyer_id)}"


def token(ctx: Context, buyer_id: str) -> str:
    """The buyer's id with a signature. It is made from the one key that never changes: an opt-out must work for good."""
    return f"{buyer_id.removeprefix(_PREFIX)}.{_signature(ctx, buyer_id)}"


_PREFIX = f"{Buyer.ID.prefix}_"


def _signature(ctx: Context, buyer_id: str) -> str:
    mac = hmac.new(ctx.secrets.personal_key, f"opt-out\0{buyer_id}".encode(), hashlib.sha256).digest()[:_DIGEST]
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def _get_or_404(ctx: Context, token: str) -> Buyer:
    """The buyer whose link it is; NotFound for one that we didn't give."""
    ulid, _, signature = token.partition(".")
    id = f"{_PREFIX}{ulid}"
    if not hmac.compare_digest(signature.encode(), _signature(ctx, id).encode()):
        raise NotFound("link")
    buyer = parse_live(Buyer, ctx.store.get_item(Buyer.ID.key(id)))
    if buyer is None:
        raise NotFound("link")
    return buyer


def is_subscribed(ctx: Context, token: str) -> bool:
    """Whether the buyer may still be written to."""
    return not _get_or_404(ctx, token).do_not_contact


def opt_out(ctx: Context, token: str) -> None:
    """From now on nothing is offered to the buyer. Two round trips; a second time changes nothing."""

    def step() -> None:
        before = _get_or_404(ctx, token)
        if before.do_not_contact:
            return
        after = before.with_changes(ctx, do_not_contact=True)
        after.updated_by = before.id  # the link says who they are
        buyers.save(ctx, before, after)

    ctx.store.retry_on_conflict(step)
