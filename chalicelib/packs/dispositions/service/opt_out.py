"""The link with which a buyer opts out of offers. It needs no account and never expires.

Opening it changes nothing, since mail scanners open links too; the button on the page does.
"""

from chalicelib.foundation import signing
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.dispositions import repository
from chalicelib.packs.dispositions.entities import Buyer

_PREFIX, _PURPOSE = f"{Buyer.ID.prefix}_", "opt-out"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Offers by mail</title>
<style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 4rem auto; padding: 0 1rem }}
button {{ font: inherit; padding: .5rem 1.2rem }}</style></head>
<body><main><h1>Offers by mail</h1>
{content}
</main></body></html>
"""
ASK = _PAGE.format(
    content='<p>You get offers of houses from us.</p>\n<form method="post"><button type="submit">Send me no more</button></form>'
)
DONE = _PAGE.format(content='<p role="status">You will get no more offers from us. Nothing else is needed.</p>')


def link(ctx: Context, buyer_id: str) -> str:
    """The URL of the buyer's opt-out page: the id, and its signature under the one key that is never rotated."""
    signature = signing.sign_text(ctx.secrets.personal_key, _PURPOSE, buyer_id)
    return f"{ctx.settings.public_url}/dispo/opt-out/{buyer_id.removeprefix(_PREFIX)}.{signature}"


def page(ctx: Context, token: str) -> str:
    """The page of the link. One round trip."""
    return DONE if _find(ctx, token).do_not_contact else ASK


@retry_on_conflict
def opt_out(ctx: Context, token: str) -> str:
    """Set `do_not_contact`; the page that says so. Two round trips; a repeated call changes nothing."""
    before = _find(ctx, token)
    if not before.do_not_contact:
        after = before.with_changes(ctx, do_not_contact=True)
        after.updated_by = before.id  # the token identifies the buyer
        repository.save_buyer(ctx, before, after)
    return DONE


def _find(ctx: Context, token: str) -> Buyer:
    """The buyer of the token; NotFound for an invalid signature."""
    ulid, _, signature = token.partition(".")
    id = f"{_PREFIX}{ulid}"
    if not signing.is_signature(ctx.secrets.personal_key, _PURPOSE, id, signature):
        raise NotFound("link")
    try:
        return repository.find_buyer(ctx, id)
    except NotFound:
        raise NotFound("link") from None
