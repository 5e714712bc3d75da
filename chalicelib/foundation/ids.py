"""Ids: prefixed, time-sortable, made by the server; a child's id carries its parent's partition.

`pipe_01K…` is a root: its partition is the id itself. `asgn_w01K…01K…` is a row in the partition of the
pipeline whose ULID follows the letter `w`. So a key follows from its id alone, without an index. A child may have children of its
own, in the same partition: `cmt_d01K…01K…01K…` belongs to `task_d01K…01K…`.
"""

import hashlib
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from chalicelib.foundation.errors import NotFound

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32, as in the ULID specification
_ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
EXAMPLE_ULID = "01KB0Q5E8G7Z3V9X2M4N6P8R0T"
ROOT_SORT_KEY = "~"  # sort key of a partition's root: it sorts after every other row of the partition


class ItemKey(NamedTuple):
    """The primary key of an item."""

    pk: str
    sk: str


def ulid(now: datetime) -> str:
    """26 characters: 48 bits of milliseconds, 80 random bits (github.com/ulid/spec).

    Written here because the maintained library adds 28 ms to every cold start.
    """
    return encode_ulid(now, os.urandom(10))


def encode_ulid(now: datetime, tail: bytes) -> str:
    """The ULID of a timestamp and ten given bytes, for ids that are derived from what they name."""
    return ulid_of_number(int(now.timestamp() * 1000) << 80 | int.from_bytes(tail))


def keyed_ulid(now: datetime, key: str) -> str:
    """The ULID of a timestamp and of what `key` names: the same each time, for what may be there once only."""
    return encode_ulid(now, hashlib.sha256(key.encode()).digest()[:10])


def ulid_of_number(number: int) -> str:
    """The form of a ULID for a number of 128 bits, for ids that follow from what they name and from no time."""
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


@dataclass(frozen=True)
class IdFormat:
    """The format of one kind of id.

    `parents` maps the letter in a child's id to the prefix of the root whose partition holds it;
    `row` is the first part of a child's sort key and `name` the name of the resource in messages. `below` is the prefix of the child
    whose child this kind is, where it is not the root's own.
    """

    prefix: str
    name: str
    parents: dict[str, str] = field(default_factory=dict)
    row: str = ROOT_SORT_KEY
    below: str = ""

    def new(self, now: datetime, parent: str | None = None) -> str:
        """A new id; of a child in the partition of `parent`, the id of its root, or of the child whose child this kind is."""
        return f"{self.prefix}_{ulid(now)}" if parent is None else self.derived(parent, ulid(now))

    def derived(self, parent: str, own_ulid: str) -> str:
        """The id of a child of `parent` whose own ULID is given: made of what it names, rather than of chance."""
        return f"{self.prefix}_{self._path(parent)}{own_ulid}"

    def prefix_of_children(self, parent: str) -> ItemKey:
        """The partition of the children of `parent`, and the beginning of their sort keys. NotFound for an id of another format."""
        prefix, _, path = parent.partition("_")
        if not self.below:
            return ItemKey(parent, f"{self.row}#")
        if prefix != self.below or not re.fullmatch(f"[a-z]{_ULID}{_ULID}", path, re.ASCII) or path[0] not in self.parents:
            raise NotFound(self.below)
        return ItemKey(f"{self.parents[path[0]]}_{path[1:27]}", f"{self.row}#{self.prefix}_{path}")

    def _path(self, parent: str) -> str:
        """What of a child's id tells its parent: the root's letter and ULID, and of a child's child that child's ULID."""
        prefix, _, rest = parent.partition("_")
        if self.below:
            return rest
        letter = next(letter for letter, root_prefix in self.parents.items() if root_prefix == prefix)
        return f"{letter}{rest}"

    @property
    def example(self) -> str:
        """An id of this form, for the documentation."""
        if not self.parents:
            return f"{self.prefix}_{EXAMPLE_ULID}"
        return f"{self.prefix}_{next(iter(self.parents))}{EXAMPLE_ULID * (3 if self.below else 2)}"

    def is_id(self, id: str) -> bool:
        """Whether it is an id of this format."""
        try:
            self.key(id)
        except NotFound:
            return False
        return True

    def key(self, id: str) -> ItemKey:
        """The key of `id`; one of another form is not match, before any store is asked."""
        if not self.parents:
            if re.fullmatch(f"{self.prefix}_{_ULID}", id, re.ASCII):
                return ItemKey(id, ROOT_SORT_KEY)
        elif match := re.fullmatch(f"{self.prefix}_([a-z])({_ULID}){_ULID * (2 if self.below else 1)}", id, re.ASCII):
            letter, root_ulid = match.groups()
            if letter in self.parents:
                return ItemKey(f"{self.parents[letter]}_{root_ulid}", f"{self.row}#{id}")
        raise NotFound(self.name)
