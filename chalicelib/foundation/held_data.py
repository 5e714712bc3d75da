"""All that is held on a professional: each pack brings its part, by the function that its manifest names in `held`.

A part has its rows newest first and costs one or two round trips, so it may be cut: what doesn't fit is named, never left out in silence.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.json_codec import JsonObject, dumps
from chalicelib.foundation.manifest import import_string
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.store import parse_many

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

MAX_BYTES = 5_000_000  # of the rows, as a Lambda function answers them
_INTERNAL = frozenset({"request_id", "correlation_id", "deleted_at", "deleted_by"})
_PAGE = 100


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


def held_children(ctx: "Context", name: str, kind: type[Entity], root_id: str) -> HeldPart:
    """The children of a root as a part: as many of the newest as one query page of 1 MB takes. One round trip."""
    return held_rows(ctx, name, kind.children_of(root_id), lambda item: None if "deleted_at" in item else plain(kind.from_item(item)))


def held_rows(ctx: "Context", name: str, range: KeyRange, present: Callable[[DynamoItem], JsonObject | None]) -> HeldPart:
    """The rows of a range of the table as a part, without those that `present` makes nothing of. One round trip."""
    response = ctx.store.query(**range.query_arguments(), ScanIndexForward=False)
    rows = [row for row in map(present, response["Items"]) if row is not None]
    return HeldPart(name, rows, "LastEvaluatedKey" in response)


def held_listed(ctx: "Context", name: str, kind: type[Entity], range: KeyRange) -> HeldPart:
    """The newest hundred entities that a range of an index lists, as a part. Two round trips."""
    response = ctx.store.query(**range.query_arguments(), ScanIndexForward=False, Limit=_PAGE)
    ids = [item["sk"]["S"].rpartition("#")[2] if kind.ID.parents else item["pk"]["S"] for item in response["Items"]]
    found = parse_many(kind, ids, ctx.store.batch_get(map(kind.ID.key, ids)))
    return HeldPart(name, [plain(found[id]) for id in ids if id in found], "LastEvaluatedKey" in response)


def collect(ctx: "Context", professional_id: str, max_bytes: int = MAX_BYTES) -> list[HeldPart]:
    """Every pack's part, by the order of the packs, and together at most so large: the oldest rows of the largest parts are cut."""
    parts: list[HeldPart] = [import_string(pack.held)(ctx, professional_id) for pack in ctx.packs if pack.held]
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
