"""Tables on SQLite: items, their index entries and the stream of their changes, as text that is stored in the form it is returned.

Keys are strings, of a hash and a range key each. SQLite compares text by its UTF-8 bytes, as DynamoDB does.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from local.emulator import ACCOUNT, REGION
from local.emulator.errors import ServiceError, ValidationError
from local.emulator.schema import Key, KeySchema
from local.emulator.stream import Stream
from local.emulator.values import Item

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def dumps(value: object) -> str:
    """Compact JSON."""
    return _ENCODER.encode(value)


@dataclass(frozen=True)
class StoredItem:
    """An item as it is stored; `text` is its JSON."""

    item: Item
    text: str
    size: int


@dataclass(frozen=True)
class Index:
    """A secondary index. `projected` are the attributes that its entries have; None stands for all."""

    name: str
    hash_key: str
    range_key: str
    projected: frozenset[str] | None

    def key_of(self, item: Item) -> Key | None:
        """The key in the index of an item whose index keys were checked; None where it is not in it."""
        if self.hash_key not in item or self.range_key not in item:
            return None
        return item[self.hash_key]["S"], item[self.range_key]["S"]


class Table:
    """One table. Its methods read and write within the caller's transaction."""

    def __init__(
        self, connection: sqlite3.Connection, stream: Stream, id: int, definition: dict[str, Any], ttl_attribute: str | None
    ) -> None:
        self._connection, self._stream = connection, stream
        self.id, self.definition, self.ttl_attribute = id, definition, ttl_attribute
        self.name: str = definition["TableName"]
        self.schema = KeySchema(definition)
        self.hash_key, self.range_key = self.schema.table
        self.indexes = {index["IndexName"]: self._index(index) for index in definition.get("GlobalSecondaryIndexes") or ()}
        self.arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{self.name}"
        self.stream_arn = f"{self.arn}/stream/2020-01-01T00:00:00.000"
        self.streams = bool((definition.get("StreamSpecification") or {}).get("StreamEnabled"))

    def _index(self, definition: dict[str, Any]) -> Index:
        hash_key, range_key = self.schema.indexes[definition["IndexName"]]
        projection = definition["Projection"]
        projected = None
        if projection["ProjectionType"] != "ALL":
            projected = frozenset({self.hash_key, self.range_key, hash_key, range_key, *projection.get("NonKeyAttributes", ())})
        return Index(definition["IndexName"], hash_key, range_key, projected)

    def key_of(self, item: Mapping[str, Any], *, exact: bool = False) -> Key:
        """The key of an item, or (`exact`) of a mapping that may hold nothing else. Raises ValidationError."""
        return self.schema.key_of(item, exact=exact)

    def key_values(self, key: Key) -> Item:
        """A key as an item has it."""
        return {self.hash_key: {"S": key[0]}, self.range_key: {"S": key[1]}}

    # -- reads

    def get_text(self, key: Key) -> tuple[str, int] | None:
        """An item's JSON and size, or None."""
        row: tuple[str, int] | None = self._connection.execute(
            "SELECT item, size FROM items WHERE table_id = ? AND pk = ? AND sk = ?", (self.id, *key)
        ).fetchone()
        return row

    def get(self, key: Key) -> StoredItem | None:
        """An item, or None."""
        row = self.get_text(key)
        return None if row is None else StoredItem(json.loads(row[0]), *row)

    # -- writes

    def put(self, key: Key, old: StoredItem | None, item: Item, size: int) -> None:
        """Write an item whose canonical form and size are given, over what was there."""
        if old is not None and old.item == item:
            return  # no change, no stream record
        new = StoredItem(item, dumps(item), size)
        self._write_indexes(key, old.item if old else {}, item)
        self._connection.execute(
            "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?)", (self.id, *key, size, self.expiry_of(item), new.text)
        )
        self._record(key, old, new)

    def delete(self, key: Key, old: StoredItem, *, expired: bool = False) -> None:
        """Remove an item; `expired` marks the stream record as one of the TTL's deletions."""
        self._write_indexes(key, old.item, {})
        self._connection.execute("DELETE FROM items WHERE table_id = ? AND pk = ? AND sk = ?", (self.id, *key))
        self._record(key, old, None, expired=expired)

    def expiry_of(self, item: Item) -> int | None:
        """When the TTL removes the item, in seconds since 1970; None where it has no such attribute."""
        value = item.get(self.ttl_attribute) if self.ttl_attribute else None
        return int(float(value["N"])) if value is not None and "N" in value else None

    def _write_indexes(self, key: Key, old: Item, new: Item) -> None:
        for index in self.indexes.values():
            before, after = index.key_of(old), index.key_of(new)
            if before is not None and before != after:
                self._connection.execute(
                    "DELETE FROM index_items WHERE table_id = ? AND name = ? AND pk = ? AND sk = ? AND item_pk = ? AND item_sk = ?",
                    (self.id, index.name, *before, *key),
                )
            if after is None:
                continue
            names = new.keys() if index.projected is None else index.projected
            if before == after and all(old.get(name) == new.get(name) for name in names):
                continue
            projected = new if index.projected is None else {name: value for name, value in new.items() if name in index.projected}
            text = dumps(projected)
            row = (self.id, index.name, *after, *key, len(text), text)
            self._connection.execute("INSERT OR REPLACE INTO index_items VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _record(self, key: Key, old: StoredItem | None, new: StoredItem | None, *, expired: bool = False) -> None:
        if not self.streams:
            return
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        images = (f',"NewImage":{new.text}' if new else "") + (f',"OldImage":{old.text}' if old else "")
        size = sum(len(text) for text in key) + (new.size if new else 0) + (old.size if old else 0)
        identity = ',"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"}' if expired else ""
        self._stream.append(  # the images are spliced as the text that they are
            lambda sequence_number: (
                f'{{"eventID":"{uuid4().hex}","eventName":"{name}","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"{REGION}",'
                f'"dynamodb":{{"ApproximateCreationDateTime":{int(self._stream.clock())},"Keys":{dumps(self.key_values(key))}{images},'
                f'"SequenceNumber":"{sequence_number}","SizeBytes":{size},"StreamViewType":"NEW_AND_OLD_IMAGES"}},'
                f'"eventSourceARN":"{self.stream_arn}"{identity}}}'
            )
        )


class Catalog:
    """The tables by name."""

    def __init__(self, connection: sqlite3.Connection, stream: Stream) -> None:
        self._connection, self._stream = connection, stream
        self._tables = {
            name: Table(connection, stream, id, json.loads(definition), ttl_attribute)
            for id, name, definition, ttl_attribute in connection.execute("SELECT id, name, definition, ttl_attribute FROM tables")
        }

    def __iter__(self) -> Iterator[Table]:
        """Every table."""
        return iter(self._tables.values())

    def __getitem__(self, name: object) -> Table:
        """The table of that name. Raises ServiceError where there is none."""
        table = self._tables.get(name) if isinstance(name, str) else None
        if table is None:
            raise ServiceError("ResourceNotFoundException", "Requested resource not found")
        return table

    def create(self, definition: dict[str, Any]) -> Table:
        """Create a table. Raises ServiceError where it exists."""
        name = definition["TableName"]
        if name in self._tables:
            raise ServiceError("ResourceInUseException", f"Table already exists: {name}")
        if any(attribute["AttributeType"] != "S" for attribute in definition["AttributeDefinitions"]):
            raise ValidationError("Keys of other types than strings are not supported here.")
        cursor = self._connection.execute("INSERT INTO tables (name, definition) VALUES (?, ?)", (name, dumps(definition)))
        assert cursor.lastrowid is not None
        self._tables[name] = Table(self._connection, self._stream, cursor.lastrowid, definition, None)
        return self._tables[name]

    def delete(self, name: object) -> Table:
        """Drop a table and its items."""
        table = self[name]
        for sql in ("items WHERE table_id", "index_items WHERE table_id", "tables WHERE id"):
            self._connection.execute(f"DELETE FROM {sql} = ?", (table.id,))  # noqa: S608 - the three names above
        return self._tables.pop(table.name)

    def set_ttl(self, name: object, attribute: str | None) -> Table:
        """Say which attribute holds the time of expiry; items that are there already are looked at again."""
        table = self[name]
        table.ttl_attribute = attribute
        self._connection.execute("UPDATE tables SET ttl_attribute = ? WHERE id = ?", (attribute, table.id))
        rows = self._connection.execute("SELECT pk, sk, item FROM items WHERE table_id = ?", (table.id,)).fetchall()
        for pk, sk, text in rows:
            expires = table.expiry_of(json.loads(text))
            self._connection.execute("UPDATE items SET expires = ? WHERE table_id = ? AND pk = ? AND sk = ?", (expires, table.id, pk, sk))
        return table

    def delete_expired(self, now: float) -> int:
        """Remove what has expired, as the TTL does. Returns the number of items."""
        by_id = {table.id: table for table in self}
        rows = self._connection.execute("SELECT table_id, pk, sk FROM items WHERE expires IS NOT NULL AND expires < ?", (now,)).fetchall()
        for table_id, pk, sk in rows:
            table = by_id[table_id]
            old = table.get((pk, sk))
            assert old is not None
            table.delete((pk, sk), old, expired=True)
        return len(rows)
