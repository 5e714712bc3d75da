"""Which words of a name count, and which names are of the same party."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.party_names import compare, is_one_edit, tokens


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Ada Byron", ["ada", "byron"]),
        ("  BYRON,   Ada ", ["byron", "ada"]),
        ("Dr. José Núñez-O'Brien, Jr.", ["jose", "nunez", "o", "brien"]),
        ("Analytical Engines LLC", ["analytical", "engines"]),
        ("Byron & Sons, Inc.", ["byron", "sons"]),
        ("Hon. Mx Prof Mr Mrs Ms Esq Sr II III Co Company Corp Ltd LP LLP PLLC PC PLC Doe", ["doe"]),
        ("Straße", ["strasse"]),
        ("ﬁrst Ｂank", ["first", "bank"]),
        ("3M", ["3m"]),
        ("A.B.", ["a", "b"]),
        ("LLC", []),
        ("—", []),
    ],
)
def test_words(name, words):
    assert list(tokens(name)) == words


@pytest.mark.parametrize(
    ("one", "other", "match"),
    [
        ("Ada Byron", "Byron, Ada", "exact"),
        ("Ada Byron", "Dr. Ada Byron Jr.", "exact"),
        ("José Núñez", "Jose Nunez", "exact"),
        ("Byron", "Byron LLC", "exact"),
        ("Ada Byron", "Ada Augusta Byron", "fuzzy"),  # each word of the shorter name is there
        ("Ada Byron", "Ada Byrom", "fuzzy"),  # a letter another
        ("Ada Byron", "Ada Byorn", "fuzzy"),  # two letters exchanged
        ("Ada Byron", "Ada Byrons", "fuzzy"),  # a letter more
        ("Ada Byron", "Ada Byrosn K", "fuzzy"),
        ("Ada Byron", "Ida Byron", None),  # three letters are compared as they are
        ("Ada Byron", "Ada Brown", None),  # two edits
        ("Byron", "Ada Byron", None),  # one word is too little
        ("Adah Byron", "Adam Byrom", None),  # no word in common
        ("Ann Ann Lee", "Ann Lee Roe", None),  # a partner of its own for each
        ("Ann Ann Lee", "Ann Lee", "fuzzy"),
        ("LLC", "Inc", None),  # no words, no match
        ("Maria Marine Roe", "Marie Maria Roe", "fuzzy"),  # Marine takes Marie, so Maria has Maria
    ],
)
def test_matches(one, other, match):
    assert compare(tokens(one), tokens(other)) == match
    assert compare(tokens(other), tokens(one)) == match


def distance(one: str, other: str) -> int:
    """The OSA distance, by the textbook."""
    cells = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            cells[i, j] = min(cells[i - 1, j] + 1, cells[i, j - 1] + 1, cells[i - 1, j - 1] + (one[i - 1] != other[j - 1]))
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                cells[i, j] = min(cells[i, j], cells[i - 2, j - 2] + 1)
    return cells[len(one), len(other)]


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_one_edit(one, other):
    assert is_one_edit(one, other) == (distance(one, other) == 1)


@given(st.text(max_size=60))
def test_words_are_their_own_words(name):
    words = tokens(name)
    assert tokens(" ".join(words)) == words
    assert compare(words, tuple(reversed(words))) == ("exact" if words else None)
