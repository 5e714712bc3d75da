"""What has an owner can be handed over: it is declared so, found by its owner, and moved with what repeats the owner."""

import pytest

from chalicelib.foundation.manifest import import_string
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.store.access_patterns import AccessPattern
from chalicelib.foundation.store.entity import Entity
from chalicelib.packs import PACKS
from ops.access_patterns import declared_rows

REGISTRY = PackRegistry(PACKS)


def test_every_entity_with_an_owner_is_declared():
    has_owner = {row.KIND for _, row in declared_rows(PACKS) if issubclass(row, Entity) and "owner" in row.get_attributes()}
    assert has_owner == {owned.kind for _, owned in REGISTRY.owned if owned.field == "owner"}


@pytest.mark.parametrize(("class_path", "owned"), REGISTRY.owned, ids=lambda value: getattr(value, "kind", ""))
def test_a_declaration_names_what_there_is(class_path, owned):
    entity = import_string(class_path)
    pattern = getattr(entity, owned.pattern)
    assert isinstance(pattern, AccessPattern)
    assert pattern.partition.fields == (owned.field,), "a list by owner has one partition for each"
    assert pattern.only_while is None, "an index that shows some of what somebody owns leaves the others behind"
    assert {owned.own, owned.reassign} <= REGISTRY.roles.permissions(["admin"])
    assert callable(import_string(owned.add_update))
