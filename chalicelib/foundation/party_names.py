"""Names of people and firms as they are compared: which words count, and whether two names may be of the same party.

Pure functions, used where names are stored by their words (foundation.party_rows) and where they are looked up.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Literal

Match = Literal["exact", "fuzzy"]
SIDES = OURS, OPPOSING, NEUTRAL = ("ours", "opposing", "neutral")  # on which a party of a deal stands

TITLES = frozenset({"mr", "mrs", "ms", "mx", "dr", "prof", "hon", "esq", "jr", "sr", "ii", "iii"})
FIRM_FORMS = frozenset({"llc", "llp", "lp", "inc", "corp", "co", "company", "ltd", "pllc", "pc", "plc"})
_DROPPED = TITLES | FIRM_FORMS
_MIN_FUZZY_LENGTH = 4  # letters: shorter words are compared as they are


def tokens(name: str) -> tuple[str, ...]:
    """The words of a name that are compared, in their order; a name may have none.

    Letters and digits in compatibility form (NFKD), casefolded, without marks; all else separates words. Titles and forms of firm are left out.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    text = "".join(character if character.isalnum() else " " for character in folded if not unicodedata.category(character).startswith("M"))
    return tuple(word for word in text.split() if word not in _DROPPED)


def compare(one: Sequence[str], other: Sequence[str]) -> Match | None:
    """How two names match, by their words: the same ones in any order, or nearly so; None where they don't.

    They match nearly where they have a word in common, and each word of the shorter name, which has two of them at the least, has a partner
    of its own in the other: an equal word, or one that is one edit away, both of four letters or more.
    """
    if not one or not other:
        return None
    if Counter(one) == Counter(other):
        return "exact"
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < 2 or set(shorter).isdisjoint(longer):
        return None
    return "fuzzy" if _all_have_partners(shorter, longer) else None


def _all_have_partners(shorter: Sequence[str], longer: Sequence[str]) -> bool:
    """Whether the words of the shorter name can be paired with different words of the longer one: a matching of a bipartite graph."""
    candidates = [[place for place, word in enumerate(longer) if _is_partner(token, word)] for token in shorter]
    partner_of: dict[int, int] = {}

    def find_partner(index: int, tried: set[int]) -> bool:
        for place in candidates[index]:
            if place not in tried:
                tried.add(place)
                if place not in partner_of or find_partner(partner_of[place], tried):
                    partner_of[place] = index
                    return True
        return False

    return all(find_partner(index, set()) for index in range(len(shorter)))


def _is_partner(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) >= _MIN_FUZZY_LENGTH and is_one_edit(one, other))


def is_one_edit(one: str, other: str) -> bool:
    """Whether one insertion, deletion, substitution or exchange of neighbours makes one word of the other: an OSA distance of 1."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    one, other = one[start:], other[start:]
    if len(one) != len(other):
        return one[1:] == other or one == other[1:]
    return one[1:] == other[1:] or (one[:2] == other[1::-1] and one[2:] == other[2:])
