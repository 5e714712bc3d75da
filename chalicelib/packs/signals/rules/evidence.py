"""The evidence: each hit that counts, with exactly the text that it quotes."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from chalicelib.packs.signals.rules.hits import Hit
from chalicelib.packs.signals.rules.markers import SIGNALS

MAX_EVIDENCE = 200  # rows


class Evidence(NamedTuple):
    """A hit with the text that it quotes. `source` is the number of the source in the request."""

    signal: str
    source: int
    start: int
    end: int
    quote: str


def evidence_of(sources: Sequence[tuple[int, str, Sequence[Hit]]]) -> tuple[list[Evidence], bool]:
    """The evidence of (number, text, hits) of each source, by source and place, and whether it was cut.

    Over 200 hits each signal in turn gives one, its earliest first, so that none is left without.
    """
    rows = [Evidence(hit.signal, number, hit.start, hit.end, text[hit.start : hit.end]) for number, text, hits in sources for hit in hits]
    if len(rows) <= MAX_EVIDENCE:
        return rows, False
    in_turn = zip_longest(*([row for row in rows if row.signal == signal] for signal in SIGNALS))
    kept = [row for turn in in_turn for row in turn if row is not None][:MAX_EVIDENCE]
    return sorted(kept, key=lambda row: (row.source, row.start, row.end, row.signal)), True
