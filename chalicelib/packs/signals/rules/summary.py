"""The signals of one text or of several: from words, sentences and hits to the answered values, as domain rule A17 says."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from chalicelib.packs.signals.rules import formulas
from chalicelib.packs.signals.rules import text as texts
from chalicelib.packs.signals.rules.formulas import LeadPart, half_up
from chalicelib.packs.signals.rules.hits import Hit, find_hits
from chalicelib.packs.signals.rules.markers import (
    AGGRESSIVE,
    CLARITY,
    CONSERVATIVE,
    FORMAL,
    INFORMAL,
    RESPONSE,
    RISK,
    SPECIALIZATION,
    TONE,
    TRANSPARENCY,
    markers,
)

METHOD_ID, METHOD_VERSION = "signals.public-text", 1
LEAD_SCORE = "lead_score"

MIN_WORDS, MIN_SENTENCES = 50, 3
UNDER_50_WORDS, UNDER_3_SENTENCES = "under_50_words", "under_3_sentences"
NOT_STATED, UNDER_50_KNOWN = "not_stated", "under_50_known"

_SURE_FROM_WORDS = 200
_UNSTATED_RISK = Fraction(1, 2)


@dataclass(frozen=True)
class SourceScan:
    """What one source's text holds. `lengths` are the words of its sentences."""

    words: int
    syllables: int
    lengths: list[int]
    hits: list[Hit]

    def values(self, signal: str) -> list[Hit]:
        """Its hits of a signal."""
        return [hit for hit in self.hits if hit.signal == signal]


@dataclass(frozen=True)
class Summary:
    """The answered values. A signal is in `confidence` or in `reasons`: a null one says why."""

    signals: dict[str, object]
    lead_score: int | None
    lead_parts: dict[str, LeadPart]
    confidence: dict[str, Decimal]
    reasons: dict[str, str]
    words: int
    measures: dict[str, object]


def scan(text: str, syllables_of: Callable[[str], int]) -> SourceScan:
    """Read one source's text. `syllables_of` counts those of a word."""
    counted: dict[str, int] = {}
    words = syllables = 0
    for word in texts.words(text):
        words += 1
        if word not in counted:
            counted[word] = syllables_of(word)
        syllables += counted[word]
    return SourceScan(words, syllables, texts.sentence_lengths(text), find_hits(text))


# -- several sources


def summarize(scans: Sequence[SourceScan]) -> Summary:
    """The signals of all that was read. `scans` is not empty."""
    words, syllables = sum(one.words for one in scans), sum(one.syllables for one in scans)
    lengths = [length for one in scans for length in one.lengths]
    counts = Counter((hit.signal, hit.value) for one in scans for hit in one.hits)
    formal, informal = counts[TONE, FORMAL], counts[TONE, INFORMAL]
    facts = sum(count for (signal, _), count in counts.items() if signal == TRANSPARENCY)
    of_sentences = formulas.deviation(lengths)
    hours = _response_of(scans)
    style = _risk_of(scans)
    too_short = UNDER_50_WORDS if words < MIN_WORDS else UNDER_3_SENTENCES if len(lengths) < MIN_SENTENCES else None
    signals: dict[str, object] = {
        CLARITY: None if too_short else half_up(formulas.clarity(words, len(lengths), syllables, of_sentences)),
        TONE: None if too_short else half_up(formulas.tone(formal, informal)),
        TRANSPARENCY: None if too_short else half_up(formulas.transparency(facts, words)),
        RESPONSE: None if hours is None else half_up(hours),
        SPECIALIZATION: _specializations(counts),
        RISK: style,
    }
    of_length = min(Fraction(1), Fraction(words, _SURE_FROM_WORDS))
    risk_sources = [one for one in scans if one.values(RISK)]
    response_sources = [one for one in scans if one.values(RESPONSE)]
    sure = {
        **dict.fromkeys((CLARITY, TONE, TRANSPARENCY), of_length),
        RESPONSE: _share([_response_of([one]) == hours for one in response_sources]),
        SPECIALIZATION: Fraction(1),
        RISK: _share([_risk_of([one]) == style for one in risk_sources]) if risk_sources else _UNSTATED_RISK,
    }
    parts = formulas.lead_parts(signals)
    score = formulas.lead_score(parts)
    reasons = {name: NOT_STATED if name == RESPONSE else str(too_short) for name, value in signals.items() if value is None}
    return Summary(
        signals=signals,
        lead_score=score,
        lead_parts=parts,
        confidence={name: half_up(share) for name, share in sure.items() if signals[name] is not None},
        reasons=reasons if score is not None else {**reasons, LEAD_SCORE: UNDER_50_KNOWN},
        words=words,
        measures={
            "words": words,
            "sentences": len(lengths),
            "syllables": syllables,
            "sentence_deviation": half_up(of_sentences, 4),
            "formal": formal,
            "informal": informal,
            "facts": facts,
            "aggressive": counts[RISK, AGGRESSIVE],
            "conservative": counts[RISK, CONSERVATIVE],
        },
    )


def _response_of(scans: Sequence[SourceScan]) -> Fraction | None:
    return formulas.response_hours([hit.hours for one in scans for hit in one.values(RESPONSE) if hit.hours is not None])


def _risk_of(scans: Sequence[SourceScan]) -> str:
    counts = Counter(hit.value for one in scans for hit in one.values(RISK))
    return formulas.risk_style(counts[AGGRESSIVE], counts[CONSERVATIVE])


def _specializations(counts: Counter[tuple[str, str]]) -> list[dict[str, object]]:
    """Those that have hits, the most hits first, then in the order of the data file."""
    named = [(name, counts[SPECIALIZATION, name]) for name in markers().specializations]
    return [{"name": name, "hits": hits} for name, hits in sorted(named, key=lambda row: -row[1]) if hits]


def _share(answers: Sequence[bool]) -> Fraction:
    return Fraction(sum(answers), len(answers)) if answers else Fraction(0)
