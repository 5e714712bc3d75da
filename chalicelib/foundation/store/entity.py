"""Entities: rows with an id, a revision, and who wrote them in which request."""

from typing import ClassVar, Self

from chalicelib.foundation.actor import Stamp
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import DuePattern, KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.row import Row

ENTITY = "e"  # the value of the attribute `t` in an entity's row

# Every entity that is marked deleted, by the instant of its deletion.
DELETED = DuePattern("deleted", on="deleted_at", serves="ops-retention")


class Entity(Row):
    """Base of everything with an id, a revision and a history.

    `t` is "e", which the stream consumers filter by. `sv` is the schema version of the item; `upcast` converts an older one.
    Every write, including deletions, records its author (`updated_by`) and request (`request_id`).
    """

    KIND: ClassVar[str]  # every entity has one
    ID: ClassVar[IdFormat]
    SCHEMA: ClassVar[int] = 1
    SECRET: ClassVar[frozenset[str]] = frozenset()  # fields whose values the trail never contains, only that they changed
    PERSONAL: ClassVar[frozenset[str]] = (
        frozenset()
    )  # top-level fields about a person: encrypted in the trail under a key that can be destroyed

    id = a.string()
    revision = a.integer()
    created_at = a.datetime()
    created_by = a.string()
    updated_at = a.datetime()
    updated_by = a.string()
    request_id = a.string()
    correlation_id = a.string()
    deleted_at = a.optional_datetime()
    deleted_by = a.optional_string()

    @classmethod
    def upcast(cls, raw: DynamoItem, version: int) -> DynamoItem:  # noqa: ARG003 - for those that will have more versions
        """Convert an item of an older schema version to the current one. By default there is only one version."""
        return raw

    # -- creating and changing

    @classmethod
    def new(cls, ctx: Stamp, id: str | None = None, **values: object) -> Self:
        """A new entity, revision 1, created by the caller now."""
        return cls.from_values(
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

    def with_changes(self, ctx: Stamp, **values: object) -> Self:
        """A copy with `values` set (None clears), the next revision, touched by the caller now."""
        copy = self.with_values(**values)
        copy.revision = self.revision + 1
        copy.updated_at, copy.updated_by = ctx.now, ctx.actor.id
        copy.request_id, copy.correlation_id = ctx.request_id, ctx.correlation_id
        return copy

    def soft_deleted(self, ctx: Stamp) -> Self:
        """A copy that is marked deleted: in no list or index, but stored until the retention job purges it."""
        return self.with_changes(ctx, deleted_at=ctx.now, deleted_by=ctx.actor.id)

    # -- to and from the table

    @classmethod
    def children_of(cls, parent_id: str) -> KeyRange:
        """Where the children of this kind lie: in the partition of the root `parent_id`, or of that child's root, by their own ids."""
        pk, prefix = cls.ID.prefix_of_children(parent_id)
        return KeyRange(None, pk, prefix=prefix)

    @classmethod
    def rows_below(cls, id: str) -> "tuple[KeyRange, ...]":  # noqa: ARG003 - for those that have any
        """Where the rows lie that belong to the entity `id` in another's partition, and are purged with it: by default there are none."""
        return ()

    @property
    def key(self) -> ItemKey:
        """Its primary key."""
        return self.ID.key(self.id)

    def to_item(self) -> DynamoItem:
        """The row, with its keys and its view. One that is marked deleted is in no index but that of what is to be purged."""
        key = self.key
        item = self._encoded() | {
            "pk": {"S": key.pk},
            "sk": {"S": key.sk},
            "t": {"S": ENTITY},
            "kind": {"S": self.KIND},
            "sv": {"N": str(self.SCHEMA)},
        }
        if self.deleted_at is None:
            item["view"] = self._encoded_view()
        keys = self.index_keys() if self.deleted_at is None else DELETED.keys(self)
        return item | {name: {"S": value} for name, value in keys.items()}

    @classmethod
    def from_item(cls, raw: DynamoItem) -> Self:
        """The entity in an item. Attributes added by a newer version of the code are preserved and written back."""
        if (version := int(raw["sv"]["N"])) < cls.SCHEMA:
            raw = cls.upcast(raw, version)
        self = cls.__new__(cls)
        self.attribute_values = {}
        self._unknown = {}
        self._decode(raw)
        return self
