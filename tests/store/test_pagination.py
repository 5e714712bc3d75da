"""Pages: every row that stood still is visited exactly once, in order, whatever the partitions, limits, filters and short answers."""

import base64
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from chalicelib.foundation.errors import BadRequest
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.pagination import CursorSigner, decode_view, paginate
from chalicelib.foundation.store.store import Store
from tests.fault_injection import FaultInjectingClient, LaggingIndexes, ShortPages, Throttles
from tests.store.sample_entities import SampleChild, SampleRoot, plain_values

SHELF = iter(range(10**9))


def seal(ctx, *binding):
    return CursorSigner(b"k" * 32, ctx.now, "GET /things", *binding, ctx.actor.id)


def put(ctx, entity):
    ctx.store.call("put_item", TableName=ctx.store.table, Item=entity.to_item())


def fill(ctx, sizes):
    """Things on shelves of these sizes, made a millisecond apart in a mixed order; gives the shelves and all ids, oldest first."""
    shelves = [f"shelf{next(SHELF)}" for _ in sizes]
    left, made = list(sizes), []
    while any(left):
        for place, shelf in enumerate(shelves):
            if left[place]:
                left[place] -= 1
                ctx.now += timedelta(milliseconds=1)
                thing = SampleRoot.new(ctx, **plain_values(shelf=shelf, count=len(made)))
                put(ctx, thing)
                made.append(thing.id)
    return shelves, made


def walk(ctx, partitions, limit, **options):
    """All rows over all pages, and how many pages it took."""
    rows, cursor, pages = [], None, 0
    while True:
        found = paginate(ctx.store, partitions, seal(ctx), limit=limit, cursor=cursor, **{"decode": decode_view} | options)
        assert len(found.rows) <= limit
        rows += found.rows
        pages += 1
        cursor = found.next_cursor
        if cursor is None:
            return rows, pages
        assert pages < 500


def on(shelves):
    return [KeyRange("gsi1", f"THING#{shelf}") for shelf in shelves]


@given(
    sizes=st.lists(st.integers(0, 7), min_size=1, max_size=4),
    limit=st.integers(1, 9),
    modulus=st.integers(1, 3),
    newest_first=st.booleans(),
    short=st.none() | st.integers(1, 3),
)
@rules(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_walk_visits_each_row_once_in_order(context, sizes, limit, modulus, newest_first, short):
    ctx = context("operator")
    shelves, made = fill(ctx, sizes)
    if short:
        ctx.store = Store(
            FaultInjectingClient(ctx.store.client, ShortPages(short), Throttles(0.1, seed=limit)), ctx.store.table, sleep=lambda _: None
        )
    rows, _ = walk(ctx, on(shelves), limit, newest_first=newest_first, predicate=lambda view: view["count"] % modulus == 0)
    wanted = [id for count, id in enumerate(made) if count % modulus == 0]
    assert [row["id"] for row in rows] == (wanted[::-1] if newest_first else wanted)


def test_a_page_without_a_filter_is_one_round_trip_a_partition(context):
    ctx = context("operator")
    shelves, _ = fill(ctx, [3, 3])
    before = ctx.store.round_trips
    found = paginate(ctx.store, on(shelves), seal(ctx), limit=4, cursor=None, decode=decode_view)
    assert (len(found.rows), ctx.store.round_trips - before) == (4, 2)


def test_the_last_full_page_has_no_cursor(context):
    ctx = context("operator")
    shelves, _ = fill(ctx, [4])
    assert paginate(ctx.store, on(shelves), seal(ctx), limit=4, cursor=None, decode=decode_view).next_cursor is None


def test_what_appears_or_goes_meanwhile_disturbs_nobody_else(context):
    ctx = context("operator")
    shelves, made = fill(ctx, [6])
    first = paginate(ctx.store, on(shelves), seal(ctx), limit=2, cursor=None, decode=decode_view)
    ctx.now += timedelta(seconds=1)
    put(ctx, SampleRoot.new(ctx, **plain_values(shelf=shelves[0])))  # newer: before the cursor
    last_seen = ctx.store.find(SampleRoot, first.rows[-1]["id"])
    ctx.store.save(last_seen.soft_deleted(ctx))  # the very row that the cursor stands on
    second = paginate(ctx.store, on(shelves), seal(ctx), limit=10, cursor=first.next_cursor, decode=decode_view)
    assert [row["id"] for row in second.rows] == made[::-1][2:]


def test_a_row_in_two_of_the_partitions_is_shown_once(context):
    class Doubled(SampleRoot):
        def index_keys(self):
            return {"gsi1pk": "MINE", "gsi1sk": self.id, "gsi2pk": "MY-ROLE", "gsi2sk": self.id}

    ctx = context("operator")
    for count in range(5):
        ctx.now += timedelta(milliseconds=1)
        put(ctx, Doubled.new(ctx, **plain_values(count=count)))
    for limit in (1, 2, 3):
        rows, _ = walk(ctx, [KeyRange("gsi1", "MINE"), KeyRange("gsi2", "MY-ROLE")], limit)
        assert [row["count"] for row in rows] == [4, 3, 2, 1, 0]


def test_children_are_listed_from_the_table_without_the_deleted(context):
    ctx = context("operator")
    thing = SampleRoot.new(ctx, **plain_values())
    put(ctx, thing)
    parts = []
    for name in "abc":
        ctx.now += timedelta(milliseconds=1)
        parts.append(SampleChild.new(ctx, id=SampleChild.ID.new(ctx.now, thing.id), name=name))
        put(ctx, parts[-1])
    ctx.store.save(parts[1].soft_deleted(ctx))
    rows, _ = walk(ctx, [KeyRange(None, thing.id, prefix="P#")], 2)
    assert [row["name"] for row in rows] == ["c", "a"]


def test_a_range_of_the_sort_key_is_inclusive(context):
    ctx = context("operator")
    shelves, made = fill(ctx, [5])
    (one,) = on(shelves)
    rows, _ = walk(ctx, [KeyRange(one.index, one.pk, low=made[1], high=made[3])], 2)
    assert [row["id"] for row in rows] == made[3:0:-1]
    rows, _ = walk(ctx, [KeyRange(one.index, one.pk, low=made[3])], 2)
    assert [row["id"] for row in rows] == [made[4], made[3]]


def test_a_page_stops_after_a_thousand_rows_that_the_filter_drops(context, monkeypatch):
    from chalicelib.foundation.store import pagination

    monkeypatch.setattr(pagination, "MAX_ROWS_EXAMINED", 6)
    ctx = context("operator")
    shelves, made = fill(ctx, [10])
    found = paginate(
        ctx.store, on(shelves), seal(ctx), limit=3, cursor=None, predicate=lambda view: view["id"] == made[0], decode=decode_view
    )
    assert found.rows == []
    assert found.next_cursor
    rows, pages_taken = walk(ctx, on(shelves), 3, predicate=lambda view: view["id"] == made[0])
    assert ([row["id"] for row in rows], pages_taken) == ([made[0]], 2)


def test_lists_lag_and_heal(context):
    ctx = context("operator")
    shelves, made = fill(ctx, [3])
    faulty = FaultInjectingClient(ctx.store.client)
    ctx.store = Store(faulty, ctx.store.table, sleep=lambda _: None)
    lag = LaggingIndexes().attach(faulty)
    ctx.store.save(ctx.store.find(SampleRoot, made[1]).soft_deleted(ctx))
    assert [row["id"] for row in walk(ctx, on(shelves), 2)[0]] == made[::-1]
    lag.catch_up()
    assert [row["id"] for row in walk(ctx, on(shelves), 2)[0]] == [made[2], made[0]]


# -- cursors


@pytest.fixture
def listed(context):
    ctx = context("operator")
    shelves, _ = fill(ctx, [3])
    return ctx, on(shelves), paginate(ctx.store, on(shelves), seal(ctx), limit=1, cursor=None, decode=decode_view).next_cursor


@pytest.mark.parametrize(
    "damage", [lambda c: "", lambda c: c[:-2], lambda c: c[::-1], lambda c: "A" + c[1:], lambda c: c + "%", lambda c: "ü"]
)
def test_a_forged_cursor_is_refused(listed, damage):
    ctx, partitions, cursor = listed
    forged = damage(cursor) or "x"
    with pytest.raises(BadRequest, match="not one that we gave"):
        paginate(ctx.store, partitions, seal(ctx), limit=1, cursor=forged, decode=decode_view)


@given(st.binary(max_size=80))
def test_no_bytes_make_a_cursor(data):
    from datetime import UTC, datetime

    opener = CursorSigner(b"k" * 32, datetime(2026, 1, 1, tzinfo=UTC), "GET /things")
    with pytest.raises(BadRequest):
        opener.verify(base64.urlsafe_b64encode(data).decode())


def test_a_cursor_is_bound_to_list_filters_and_caller(listed):
    ctx, partitions, cursor = listed
    with pytest.raises(BadRequest):
        paginate(ctx.store, partitions, seal(ctx, "stage=lead"), limit=1, cursor=cursor, decode=decode_view)
    ctx.actor = type(ctx.actor)(id="user_other")
    with pytest.raises(BadRequest):
        paginate(ctx.store, partitions, seal(ctx), limit=1, cursor=cursor, decode=decode_view)


def test_a_cursor_lives_a_day(listed):
    ctx, partitions, cursor = listed
    ctx.now += timedelta(hours=23, minutes=59)
    assert len(paginate(ctx.store, partitions, seal(ctx), limit=1, cursor=cursor, decode=decode_view).rows) == 1
    ctx.now += timedelta(minutes=2)
    with pytest.raises(BadRequest, match="more than a day old"):
        paginate(ctx.store, partitions, seal(ctx), limit=1, cursor=cursor, decode=decode_view)


def test_a_cursor_for_other_partitions_is_refused(listed):
    ctx, partitions, cursor = listed
    with pytest.raises(BadRequest, match="made of now"):
        paginate(ctx.store, [*partitions, KeyRange("gsi2", "X")], seal(ctx), limit=1, cursor=cursor, decode=decode_view)


def test_capacity_of_reads_and_writes_is_counted_apart(context):
    ctx = context("operator")
    store = Store(ctx.store.client, ctx.store.table, count_capacity=True)
    store.call("put_item", TableName=store.table, Item=SampleRoot.new(ctx, **plain_values()).to_item())
    written = (store.read_units, store.write_units)
    store.call("scan", TableName=store.table)
    assert written[0] == 0
    assert written[1] > 0
    assert store.read_units > 0
    assert store.write_units == written[1]


def test_a_row_of_the_table_that_stands_in_several_partitions_is_shown_once(context):
    ctx = context("operator")
    rows = {"a": ["x1", "x3", "x4"], "b": ["x1", "x2", "x4"], "c": ["x4"]}
    for pk, names in rows.items():
        for name in names:
            item = {"pk": {"S": f"IN#{pk}"}, "sk": {"S": name}, "view": {"S": f'{{"id": "{name}"}}'}}
            ctx.store.call("put_item", TableName=ctx.store.table, Item=item)
    partitions = [KeyRange(None, f"IN#{pk}") for pk in rows]
    for limit in (1, 2, 10):
        found, _ = walk(ctx, partitions, limit)
        assert [row["id"] for row in found] == ["x4", "x3", "x2", "x1"]
