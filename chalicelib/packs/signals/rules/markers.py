"""The markers: what words, phrases and patterns stand for, read from markers.toml once."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

TONE, TRANSPARENCY, RESPONSE = "professionalism_tone", "transparency_level", "response_expectation"
CLARITY, SPECIALIZATION, RISK = "communication_clarity", "service_specialization", "risk_style"
SIGNALS = (CLARITY, TONE, TRANSPARENCY, RESPONSE, SPECIALIZATION, RISK)
FORMAL, INFORMAL = "formal", "informal"
AGGRESSIVE, CONSERVATIVE, BALANCED = "aggressive", "conservative", "balanced"
NEGATION, EXCEPTION, HISTORY, HYPHENATED = "negation", "exception", "history", "hyphenated"  # what a phrase does to what follows it
ANSWERING = "answering"  # a phrase that speaks of answering

_FILE = Path(__file__).with_name("markers.toml")
_EX = "ex"  # history with its hyphen only: "ex-lawyer"


class Meaning(NamedTuple):
    """What a marker means: of which signal it is a hit, and which of its values that hit says. Modifiers have no signal."""

    signal: str
    value: str


class Phrase(NamedTuple):
    """A marker of one or several words. `rest` are the words behind the first one."""

    rest: tuple[str, ...]
    meaning: Meaning


class Pattern(NamedTuple):
    """A marker that is a regular expression."""

    expression: re.Pattern[str]
    meaning: Meaning


@dataclass(frozen=True)
class Markers:
    """All markers. `phrases` are by their first word."""

    phrases: Mapping[str, list[Phrase]]
    patterns: list[Pattern]
    within: re.Pattern[str]
    numbers: Mapping[str, int]
    units: Mapping[str, Fraction]  # hours, by the first letter of the unit
    specializations: list[str]

    def hours(self, number: str, unit: str) -> Fraction:
        """A time as it is written, in hours: "two", "days" → 48."""
        word = "-".join(number.casefold().split())
        return (Fraction(self.numbers[word]) if word in self.numbers else Fraction(number)) * self.units[unit[0].casefold()]


@cache
def markers() -> Markers:
    """The markers of the data file. The first call reads it."""
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    response = data["response"]
    names = "|".join(sorted(response["numbers"], key=len, reverse=True)).replace("-", r"[\s-]")
    numbers = f"(?a:{names})"  # in any case of ASCII alone: "sıx" is none, although re takes a dotless i for an i
    phrases: dict[str, list[Phrase]] = {}
    for text, meaning in _phrases(data):
        first, *rest = text.replace("-", " ").split(" ")
        phrases.setdefault(first, []).append(Phrase(tuple(rest), meaning))
    return Markers(
        phrases=phrases,
        patterns=[Pattern(re.compile(text, re.IGNORECASE), meaning) for text, meaning in _patterns(data)],
        within=re.compile(response["within"].replace("{numbers}", numbers), re.IGNORECASE),
        numbers=response["numbers"],
        units={letter: Fraction(hours) for letter, hours in response["units"].items()},
        specializations=list(data["specializations"]),
    )


def _phrases(data: Mapping[str, Any]) -> Iterable[tuple[str, Meaning]]:
    clauses, response = data["clauses"], data["response"]
    groups: list[tuple[str, str, Iterable[str]]] = [
        ("", NEGATION, clauses["negations"]),
        ("", EXCEPTION, clauses["no_negations"]),
        ("", HISTORY, (text for text in clauses["history"] if text != _EX)),
        ("", HYPHENATED, [_EX]),
        ("", ANSWERING, response["words"]),
        *((RESPONSE, str(hours), [text]) for text, hours in response["phrases"].items()),
        *((TONE, value, data["tone"][value]) for value in (FORMAL, INFORMAL)),
        *((TRANSPARENCY, value, texts) for value, texts in data["facts"]["words"].items()),
        *((RISK, value, data["risk"][value]) for value in (AGGRESSIVE, CONSERVATIVE)),
        *((SPECIALIZATION, value, texts) for value, texts in data["specializations"].items()),
    ]
    return ((text, Meaning(signal, value)) for signal, value, texts in groups for text in texts)


def _patterns(data: Mapping[str, Any]) -> Iterable[tuple[str, Meaning]]:
    facts = ((text, Meaning(TRANSPARENCY, value)) for value, texts in data["facts"]["patterns"].items() for text in texts)
    return [*((text, Meaning(TONE, INFORMAL)) for text in data["tone"]["informal_patterns"]), *facts]
