"""Words, sentences and clauses of a text, by their places (code points)."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

_RUN = re.compile(r"\S+")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_TOKEN = re.compile(r"[^\W_]+(?:['’](?![sS]\b)[^\W_]+)*")  # of "lender's" the lender
_SENTENCE_END = re.compile(r"[.!?](?=\s|\Z)")
_SINGLE_LETTER = re.compile(r"(?<![^\W_])(?<![^\W_]['’])[^\W\d_]\Z")  # not the t of "don't"
_CLAUSE_END = re.compile(r"[,;:–—]|\n\s*\n")
_CLAUSE_WORDS = frozenset({"but", "now", "however", "although"})  # a clause ends before them
_ABBREVIATIONS = frozenset({"mr", "mrs", "ms", "dr", "inc", "ltd", "co", "st", "e.g", "i.e"})
_LONGEST_ABBREVIATION = 3
_NUMBER = "No"  # of "No. 5"; "no." ends a sentence


class Token(NamedTuple):
    """A word as markers are compared with it: letters and digits, folded, with the apostrophes inside it but no 's. `end` is exclusive."""

    word: str
    start: int
    end: int


def count_words(text: str) -> int:
    """How many words there are: runs without white space, with a letter or digit in each."""
    return sum(1 for run in _RUN.finditer(text) if _LETTER_OR_DIGIT.search(run[0]))


def words(text: str) -> Iterator[str]:
    """The words of a text, as they stand."""
    return (run[0] for run in _RUN.finditer(text) if _LETTER_OR_DIGIT.search(run[0]))


def tokens(text: str) -> list[Token]:
    """The tokens of a text, in order."""
    return [Token(found[0].casefold().replace("’", "'"), found.start(), found.end()) for found in _TOKEN.finditer(text)]


def sentence_ends(text: str) -> list[int]:
    """Where sentences end: behind a full stop, exclamation or question mark that white space or the end of the text follows."""
    return [found.end() for found in _SENTENCE_END.finditer(text) if found[0] != "." or not _is_abbreviated(text, found.start())]


def _is_abbreviated(text: str, stop: int) -> bool:
    """Whether the full stop belongs to an abbreviation or to a single letter."""
    if _SINGLE_LETTER.search(text, max(0, stop - 3), stop):
        return True
    before = text[max(0, stop - _LONGEST_ABBREVIATION - 1) : stop]
    word = re.split(r"[^\w.]", before)[-1]
    if len(word) > _LONGEST_ABBREVIATION:
        return False
    return word == _NUMBER or word.casefold() in _ABBREVIATIONS


def sentence_lengths(text: str) -> list[int]:
    """The words of each sentence; what follows the last end is a sentence, too, and nothing without a word is one."""
    lengths, start = [], 0
    for end in [*sentence_ends(text), len(text)]:
        if length := count_words(text[start:end]):
            lengths.append(length)
        start = end
    return lengths


@dataclass(frozen=True)
class Clauses:
    """The clauses of a text. One ends with its sentence or paragraph, at , ; : – and before "but", "now", "however" and "although"."""

    text: str
    tokens: list[Token]

    @cached_property
    def _starts(self) -> list[int]:
        marks = (found.end() for found in _CLAUSE_END.finditer(self.text) if not self._is_inside_number(found.start()))
        words = (token.start for token in self.tokens if token.word in _CLAUSE_WORDS)
        return sorted({0, *sentence_ends(self.text), *marks, *words})

    def _is_inside_number(self, place: int) -> bool:
        """Whether it separates digits: 1,200 or 9:30."""
        return self.text[place - 1 : place].isdigit() and self.text[place + 1 : place + 2].isdigit()

    def number_at(self, place: int) -> int:
        """The number of the clause that this place is in."""
        return bisect_right(self._starts, place)
