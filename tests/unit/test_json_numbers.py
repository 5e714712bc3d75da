"""Numbers in bodies: exact, and those that nothing could hold are refused and not worked on."""

from decimal import Decimal

import pytest

from chalicelib.foundation.errors import MalformedJson
from chalicelib.foundation.json_codec import dumps, parse


@pytest.mark.parametrize("text", ["0.1", "1000000.01", "1E-125", "9.9E+125", "0E+500"])
def test_numbers_are_exact(text):
    assert parse(text) == Decimal(text)


@pytest.mark.parametrize("text", ["1E+126", "1e-126", "1e999999999", "1e9999999999999999999", "1e-9999999999999999999"])
def test_exponents_that_no_table_holds_are_refused(text):
    with pytest.raises(MalformedJson, match="out of range"):
        parse(f'{{"amount": {text}}}')


def test_what_was_parsed_is_written_as_it_came():
    assert dumps(parse('{"a":12.50,"b":123456789012345678901234567890}')) == '{"a":12.50,"b":123456789012345678901234567890}'


@pytest.mark.parametrize("text", ["1" * 101, "0." + "1" * 100])
def test_endless_numbers_are_refused(text):
    with pytest.raises(MalformedJson, match="100 characters"):
        parse(text)
