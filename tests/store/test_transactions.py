"""One action on a row: updates that add up become one, everything else is refused where it is added."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.errors import Conflict, NotFound, VersionConflict
from chalicelib.foundation.ids import ItemKey, ulid
from chalicelib.foundation.store import keys, references
from chalicelib.foundation.store.expressions import ROW_ABSENT, ROW_EXISTS, attribute
from chalicelib.foundation.store.transactions import Transaction
from tests.store.sample_entities import SampleRoot, plain_values

KEY = ItemKey("ROW", "R")


@pytest.fixture
def ctx(context):
    return context("operator")


@pytest.fixture
def tx(ctx):
    return Transaction(ctx.store)


# -- what is no transaction


def test_the_put_of_one_entity_is_no_transaction_and_is_refused_as_one(ctx):
    thing = SampleRoot.new(ctx, **plain_values())
    ctx.store.call, calls = _recording(ctx.store.call)
    tx = Transaction(ctx.store)
    tx.create(thing)
    tx.commit()
    assert calls == ["put_item"], "which costs half"
    stale = Transaction(ctx.store)
    stale.save(thing.with_changes(ctx).with_changes(ctx), LookupError("changed"))
    with pytest.raises(LookupError):
        stale.commit()
    again = Transaction(ctx.store)
    again.create(thing)
    again.commit()  # our own write, repeated because its answer was lost


def test_another_row_alone_stays_a_transaction_whose_repetition_is_known_by_its_token(ctx):
    ctx.store.call, calls = _recording(ctx.store.call)
    tx = Transaction(ctx.store)
    tx.put_values(KEY, {"a": 1}, ROW_ABSENT)
    tx.commit()
    assert calls == ["transact_write_items"]


def _recording(call):
    calls = []

    def recorded(operation, **arguments):
        calls.append(operation)
        return call(operation, **arguments)

    return recorded, calls


# -- what becomes one


def test_references_to_one_row_add_up(ctx, tx):
    thing = SampleRoot.new(ctx, **plain_values())
    tx.create(thing)
    references.add_counter(tx, thing.id, ctx.now)
    tx.commit()
    tx = Transaction(ctx.store)
    references.add_reference(tx, SampleRoot.ID, thing.id)
    references.add_reference(tx, SampleRoot.ID, thing.id, 2, set={"seen_at": ctx.now})
    assert len(tx) == 1
    tx.commit()
    tx = Transaction(ctx.store)
    references.remove_reference(tx, SampleRoot.ID, thing.id)
    references.remove_reference(tx, SampleRoot.ID, thing.id)
    tx.commit()
    counter = ctx.store.get_item(keys.reference_counter(thing.id))
    assert counter["refs"] == {"N": "1"}
    assert "seen_at" in counter


def test_the_refusal_is_the_first_ones(tx):
    tx.update(KEY, add={"n": 1}, when=ROW_EXISTS, on_conflict=NotFound("first"))
    tx.update(KEY, add={"n": 1}, when=ROW_EXISTS, on_conflict=Conflict("second"))
    with pytest.raises(NotFound, match="first"):
        tx.commit()


def test_places_of_the_others_stay(ctx, tx):
    tx.update(KEY, add={"n": 1})
    tx.put_values(ItemKey("OTHER", "O"), {"n": 1}, ROW_EXISTS, Conflict("the second action"))
    tx.update(KEY, add={"n": 1})
    with pytest.raises(Conflict, match="the second action"):
        tx.commit()
    assert ctx.store.get_item(KEY) is None


NUMBERS = st.one_of(st.integers(-5, 5), st.decimals(-5, 5, places=2, allow_nan=False))
TEXTS = st.sampled_from(["x", "y"])
NAMES = st.sampled_from(["a", "b", "c"])
SETS = st.sets(TEXTS, min_size=1)


@st.composite
def updates(draw):
    """An update of up to three attributes: s1 and s2 are set, n1 and n2 numbers, e1 and e2 sets, d1 and d2 defaults."""
    chosen = draw(st.sets(st.sampled_from(["s1", "s2", "n1", "n2", "e1", "e2", "d1", "d2"]), min_size=1, max_size=3))
    update = {"set": {}, "add": {}, "default": {}, "discard": {}, "remove": []}
    for name in sorted(chosen):
        if name[0] == "s":
            if draw(st.booleans()):
                update["set"][name] = draw(st.one_of(TEXTS, st.none(), st.just(1), st.just(True)))
            else:
                update["remove"].append(name)
        elif name[0] == "n":
            update["add"][name] = draw(NUMBERS)
        elif name[0] == "e":
            update[draw(st.sampled_from(["add", "discard"]))][name] = draw(SETS)
        else:
            update["default"][name] = draw(TEXTS)
    return update


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(before=st.booleans(), changes=st.lists(updates(), min_size=2, max_size=4))
def test_updates_together_are_the_updates_one_after_the_other(context, before, changes):
    store = context("operator").store
    together, apart = (ItemKey(f"ROW#{ulid(context('operator').now)}", sk) for sk in ("together", "apart"))
    if before:
        for key in (together, apart):
            store.put_values(key, {"s1": "before", "n1": 1, "e1": {"x", "z"}, "d1": "before"})
    tx = Transaction(store)
    try:
        for change in changes:
            tx.update(together, **change)
    except ValueError:
        assume(False)
    tx.commit()
    for change in changes:
        store.update(apart, **change)
    assert plain(store.get_item(together)) == plain(store.get_item(apart))


def plain(item):
    """The attributes without the keys, numbers as numbers, sets in any order."""
    found = {name: next(iter(value.items())) for name, value in item.items() if name not in ("pk", "sk")}
    return {
        name: (kind, Decimal(value) if kind == "N" else sorted(value) if kind == "SS" else value) for name, (kind, value) in found.items()
    }


# -- what is refused

SECOND = {
    "a put": lambda tx: tx.put_values(KEY, {"n": 1}),
    "a removal": lambda tx: tx.delete(KEY),
    "a check": lambda tx: tx.condition_check(KEY, ROW_EXISTS),
    "an update": lambda tx: tx.update(KEY, add={"n": 1}),
}


@pytest.mark.parametrize("first", SECOND)
@pytest.mark.parametrize("second", SECOND)
def test_two_actions_on_one_row_are_refused_at_once(tx, first, second):
    SECOND[first](tx)
    if first == second == "an update":
        SECOND[second](tx)
    else:
        with pytest.raises(ValueError, match=r"one action on a row.*ROW"):
            SECOND[second](tx)
    assert len(tx) == 1


DIFFERENT = {
    "another condition": ({"add": {"n": 1}, "when": ROW_EXISTS}, {"add": {"n": 1}, "when": attribute("n") > 0}),
    "a condition and none": ({"add": {"n": 1}}, {"add": {"n": 1}, "when": ROW_ABSENT}),
    "conditions on different values": ({"add": {"n": 1}, "when": attribute("n") > 0}, {"add": {"n": 1}, "when": attribute("n") > 1}),
    "different values": ({"set": {"n": 1}}, {"set": {"n": 2}}),
    "different types": ({"set": {"n": 1}}, {"set": {"n": True}}),
    "a value and a sum": ({"set": {"n": 1}}, {"add": {"n": 1}}),
    "a value and its removal": ({"set": {"n": 1}}, {"remove": ["n"]}),
    "a value and None": ({"set": {"n": 1}}, {"set": {"n": None}}),
    "a default and a value": ({"default": {"n": 1}}, {"set": {"n": 1}}),
    "different defaults": ({"default": {"n": 1}}, {"default": {"n": 2}}),
    "elements added and removed": ({"add": {"n": {"x"}}}, {"discard": {"n": {"x"}}}),
    "a number and elements": ({"add": {"n": 1}}, {"add": {"n": {"x"}}}),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_updates_that_do_not_add_up_are_refused_at_once(tx, case):
    first, second = DIFFERENT[case]
    tx.update(KEY, **first)
    with pytest.raises(ValueError, match="one action on a row"):
        tx.update(KEY, **second)


def test_an_attribute_is_in_one_clause_of_an_update(tx):
    with pytest.raises(ValueError, match="n has two"):
        tx.update(KEY, set={"n": 1}, remove=["n"])


def test_an_entity_is_written_once(ctx, tx):
    thing = SampleRoot.new(ctx, **plain_values())
    tx.create(thing)
    with pytest.raises(ValueError, match=f"Put and Put are both on .*{thing.id}"):
        tx.save(thing.with_changes(ctx, name="again"))
    tx.commit()
    with pytest.raises(VersionConflict):
        ctx.store.create(thing)
