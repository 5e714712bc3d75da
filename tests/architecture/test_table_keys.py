"""The keys of the table: no two packs write under the same prefix, and the documentation shows what the classes declare."""

import sys
from collections import defaultdict

import pytest

from chalicelib.foundation.run_time_settings import RunTimeSettings
from chalicelib.foundation.store.access_patterns import DuePattern
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.row import Row
from chalicelib.packs import PACKS
from ops.access_patterns import PAGE, declared_patterns, declared_rows, with_table

ENTITIES = [(pack, row) for pack, row in declared_rows(PACKS) if issubclass(row, Entity)]


def owners(pairs):
    """Who uses each prefix."""
    found = defaultdict(set)
    for prefix, owner in pairs:
        found[prefix].add(owner)
    return found


def shared(pairs):
    return {prefix: names for prefix, names in owners(pairs).items() if len(names) > 1}


def subclasses(cls):
    for child in cls.__subclasses__():
        yield child
        yield from subclasses(child)


def is_still_there(cls):
    """Not so the classes of a pack that another test made and removed."""
    return getattr(sys.modules.get(cls.__module__), cls.__name__, None) is cls


def test_every_row_is_declared_by_one_pack():
    declared = [row for _, row in declared_rows(PACKS)]
    assert len(declared) == len(set(declared))
    known = {row for row in subclasses(Row) if row.__module__.startswith("chalicelib.") and is_still_there(row)} - {Entity, RunTimeSettings}
    assert {row.__name__ for row in known - set(declared)} == set()


def test_a_prefix_of_ids_belongs_to_one_entity():
    assert shared((row.ID.prefix, row.__name__) for _, row in ENTITIES) == {}


def test_a_kind_belongs_to_one_entity():
    assert shared((row.KIND, row.__name__) for _, row in ENTITIES) == {}


def test_a_prefix_of_partitions_belongs_to_one_pack():
    written = [(prefix, pack.name) for pack in PACKS for prefix in pack.key_prefixes]
    assert len(written) == len(owners(written))
    ids = {row.ID.prefix for _, row in ENTITIES}
    assert ids.isdisjoint(prefix for prefix, _ in written)
    assert all(prefix.isupper() for prefix, _ in written), "an id begins in lower case, every other partition in upper case"


def test_a_partition_of_an_index_belongs_to_one_class_and_its_prefix_to_one_pack():
    """`PIPE#{stage}#0` and `PIPE#OWN#{owner}` are two partitions of one pack; within an index both would be ambiguous."""
    patterns = list(declared_patterns(PACKS))
    partitions = [((pattern.index, pattern.partition.text), f"{row.__name__}.{pattern.name}") for _, row, pattern in patterns]
    assert shared(partitions) == {}
    own = [(pack, pattern) for pack, _, pattern in patterns if not isinstance(pattern, DuePattern)]
    assert shared((pattern.partition.prefix.partition("#")[0], pack.name) for pack, pattern in own) == {}


@pytest.mark.parametrize(("pack", "row", "pattern"), list(declared_patterns(PACKS)))
def test_a_pattern_says_what_it_serves(pack, row, pattern):
    assert pattern.serves, f"{row.__name__}.{pattern.name}"
    assert pattern.name.isupper()


def test_children_of_a_partition_have_sort_keys_of_their_own():
    rows = [((root, row.ID.row), row.__name__) for _, row in ENTITIES for root in row.ID.parents.values()]
    assert shared(rows) == {}


def test_the_documentation_shows_the_declared_patterns():
    page = PAGE.read_text()
    assert page == with_table(page, PACKS), "run: python -m ops access-patterns"
