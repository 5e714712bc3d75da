"""The keys of a table and of its indexes: where they are in an item, and which values they may have."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from local.emulator.errors import ValidationError
from local.emulator.values import Item

Key = tuple[str, str]

_MAX_BYTES = {"HASH": 2048, "RANGE": 1024}
_INVALID = "One or more parameter values were invalid: "


class KeyNames(NamedTuple):
    """The attributes that are the key of a table or an index."""

    hash_key: str
    range_key: str

    @classmethod
    def from_definition(cls, schema: list[dict[str, str]]) -> "KeyNames":
        """From a KeySchema. Raises ValidationError for one without a range key."""
        names = {key["KeyType"]: key["AttributeName"] for key in schema}
        if names.keys() != {"HASH", "RANGE"}:
            raise ValidationError("Tables and indexes without a range key are not supported here.")
        return cls(names["HASH"], names["RANGE"])


class KeySchema:
    """The keys of one table: its own, and by name those of its indexes."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.table = KeyNames.from_definition(definition["KeySchema"])
        self.indexes = {
            index["IndexName"]: KeyNames.from_definition(index["KeySchema"]) for index in definition.get("GlobalSecondaryIndexes") or ()
        }
        self._kinds = {name: kind for names in self.indexes.values() for name, kind in zip(names, _MAX_BYTES, strict=True)}

    def key_of(self, item: Mapping[str, Any], *, exact: bool = False) -> Key:
        """The key of an item, or (`exact`) of a mapping that may hold nothing else. Raises ValidationError."""
        if exact and set(item) != set(self.table):
            raise ValidationError("The provided key element does not match the schema")
        return _text_in(item, self.table.hash_key, "HASH"), _text_in(item, self.table.range_key, "RANGE")

    def check_index_keys(self, attributes: Mapping[str, Any]) -> None:
        """Raise ValidationError where an attribute that is part of an index's key has a value that no key may have."""
        for name in self._kinds.keys() & attributes.keys():
            _text_in(attributes, name, self._kinds[name])


def _text_in(item: Item | Mapping[str, Any], name: str, kind: str) -> str:
    value = item.get(name)
    if value is None:
        raise ValidationError(_INVALID + f"Missing the key {name} in the item")
    text = value.get("S") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(text, str):
        raise ValidationError(_INVALID + f"Type mismatch for key {name} expected: S actual: {next(iter(value), '')}")
    check_key_text(text, kind, name)
    return text


def check_key_text(text: str, kind: str, name: str) -> None:
    """Raise ValidationError for a text that no hash key (`kind` "HASH") or range key ("RANGE") may have."""
    if not text:
        raise ValidationError(
            "One or more parameter values are not valid. "
            f"The AttributeValue for a key attribute cannot contain an empty string value. Key: {name}"
        )
    if len(text.encode()) > _MAX_BYTES[kind]:
        raise ValidationError(_INVALID + f"Size of {kind.lower()}key has exceeded the maximum size limit of{_MAX_BYTES[kind]} bytes")
