"""What packets that are handed to a professional say of other packs' things: each pack brings its lists, by its manifest's `facts`.

A list that no pack brings was not looked up, which is something else than one that was and is empty. What belongs to a deal lies in its
partition, which is read once for all lists.
"""

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.manifest import import_string
from chalicelib.foundation.store.access_patterns import KeyRange

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

MAX_FACTS = 100  # rows of a list


class FactList(NamedTuple):
    """The rows of a list as plain JSON values, the most urgent first, and whether there are more."""

    rows: list[JsonObject]
    cut: bool = False


def collect(ctx: "Context", professional_id: str, deal_id: str | None) -> dict[str, FactList]:
    """Each list that some pack brings, for what is handed to a professional, of a deal or of none: at most a hundred rows of each.

    Of a deal one round trip for each MB of what lies in its partition; of none those of the packs.
    """
    found: dict[str, FactList] = {}
    of_deal = [] if deal_id is None else list(ctx.store.query_all(KeyRange(None, deal_id)))
    for name, path in ((name, path) for pack in ctx.packs for name, path in pack.facts.items()):
        assert name not in found, f"two packs bring {name}"
        rows, cut = import_string(path)(ctx, professional_id, deal_id, of_deal)
        found[name] = FactList(rows[:MAX_FACTS], cut or len(rows) > MAX_FACTS)
    return found
