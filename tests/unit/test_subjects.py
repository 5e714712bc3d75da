"""Subjects: what packs offer to those that may not import them, found by the prefix of an id."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.manifest import Pack, Subject
from chalicelib.foundation.subjects import Subjects, SubjectType
from chalicelib.packs import PACKS
from tests.store.things import Part, Thing, plain_values

THING = SubjectType(
    entity=Thing,
    facts=lambda thing: {"name": thing.name, "price": thing.price, "sold": thing.sold_on is not None},
    hash_fields=("name", "price", "maker"),
)
PART = SubjectType(entity=Part, facts=lambda part: {"name": part.name}, hash_fields=("name",), requested_by=lambda part: None)

FAKE = Pack(
    "H",
    "things",
    "Things",
    "tests",
    subjects=(Subject("thing", "thing", f"{__name__}.THING"), Subject("spare part", "part", f"{__name__}.PART")),
)


@pytest.fixture
def subjects():
    return Subjects([FAKE])


def put(ctx, entity):
    ctx.store.call("put_item", TableName=ctx.store.table, Item=entity.to_item())


def test_a_subject_is_loaded_by_its_id_with_facts_hash_and_who_asked(context, subjects):
    ctx = context("operator", user="user_ann")
    thing = Thing.fresh(ctx, **plain_values())
    put(ctx, thing)
    before = ctx.store.round_trips
    found = subjects.load(ctx, thing.id)
    assert ctx.store.round_trips - before == 1
    assert (found.type, found.id, found.revision, found.requested_by) == ("thing", thing.id, 1, "user_ann")
    assert found.facts == {"name": "lamp", "price": Decimal("12.50"), "sold": False}
    assert len(found.content_hash) == 64


def test_the_hash_covers_the_content_and_nothing_else(context, subjects):
    ctx = context("operator")
    thing = Thing.fresh(ctx, **plain_values())

    def hashed(entity):
        return subjects.read(entity.id, entity.to_item()).content_hash

    same = hashed(thing)
    assert hashed(thing.changed(ctx, shelf="south", count=99)) == same
    assert hashed(thing.changed(ctx, price=Decimal("12.5"))) == same, "another writing of the same number"
    assert hashed(thing.changed(ctx, maker={"rate": Decimal("0.125"), "name": "Ada"})) == same, "another order"
    assert hashed(thing.changed(ctx, price=Decimal("12.51"))) != same
    assert hashed(thing.changed(ctx, maker={"name": "Bob"})) != same


def test_a_child_is_found_in_its_parents_partition(context, subjects):
    ctx = context("operator")
    part = Part.fresh(ctx, id=Part.ID.new(ctx.now, Thing.ID.new(ctx.now)), name="bulb")
    put(ctx, part)
    found = subjects.load(ctx, part.id)
    assert (found.type, found.facts, found.requested_by) == ("spare part", {"name": "bulb"}, None)


def test_what_is_not_there_or_deleted_or_of_no_known_form_is_not_found(context, subjects):
    ctx = context("operator")
    thing = Thing.fresh(ctx, **plain_values())
    put(ctx, thing.deleted(ctx))
    for id in (thing.id, Thing.ID.new(ctx.now), "thing_x", "ghost_01ARZ3NDEKTSV4RRFFQ69G5FAV", "", "_", "thing"):
        with pytest.raises(NotFound):
            subjects.load(ctx, id)


def test_types_are_known_without_importing_what_they_name():
    unloaded = Pack("H", "h", "H", "tests", subjects=(Subject("moon", "moon", "tests.nowhere.MOON"),))
    assert Subjects([FAKE, unloaded]).types == ["moon", "spare part", "thing"]
    assert Subjects([unloaded]).type_of("moon_1") == "moon"


@pytest.mark.parametrize("twice", [{"prefix": "other"}, {"type": "other"}])
def test_two_subjects_of_one_name_are_our_mistake(twice):
    double = replace(FAKE.subjects[0], **twice)
    with pytest.raises(AssertionError, match="two subjects"):
        Subjects([FAKE, replace(FAKE, subjects=(double,))])


def test_every_declared_subject_can_be_loaded():
    from chalicelib.foundation.manifest import load

    Subjects(PACKS)
    for subject in (subject for pack in PACKS for subject in pack.subjects):
        declared = load(subject.subject)
        assert isinstance(declared, SubjectType)
        assert declared.entity.ID.prefix == subject.prefix
        assert all(hasattr(declared.entity, name) for name in declared.hash_fields)
