"""Postal codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.postal_codes import delivery_code, normalize_postal_code, postal_area


@pytest.mark.parametrize(
    ("text", "code"), [("SW1A 1AA", "SW1A1AA"), ("sw1a1aa", "SW1A1AA"), (" 98103-1234", "981031234"), ("–", ""), ("９８１", "")]
)
def test_one_form_for_one_code(text, code):
    assert normalize_postal_code(text) == code


@pytest.mark.parametrize(
    ("text", "country", "code"),
    [("98103-1234", "US", "98103"), ("981", "US", "981"), ("v6b 1a1", "CA", "V6B1A1"), ("1234567", "BR", "1234567")],
)
def test_streets_of_the_united_states_are_not_told_apart(text, country, code):
    assert delivery_code(text, country) == code


def test_an_area_takes_three_characters():
    assert (postal_area("98103"), postal_area("v6 b"), postal_area("98"), postal_area("")) == ("981", "V6B", None, None)


@given(st.text(max_size=20))
def test_the_form_is_its_own(text):
    assert normalize_postal_code(normalize_postal_code(text)) == normalize_postal_code(text)
