"""User text in keys: the separator never comes from it, and what is stored stays where it is."""

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.store.keys import MAX_PART, MAX_REVERSIBLE_PART, escape_key_part, reversible_key_part

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)


def test_what_is_stored_stays_as_it_is():
    """Literal outputs of the code that wrote the keys that are in use."""
    text = "a#b%c\n\u200b ü"
    assert escape_key_part(text) == "a%23b%25c%0A%200B ü"
    assert reversible_key_part(text) == "a%23b%25c%0A%E2%80%8B ü"
    assert reversible_key_part("x" * 700) == "x" * 560 + "…12f6b82c283303ae5e6a08094c81feee"
    assert reversible_key_part("é" * 400) == "é" * 280 + "…fc377241c748e4454a131383f00393cb"


@given(TEXT)
def test_a_reversible_part_is_read_back(text):
    assert unquote(reversible_key_part(text)) == text


@given(TEXT, TEXT)
def test_parts_hold_no_separator_and_are_bounded(text, other):
    for escape, most in ((escape_key_part, MAX_PART), (reversible_key_part, MAX_REVERSIBLE_PART)):
        part = escape(text * 8)
        assert "#" not in part
        assert len(part.encode()) <= most
        assert text == other or len(text) > 60 or escape(text) != escape(other)
