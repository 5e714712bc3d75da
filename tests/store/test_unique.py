"""Unique values: one owner each, in the transaction that gives it."""

import hashlib

import pytest

from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.store.unique import UniqueValue

NAME = UniqueValue("name", normalize=str.casefold)
REFERENCE = UniqueValue.by_digest("thing-ref")


def taken(owner_id):
    return Conflict("Taken.", code="name_taken", id=owner_id)


def commit(ctx, add):
    tx = Transaction(ctx.store)
    add(tx)
    tx.commit()


def test_keys_and_attributes_of_the_guard(context):
    """What is stored: other code, and rows that are there already, know it by these names."""
    ctx = context("operator")
    commit(ctx, lambda tx: NAME.claim(ctx, tx, "Lamp#1", "thing_1", taken))
    commit(ctx, lambda tx: REFERENCE.claim(ctx, tx, "MLS 1", "thing_1", taken))
    digest = hashlib.sha256(b"MLS 1").hexdigest()
    assert NAME.key("Lamp#1") == ItemKey("UNIQ#name#lamp%231", "U")
    assert REFERENCE.key("MLS 1") == ItemKey(f"UNIQ#thing-ref#{digest}", "U")
    key, owner, request = {"pk": {"S": "UNIQ#name#lamp%231"}, "sk": {"S": "U"}}, {"S": "thing_1"}, {"S": ctx.request_id}
    assert ctx.store.get_item(NAME.key("Lamp#1")) == {**key, "owner": owner, "request_id": request}
    key = {"pk": {"S": f"UNIQ#thing-ref#{digest}"}, "sk": {"S": "U"}}
    assert ctx.store.get_item(REFERENCE.key("MLS 1")) == {**key, "owner": owner, "value": {"S": "MLS 1"}, "request_id": request}


def test_a_taken_value_is_refused_in_the_owners_name(context):
    commit(first := context("operator"), lambda tx: NAME.claim(first, tx, "Lamp", "thing_1", taken))
    other = context("operator")
    with pytest.raises(Conflict) as refused:
        commit(other, lambda tx: NAME.claim(other, tx, "LAMP", "thing_2", taken))
    assert refused.value.members == {"code": "name_taken", "id": "thing_1"}
    with pytest.raises(Conflict, match="Not that one"):
        commit(other, lambda tx: NAME.claim(other, tx, "LAMP", "thing_2", Conflict("Not that one.")))
    assert NAME.find_owner(other.store, "lamp") == "thing_1"


def test_a_value_is_changed_and_released(context):
    ctx = context("operator")
    commit(ctx, lambda tx: NAME.change(ctx, tx, None, "lamp", "thing_1", taken))
    commit(ctx, lambda tx: NAME.change(ctx, tx, "lamp", "desk", "thing_1", taken))
    assert [NAME.find_owner(ctx.store, name) for name in ("lamp", "desk", "chair")] == [None, "thing_1", None]
    commit(ctx, lambda tx: NAME.change(ctx, tx, "desk", None, "thing_1", taken))
    assert NAME.find_owner(ctx.store, "desk") is None
    tx = Transaction(ctx.store)
    NAME.change(ctx, tx, "desk", "DESK", "thing_1", taken)  # another spelling of the same value
    NAME.change(ctx, tx, None, None, "thing_1", taken)
    assert len(tx) == 0
