"""A row that ends is gone from its last second on, whether or not the table has removed it."""

from datetime import timedelta

import pytest

from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store import expiry

KEY = ItemKey("ENDS", "E")


@pytest.fixture
def ctx(context):
    return context("operator")


def put(ctx, ends_in):
    end = {} if ends_in is None else {"ttl": int(ctx.now.timestamp()) + ends_in}
    ctx.store.put_values(KEY, {"n": 1, **end})


@pytest.mark.parametrize(("ends_in", "is_there"), [(None, True), (1, True), (0, False), (-1, False), (-86400, False)])
def test_readers_and_conditions_agree_on_when_it_ends(ctx, ends_in, is_there):
    put(ctx, ends_in)
    assert (expiry.find_live_row(ctx.store, KEY, ctx.now) is not None) == is_there
    assert expiry.has_ended(None if ends_in is None else int(ctx.now.timestamp()) + ends_in, ctx.now) != is_there
    assert takes(ctx, expiry.is_free(ctx.now)) != is_there
    put(ctx, ends_in)
    if ends_in is not None:
        assert takes(ctx, expiry.is_live(ctx.now)) == is_there


def takes(ctx, when):
    try:
        ctx.store.put_values(KEY, {"n": 2}, when)
    except VersionConflict:
        return False
    return True


def test_what_was_never_there_is_free_and_not_live(ctx):
    assert expiry.find_live_row(ctx.store, KEY, ctx.now) is None
    assert not takes(ctx, expiry.is_live(ctx.now))
    assert takes(ctx, expiry.is_free(ctx.now))


def test_parts_of_a_second_do_not_count(ctx):
    put(ctx, 1)
    ctx.now += timedelta(milliseconds=999)
    assert expiry.find_live_row(ctx.store, KEY, ctx.now)
