"""Links to opt out: whoever has one is known by it, and nobody else."""

import pytest

from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.opt_out import OptOutLink
from tests.store.sample_entities import SampleRoot, plain_values

LINK = OptOutLink(SampleRoot, "/things/opt-out", "Mail about <things>")


def test_a_link_leads_to_its_receiver_only(context):
    ctx = context("operator")
    thing, other = (SampleRoot.new(ctx, **plain_values()) for _ in range(2))
    for one in (thing, other):
        ctx.store.create(one)
    path, _, token = LINK.url(ctx, thing.id).rpartition("/")
    assert path.endswith("/things/opt-out")
    assert LINK.receiver(ctx, token).id == thing.id
    ulid, _, signature = token.partition(".")
    for forged in (f"{other.id.removeprefix('thing_')}.{signature}", ulid, f"{token}x", "x.y", ""):
        with pytest.raises(NotFound):
            LINK.receiver(ctx, forged)
    ctx.store.save(thing.soft_deleted(ctx))
    with pytest.raises(NotFound):
        LINK.receiver(ctx, token)


def test_pages_say_what_is_asked_and_hold_no_markup_of_others():
    page = LINK.question("You get <b>mail</b>.", "No more")
    assert (page.content_type, "frame-ancestors" in page.headers["Content-Security-Policy"]) == ("text/html; charset=utf-8", True)
    assert '<form method="post"><button type="submit">No more</button></form>' in page.body
    assert "<h1>Mail about &lt;things&gt;</h1>" in page.body
    assert "<b>" not in page.body
    done = LINK.confirmation("Done.")
    assert '<p role="status">Done.</p>' in done.body
    assert "<form" not in done.body
