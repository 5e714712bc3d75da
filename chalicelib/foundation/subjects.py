"""Access to resources of any pack by id, without importing the pack that owns them.

Governance, finalization, audit and handoffs refer to resources of every pack, and every pack uses them: direct imports would be
circular. So each pack lists its subjects in its manifest (`SubjectEntry`), and others load them here, by id.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
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


@dataclass(frozen=True)
class SubjectAdapter:
    """How to read one kind of subject.

    `facts` gives the values that rules and other packs may use, `dated_facts` those that are of a day of the
    firm, e.g. whether a contract is in force. `hash_fields` name the content that an approval is bound to: when one of
    them changes, the approval is no longer valid. `requested_by` gives the id of whoever requested it, who may then not decide on it;
    by default its creator. `label` is what the
    caller may call one that has no public name, e.g. a pipeline without an address by its seller; None where there is nothing to say.
    """

    entity: type[Entity]
    facts: Callable[[Any], JsonObject]
    hash_fields: tuple[str, ...]
    dated_facts: Callable[[Any, date], JsonObject] = lambda _entity, _today: {}
    requested_by: Callable[[Any], str | None] = lambda entity: entity.created_by
    label: "Callable[[Context, Any], str | None] | None" = None

    def content_hash(self, entity: Entity) -> str:
        """SHA-256 (hex) of the content fields, independent of their order and of how numbers are written."""
        content = {name: getattr(entity, name) for name in self.hash_fields}
        return content_hash(content, Numbers.EXACT)


@dataclass(frozen=True)
class Subject:
    """A subject as loaded: all that other packs may use of it."""

    type: str
    id: str
    revision: int
    facts: JsonObject
    content_hash: str
    requested_by: str | None


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
        """The current state of a subject, by a consistent read (one round trip). Raises NotFound where it is absent or deleted."""
        return self.parse(id, ctx.store.get_item(self.key(id)), ctx.today)

    def parse(self, id: str, raw: DynamoItem | None, today: date) -> Subject:
        """The subject in an item that was read already, as of a day. Raises NotFound as `load`."""
        entry, adapter = self._entry(id), self._adapter(id)
        entity = parse_live(adapter.entity, raw)
        if entity is None:
            raise NotFound(adapter.entity.ID.name)
        facts = adapter.facts(entity) | adapter.dated_facts(entity, today)
        return Subject(entry.type, id, entity.revision, facts, adapter.content_hash(entity), adapter.requested_by(entity))

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
        entry = next((entry for entry in self._by_prefix.values() if entry.type == type), None)
        if entry is None:
            raise NotFound(type)
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

    def _entry(self, id: str) -> SubjectEntry:
        entry = self._by_prefix.get(id.partition("_")[0])
        if entry is None:
            raise NotFound("subject")
        return entry

    def _adapter(self, id: str) -> SubjectAdapter:
        adapter: SubjectAdapter = import_string(self._entry(id).adapter)
        return adapter
