"""Words, sentences and clauses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.packs.signals.rules.html_text import text_of_html
from chalicelib.packs.signals.rules.syllables import count_syllables
from chalicelib.packs.signals.rules.text import Clauses, count_words, sentence_lengths, tokens

SENTENCES = {
    "One two. Three four five! Six?": [2, 3, 1],
    "No end": [2],
    "Dr. Lee met Mr. and Mrs. Fox at St. Mary in No. 5.": [13],
    "Acme Inc. and Ltd. and Co. are firms, e.g. ours, i.e. mine.": [12],
    "Ms. J. Smith came. She left.": [4, 2],
    "The answer is no. We stop.": [4, 2],
    "We saw www.example.com and 3.5 percent. Done.": [6, 1],
    "Wait... what?! Yes.": [1, 1, 1],
    "Plan B. is a single letter.": [6],
    "We don't. It's Ann's. I can’t. You do.": [2, 2, 2, 2],
    "She said 'I. am' twice.": [5],
    'He said "yes." Then he left.': [6],
    "A line\nand another.\nThird. ": [4, 1],
    "... !!! ---": [],
    "": [],
    "It costs $5. ( ) . Fine.": [3, 1],
    "See the U.S. market. Then go.": [4, 2],
}


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences_end_where_they_end(text):
    assert sentence_lengths(text) == SENTENCES[text]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b  c", 3),
        ("- — * ...", 0),
        ("self-care isn't 5% a/b", 4),
        ("https://example.com/x?y", 1),
        ("日本語 text", 2),
        (" \n\t ", 0),
        ("_ _a_", 1),
    ],
)
def test_a_word_is_a_run_with_a_letter_or_digit(text, words):
    assert count_words(text) == words


@given(st.text(alphabet="ab .!?\n-MrDNo", max_size=80))
def test_every_word_is_in_one_sentence(text):
    assert sum(sentence_lengths(text)) == count_words(text)


def clauses_of(text: str) -> list[str]:
    words = tokens(text)
    clauses = Clauses(text, words)
    found: dict[int, list[str]] = {}
    for word in words:
        found.setdefault(clauses.number_at(word.start), []).append(word.word)
    return [" ".join(each) for each in found.values()]


CLAUSES = {
    "we sue, we win; we rest: all is done – truly": ["we sue", "we win", "we rest", "all is done", "truly"],
    "we sued but now we settle": ["we sued", "but", "now we settle"],
    "slow however sure although dear": ["slow", "however sure", "although dear"],
    "it is 1,200 at 9:30": ["it is 1 200 at 9 30"],
    "first. second! third": ["first", "second", "third"],
    "heading\n\nbody": ["heading", "body"],
    "a line\nwrapped": ["a line wrapped"],
    "a well-known word": ["a well known word"],
}


@pytest.mark.parametrize("text", CLAUSES)
def test_clauses_end_where_they_end(text):
    assert clauses_of(text) == CLAUSES[text]


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        ("cat", 1),
        ("lawyer", 2),
        ("property", 3),
        ("self-care", 2),
        ("don’t", 1),
        ("2026", 1),
        ("(closing),", 2),
        ("é", 1),
        ("a" * 100_000, 1),
    ],
)
def test_syllables(word, syllables):
    assert count_syllables(word) == syllables


def test_a_word_of_many_parts_is_counted_quickly():
    assert count_syllables("a-" * 500_000) <= 100


# -- pages

PAGE = """<!doctype html><html><head><title>Title</title><style>p {}</style><script>var win = "force";</script></head><body>
<header>Banner</header><nav><a href="/">Home</a></nav>
<main><article><header><h1>Ann   Adams</h1></header><p>We handle <b>real</b> estate &amp; tax.<p>Line one<br>line two
wrapped</p><p hidden>hidden<p>shown<ul><li>one<li aria-hidden=true>two<li>three</ul>
<div class="menu"><div>Menu</div></div><div class="has-menu">kept</div><div style="display: none">none</div>
<div role="navigation">Nav</div><!-- comment --></article></main>
<aside>Aside</aside><footer>Footer</footer><noscript>Enable</noscript></body></html>"""


def test_the_text_of_a_page_is_what_it_says():
    lines = "Ann Adams\n\nWe handle real estate & tax.\n\nLine one\nline two wrapped\n\nshown\n\none\n\nthree\n\nkept"
    assert text_of_html(PAGE) == lines


def test_the_encoding_is_the_servers_or_the_pages_own():
    page = "<meta charset=iso-8859-1><p>Bücher".encode("latin-1")
    assert text_of_html(page) == "Bücher"
    assert text_of_html("<p>Bücher".encode("utf-16"), "utf-16") == "Bücher"
    assert text_of_html("<p>Bücher".encode(), "utf-8") == "Bücher"
    assert text_of_html(b"\xff<p>a", "no-such-charset").endswith("a")


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 300_000,
        "<b>x" * 300_000,
        "<p " + "a=1 " * 300_000 + ">",
        "<" * 1_000_000,
        "<!--" * 300_000,
        "&" * 1_000_000,
        "<script>" * 200_000,
        "".join(f"<b a={number}>" for number in range(500)) + "<p>x" * 200_000,
        "<table>" * 200_000,
        "</" * 500_000,
    ],
)
def test_a_page_made_to_be_costly_is_read_in_time(page):
    import time

    started = time.process_time()
    text_of_html(page)
    assert time.process_time() - started < 60  # what grows with the square would take hours


def test_reading_a_page_stops_where_its_time_is_over():
    def check() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        text_of_html("<p>x", check=check)


@given(st.text(alphabet="<>/abpdiv =\"'&;!-\n ", max_size=200))
def test_any_markup_is_some_text(markup):
    assert isinstance(text_of_html(markup), str)
