"""Syllables of English words, by syllapy: a dictionary, and a rule for what isn't in it."""

import re
from functools import cache
from typing import Protocol, cast

_PART = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LONGEST = 100  # characters; what is longer is no word, and counts as so much of it


class _Syllapy(Protocol):
    def count(self, word: str) -> int: ...


def count_syllables(word: str) -> int:
    """The syllables of a word, of each of its parts where hyphens or digits part it; one at the least."""
    parts = (part.replace("’", "'") for part in _PART.findall(word[:_LONGEST]))
    return max(1, sum(_syllapy().count(part) for part in parts))


@cache
def _syllapy() -> _Syllapy:
    import syllapy  # reads its dictionary: only where text is read

    return cast(_Syllapy, syllapy)
