"""Conflicts of interest: what it means that a name is found among the parties of a deal."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chalicelib.foundation import party_names
from chalicelib.foundation.party_names import OPPOSING, OURS

FORMULA = "alignment.conflict-check"
# Incremented whenever the same names give another answer.
VERSION = 1

ADVERSE, NOTE = VERDICTS = ("adverse", "note")
MATCHES = ("exact", "fuzzy")


class KnownParty(NamedTuple):
    """A party of a deal, by one name."""

    deal_id: str
    pipeline_id: str | None
    name: str
    role: str | None
    side: str


class FoundParty(NamedTuple):
    """A party whose name is the one that was looked for, or nearly."""

    party: KnownParty
    match: str


def find_parties(words: Sequence[str], parties: Iterable[KnownParty]) -> list[FoundParty]:
    """Those of the parties whose names match a name of these words, each once."""
    found = []
    for party in dict.fromkeys(parties):
        if match := party_names.compare(words, party_names.tokens(party.name)):
            found.append(FoundParty(party, match))
    return found


def verdict(asked_side: str, side: str, *, is_live: bool) -> str:
    """What it means that a name of one side is found on `side` of a deal: adverse are ours against opposing, while that deal is live."""
    return ADVERSE if is_live and {asked_side, side} == {OURS, OPPOSING} else NOTE
