"""Phone numbers as people write them, in E.164."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.phones import to_e164

SEATTLE = "+12065550100"


@pytest.mark.parametrize(
    "text",
    [
        "+12065550100", "+1 206 555 0100", "(206) 555-0100", "206.555.0100", "206-555-0100", "1-206-555-0100", "2065550100", " 206 555 0100 ",
        "tel:+1-206-555-0100", "206–555–0100", "０１１ 1 206 555 0100", "+1 (206) 555/0100",
    ],
)  # fmt: skip
def test_one_number_has_one_form(text):
    assert to_e164(text) == SEATTLE


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("+44 20 7946 0958", "US", "+442079460958"),
        ("+44 (0)20 7946 0958", "GB", "+442079460958"),
        ("011 44 20 7946 0958", "US", "+442079460958"),
        ("00 1 206 555 0100", "GB", SEATTLE),
        ("206 555 0100", "CA", SEATTLE),
        ("(809) 555-0100", "DO", "+18095550100"),
    ],
)
def test_numbers_of_other_countries(text, country, number):
    assert to_e164(text, country) == number


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("555-0100", "US"), ("206 555 0100 x12", "US"), ("206 555 0100 ext. 12", "US"), ("1-800-FLOWERS", "US"), ("", "US"), ("+", "US"),
        ("(106) 555-0100", "US"), ("206 155 0100", "US"), ("+1 206 555 010", "US"), ("020 7946 0958", "GB"), ("2065550100", "GB"), ("00", "GB"),
        ("+44", "GB"), ("+0123456789", "US"), ("+1234567890123456", "US"), ("206 555 0100, 206 555 0101", "US"), ("ask Ada", "US"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_none(text, country):
    assert to_e164(text, country) is None


@given(st.text(alphabet="0123456789+()-. x", max_size=25), st.sampled_from(["US", "GB", "CA"]))
def test_what_was_read_is_read_the_same_again(text, country):
    number = to_e164(text, country)
    assert number is None or (to_e164(number, "DE") == number and 8 <= len(number) <= 16)
