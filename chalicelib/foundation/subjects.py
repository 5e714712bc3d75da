"""Access to resources of any pack by id, without importing the pack that owns them.

Governance, finalization, audit and handoffs refer to resources of every pack, and every pack uses them: direct imports would be
circular. So each pack lists its subjects in its manifest (`SubjectEntry`), and others load them here, by id.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.canonical_json import Numbers, content_hash
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.manifest import Pack, SubjectEntry, import_string
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context


Rows = Mapping[ItemKey, DynamoItem]
NO_ROWS: Rows = MappingProxyType({})

UNKNOWN_HASH = ""  # of content that was read in part: nothing that was approved has this hash, so nothing counts as approved


@dataclass(frozen=True)
class LiveList:
    """A row in the partition of a root that names those of its children which are live, so that they are found by their keys.

    `key` gives its key by the root's id, `ids` the ids that it names.
    """

    key: Callable[[str], ItemKey]
    ids: Callable[[DynamoItem], list[str]]


@dataclass(frozen=True)
class SubjectAdapter:
    """How to read one kind of subject.

    `facts` gives the values that rules and other packs may use, `dated_facts` those that are of a day of the
    firm, e.g. whether a contract is in force. `hash_fields` name the content that an approval is bound to: when one of
    them changes, the approval is no longer valid. `requested_by` gives the id of whoever requested it, who may then not decide on it;
    by default its creator. `live_list` is the row that names the live ones of a root, where the pack keeps one.

    Content that lies in other rows is `derived` from them: values by name, which are facts, too, and which `hash_fields` may name. `beside`
    gives the keys of those that follow from the id, `follow` of those that follow from what is read of the former. It is None where they
    weren't read.
    by default its creator. `label` is what the
    caller may call one that has no public name, e.g. a pipeline without an address by its seller; None where there is nothing to say.
    """

    entity: type[Entity]
    facts: Callable[[Any], JsonObject]
    hash_fields: tuple[str, ...]
    dated_facts: Callable[[Any, date], JsonObject] = lambda _entity, _today: {}
    requested_by: Callable[[Any], str | None] = lambda entity: entity.created_by
    live_list: LiveList | None = None
    beside: Callable[[str], Iterable[ItemKey]] = lambda _id: ()
    follow: Callable[[str, Rows], Iterable[ItemKey]] = lambda _id, _rows: ()
    derived: Callable[[Any, Rows], JsonObject | None] = lambda _entity, _rows: {}
    label: "Callable[[Context, Any], str | None] | None" = None

    def content_hash(self, entity: Entity, derived: JsonObject | None) -> str:
        """SHA-256 (hex) of the content fields, independent of their order and of how numbers are written.

        UNKNOWN_HASH where a part of the content wasn't read.
        """
        if derived is None:
            return UNKNOWN_HASH
        content = {name: derived[name] if name in derived else getattr(entity, name) for name in self.hash_fields}
        return content_hash(content, Numbers.EXACT)


@dataclass(frozen=True)
class Subject:
    """A subject as loaded: all that other packs may use of it. `responsible` are the users who created, own or requested it."""

    type: str
    id: str
    revision: int
    facts: JsonObject
    content_hash: str
    requested_by: str | None
    responsible: frozenset[str] = frozenset()


class SubjectRegistry:
    """The subjects of the given packs. It reads only manifests; a subject's module is imported when it is first used."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self._by_prefix: dict[str, SubjectEntry] = {}
        for subject in (subject for pack in packs for subject in pack.subjects):
            names = {entry.type for entry in self._by_prefix.values()} | set(self._by_prefix)
            assert not names & {subject.type, subject.prefix}, f"{subject.type} or {subject.prefix} is the name of two subjects"
            self._by_prefix[subject.prefix] = subject

    @property
    def types(self) -> list[str]:
        """The types of all subjects, sorted."""
        return sorted(entry.type for entry in self._by_prefix.values())

    def type_of(self, id: str) -> str:
        """The type of `id`, by its prefix. Raises NotFound for a prefix of no subject."""
        return self._entry(id).type

    def require_type(self, id: str, type: str) -> None:
        """Raise NotFound of `type` for an id of another type, or of none that there is."""
        entry = self._by_prefix.get(id.partition("_")[0])
        if entry is None or entry.type != type:
            raise NotFound(type)

    def is_subject(self, id: str) -> bool:
        """Whether the prefix of `id` is that of a subject."""
        return id.partition("_")[0] in self._by_prefix

    def key(self, id: str) -> ItemKey:
        """The key of a subject, for batch reads. Raises NotFound for an invalid id."""
        return self._adapter(id).entity.ID.key(id)

    def load(self, ctx: "Context", id: str) -> Subject:
        """The current state of a subject, by consistent reads. Raises NotFound where it is absent or deleted.

        One round trip; one more where its content lies in rows that others name.
        """
        adapter = self._adapter(id)
        key = adapter.entity.ID.key(id)
        rows = ctx.store.batch_get([key, *adapter.beside(id)])
        if further := [further for further in adapter.follow(id, rows) if further not in rows]:
            rows |= ctx.store.batch_get(further)
        return self.parse(id, rows.get(key), ctx.today, rows)

    def keys(self, id: str, rows: Rows) -> list[ItemKey]:
        """The keys of what `parse` takes, as far as they follow from the id and from the rows that were read. NotFound as `key`."""
        adapter = self._adapter(id)
        return list(dict.fromkeys([adapter.entity.ID.key(id), *adapter.beside(id), *adapter.follow(id, rows)]))

    def parse(self, id: str, raw: DynamoItem | None, today: date, rows: Rows = NO_ROWS) -> Subject:
        """The subject in an item that was read already, as of a day. Raises NotFound as `load`.

        `rows` are those that were read with it, which `keys` names. Without them the content of what lies in several rows has no hash, and
        what is derived of it is missing from the facts.
        """
        entry, adapter = self._entry(id), self._adapter(id)
        entity = parse_live(adapter.entity, raw)
        if entity is None:
            raise NotFound(adapter.entity.ID.name)
        derived = adapter.derived(entity, rows)
        requested_by = adapter.requested_by(entity)
        return Subject(
            entry.type,
            id,
            entity.revision,
            adapter.facts(entity) | adapter.dated_facts(entity, today) | (derived or {}),
            adapter.content_hash(entity, derived),
            requested_by,
            frozenset({entity.created_by, *([requested_by] if requested_by else [])}),
        )

    def live_list(self, type: str) -> LiveList:
        """Where the live subjects of this type are named. Raises NotFound where the pack keeps no such list."""
        entry = self._of_type(type)
        adapter: SubjectAdapter = import_string(entry.adapter)
        if adapter.live_list is None:
            raise NotFound(type)
        return adapter.live_list

    def labels(self, ctx: "Context", ids: Iterable[str]) -> dict[str, str]:
        """What the caller may call the subjects with these ids, as far as they are there and have a label. At most one round trip a hundred."""
        adapters = {id: adapter for id in ids if self.is_subject(id) and (adapter := self._adapter(id)).label}
        rows = ctx.store.batch_get([adapter.entity.ID.key(id) for id, adapter in adapters.items()])
        found: dict[str, str] = {}
        for id, adapter in adapters.items():
            entity = parse_live(adapter.entity, rows.get(adapter.entity.ID.key(id)))
            if entity is not None and adapter.label and (label := adapter.label(ctx, entity)):
                found[id] = label
        return found

    def resolve(self, ctx: "Context", type: str, text: str) -> str:
        """The id of the subject of this type that a request names, by its id or as its pack resolves it. Raises NotFound.

        That a subject with this id exists is not checked.
        """
        entry = self._of_type(type)
        if entry.resolve:
            id: str = import_string(entry.resolve)(ctx, text)
            return id
        self.key(text)
        return text

    def require_own(self, ctx: "Context", tx: Transaction, id: str, any_permission: str) -> None:
        """Let a transaction stand only while the subject exists and is the caller's own, or the caller has the permission for any.

        The transaction fails with NotFound or Forbidden. At most one action, on a row of the subject's partition.
        """
        import_string(self._entry(id).require_own)(ctx, tx, id, any_permission)

    def _of_type(self, type: str) -> SubjectEntry:
        entry = next((entry for entry in self._by_prefix.values() if entry.type == type), None)
        if entry is None:
            raise NotFound(type)
        return entry

    def _entry(self, id: str) -> SubjectEntry:
        entry = self._by_prefix.get(id.partition("_")[0])
        if entry is None:
            raise NotFound("subject")
        return entry

    def _adapter(self, id: str) -> SubjectAdapter:
        adapter: SubjectAdapter = import_string(self._entry(id).adapter)
        return adapter
