"""Links for people without an account: kept as hashes, of one purpose, until they end; whatever is wrong with one looks the same."""

from datetime import timedelta

import pytest

from chalicelib.foundation import links
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.links import Link
from chalicelib.foundation.store.transactions import Transaction

DAYS = timedelta(days=90)


@pytest.fixture
def ctx(context):
    return context("operator")


def add(ctx, **changes):
    tx = Transaction(ctx.store)
    token = links.add_link(ctx, tx, "sign", "ctr_1", **{"epoch": 3, "part": "party_1", "ends_at": ctx.now + DAYS, **changes})
    tx.commit()
    return token


def test_a_link_is_found_by_its_token_in_one_round_trip(ctx):
    token = add(ctx)
    ctx.store.round_trips = 0
    assert links.find_link(ctx, "sign", token) == Link("ctr_1", 3, "party_1", ctx.now + DAYS)
    assert ctx.store.round_trips == 1
    assert links.find_link(ctx, "sign", add(ctx, part="")).part == ""


def test_two_links_of_one_thing_are_two(ctx):
    assert add(ctx) != add(ctx)


def test_the_table_has_no_token_and_the_row_is_no_entity(ctx, runtime):
    token = add(ctx)
    (row,) = runtime.dynamodb.scan(TableName=runtime.settings.table)["Items"]
    assert token not in str(row)
    assert "t" not in row  # what the trail would take
    assert row["request_id"]["S"] == ctx.request_id


def test_it_ends_to_the_second_though_its_row_stays(ctx, runtime, clock):
    token = add(ctx)
    clock.now += DAYS - timedelta(seconds=1)
    assert links.find_link(runtime.context(request_id="r"), "sign", token)
    clock.now += timedelta(seconds=1)
    with pytest.raises(NotFound):
        links.find_link(runtime.context(request_id="r"), "sign", token)


def test_whatever_is_wrong_with_a_link_looks_the_same(ctx, clock, runtime):
    token = add(ctx)
    ended = add(ctx, ends_at=ctx.now)
    said = set()
    for purpose, wrong in [
        ("sign", token[:-1]), ("sign", f"{token}x"), ("sign", token.swapcase()), ("sign", "é" * 43), ("sign", "\ud800" * 43), ("sign", ""),
        ("sign", "A" * 43), ("sign", ended), ("read", token), ("", token),
    ]:  # fmt: skip
        with pytest.raises(NotFound) as found:
            links.find_link(ctx, purpose, wrong)
        said.add((str(found.value), found.value.detail, str(found.value.members)))
    assert len(said) == 1


def test_its_url_is_that_of_the_api(ctx):
    assert links.link_url(ctx, "/s", "abc") == "http://127.0.0.1:8000/s/abc"
