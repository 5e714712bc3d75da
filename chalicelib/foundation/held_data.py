"""All that is held on a professional: each pack brings its part, by the function that its manifest names in `held`.

That function takes a `HeldReader` and returns parts. A part has its rows newest first and may be cut: what doesn't fit is named, never
left out in silence.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ROOT_SORT_KEY
from chalicelib.foundation.json_codec import JsonObject, dumps
from chalicelib.foundation.manifest import import_string
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.store import parse_live, parse_many

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

MAX_BYTES = 5_000_000  # of the rows, as a Lambda function answers them
_INTERNAL = frozenset({"request_id", "correlation_id", "deleted_at", "deleted_by"})
_PAGE = 100
_MAX_PAGES = 3  # of 1 MB, of the professional's partition


class HeldPart(NamedTuple):
    """A pack's part: its name, its rows as plain values, newest first, and whether there are more."""

    name: str
    rows: list[JsonObject]
    cut: bool = False


def plain(entity: Entity) -> JsonObject:
    """All that an entity says, as plain values; neither keys nor which request wrote it."""
    return {
        name: format_timestamp(value) if isinstance(value, datetime) else value
        for name, value in entity.attribute_values.items()
        if name not in _INTERNAL and value is not None
    }


class HeldReader:
    """Reads what is held on a professional for all packs together, so that the number of round trips doesn't grow with the packs.

    What lies in the professional's partition is read once, newest first, at most three pages of 1 MB; what an index lists is read by
    one batch get for all lists. Raises NotFound where there is no such professional. Where `kind` is the class of professionals.
    """

    def __init__(self, ctx: "Context", kind: type[Entity], professional_id: str) -> None:
        self.ctx, self.professional_id = ctx, professional_id
        self._items: list[DynamoItem] = []
        self._unread = ""  # sort keys up to this one aren't read
        self._listed: list[tuple[type[Entity], list[str], list[JsonObject], Callable[[Any], JsonObject]]] = []
        root = kind.ID.key(professional_id)
        arguments: JsonObject = KeyRange(None, root.pk, None, ROOT_SORT_KEY).query_arguments() | {"ScanIndexForward": False}
        for _ in range(_MAX_PAGES):
            response = ctx.store.query(**arguments)
            self._items += response["Items"]
            if "LastEvaluatedKey" not in response:
                break
            arguments["ExclusiveStartKey"] = response["LastEvaluatedKey"]
        else:
            self._unread = self._items[-1]["sk"]["S"]
        if not self._items or parse_live(kind, self._items[0]) is None or self._items[0]["sk"]["S"] != ROOT_SORT_KEY:
            raise NotFound(kind.ID.name)

    def root(self, name: str, kind: type[Entity]) -> HeldPart:
        """The professional as a part of one row."""
        return HeldPart(name, [plain(kind.from_item(self._items[0]))])

    def children(self, name: str, kind: type[Entity], present: Callable[[Any], JsonObject] = plain) -> HeldPart:
        """The children of a kind in the professional's partition as a part, newest first."""
        rows = self.rows(name, kind.children_of(self.professional_id), lambda item: _presented(kind, item, present))
        return rows

    def rows(self, name: str, range: KeyRange, present: Callable[[DynamoItem], JsonObject | None]) -> HeldPart:
        """The rows of a prefix of the professional's partition as a part, without those that `present` makes nothing of."""
        prefix = range.prefix or ""
        items = (item for item in self._items if item["sk"]["S"].startswith(prefix))
        return HeldPart(name, [row for row in map(present, items) if row is not None], prefix <= self._unread)

    def listed(self, name: str, kind: type[Entity], range: KeyRange, present: Callable[[Any], JsonObject] = plain) -> HeldPart:
        """The newest hundred entities that a range of an index lists, as a part, whose rows come at the end. One round trip."""
        response = self.ctx.store.query(**range.query_arguments(), ScanIndexForward=False, Limit=_PAGE)
        ids = [item["sk"]["S"].rpartition("#")[2] if kind.ID.parents else item["pk"]["S"] for item in response["Items"]]
        part = HeldPart(name, [], "LastEvaluatedKey" in response)
        self._listed.append((kind, ids, part.rows, present))
        return part

    def read_listed(self) -> None:
        """Read what the lists name. One round trip for each hundred, none where they name nothing."""
        items = self.ctx.store.batch_get(kind.ID.key(id) for kind, ids, *_ in self._listed for id in ids)
        for kind, ids, rows, present in self._listed:
            found = parse_many(kind, ids, items)
            rows += [present(found[id]) for id in ids if id in found]
        self._listed = []


def _presented(kind: type[Entity], item: DynamoItem, present: Callable[[Any], JsonObject]) -> JsonObject | None:
    entity = parse_live(kind, item)
    return None if entity is None else present(entity)


def collect(ctx: "Context", kind: type[Entity], professional_id: str, max_bytes: int = MAX_BYTES) -> list[HeldPart]:
    """Every pack's parts, by the order of the packs, and together at most so large: the oldest rows of the largest parts are cut.

    `kind` is the class of professionals. Raises NotFound. At most eight round trips.
    """
    reader = HeldReader(ctx, kind, professional_id)
    parts: list[HeldPart] = [part for pack in ctx.packs if pack.held for part in import_string(pack.held)(reader)]
    reader.read_listed()
    return fit(parts, max_bytes)


def fit(parts: Sequence[HeldPart], max_bytes: int) -> list[HeldPart]:
    """The parts, cut so that their rows take no more: what smaller parts leave of an equal share goes to the larger ones."""
    sizes = {part.name: [_size(row) for row in part.rows] for part in parts}
    fitted: dict[str, HeldPart] = {}
    left = max_bytes
    for waiting, part in zip(range(len(parts), 0, -1), sorted(parts, key=lambda part: sum(sizes[part.name])), strict=True):
        share, used, count = left // waiting, 0, 0
        for size in sizes[part.name]:
            if used + size > share:
                break
            used, count = used + size, count + 1
        left -= used
        fitted[part.name] = HeldPart(part.name, part.rows[:count], part.cut or count < len(part.rows))
    return [fitted[part.name] for part in parts]


def _size(row: JsonObject) -> int:
    """The bytes that a row takes in the response of a Lambda function, which escapes its text as JSON once more."""
    return len(json.dumps(dumps(row)))
