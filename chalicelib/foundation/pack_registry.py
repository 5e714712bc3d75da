"""The packs that a process was given, and what is computed from all of their manifests."""

from collections.abc import Iterable, Iterator
from functools import cached_property

from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.manifest import OwnedEntities, Pack, import_string
from chalicelib.foundation.roles import RoleMatrix


class PackRegistry:
    """The packs of a process. Reads manifests only; what is computed is computed at its first use, once."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self.packs = tuple(packs)

    def __iter__(self) -> Iterator[Pack]:
        return iter(self.packs)

    @cached_property
    def roles(self) -> RoleMatrix:
        """Which role has which permissions."""
        return RoleMatrix(self.packs)

    @cached_property
    def by_kind(self) -> dict[str, Pack]:
        """The pack of each kind of entity."""
        return {kind: pack for pack in self.packs for kind in pack.entities}

    def id_format(self, kind: str) -> IdFormat | None:
        """The form of the ids of a kind of entity; None where no pack has it."""
        pack = self.by_kind.get(kind)
        return None if pack is None else import_string(pack.entities[kind]).ID

    def timeline_root(self, partition: str) -> str | None:
        """The root whose partition it is, where changes are found by that root; else None."""
        return partition if partition.partition("_")[0] in self._timelines else None

    @cached_property
    def _timelines(self) -> frozenset[str]:
        """What the ids of such roots begin with."""
        return frozenset(subject.prefix for pack in self.packs for subject in pack.subjects if subject.timeline)

    @cached_property
    def owned(self) -> tuple[tuple[str, OwnedEntities], ...]:
        """What users own, each kind with the dotted path of its class."""
        return tuple((pack.entities[owned.kind], owned) for pack in self.packs for owned in pack.owned)

    @cached_property
    def headings(self) -> dict[str, str]:
        """The title of each letter, planned packs included, in their order."""
        return {pack.letter: pack.heading for pack in self.in_order}

    @cached_property
    def in_order(self) -> tuple[Pack, ...]:
        """The packs by their letters: A to Z, and after them AA, AB and so on."""
        return tuple(sorted(self.packs, key=lambda pack: (len(pack.letter), pack.letter)))
