"""Entities come back from the table as they went in."""

import string
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from chalicelib.foundation.errors import NotFound, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.store import parse_live
from tests.store.sample_entities import SampleChild, SampleRoot, plain_values

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
wholes = st.integers(-(10**37), 10**37)
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
leaves = st.none() | st.booleans() | wholes | decimals | texts
names = st.text(string.ascii_letters, min_size=1, max_size=10)
nested = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8)
documents = st.dictionaries(names, nested, max_size=4)
things = st.fixed_dictionaries(
    {
        "name": texts,
        "shelf": st.sampled_from(["north", "south"]),
        "colour": st.none() | texts,
        "count": wholes,
        "spare": st.none() | wholes,
        "price": decimals,
        "weight": st.none() | decimals,
        "fragile": st.booleans(),
        "made_on": st.dates(),
        "sold_on": st.none() | st.dates(),
        "seen_at": moments,
        "left_at": st.none() | moments,
        "maker": documents,
        "box": st.none() | documents,
        "parts": st.lists(nested, max_size=4),
        "tags": st.lists(texts, max_size=4),
    }
)


@given(things)
@rules(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_value_comes_back_as_it_went_in(context, values):
    ctx = context("operator")
    thing = SampleRoot.new(ctx, **values)
    ctx.store.call("put_item", TableName=ctx.store.table, Item=thing.to_item())
    found = ctx.store.find(SampleRoot, thing.id)
    assert found is not None
    assert {name: getattr(found, name) for name in values} == values
    assert (found.revision, found.created_at, found.created_by, found.request_id) == (1, ctx.now, ctx.actor.id, ctx.request_id)
    assert found.to_item() == SampleRoot.from_item(found.to_item()).to_item()


def test_numbers_keep_every_digit(context):
    ctx = context("operator")
    price = Decimal("1234567890123456789012345678.9012345678")  # 38 digits: what DynamoDB holds
    thing = SampleRoot.new(ctx, **plain_values(price=price, maker={"rate": price}))
    ctx.store.call("put_item", TableName=ctx.store.table, Item=thing.to_item())
    found = ctx.store.find(SampleRoot, thing.id)
    assert (found.price, found.maker["rate"]) == (price, price)


def test_a_float_never_enters_the_table(context):
    with pytest.raises(TypeError, match="float"):
        SampleRoot.new(context("operator"), **plain_values(maker={"rate": 0.1})).to_item()


def test_none_clears_an_attribute(context):
    ctx = context("operator")
    thing = SampleRoot.new(ctx, **plain_values(colour="red"))
    ctx.store.call("put_item", TableName=ctx.store.table, Item=thing.to_item())
    ctx.store.save(thing.with_changes(ctx, colour=None))
    raw = ctx.store.get_item(thing.key)
    assert "colour" not in raw
    assert SampleRoot.from_item(raw).revision == 2


def test_a_row_of_newer_code_keeps_what_this_code_does_not_know(context):
    ctx = context("operator")
    item = SampleRoot.new(ctx, **plain_values()).to_item() | {"hologram": {"S": "kept"}}
    ctx.store.call("put_item", TableName=ctx.store.table, Item=item)
    thing = ctx.store.find(SampleRoot, item["id"]["S"])
    ctx.store.save(thing.with_changes(ctx, name="desk"))
    raw = ctx.store.get_item(thing.key)
    assert raw["hologram"] == {"S": "kept"}
    assert raw["name"] == {"S": "desk"}


def test_an_older_row_is_brought_up(context):
    class Newer(SampleRoot):
        SCHEMA = 2

        @classmethod
        def upcast(cls, raw, version):
            assert version == 1
            return raw | {"colour": {"S": "unpainted"}}

    item = SampleRoot.new(context("operator"), **plain_values()).to_item()
    assert Newer.from_item(item).colour == "unpainted"
    assert Newer.from_item(item).to_item()["sv"] == {"N": "2"}


def test_an_unknown_name_is_our_mistake(context):
    with pytest.raises(TypeError, match="colur"):
        SampleRoot.new(context("operator"), **plain_values(colur="red"))


def test_a_child_lies_in_its_parents_partition(context):
    ctx = context("operator")
    thing = SampleRoot.new(ctx, **plain_values())
    part = SampleChild.new(ctx, id=SampleChild.ID.new(ctx.now, thing.id), name="bulb")
    assert part.key == ItemKey(thing.id, f"P#{part.id}")
    ctx.store.call("put_item", TableName=ctx.store.table, Item=part.to_item())
    assert ctx.store.find(SampleChild, part.id).name == "bulb"


@pytest.mark.parametrize(
    "id", ["", "thing_", "part_01", "thing_01HZX", "THING_01HZXK3T5V9Y8W7R6Q5P4N3M2K", "thing_81HZXK3T5V9Y8W7R6Q5P4N3M2K"]
)
def test_an_id_of_another_form_is_not_found_without_asking(context, id):
    ctx = context("operator")
    with pytest.raises(NotFound):
        ctx.store.find(SampleRoot, id)
    assert ctx.store.round_trips == 0


def test_a_deleted_thing_is_gone_from_reads_and_indexes_but_kept(context):
    ctx = context("operator")
    thing = SampleRoot.new(ctx, **plain_values())
    ctx.store.call("put_item", TableName=ctx.store.table, Item=thing.to_item())
    ctx.store.save(thing.soft_deleted(ctx))
    assert ctx.store.find(SampleRoot, thing.id) is None
    raw = ctx.store.get_item(thing.key)
    assert raw["deleted_by"] == {"S": ctx.actor.id}
    assert "gsi1pk" not in raw
    assert "view" not in raw
    assert parse_live(SampleRoot, raw) is None


def test_many_are_read_in_batches_of_a_hundred(context):
    ctx = context("operator")
    made = [SampleRoot.new(ctx, **plain_values(count=n)) for n in range(130)]
    for thing in made:
        ctx.store.call("put_item", TableName=ctx.store.table, Item=thing.to_item())
    before = ctx.store.round_trips
    absent = SampleRoot.ID.key(SampleRoot.ID.new(ctx.now))
    found = ctx.store.batch_get([thing.key for thing in made] + [made[0].key, absent])
    assert ctx.store.round_trips - before == 2
    assert {SampleRoot.from_item(raw).count for raw in found.values()} == set(range(130))


def test_a_save_behind_another_is_stale(context):
    ctx = context("operator")
    thing = SampleRoot.new(ctx, **plain_values())
    ctx.store.call("put_item", TableName=ctx.store.table, Item=thing.to_item())
    ctx.store.save(thing.with_changes(ctx, name="first"))
    with pytest.raises(VersionConflict):
        context("operator").store.save(thing.with_changes(context("operator"), name="second"))
    assert ctx.store.find(SampleRoot, thing.id).name == "first"


def test_days_are_days(context):
    assert SampleRoot.new(context("operator"), **plain_values(made_on=date(2026, 2, 28))).to_item()["made_on"] == {"S": "2026-02-28"}
