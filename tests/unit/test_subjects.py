"""Subjects: what packs offer to those that may not import them, found by the prefix of an id."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.manifest import Pack, SubjectEntry
from chalicelib.foundation.subjects import LiveList, SubjectAdapter, SubjectRegistry
from chalicelib.packs import PACKS
from tests.store.sample_entities import SampleChild, SampleRoot, plain_values

THING = SubjectAdapter(
    entity=SampleRoot,
    facts=lambda thing: {"name": thing.name, "price": thing.price, "sold": thing.sold_on is not None},
    hash_fields=("name", "price", "maker"),
)
PART = SubjectAdapter(entity=SampleChild, facts=lambda part: {"name": part.name}, hash_fields=("name",), requested_by=lambda part: None)

FAKE = Pack(
    "H",
    "things",
    "Things",
    "tests",
    subjects=(SubjectEntry("thing", "thing", f"{__name__}.THING"), SubjectEntry("spare part", "part", f"{__name__}.PART")),
)


TODAY = date(2026, 11, 24)


@pytest.fixture
def subjects():
    return SubjectRegistry([FAKE])


def put(ctx, entity):
    ctx.store.call("put_item", TableName=ctx.store.table, Item=entity.to_item())


def test_a_subject_is_loaded_by_its_id_with_facts_hash_and_who_asked(context, subjects):
    ctx = context("operator", user="user_ann")
    thing = SampleRoot.new(ctx, **plain_values())
    put(ctx, thing)
    before = ctx.store.round_trips
    found = subjects.load(ctx, thing.id)
    assert ctx.store.round_trips - before == 1
    assert (found.type, found.id, found.revision, found.requested_by) == ("thing", thing.id, 1, "user_ann")
    assert found.facts == {"name": "lamp", "price": Decimal("12.50"), "sold": False}
    assert len(found.content_hash) == 64


def test_the_hash_covers_the_content_and_nothing_else(context, subjects):
    ctx = context("operator")
    thing = SampleRoot.new(ctx, **plain_values())

    def hashed(entity):
        return subjects.parse(entity.id, entity.to_item(), TODAY).content_hash

    same = hashed(thing)
    assert hashed(thing.with_changes(ctx, shelf="south", count=99)) == same
    assert hashed(thing.with_changes(ctx, price=Decimal("12.5"))) == same, "another writing of the same number"
    assert hashed(thing.with_changes(ctx, maker={"rate": Decimal("0.125"), "name": "Ada"})) == same, "another order"
    assert hashed(thing.with_changes(ctx, price=Decimal("12.51"))) != same
    assert hashed(thing.with_changes(ctx, maker={"name": "Bob"})) != same


def test_a_child_is_found_in_its_parents_partition(context, subjects):
    ctx = context("operator")
    part = SampleChild.new(ctx, id=SampleChild.ID.new(ctx.now, SampleRoot.ID.new(ctx.now)), name="bulb")
    put(ctx, part)
    found = subjects.load(ctx, part.id)
    assert (found.type, found.facts, found.requested_by) == ("spare part", {"name": "bulb"}, None)


def test_what_is_not_there_or_deleted_or_of_no_known_form_is_not_found(context, subjects):
    ctx = context("operator")
    thing = SampleRoot.new(ctx, **plain_values())
    put(ctx, thing.soft_deleted(ctx))
    for id in (thing.id, SampleRoot.ID.new(ctx.now), "thing_x", "ghost_01ARZ3NDEKTSV4RRFFQ69G5FAV", "", "_", "thing"):
        with pytest.raises(NotFound):
            subjects.load(ctx, id)


def test_an_id_of_another_type_names_nothing(context, subjects):
    subjects.require_type("thing_1", "thing")
    for id in ("part_1", "ghost_1", ""):
        with pytest.raises(NotFound, match="thing"):
            subjects.require_type(id, "thing")


def test_types_are_known_without_importing_what_they_name():
    unloaded = Pack("H", "h", "H", "tests", subjects=(SubjectEntry("moon", "moon", "tests.nowhere.MOON"),))
    assert SubjectRegistry([FAKE, unloaded]).types == ["moon", "spare part", "thing"]
    assert SubjectRegistry([unloaded]).type_of("moon_1") == "moon"


@pytest.mark.parametrize("twice", [{"prefix": "other"}, {"type": "other"}])
def test_two_subjects_of_one_name_are_our_mistake(twice):
    double = replace(FAKE.subjects[0], **twice)
    with pytest.raises(AssertionError, match="two subjects"):
        SubjectRegistry([FAKE, replace(FAKE, subjects=(double,))])


def test_every_declared_subject_can_be_loaded():
    from chalicelib.foundation.manifest import import_string

    SubjectRegistry(PACKS)
    for subject in (subject for pack in PACKS for subject in pack.subjects):
        declared = import_string(subject.adapter)
        assert isinstance(declared, SubjectAdapter)
        assert declared.entity.ID.prefix == subject.prefix
        derived = {"contracts"} if subject.type == "deal" else set()
        assert all(hasattr(declared.entity, name) for name in set(declared.hash_fields) - derived)


def test_where_the_live_ones_of_a_root_are_named():
    listed = LiveList(lambda root: ItemKey(root, "!L"), lambda row: [one["S"] for one in row["live"]["L"]])
    parts = SubjectEntry("spare part", "part", f"{__name__}.LISTED")
    globals()["LISTED"] = replace(PART, live_list=listed)
    found = SubjectRegistry([replace(FAKE, subjects=(parts, SubjectEntry("thing", "thing", f"{__name__}.THING")))])
    assert found.live_list("spare part").key("thing_1") == ItemKey("thing_1", "!L")
    assert found.live_list("spare part").ids({"live": {"L": [{"S": "part_1"}]}}) == ["part_1"]
    for type in ("thing", "ghost"):
        with pytest.raises(NotFound):
            found.live_list(type)
