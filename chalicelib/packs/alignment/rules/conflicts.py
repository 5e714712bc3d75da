"""Conflicts of interest: whether two names may be the same, and what that means between two sides of deals.

Names come as the words of `foundation.party_names`: folded, without titles and forms of firm.
"""

from collections.abc import Sequence
from typing import Literal

OURS, OPPOSING, NEUTRAL = SIDES = ("ours", "opposing", "neutral")
ADVERSE, NOTE = VERDICTS = ("adverse", "note")
EXACT, FUZZY = MATCHES = ("exact", "fuzzy")
MatchKind = Literal["exact", "fuzzy"]
Verdict = Literal["adverse", "note"]

FORMULA = "alignment.conflict-check"
# Incremented whenever the same two names give another answer.
VERSION = 1

_FUZZY_FROM_WORDS = 2  # of the shorter name
_EDITED_FROM_LETTERS = 4  # of the shorter word


def match_names(one: Sequence[str], other: Sequence[str]) -> MatchKind | None:
    """How two names, as words, match: exact is the same words in any order.

    Fuzzy: the shorter one has two words or more, and each of them a partner of its own in the longer one, which is the same word or, from
    four letters on, one edit away.
    """
    if not one or not other:
        return None
    if sorted(one) == sorted(other):
        return EXACT
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < _FUZZY_FROM_WORDS:
        return None
    return FUZZY if _each_has_a_partner(shorter, longer) else None


def _each_has_a_partner(shorter: Sequence[str], longer: Sequence[str]) -> bool:
    """Whether the words of the shorter name can be paired with different words of the longer (Kuhn's augmenting paths)."""
    partners: dict[int, str] = {}

    def pair(word: str, tried: set[int]) -> bool:
        for place, candidate in enumerate(longer):
            if place not in tried and are_alike(word, candidate):
                tried.add(place)
                if place not in partners or pair(partners[place], tried):
                    partners[place] = word
                    return True
        return False

    return all(pair(word, set()) for word in shorter)


def are_alike(one: str, other: str) -> bool:
    """Whether two words are the same, or both of four letters or more and at most one edit apart."""
    return one == other or (min(len(one), len(other)) >= _EDITED_FROM_LETTERS and is_one_edit(one, other))


def is_one_edit(one: str, other: str) -> bool:
    """Whether one letter added, dropped or replaced, or two neighbours exchanged, make one word the other (optimal string alignment of 1)."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    shorter, longer = sorted((one, other), key=len)
    start = next((place for place, letter in enumerate(shorter) if letter != longer[place]), len(shorter))
    if len(shorter) < len(longer):
        return shorter[start:] == longer[start + 1 :]
    swapped = longer[start + 1 : start + 2] + longer[start : start + 1]
    return shorter[start + 1 :] == longer[start + 1 :] or (
        shorter[start : start + 2] == swapped and shorter[start + 2 :] == longer[start + 2 :]
    )


def verdict(asked_side: str, side: str, *, is_live: bool) -> Verdict:
    """What it means that a name of one side is found on `side` of a deal: adverse are ours against opposing, while that deal is live."""
    return ADVERSE if is_live and {asked_side, side} == {OURS, OPPOSING} else NOTE
