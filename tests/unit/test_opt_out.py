"""Links to opt out: whoever has one is known by it, and nobody else."""

import pytest

from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.opt_out import OptOutLink, Wording
from chalicelib.foundation.suppression import SuppressionList, is_active
from chalicelib.packs.dispositions.entities import Buyer

THINGS = SuppressionList("things")
WORDING = Wording("Stop", "Mail about <things>", "You get <b>mail</b>.", "No <more>", "You get <i>none</i>.", "More & more")
LINK = OptOutLink(Buyer, "/things/opt-out", THINGS, WORDING)


@pytest.fixture
def ctx(context):
    return context("operator")


def receiver(ctx, email="ann@example.com"):
    made = Buyer.new(ctx, name="Ann", email=email, do_not_contact=False, is_active=True, tags=[])
    ctx.store.create(made)
    return made


def save(ctx, _, after):
    ctx.store.save(after)


def test_a_link_leads_to_its_receiver_only(ctx):
    one, other = receiver(ctx), receiver(ctx, "bob@example.com")
    path, _, token = LINK.url(ctx, one).rpartition("/")
    assert path.endswith("/things/opt-out")
    LINK.decide(ctx, token, save, again=False)
    assert [ctx.store.require(Buyer, buyer.id).do_not_contact for buyer in (one, other)] == [True, False]
    ulid, digest, signature = token.split(".")
    theirs = LINK.url(ctx, other).rpartition("/")[2].split(".")
    for forged in (f"{theirs[0]}.{digest}.{signature}", f"{ulid}.{theirs[1]}.{signature}", f"{ulid}.{signature}", f"{token}x", "x.y", ""):
        with pytest.raises(NotFound):
            LINK.show(ctx, forged)


def test_pages_say_what_is_asked_and_hold_no_markup_of_others(ctx):
    token = LINK.url(ctx, receiver(ctx)).rpartition("/")[2]
    page = LINK.show(ctx, token)
    assert (page.content_type, "frame-ancestors" in page.headers["Content-Security-Policy"]) == ("text/html; charset=utf-8", True)
    assert "<h1>Mail about &lt;things&gt;</h1>" in page.body
    assert '<p role="status">You get &lt;b&gt;mail&lt;/b&gt;.</p>' in page.body
    assert '<form method="post"><button type="submit" formaction="?">No &lt;more&gt;</button></form>' in page.body
    done = LINK.decide(ctx, token, save, again=False)
    assert '<p role="status">You get &lt;i&gt;none&lt;/i&gt;.</p>' in done.body
    assert 'formaction="?again=true">More &amp; more</button>' in done.body
    assert LINK.decide(ctx, token, save, again=True).body == page.body


@pytest.mark.parametrize("same", ["ann@example.com", "ANN@Example.COM", " ann@example.com ", "\uff21nn@example.com"])
def test_an_address_is_the_same_in_each_of_its_spellings(ctx, same):
    assert THINGS.key(ctx, same) == THINGS.key(ctx, "Ann@example.com")
    assert "ann" not in "".join(THINGS.key(ctx, same)).lower()
    for other in ("an@example.com", "ann+houses@example.com"):
        assert THINGS.key(ctx, other) != THINGS.key(ctx, same)
    assert SuppressionList("others").key(ctx, same) != THINGS.key(ctx, same)


def test_nothing_is_suppressed_before_somebody_says_so():
    assert is_active(None) is False
