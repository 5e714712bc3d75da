"""Reads that a pack's repository is made of: one, many, a whole partition, a bounded part of some ranges, a computed list by pages."""

import pytest

from chalicelib.foundation.errors import BadRequest, NotFound, VersionConflict
from chalicelib.foundation.schema_types import PageParams
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import decode_item
from chalicelib.foundation.store.store import RowChanged
from chalicelib.foundation.store.transactions import Transaction
from tests.store.sample_entities import SampleChild, SampleRoot, plain_values
from tests.store.test_pagination import fill, on, put

ABSENT = "thing_01K00000000000000000000000"


@pytest.fixture
def ctx(context):
    return context("operator")


def make(ctx, **values):
    thing = SampleRoot.new(ctx, **plain_values(**values))
    put(ctx, thing)
    return thing


def test_one_that_must_be_there(ctx):
    thing, gone = make(ctx), make(ctx)
    put(ctx, gone.soft_deleted(ctx))
    assert ctx.store.require(SampleRoot, thing.id).attribute_values == thing.attribute_values
    for id in (gone.id, ABSENT, "thing_1"):
        with pytest.raises(NotFound):
            ctx.store.require(SampleRoot, id)


def test_many_are_those_that_live_in_the_order_of_their_ids(ctx):
    things, gone = [make(ctx) for _ in range(3)], make(ctx)
    put(ctx, gone.soft_deleted(ctx))
    before = ctx.store.round_trips
    wanted = [things[2].id, gone.id, things[0].id, ABSENT]
    assert list(ctx.store.find_many(SampleRoot, iter(wanted))) == [things[2].id, things[0].id]
    assert ctx.store.round_trips - before == 1
    assert ctx.store.find_many(SampleRoot, []) == {}


def test_a_root_with_the_rows_of_its_partition(ctx):
    thing, other = make(ctx), make(ctx)
    parts = [SampleChild.new(ctx, id=SampleChild.ID.new(ctx.now, parent=thing.id), name="part") for _ in range(2)]
    for part in parts:
        put(ctx, part)
    root, rows = ctx.store.require_with_rows(SampleRoot, thing.id)
    assert (root.id, sorted(row["id"]["S"] for row in rows)) == (thing.id, sorted(part.id for part in parts))
    assert ctx.store.require_with_rows(SampleRoot, thing.id, low="Q")[1] == []
    put(ctx, other.soft_deleted(ctx))
    for id in (other.id, ABSENT):
        with pytest.raises(NotFound):
            ctx.store.require_with_rows(SampleRoot, id)


@pytest.mark.parametrize(("limit", "count", "is_all"), [(0, 0, False), (4, 4, False), (5, 5, True), (9, 5, True)])
def test_some_rows_and_whether_these_are_all(ctx, limit, count, is_all):
    shelves, _ = fill(ctx, [2, 3])
    rows, complete = ctx.store.query_some(on(shelves), limit)
    assert (len({row["pk"]["S"] for row in rows}), complete) == (count, is_all)
    assert ctx.store.query_some([], limit) == ([], True)
    assert ctx.store.query_some([KeyRange("gsi1", "THING#none")], limit) == ([], True)


def test_a_row_in_a_decoded_image(ctx):
    thing = SampleRoot.new(ctx, **plain_values())
    assert SampleRoot.from_image(decode_item(thing.to_item())).attribute_values == thing.attribute_values


def test_a_transaction_that_depends_on_an_entity(ctx):
    def commit(seen, on_conflict=None):
        tx = Transaction(ctx.store)
        tx.check_unchanged(seen, on_conflict)
        tx.create(SampleRoot.new(ctx, **plain_values()))
        tx.commit()

    thing = make(ctx)
    commit(thing)
    changed = thing.with_changes(ctx, count=7)
    put(ctx, changed)
    for later in (changed, changed.soft_deleted(ctx)):
        put(ctx, later)
        with pytest.raises(VersionConflict):
            commit(thing)
    commit(changed.soft_deleted(ctx))
    with pytest.raises(RowChanged) as now:
        commit(thing, RowChanged)
    assert now.value.row["revision"] == {"N": "3"}
    with pytest.raises(RowChanged) as nothing:
        commit(thing.with_values(id=ABSENT), RowChanged)
    assert nothing.value.row is None


def test_whether_a_text_is_an_id_of_a_kind(ctx):
    thing = make(ctx)
    part = SampleChild.ID.new(ctx.now, parent=thing.id)
    assert [SampleRoot.ID.is_id(id) for id in (thing.id, part, "thing_1", "")] == [True, False, False, False]
    assert [SampleChild.ID.is_id(id) for id in (part, thing.id)] == [True, False]


def test_a_computed_list_by_pages(ctx):
    def page(items, cursor=None, *binding):
        return ctx.page_of(items, lambda item: (item,), PageParams(limit=2, cursor=cursor), *binding)

    items = [1, 2, 3, 4, 5]
    first, cursor = page(items)
    assert first == [1, 2]
    second, cursor = page([0, 1, 3, 4, 5], cursor)  # others came and went meanwhile
    assert second == [3, 4]
    with pytest.raises(BadRequest):
        page(items, cursor, "another list")
    assert page(items, cursor) == ([5], None)
    assert page([]) == ([], None)
