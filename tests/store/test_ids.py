"""Ids of roots, of their children, and of the children of these: each tells where it lies."""

from datetime import UTC, datetime

import pytest

from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import EXAMPLE_ULID, IdFormat, ItemKey, encode_ulid, ulid_of_number
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.entity import Entity

NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
ROOT = IdFormat("root", "root")
CHILD = IdFormat("child", "child", parents={"r": "root", "o": "other"}, row="C")
GRANDCHILD = IdFormat("grand", "grandchild", parents={"r": "root", "o": "other"}, row="G", below="child")


def test_a_root_is_its_own_partition():
    id = ROOT.new(NOW)
    assert ROOT.key(id) == ItemKey(id, "~")
    assert ROOT.is_id(ROOT.example)


def test_a_child_lies_in_the_partition_of_its_root():
    root = ROOT.new(NOW)
    id = CHILD.new(NOW, root)
    assert CHILD.key(id) == ItemKey(root, f"C#{id}")
    assert CHILD.prefix_of_children(root) == ItemKey(root, "C#")
    assert CHILD.is_id(CHILD.example)


def test_a_childs_child_lies_there_too_together_with_those_of_the_same_child():
    for root in (ROOT.new(NOW), f"other_{EXAMPLE_ULID}"):
        child, another = CHILD.new(NOW, root), CHILD.new(NOW, root)
        id = GRANDCHILD.new(NOW, child)
        pk, prefix = GRANDCHILD.prefix_of_children(child)
        assert GRANDCHILD.key(id) == ItemKey(root, f"G#{id}")
        assert pk == root
        assert GRANDCHILD.key(id).sk.startswith(prefix)
        assert not GRANDCHILD.key(GRANDCHILD.new(NOW, another)).sk.startswith(prefix)
    assert GRANDCHILD.is_id(GRANDCHILD.example)


def test_a_ulid_of_a_number_has_its_form():
    assert ulid_of_number(0) == "0" * 26
    assert ulid_of_number(2**128 - 1) == "7" + "Z" * 25
    assert ulid_of_number(33) == "0" * 24 + "11"


def test_an_id_that_is_derived_is_the_same_again():
    root = ROOT.new(NOW)
    assert CHILD.derived(root, encode_ulid(NOW, b"0123456789")) == CHILD.derived(root, encode_ulid(NOW, b"0123456789"))


@pytest.mark.parametrize(
    "id", ["", "grand_", f"grand_r{EXAMPLE_ULID}{EXAMPLE_ULID}", f"child_r{EXAMPLE_ULID * 3}", f"grand_x{EXAMPLE_ULID * 3}"]
)
def test_what_is_no_childs_child(id):
    with pytest.raises(NotFound):
        GRANDCHILD.key(id)


@pytest.mark.parametrize(
    "parent", ["", f"root_{EXAMPLE_ULID}", f"child_x{EXAMPLE_ULID * 2}", f"child_r{EXAMPLE_ULID}", f"child_r{EXAMPLE_ULID}#"]
)
def test_what_has_no_children_of_that_kind(parent):
    with pytest.raises(NotFound):
        GRANDCHILD.prefix_of_children(parent)


def test_where_an_entity_finds_its_children():
    class Grandchild(Entity):
        KIND = "grandchild"
        ID = GRANDCHILD

    child = CHILD.example
    assert Grandchild.children_of(child) == KeyRange(None, f"root_{EXAMPLE_ULID}", prefix=f"G#grand_r{EXAMPLE_ULID * 2}")
    assert Grandchild.rows_below(Grandchild.ID.example) == ()
