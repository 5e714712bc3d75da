"""Hits: where markers stand in a text, without those that are negated, past, or inside a longer one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from chalicelib.packs.signals.rules.markers import (
    ANSWERING,
    EXCEPTION,
    HISTORY,
    HYPHENATED,
    NEGATION,
    RESPONSE,
    TONE,
    TRANSPARENCY,
    Phrase,
    markers,
)
from chalicelib.packs.signals.rules.text import Clauses, Token, tokens

MAX_QUOTE = 200  # code points
_MAX_GAP = 4  # white space between two words of a phrase
_CONTRACTED_NOT = "n't"
_NUMBER_SIGN = re.compile(r"no\.\s{0,3}#?\s?[A-Z-]{0,8}\d", re.IGNORECASE)
_RESPONSE_TIME = "response_time"  # the fact


class Hit(NamedTuple):
    """One hit: what it is of, what it says, and its span in the text (code points, `end` exclusive). `hours` of a response time."""

    signal: str
    value: str
    start: int
    end: int
    hours: Fraction | None = None


@dataclass
class _Found:
    """What the words of a text hold."""

    hits: list[Hit] = field(default_factory=list)
    modifiers: dict[int, int] = field(default_factory=dict)  # clause → where the first negation or word of the past stands in it
    answering: set[int] = field(default_factory=set)  # clauses that speak of answering


def find_hits(text: str) -> list[Hit]:
    """The hits that count, by their places. Of overlapping ones of a signal the longest counts, the earlier of equal ones."""
    words = tokens(text)
    clauses = Clauses(text, words)
    found = _find_phrases(text, words, clauses)
    hits = found.hits + _find_patterns(text) + _response_times(text)
    hits = [hit for hit in hits if hit.hours is None or clauses.number_at(hit.start) in found.answering]
    hits += [Hit(TRANSPARENCY, _RESPONSE_TIME, hit.start, hit.end) for hit in hits if hit.hours is not None]
    return [hit for hit in _longest(hits) if hit.signal == TONE or not _is_modified(hit, clauses, found)]


def _is_modified(hit: Hit, clauses: Clauses, found: _Found) -> bool:
    """Whether a negation or a word of the past stands before it in its clause."""
    modifier = found.modifiers.get(clauses.number_at(hit.start))
    return modifier is not None and modifier < hit.start


def _find_phrases(text: str, words: list[Token], clauses: Clauses) -> _Found:
    found, phrases, exempt = _Found(), markers().phrases, set[int]()
    for index, token in enumerate(words):
        if token.word.endswith(_CONTRACTED_NOT):
            found.modifiers.setdefault(clauses.number_at(token.start), token.start)
        for phrase in sorted(phrases.get(token.word, ()), key=_exceptions_first):
            end = _end_of(text, words, index, phrase)
            if end is None:
                continue
            signal, value = phrase.meaning
            if signal:
                hours = Fraction(value) if signal == RESPONSE else None
                found.hits.append(Hit(signal, value, token.start, end, hours))
            elif value == ANSWERING:
                found.answering.add(clauses.number_at(token.start))
            elif value == EXCEPTION or (value == NEGATION and _is_number_sign(text, token)):
                exempt.add(index)
            elif value == HISTORY or (value == HYPHENATED and text[end : end + 1] == "-") or (value == NEGATION and index not in exempt):
                found.modifiers.setdefault(clauses.number_at(token.start), token.start)
    return found


def _exceptions_first(phrase: Phrase) -> bool:
    return phrase.meaning.value != EXCEPTION


def _is_number_sign(text: str, token: Token) -> bool:
    """Whether it is the "No." of a number: "License No. AB-1234"."""
    return token.word == "no" and _NUMBER_SIGN.match(text, token.start) is not None


def _end_of(text: str, words: list[Token], index: int, phrase: Phrase) -> int | None:
    """Where the phrase ends that begins with this word; None where its other words don't follow."""
    previous = words[index]
    for number, word in enumerate(phrase.rest, index + 1):
        if number >= len(words) or words[number].word != word:
            return None
        gap = text[previous.end : words[number].start]
        if gap != "-" and not (gap.isspace() and len(gap) <= _MAX_GAP):
            return None
        previous = words[number]
    return previous.end


def _find_patterns(text: str) -> list[Hit]:
    return [
        Hit(pattern.meaning.signal, pattern.meaning.value, found.start(), min(found.end(), found.start() + MAX_QUOTE))
        for pattern in markers().patterns
        for found in pattern.expression.finditer(text)
    ]


def _response_times(text: str) -> list[Hit]:
    known = markers()
    times = ((found, known.hours(found["number"], found["unit"])) for found in known.within.finditer(text))
    return [Hit(RESPONSE, str(hours), found.start(), found.end(), hours) for found, hours in times]


def _longest(hits: Iterable[Hit]) -> list[Hit]:
    """Those that no longer one of the same signal overlaps, by their places."""
    kept: list[Hit] = []
    by_signal: dict[str, list[Hit]] = {}
    for hit in hits:
        by_signal.setdefault(hit.signal, []).append(hit)
    for signal_hits in by_signal.values():
        taken = bytearray(max(hit.end for hit in signal_hits))
        for hit in sorted(signal_hits, key=lambda hit: (hit.start - hit.end, hit.start, hit.value)):
            if not any(taken[hit.start : hit.end]):
                taken[hit.start : hit.end] = b"\x01" * (hit.end - hit.start)
                kept.append(hit)
    return sorted(kept, key=lambda hit: (hit.start, hit.end, hit.signal))
