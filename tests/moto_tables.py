"""moto's DynamoDB for a suite of thousands of tests: what it does is unchanged, what it costs doesn't grow with the table.

As it comes, moto copies the whole table for each action of a transaction, to be able to undo it, creating a table takes longer than most
tests, and a third of a read goes into looking for the ten members of each value. Here a transaction keeps what stands at its own keys,
a table is copied from one that was created before, and a text or a number is answered as it lies there.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import moto.dynamodb.models as models
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from chalicelib.foundation.store import table

_created: dict[str, Table] = {}  # empty tables by name


def create_table(client: Any, region: str, name: str) -> None:
    """A fresh, empty table with its indexes and its stream."""
    tables = dynamodb_backends[DEFAULT_ACCOUNT_ID][region].tables
    if name not in _created:
        table.create(client, name)
        _created[name] = copy.deepcopy(tables[name])
    tables[name] = copy.deepcopy(_created[name])


class _WithoutTables:
    """The module `copy`, for moto's transactions: a table is no copy of itself."""

    @staticmethod
    def deepcopy(value: Any) -> Any:
        return value if isinstance(value, Table) else copy.deepcopy(value)


_transact_write_items = DynamoDBBackend.transact_write_items


def _transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    with _undone_on_failure(backend, transact_items):
        _transact_write_items(backend, transact_items)


@contextmanager
def _undone_on_failure(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> Iterator[None]:
    before: list[tuple[Table, DynamoType, DynamoType, Item | None]] = []
    lengths: dict[str, int] = {}
    for action in transact_items:
        (body,) = action.values()
        name, key = body["TableName"], body.get("Item") or body["Key"]
        if name in backend.tables and {"pk", "sk"} <= key.keys():
            found = backend.tables[name]
            pk, sk = DynamoType(key["pk"]), DynamoType(key["sk"])
            before.append((found, pk, sk, copy.deepcopy(found.items[pk].get(sk) if pk in found.items else None)))
            lengths[name] = len(found.stream_shard.items) if found.stream_shard else 0
    try:
        yield
    except Exception:
        for found, pk, sk, item in before:
            if item is None:
                found.items[pk].pop(sk, None)
            else:
                found.items[pk][sk] = item
        for name, length in lengths.items():
            if shard := backend.tables[name].stream_shard:
                del shard.items[length:]
        raise


def _all_items(found: Table) -> list[Item]:
    """The items in the order of their keys, which are texts."""
    items = [item for of_partition in found.items.values() for item in of_partition.values()]
    return sorted(items, key=lambda item: (item.hash_key.value, item.range_key.value))


_SCALARS = frozenset({"S", "N", "BOOL"})
_serialize_type_structure = BaseJSONSerializer._serialize_type_structure


def _serialize_structure(serializer: BaseJSONSerializer, serialized: dict[str, Any], value: Any, shape: Any, key: str) -> None:
    if shape.name == "AttributeValue" and type(value) is dict and len(value) == 1 and next(iter(value)) in _SCALARS:
        serialized[key] = value
    else:
        _serialize_type_structure(serializer, serialized, value, shape, key)


def install() -> None:
    """Once a process, before the first table."""
    BaseJSONSerializer._serialize_type_structure = _serialize_structure  # type: ignore[method-assign]
    models.copy = _WithoutTables  # type: ignore[attr-defined]
    DynamoDBBackend.transact_write_items = _transact  # type: ignore[method-assign]
    Table.all_items = _all_items  # type: ignore[method-assign]
