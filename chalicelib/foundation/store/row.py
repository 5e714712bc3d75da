"""Rows of the table: PynamoDB attributes, index keys from the declared access patterns, and the list view.

The indexes project `kind` and `view` only, so an edit that touches neither writes no index.
"""

from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Self

from pynamodb.attributes import Attribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject, dumps
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, patterns_of
from chalicelib.foundation.store.codec import DynamoItem, encode_item

PROJECTED = ["kind", "view"]


class _Index1(GlobalSecondaryIndex["TableItem"]):
    class Meta:
        index_name = "gsi1"
        projection = IncludeProjection(PROJECTED)

    gsi1pk = a.string(hash_key=True)
    gsi1sk = a.string(range_key=True)


class _Index2(GlobalSecondaryIndex["TableItem"]):
    class Meta:
        index_name = "gsi2"
        projection = IncludeProjection(PROJECTED)

    gsi2pk = a.string(hash_key=True)
    gsi2sk = a.string(range_key=True)


class _Index3(GlobalSecondaryIndex["TableItem"]):
    class Meta:
        index_name = "gsi3"
        projection = IncludeProjection(PROJECTED)

    gsi3pk = a.string(hash_key=True)
    gsi3sk = a.string(range_key=True)


class _Index4(GlobalSecondaryIndex["TableItem"]):
    class Meta:
        index_name = "gsi4"
        projection = IncludeProjection(PROJECTED)

    gsi4pk = a.string(hash_key=True)
    gsi4sk = a.string(range_key=True)


class TableItem(Model):
    """What PynamoDB needs to know of the table."""

    class Meta:
        table_name = "valhalla"  # the store names the stage's table in each call; this one only satisfies PynamoDB
        region = "us-east-1"

    pk = a.string(hash_key=True)
    sk = a.string(range_key=True)
    gsi1pk = a.optional_string()
    gsi1sk = a.optional_string()
    gsi2pk = a.optional_string()
    gsi2sk = a.optional_string()
    gsi3pk = a.optional_string()
    gsi3sk = a.optional_string()
    gsi4pk = a.optional_string()
    gsi4sk = a.optional_string()
    gsi1 = _Index1()
    gsi2 = _Index2()
    gsi3 = _Index3()
    gsi4 = _Index4()


class Row(TableItem):
    """A row that is described by its attributes: an entity, or a small row that has no id and no history of its own.

    `KIND` is written where rows of several kinds share a partition or an index. Access patterns are declared as class attributes.
    `LIST_FIELDS` are the attributes and properties that lists show.
    """

    KIND: ClassVar[str] = ""
    LIST_FIELDS: ClassVar[tuple[str, ...]] = ()

    _attribute_map: ClassVar[dict[str, tuple[str, Attribute[Any]]]]
    _unknown: DynamoItem

    # -- what a pack says of its row

    def index_keys(self) -> dict[str, str]:
        """The index keys of a live row, from its access patterns."""
        keys: dict[str, str] = {}
        for pattern in _patterns_of(type(self)):
            keys |= pattern.keys(self)
        return keys

    def list_view(self) -> JsonObject:
        """What lists show, at most 500 bytes, without what changes at every edit, which would write every index. What is absent is left out."""
        return self._listed()

    def _listed(self, **computed: object) -> JsonObject:
        """The list fields from attributes and properties, with `computed` values in place of these."""
        values = self.attribute_values | computed
        view = {name: values[name] if name in values else getattr(self, name) for name in self.LIST_FIELDS}
        return {name: value for name, value in view.items() if value is not None}

    @classmethod
    def index_attributes(cls) -> tuple[str, ...]:
        """The names of all index keys that its access patterns write."""
        return tuple(name for pattern in _patterns_of(cls) for name in (pattern.pk_name, pattern.sk_name))

    # -- life

    @classmethod
    def at(cls, key: ItemKey, **values: object) -> Self:
        """A row at a key."""
        return cls.from_values(pk=key.pk, sk=key.sk, **values)

    @classmethod
    def from_values(cls, **values: object) -> Self:
        """A row from Python values; an unknown name is a mistake of ours."""
        if unknown := values.keys() - cls.get_attributes().keys():
            raise TypeError(f"{cls.__name__} has no {', '.join(sorted(unknown))}")
        self = cls.__new__(cls)
        self.attribute_values = {name: value for name, value in values.items() if value is not None}
        self._unknown = {}
        return self

    def with_values(self, **values: object) -> Self:
        """A copy with `values` set; None clears."""
        copy = self.from_values(**{**self.attribute_values, **values})
        copy._unknown = self._unknown
        return copy

    # -- to and from the table

    @property
    def key(self) -> ItemKey:
        """Where it lies."""
        return ItemKey(self.attribute_values["pk"], self.attribute_values["sk"])

    def to_item(self) -> DynamoItem:
        """The row as the table holds it, with its index keys and its list view."""
        key = self.key
        item = self._encoded() | {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
        if self.KIND:
            item["kind"] = {"S": self.KIND}
        item |= {name: {"S": value} for name, value in self.index_keys().items()}
        if self.LIST_FIELDS:
            item["view"] = self._encoded_view()
        return item

    @classmethod
    def from_item(cls, raw: DynamoItem) -> Self:
        """The row as it was read. What a newer version of the code has added is kept and written back."""
        self = cls.__new__(cls)
        self.attribute_values = {"pk": raw["pk"]["S"], "sk": raw["sk"]["S"]}
        self._unknown = {}
        self._decode(raw)
        return self

    @classmethod
    def from_image(cls, image: JsonObject) -> Self:
        """The row in an item that was decoded, such as the image that a projection takes."""
        return cls.from_item(encode_item(image))

    def _encoded(self) -> DynamoItem:
        item = dict(self._unknown)
        values = self.attribute_values
        for stored_name, (name, attribute) in self._stored_attributes().items():
            value = values.get(name)
            if value is not None:
                item[stored_name] = {attribute.attr_type: attribute.serialize(value)}
        return item

    def _encoded_view(self) -> dict[str, str]:
        return {"S": dumps({name: _canonical_number(value) for name, value in self.list_view().items()})}

    def _decode(self, raw: DynamoItem) -> None:
        attributes = self._stored_attributes()
        for stored_name, encoded in raw.items():
            if entry := attributes.get(stored_name):
                name, attribute = entry
                value = encoded.get(attribute.attr_type)
                self.attribute_values[name] = None if value is None else attribute.deserialize(value)
            elif stored_name not in _COMPUTED:
                self._unknown[stored_name] = encoded

    @classmethod
    def _stored_attributes(cls) -> dict[str, tuple[str, Attribute[Any]]]:
        """Attributes by the name that the table has for them: what Python calls it, and how it is encoded. Keys aside."""
        if "_attribute_map" not in cls.__dict__:
            cls._attribute_map = {
                attribute.attr_name: (name, attribute)
                for name, attribute in cls.get_attributes().items()
                if attribute.attr_name not in _KEYS
            }
        return cls._attribute_map


@cache
def _patterns_of(cls: type[Row]) -> tuple[AccessPattern, ...]:
    return patterns_of(cls)


def truncate(text: str | None, length: int = 60) -> str | None:
    """A text short enough for a list view; None stays None."""
    return text if text is None or len(text) <= length else f"{text[: length - 1]}…"


def _canonical_number(value: object) -> object:
    """A number in its one form. The table drops trailing zeros; a view that shows 5.0 once and 5 later would write every index."""
    return Decimal(format(value.normalize(), "f")) if isinstance(value, Decimal) else value


_KEYS = {"pk", "sk"} | {f"gsi{n}{end}" for n in range(1, 5) for end in ("pk", "sk")}
_COMPUTED = _KEYS | {"t", "kind", "sv", "view"}
