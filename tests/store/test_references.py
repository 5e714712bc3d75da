"""A refused deletion names what refers to the root, as the packs' manifests say where that is found."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.manifest import Pack
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.store import references
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.store.transactions import Transaction
from tests.store.sample_entities import SampleChild, SampleRoot, plain_values


def parts_of(id: str) -> Holders:
    return Holders(SampleChild.children_of(id), lambda row: row["name"] != "loose")


def parts_anywhere(id: str) -> Holders:
    return Holders(KeyRange("gsi1", "PART"))


def pack(letter: str, **holders: str) -> Pack:
    paths = {kind: f"{__name__}.{function}" for kind, function in holders.items()}
    return Pack(letter=letter, name=letter, title=letter, package=__name__, holders=paths)


@pytest.fixture
def ctx(context: Any) -> Context:
    return replace(context("operator"), packs=PackRegistry([pack("A", thing="parts_of"), pack("B", part="parts_anywhere"), pack("C")]))


def make_thing(ctx: Context, names: list[str]) -> tuple[SampleRoot, list[str]]:
    """A thing with parts of these names, one after the other; and their ids, the newest first."""
    thing, ids = SampleRoot.new(ctx, **plain_values()), []
    ctx.store.create(thing)
    tx = Transaction(ctx.store)
    references.add_counter(tx, thing.id, ctx.now)
    tx.commit()
    for number, name in enumerate(names):
        part = SampleChild.new(ctx, id=f"part_t{thing.id.removeprefix('thing_')}{number:026}", name=name)
        ctx.store.create(part)
        ids.insert(0, part.id)
    if names:
        tx = Transaction(ctx.store)
        references.add_reference(tx, SampleRoot.ID, thing.id, len(names))
        tx.commit()
    return thing, ids


def refusal(ctx: Context, id: str) -> Conflict:
    tx = Transaction(ctx.store)
    references.close_if_unreferenced(ctx, tx, SampleRoot, id)
    before = ctx.store.round_trips
    with pytest.raises(Conflict) as refused:
        tx.commit()
    assert ctx.store.round_trips - before <= 2  # the transaction, and one page of one query
    return refused.value


def test_what_holds_it_is_named_the_newest_first(ctx):
    thing, ids = make_thing(ctx, ["a", "loose", "b"])
    other, _ = make_thing(ctx, ["c"])
    ctx.store.save(SampleChild.from_item(ctx.store.get_item(SampleChild.ID.key(ids[0]))).soft_deleted(ctx))
    assert refusal(ctx, thing.id).members == {"code": "referred_to", "held_by": [ids[2]]}
    assert len(refusal(ctx, other.id).members["held_by"]) == 1


def test_of_many_the_newest_twenty(ctx):
    thing, ids = make_thing(ctx, [str(number) for number in range(23)])
    assert refusal(ctx, thing.id).members["held_by"] == ids[:20]


def test_one_page_is_read_however_many_there_are(ctx, monkeypatch):
    monkeypatch.setattr(references, "_PAGE", 4)
    thing, ids = make_thing(ctx, ["kept"] + ["loose"] * 3 + ["kept", "loose"])
    assert refusal(ctx, thing.id).members["held_by"] == [ids[1]]


def test_every_pack_that_refers_is_asked(ctx):
    thing, ids = make_thing(ctx, ["loose"])
    both = replace(ctx, packs=PackRegistry([pack("A", thing="parts_of"), pack("B", thing="parts_anywhere")]))
    assert references.holding_ids(both, "thing", thing.id) == ids


def test_where_no_pack_says_what_refers_nothing_is_named(ctx):
    thing, _ = make_thing(ctx, ["a"])
    assert refusal(replace(ctx, packs=PackRegistry([])), thing.id).members == {"code": "referred_to", "held_by": []}


def test_what_nothing_refers_to_is_closed(ctx):
    thing, _ = make_thing(ctx, [])
    tx = Transaction(ctx.store)
    references.close_if_unreferenced(ctx, tx, SampleRoot, thing.id)
    tx.commit()


def test_a_row_may_name_what_refers(ctx, monkeypatch):
    """Not the row itself refers, but what it names; a row that names nothing is left out."""
    thing, ids = make_thing(ctx, ["a", "b"])
    names = {ids[0]: "other_1", ids[1]: None}
    named = Holders(SampleChild.children_of(thing.id), id_in=lambda row: names[row["id"]["S"]])
    monkeypatch.setitem(globals(), "parts_of", lambda id: named)
    assert references.holding_ids(ctx, "thing", thing.id) == ["other_1"]
