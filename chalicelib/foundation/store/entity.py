"""Entities: what lies in the table, with its keys, its lock and who wrote it.

An entity is a PynamoDB model. Its class says the attributes; `index_keys` and `view` say where lists find it and what
they show. The indexes project `kind` and `view` only, so an edit that touches neither writes no index.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pynamodb.attributes import Attribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from chalicelib.foundation.ids import IdForm, Key
from chalicelib.foundation.json import dumps
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.codec import Raw

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

PROJECTED = ["kind", "view"]


class _Index1(GlobalSecondaryIndex["Item"]):
    class Meta:
        index_name = "gsi1"
        projection = IncludeProjection(PROJECTED)

    gsi1pk = a.text(hash_key=True)
    gsi1sk = a.text(range_key=True)


class _Index2(GlobalSecondaryIndex["Item"]):
    class Meta:
        index_name = "gsi2"
        projection = IncludeProjection(PROJECTED)

    gsi2pk = a.text(hash_key=True)
    gsi2sk = a.text(range_key=True)


class _Index3(GlobalSecondaryIndex["Item"]):
    class Meta:
        index_name = "gsi3"
        projection = IncludeProjection(PROJECTED)

    gsi3pk = a.text(hash_key=True)
    gsi3sk = a.text(range_key=True)


class _Index4(GlobalSecondaryIndex["Item"]):
    class Meta:
        index_name = "gsi4"
        projection = IncludeProjection(PROJECTED)

    gsi4pk = a.text(hash_key=True)
    gsi4sk = a.text(range_key=True)


class Item(Model):
    """Any row of the table. Rows that are no entities (guards, gates, counters) are written as plain values."""

    class Meta:
        table_name = "valhalla"  # the store names the stage's table in each call; this one only satisfies PynamoDB
        region = "us-east-1"

    pk = a.text(hash_key=True)
    sk = a.text(range_key=True)
    gsi1pk = a.optional_text()
    gsi1sk = a.optional_text()
    gsi2pk = a.optional_text()
    gsi2sk = a.optional_text()
    gsi3pk = a.optional_text()
    gsi3sk = a.optional_text()
    gsi4pk = a.optional_text()
    gsi4sk = a.optional_text()
    gsi1 = _Index1()
    gsi2 = _Index2()
    gsi3 = _Index3()
    gsi4 = _Index4()


class Entity(Item):
    """Base of everything that has an id, a revision and a history.

    `t` is "e": what the streams read. `sv` is the schema version of the row, `upcast` brings an older one up.
    Every write, deletions too, names who did it (`updated_by`) and in which request (`request_id`).
    """

    KIND: ClassVar[str]
    ID: ClassVar[IdForm]
    SCHEMA: ClassVar[int] = 1
    SECRET: ClassVar[frozenset[str]] = frozenset()  # fields that the trail shows as changed, never their value
    PERSONAL: ClassVar[frozenset[str]] = frozenset()  # fields (top level) about a person: in the trail under a key that can be destroyed

    id = a.text()
    revision = a.whole()
    created_at = a.moment()
    created_by = a.text()
    updated_at = a.moment()
    updated_by = a.text()
    request_id = a.text()
    correlation_id = a.text()
    deleted_at = a.optional_moment()
    deleted_by = a.optional_text()

    _by_wire_name: ClassVar[dict[str, tuple[str, Attribute[Any]]]]
    _unknown: Raw

    # -- what a pack says of its entity

    def index_keys(self) -> dict[str, str]:
        """The index keys of a live entity, e.g. {"gsi1pk": …, "gsi1sk": …}; leave out what it isn't found by."""
        return {}

    def view(self) -> dict[str, Any]:
        """What lists show, at most 500 bytes, without `revision` and `updated_at`: they would write every index at each edit."""
        return {}

    @classmethod
    def upcast(cls, raw: Raw, version: int) -> Raw:  # noqa: ARG003 - for those that will have more versions
        """A row of an older schema version as one of today's. Nothing to do while there is only one."""
        return raw

    # -- life

    @classmethod
    def fresh(cls, ctx: "Context", id: str | None = None, **values: Any) -> Self:
        """A new entity, revision 1, made by the caller now."""
        return cls.of(
            id=id or cls.ID.new(ctx.now),
            revision=1,
            created_at=ctx.now,
            created_by=ctx.actor.id,
            updated_at=ctx.now,
            updated_by=ctx.actor.id,
            request_id=ctx.request_id,
            correlation_id=ctx.correlation_id,
            **values,
        )

    @classmethod
    def of(cls, **values: Any) -> Self:
        """An entity from Python values; an unknown name is a mistake of ours."""
        names = {name for name, _ in cls._columns().values()}
        if unknown := values.keys() - names:
            raise TypeError(f"{cls.__name__} has no {', '.join(sorted(unknown))}")
        self = cls.__new__(cls)
        self.attribute_values = {name: value for name, value in values.items() if value is not None}
        self._unknown = {}
        return self

    def changed(self, ctx: "Context", **values: Any) -> Self:
        """A copy with `values` set (None clears), the next revision, touched by the caller now."""
        copy = self.of(**{**self.attribute_values, **values})
        copy._unknown = self._unknown
        copy.revision = self.revision + 1
        copy.updated_at, copy.updated_by = ctx.now, ctx.actor.id
        copy.request_id, copy.correlation_id = ctx.request_id, ctx.correlation_id
        return copy

    def deleted(self, ctx: "Context") -> Self:
        """A copy that is marked deleted: out of every list and index, kept until the retention job purges it."""
        return self.changed(ctx, deleted_at=ctx.now, deleted_by=ctx.actor.id)

    # -- to and from the table

    @property
    def key(self) -> Key:
        """Where it lies."""
        return self.ID.key(self.id)

    def to_item(self) -> Raw:
        """The row, with its keys and its view."""
        item = dict(self._unknown)
        values = self.attribute_values
        for wire_name, (name, attribute) in self._columns().items():
            value = values.get(name)
            if value is not None:
                item[wire_name] = {attribute.attr_type: attribute.serialize(value)}
        key = self.key
        item |= {
            "pk": {"S": key.pk},
            "sk": {"S": key.sk},
            "t": {"S": "e"},
            "kind": {"S": self.KIND},
            "sv": {"N": str(self.SCHEMA)},
        }
        if self.deleted_at is None:
            item |= {name: {"S": value} for name, value in self.index_keys().items()}
            item["view"] = {"S": dumps({name: _settled(value) for name, value in self.view().items()})}
        return item

    @classmethod
    def from_item(cls, raw: Raw) -> Self:
        """The entity in a row. What a newer version of the code has added is kept and written back."""
        if (version := int(raw["sv"]["N"])) < cls.SCHEMA:
            raw = cls.upcast(raw, version)
        self = cls.__new__(cls)
        self.attribute_values = {}
        self._unknown = {}
        known = cls._columns()
        for wire_name, wire in raw.items():
            if found := known.get(wire_name):
                name, attribute = found
                value = wire.get(attribute.attr_type)
                self.attribute_values[name] = None if value is None else attribute.deserialize(value)
            elif wire_name not in _COMPUTED:
                self._unknown[wire_name] = wire
        return self

    @classmethod
    def _columns(cls) -> dict[str, tuple[str, Attribute[Any]]]:
        if "_by_wire_name" not in cls.__dict__:
            cls._by_wire_name = {
                attribute.attr_name: (name, attribute)
                for name, attribute in cls.get_attributes().items()
                if attribute.attr_name not in _COMPUTED
            }
        return cls._by_wire_name


def _settled(value: Any) -> Any:
    """A number in its one form. The table drops trailing zeros; a view that shows 5.0 once and 5 later would write every index."""
    return Decimal(format(value.normalize(), "f")) if isinstance(value, Decimal) else value


_COMPUTED = {"pk", "sk", "t", "kind", "sv", "view"} | {f"gsi{n}{end}" for n in range(1, 5) for end in ("pk", "sk")}
