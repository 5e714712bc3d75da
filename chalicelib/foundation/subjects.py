"""What others may refer to, without importing the pack that owns it.

Governance, finalization, audit and handoffs need to know of everything, and everything knows of them: that would be circles of
imports. So each pack says in its manifest what it has to offer (`Subject`), and who needs it asks here, by id.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.idempotency import canonical_json
from chalicelib.foundation.ids import Key
from chalicelib.foundation.manifest import Pack, Subject, load
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.store import alive

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context


@dataclass(frozen=True)
class SubjectType:
    """What a pack says of one kind of thing that others refer to.

    `facts` gives what rules and other packs may ask of it, as plain values. `hash_fields` name the content that an approval is
    bound to: when one of them changes, the approval no longer stands for what is there. `requested_by` gives who asked for
    it, who may then not decide on it; by default who created it.
    """

    entity: type[Entity]
    facts: Callable[[Any], dict[str, Any]]
    hash_fields: tuple[str, ...]
    requested_by: Callable[[Any], str | None] = lambda entity: entity.created_by

    def content_hash(self, entity: Entity) -> str:
        """SHA-256 (hex) of the content fields, whatever their order or the writing of their numbers."""
        content = {name: getattr(entity, name) for name in self.hash_fields}
        return hashlib.sha256(canonical_json(content).encode()).hexdigest()


@dataclass(frozen=True)
class Loaded:
    """A subject as it stands: who needs it needs no more than this."""

    type: str
    id: str
    revision: int
    facts: dict[str, Any]
    content_hash: str
    requested_by: str | None


class Subjects:
    """The registry of some packs' subjects. It reads manifests alone; a subject's own module is imported when it is first asked for."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self._by_prefix: dict[str, Subject] = {}
        for subject in (subject for pack in packs for subject in pack.subjects):
            known = {one.type for one in self._by_prefix.values()} | set(self._by_prefix)
            assert not known & {subject.type, subject.prefix}, f"{subject.type} or {subject.prefix} names two subjects"
            self._by_prefix[subject.prefix] = subject

    @property
    def types(self) -> list[str]:
        """The names of everything that can be referred to."""
        return sorted(subject.type for subject in self._by_prefix.values())

    def type_of(self, id: str) -> str:
        """What `id` names, by its prefix; NotFound for ids of nothing that can be referred to."""
        return self._row(id).type

    def key(self, id: str) -> Key:
        """Where it lies, for those that read several things at once; NotFound for an id of no form."""
        return self._declared(id).entity.ID.key(id)

    def load(self, ctx: "Context", id: str) -> Loaded:
        """The subject as it stands now, strongly read (one round trip). NotFound where it isn't there, or is marked deleted."""
        return self.read(id, ctx.store.get_raw(self.key(id)))

    def read(self, id: str, raw: Raw | None) -> Loaded:
        """The subject in a row that was read already; NotFound as `load`."""
        row, declared = self._row(id), self._declared(id)
        entity = alive(declared.entity, raw)
        if entity is None:
            raise NotFound(declared.entity.ID.name)
        return Loaded(row.type, id, entity.revision, declared.facts(entity), declared.content_hash(entity), declared.requested_by(entity))

    def _row(self, id: str) -> Subject:
        found = self._by_prefix.get(id.partition("_")[0])
        if found is None:
            raise NotFound("subject")
        return found

    def _declared(self, id: str) -> SubjectType:
        declared: SubjectType = load(self._row(id).subject)
        return declared
