"""Signals of texts with known answers: what counts, what doesn't, and the numbers to the digit."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.packs.signals.rules import formulas
from chalicelib.packs.signals.rules.evidence import MAX_EVIDENCE, evidence_of
from chalicelib.packs.signals.rules.hits import MAX_QUOTE, find_hits
from chalicelib.packs.signals.rules.markers import RESPONSE, RISK, SPECIALIZATION, TONE, TRANSPARENCY, markers
from chalicelib.packs.signals.rules.summary import Summary, scan, summarize
from chalicelib.packs.signals.rules.syllables import count_syllables


def quotes(text: str, signal: str) -> list[str]:
    return [text[hit.start : hit.end] for hit in find_hits(text) if hit.signal == signal]


def read(*texts: str) -> Summary:
    return summarize([scan(text, count_syllables) for text in texts])


# -- what counts

SPECIALIZATIONS: dict[str, list[str]] = {
    "We do REAL ESTATE and Tax.": ["REAL ESTATE", "Tax"],
    "Real-estate closings": ["Real-estate", "closings"],
    "Title and property, properties and titles": ["Title", "property", "properties", "titles"],
    "The lender's counsel, insurers’ files and a broker’s fee, nobody's tax": ["lender", "insurers", "broker"],
    "Entitled to subtitles, taxing, a titled tenant": [],
    "property management": ["property management"],
    "real estate planning": ["estate planning"],
    "We are not a tax firm": [],
    "We don't do tax": [],
    "We don’t do tax": [],
    "We never litigate, we do litigation": ["litigation"],
    "No litigation; tax": ["tax"],
    "no insurance but lending": ["lending"],
    "Neither tax nor insurance": [],
    "Nobody here does tax": [],
    "Without insurance we build construction": [],
    "We cannot do appraisal": [],
    "Hardly any accounting": [],
    "Not only tax but brokerage": ["tax", "brokerage"],
    "Not just tax": ["tax"],
    "No doubt, tax": ["tax"],
    "Formerly tax": [],
    "Formerly tax, now insurance": ["insurance"],
    "Previously in lending however in appraisal": ["appraisal"],
    "We no longer do inspection": [],
    "She used to do construction": [],
    "An ex-corporate lawyer": [],
    "Her past litigation": [],
    "The tax of former clients": ["tax"],
    "License No. 12345 for insurance": ["insurance"],
    "There is no. Tax": ["Tax"],
    "We do tax, not insurance": ["tax"],
    "Although not here, tax": ["tax"],
    "An expert in lending": ["lending"],
}


@pytest.mark.parametrize("text", SPECIALIZATIONS)
def test_specializations(text):
    assert quotes(text, SPECIALIZATION) == SPECIALIZATIONS[text]


RISKS: dict[str, list[str]] = {
    "We dominate, win and guarantee at any cost": ["dominate", "win", "guarantee", "at any cost"],
    "window enforce workforce winter won't": [],
    "Careful, thorough, prudent risk management with caution": ["Careful", "thorough", "prudent", "risk management", "caution"],
    "We do not guarantee results": [],
    "We never force anybody": [],
    "We won and forced them, guaranteeing it": ["won", "forced", "guaranteeing"],
    "Careless and aggressively": [],
    "An aggressive past": ["aggressive"],
    "A past aggressive style": [],
}


@pytest.mark.parametrize("text", RISKS)
def test_risk(text):
    assert quotes(text, RISK) == RISKS[text]


TONES: dict[str, list[str]] = {
    "Respectfully and not sincerely": ["Respectfully", "sincerely"],  # tone ignores negation
    "formerly awesome": ["awesome"],
    "Pursuant to it, you ain’t gonna LOL": ["Pursuant to", "ain’t", "gonna", "LOL"],
    "Wow!! What?! Really? 🎉 👍🏽 🇺🇸": ["Wow", "!!", "?!", "🎉", "👍🏽", "🇺🇸"],
    "✓ done • ☎ 555": [],
    "kick-ass work": ["kick-ass"],
}


@pytest.mark.parametrize("text", TONES)
def test_tone(text):
    assert quotes(text, TONE) == TONES[text]


FACTS: dict[str, list[str]] = {
    "Our fee is $1,200, or 350 dollars, or EUR 90.50 an hour": ["$1,200", "350 dollars", "EUR 90.50"],
    "A $2.5 million deal": ["$2.5 million"],
    "On March 3, 2026 and 2026-04-01 and 5/6/2026 and 7 May 2026": ["March 3, 2026", "2026-04-01", "5/6/2026", "7 May 2026"],
    "Since 1998, until 2101, of 1899": ["1998"],
    "In 2004.": ["2004"],
    "$2004 and 2,004 and 20045 and 2004.5": ["$2004"],
    "License No. AB-12345 and NMLS #987654 and Bar No. 4567": ["License No. AB-12345", "NMLS #987654", "Bar No. 4567"],
    "A license to practise": [],
    "CPA, JD, Esq. and MAI": ["CPA", "JD", "Esq", "MAI"],
    "She is a C.P.A. and J.D.": ["C.P.A.", "J.D."],
    "Licensed in Washington and admitted in Oregon": ["Licensed in Washington", "admitted in Oregon"],
    "Admitted to practice law in California": ["Admitted to practice law in California"],
    "Licensed in New York. Ask us": ["Licensed in New York"],
    "Licensed in the State of Washington now": ["Licensed in the State of Washington"],
    "Not licensed in Texas": [],
    "We answer within 2 days": ["within 2 days"],
    "Done within 2 days": [],
    "Call 24/7 on floor 12": [],
}


@pytest.mark.parametrize("text", FACTS)
def test_facts(text):
    assert [quote.rstrip(".") for quote in quotes(text, TRANSPARENCY)] == [fact.rstrip(".") for fact in FACTS[text]]


RESPONSES: dict[str, list[Fraction]] = {
    "We reply within 24 hours": [Fraction(24)],
    "We respond within 2 business days.": [Fraction(48)],
    "You hear from us within thirty minutes": [Fraction(1, 2)],
    "Calls are returned the same day": [Fraction(8)],
    "We answer the next business day": [Fraction(24)],
    "We get back to you the next day": [Fraction(24)],
    "We call back within an hour": [Fraction(1)],
    "Replies within 24 to 48 hours": [Fraction(48)],
    "Replies within 24-48 hrs": [Fraction(48)],
    "We respond 24/7": [],
    "Work is done within 3 days": [],
    "Work is done within 3 days, we reply": [],
    "We do not reply within 24 hours": [],
    "We used to respond the same day": [],
    "We reply within 24 hours, or within 1 day": [Fraction(24)],
    "We respond within 0.5 hours": [Fraction(1, 2)],
    "We reply or call back within one day": [Fraction(24)],
    "We reply within TWENTY-FOUR hours": [Fraction(24)],
    "We reply within twenty four hours": [Fraction(24)],
    "We reply within 24hrs": [Fraction(24)],
    "We reply within two (2) business days": [Fraction(48)],
    "We reply within thirty-six to forty-eight hours": [Fraction(48)],
    "We reply within twenty-thirty minutes and within one-two days": [Fraction(1, 2), Fraction(48)],
    "We reply within twenty-five hours": [],  # not 5
    "We reply within s\u0131x hours, or within n\u0130ne days": [],
}


@pytest.mark.parametrize("text", RESPONSES)
def test_response_times(text):
    assert [hit.hours for hit in find_hits(text) if hit.signal == RESPONSE] == RESPONSES[text]


# -- the vectors, to the digit


def test_v115_to_v118():
    assert formulas.half_up(formulas.clarity(120, 8, 180, Decimal("7.2"))) == Decimal("0.91")
    assert [formulas.half_up(formulas.tone(*hits)) for hits in ((3, 1), (0, 0), (0, 5))] == [Decimal(n) for n in ("0.67", "0.50", "0.14")]
    assert formulas.half_up(formulas.transparency(3, 100)) == Decimal("0.75")
    assert formulas.transparency(5, 100) == 1


LEADS: list[tuple[Any, ...]] = [
    ("0.91", "0.63", "0.48", True, "24", 73),
    ("0.91", "0.63", "0.48", True, None, 70),
    (None, None, "0.4", True, "24", 64),
    (None, None, "0.4", True, None, None),
    ("1", "1", "1", True, "24", 100),
    ("1", "1", "1", True, "24.01", 95),
    ("1", "1", "1", True, "48", 95),
    ("1", "1", "1", True, "48.01", 90),
    ("1", "1", "1", False, None, 89),
    ("0", "0", "0", False, "100", 0),
]


@pytest.mark.parametrize(("clarity", "tone", "transparency", "hit", "response", "score"), LEADS)
def test_the_lead_score(clarity, tone, transparency, hit, response, score):
    signals = {
        "communication_clarity": clarity and Decimal(clarity),
        "professionalism_tone": tone and Decimal(tone),
        "transparency_level": transparency and Decimal(transparency),
        "service_specialization": [{"name": "tax", "hits": 1}] if hit else [],
        "response_expectation": response and Decimal(response),
    }
    assert formulas.lead_score(formulas.lead_parts(signals)) == score


def test_what_most_sources_say_is_answered_with_their_share():
    day, two = "We reply within 24 hours.", "We reply within 48 hours."
    for texts, hours, share in (((day, day, two), 24, "0.67"), ((day, two), 48, "0.50"), ((day, "Nothing."), 24, "1")):
        answer = read(*texts)
        assert answer.signals["response_expectation"] == hours
        assert answer.confidence["response_expectation"] == Decimal(share)


def test_risk_is_what_has_more_hits():
    assert read("We win. We dominate. We are careful.").signals["risk_style"] == "aggressive"
    assert read("We win. We are careful and thorough.").signals["risk_style"] == "conservative"
    equal = read("We win.", "We are careful.")
    assert (equal.signals["risk_style"], equal.confidence["risk_style"]) == ("balanced", Decimal(0))
    none = read("Nothing of that.")
    assert (none.signals["risk_style"], none.confidence["risk_style"]) == ("balanced", Decimal("0.5"))
    most = read("We win.", "We win.", "We are careful.", "Nothing.")
    assert (most.signals["risk_style"], most.confidence["risk_style"]) == ("aggressive", Decimal("0.67"))


# -- whole texts

BIO = (
    "Ann Adams is a CPA licensed in Washington. She has closed real estate deals since 2004. Her fee is $350 per hour. "
    "We respectfully reply within one business day. The firm handles tax, estate planning and property management. "
    "She is careful and thorough. She never guarantees a result. She formerly did litigation, but now she does insurance. "
    "Clients sincerely thank her for plain words."
)


def test_a_whole_text_has_its_known_answer():
    answer = read(BIO)
    # 9 sentences of 8, 8, 6, 7, 9, 5, 5, 9 and 7 words
    assert (answer.words, answer.measures["sentences"]) == (64, 9)
    assert (answer.measures["formal"], answer.measures["informal"], answer.measures["facts"]) == (2, 0, 5)
    assert answer.signals["professionalism_tone"] == Decimal("0.75")
    assert answer.signals["transparency_level"] == Decimal(1)
    assert answer.signals["response_expectation"] == 24
    assert answer.signals["risk_style"] == "conservative"
    assert answer.signals["service_specialization"] == [
        {"name": name, "hits": 1} for name in ("real estate", "corporate", "tax", "estate planning", "insurance", "property management")
    ]
    assert answer.reasons == {}
    assert set(answer.confidence) == set(answer.signals)
    assert answer.confidence["communication_clarity"] == Decimal("0.32")


def test_clarity_follows_from_the_counts_of_the_text():
    answer = read(BIO)
    measures = answer.measures
    words, sentences, syllables = (Decimal(str(measures[name])) for name in ("words", "sentences", "syllables"))
    lengths = [8, 8, 6, 7, 9, 5, 5, 9, 7]
    mean = sum(lengths) / len(lengths)
    deviation = (sum((one - mean) ** 2 for one in lengths) / len(lengths)) ** 0.5
    assert float(str(measures["sentence_deviation"])) == pytest.approx(deviation, abs=1e-4)
    ease = 206.835 - 1.015 * float(words / sentences) - 84.6 * float(syllables / words)
    expected = 0.75 * min(1, max(0, (ease - 10) / 60)) + 0.25 * min(1, max(0, 1 - (deviation - 6) / 12))
    assert float(str(answer.signals["communication_clarity"])) == pytest.approx(expected, abs=0.0051)


def test_too_short_a_text_says_why():
    short = read("We do tax.")
    assert short.reasons == {
        **dict.fromkeys(("communication_clarity", "professionalism_tone", "transparency_level"), "under_50_words"),
        "response_expectation": "not_stated",
        "lead_score": "under_50_known",
    }
    assert short.lead_score is None
    long = read("word " * 60 + ". We do tax.")
    assert long.reasons["communication_clarity"] == "under_3_sentences"
    fifty = read("one two three. " * 16 + "four five.")
    assert (fifty.words, "communication_clarity" in fifty.reasons) == (50, False)
    assert read("one two three. " * 16 + "four.").reasons["communication_clarity"] == "under_50_words"


def test_two_sources_together_are_long_enough():
    half = "one two three four five six seven eight nine ten. " * 3
    assert "communication_clarity" in read(half).reasons
    assert "communication_clarity" not in read(half, half).reasons


def test_the_order_of_sources_changes_nothing():
    texts = [BIO, "We win at any cost!! We reply the same day.", "Nothing."]
    assert read(*texts) == read(*reversed(texts))


# -- evidence

WORDS = st.sampled_from(
    [
        *("tax", "real estate", "not", "never", "formerly", "guarantee", "careful", "within 2 days", "reply", "awesome", "kindly", "!!"),
        *("$1,200", "2004", "March 3, 2026", "CPA", "License No. 12345", "🎉", "but", "now", ",", ";", ".", "No.", "property management"),
        *("ex-tax", "don’t", "\n\n", "é", "estate planning", "İstanbul", "ﬁrm", "same day", "title", "24-48", "𝔘", "ß"),
    ]
)
TEXTS = st.one_of(st.lists(WORDS, max_size=60).map(" ".join), st.lists(WORDS, max_size=40).map("".join), st.text(max_size=200))


@given(TEXTS)
def test_evidence_quotes_exactly_its_span(text):
    rows, is_cut = evidence_of([(0, text, find_hits(text))])
    assert not is_cut
    for row in rows:
        assert row.quote == text[row.start : row.end]
        assert 0 <= row.start < row.end <= len(text)
        assert 1 <= len(row.quote) <= MAX_QUOTE


@given(TEXTS)
def test_hits_of_a_signal_never_overlap(text):
    by_signal: dict[str, list[tuple[int, int]]] = {}
    for hit in find_hits(text):
        by_signal.setdefault(hit.signal, []).append((hit.start, hit.end))
    for spans in by_signal.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_numbers_stay_in_their_range_and_what_is_null_says_why(texts):
    answer = read(*texts) if any(scan(text, count_syllables).words for text in texts) else None
    if answer is None:
        return
    for name in ("communication_clarity", "professionalism_tone", "transparency_level"):
        value = answer.signals[name]
        assert (value is None) == (name in answer.reasons) == (name not in answer.confidence)
        assert value is None or 0 <= Decimal(str(value)) <= 1
    assert all(0 <= share <= 1 for share in answer.confidence.values())
    assert (answer.lead_score is None) == ("lead_score" in answer.reasons)
    assert answer.lead_score is None or 0 <= answer.lead_score <= 100


def test_a_run_of_marks_is_quoted_up_to_200():
    text = "Wow" + "!" * 500
    (hit,) = [hit for hit in find_hits(text) if text[hit.start] == "!"]
    assert hit.end - hit.start == MAX_QUOTE


def test_over_200_rows_evidence_is_cut_and_each_signal_keeps_some():
    text = "tax " * 300 + "and we win. " + "awesome " * 250
    rows, is_cut = evidence_of([(0, text, find_hits(text))])
    assert (len(rows), is_cut) == (MAX_EVIDENCE, True)
    kinds = [row.signal for row in rows]
    assert (kinds.count(RISK), kinds.count(TONE), kinds.count(SPECIALIZATION)) == (1, 100, 99)
    assert [row.start for row in rows] == sorted(row.start for row in rows)
    exact, is_cut = evidence_of([(0, "tax " * 200, find_hits("tax " * 200))])
    assert (len(exact), is_cut) == (200, False)


# -- the data file


def test_there_are_sixty_markers_of_each_tone():
    meanings = [phrase.meaning for phrases in markers().phrases.values() for phrase in phrases if phrase.meaning.signal == TONE]
    assert sum(one.value == "formal" for one in meanings) >= 60
    assert sum(one.value == "informal" for one in meanings) >= 60


def test_every_marker_is_found_by_itself():
    for first, phrases in markers().phrases.items():
        for phrase in phrases:
            if phrase.meaning.signal in (TONE, RISK, SPECIALIZATION):
                text = " ".join((first, *phrase.rest))
                assert any(hit[:2] == phrase.meaning and (hit.start, hit.end) == (0, len(text)) for hit in find_hits(text)), text


@pytest.mark.parametrize(
    "text",
    [
        "No. 5 " * 50_000,
        "!" * 300_000,
        "a" * 300_000,
        "within " * 50_000,
        "1," * 150_000,
        "$1" * 150_000,
        "license " * 40_000,
        "licensed to practice " * 15_000,
        "a-" * 150_000,
        "a'" * 150_000,
        ". " * 150_000,
        "not only " * 30_000,
        "March 1 " * 30_000,
        "in the event " * 20_000,
    ],
)
def test_a_text_made_to_be_costly_is_read_in_time(text):
    import time

    started = time.process_time()
    scan(text, count_syllables)
    assert time.process_time() - started < 60  # what grows with the square would take hours
