"""One text for one value, in each of the three forms that stored hashes were made in."""

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.canonical_json import Numbers, canonical_json, content_hash
from chalicelib.foundation.json_codec import loads

VALUE = {
    "b": [1, True, None, Decimal("12.50"), Decimal("100.0"), Decimal("-0.00"), 0],
    "a": {"z": 'Grüße 🏠\u2028\n"\\/\x01\x7f', "é": "", "A": []},
    "big": 12345678901234567890,
    "exact": Decimal("0.1234567890123456789012"),
    "e": Decimal("1E+3"),
    "tiny": Decimal("0.0000001"),
}
TEXTS = r'"a":{"A":[],"z":"Grüße 🏠' + "\u2028" + r"\n\"\\/\u0001" + "\x7f" + '","é":""}'
ANY = st.recursive(
    st.none() | st.booleans() | st.text(st.characters(exclude_categories=["Cs"])) | st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize(
    ("numbers", "text", "digest"),
    [
        (
            Numbers.DOUBLE,
            f'{{{TEXTS},"b":[1,true,null,12.5,100,0,0],"big":"12345678901234567890","e":1000,'
            '"exact":"0.1234567890123456789012","tiny":1e-7}',
            "432a4063294f15b7d9773d587c89c34ef32982d8e12ec1fdc586d463cf0860eb",
        ),
        (
            Numbers.TEXT,
            f'{{{TEXTS},"b":["1",true,null,"12.5","100","0","0"],"big":"12345678901234567890","e":"1000",'
            '"exact":"0.1234567890123456789012","tiny":"0.0000001"}',
            "8dd62b12c8cd77ce941fa22edbf5a9fbae4bae86235e8a50278f2f7fa1b75306",
        ),
        (
            Numbers.EXACT,
            f'{{{TEXTS},"b":[1,true,null,12.5,1E+2,0,0],"big":1.234567890123456789E+19,"e":1E+3,'
            '"exact":0.1234567890123456789012,"tiny":1E-7}',
            "710d286f7f7393c30ac7a004ae93d42090532ac6faadf0708404686503c2feef",
        ),
    ],
)
def test_stored_hashes_stay_as_they_are(numbers, text, digest):
    """These texts and digests were written by the code that made the stored hashes: the trail's, the snapshots', the fingerprints'."""
    assert canonical_json(VALUE, numbers) == text
    assert content_hash(VALUE, numbers) == hashlib.sha256(text.encode()).hexdigest() == digest


def test_members_are_sorted_by_utf_16_as_the_standard_says_and_by_code_point_in_the_exact_form():
    value = {"\ue000": 1, "\U0001f3e0": 2}
    assert canonical_json(value) == '{"\U0001f3e0":2,"\ue000":1}'
    assert canonical_json(value, Numbers.EXACT) == '{"\ue000":1,"\U0001f3e0":2}'


@pytest.mark.parametrize("numbers", Numbers)
def test_days_instants_sets_and_bytes_have_one_form(numbers):
    value = {"on": date(2026, 3, 1), "at": datetime(2026, 3, 1, 12, tzinfo=UTC), "set": {"b", "a"}, "bytes": b"\x00\xff"}
    assert canonical_json(value, numbers) == '{"at":"2026-03-01T12:00:00.000Z","bytes":"00ff","on":"2026-03-01","set":["a","b"]}'


@pytest.mark.parametrize("numbers", Numbers)
def test_a_float_has_no_canonical_form(numbers):
    with pytest.raises(TypeError, match="float"):
        canonical_json({"rate": 1.1}, numbers)


@pytest.mark.parametrize("numbers", Numbers)
@given(value=ANY)
def test_the_form_is_json_and_its_own_canonical_form(numbers, value):
    text = canonical_json(value, numbers)
    assert canonical_json(loads(text), numbers) == text


@pytest.mark.parametrize("numbers", Numbers)
@given(number=st.decimals(min_value=-(10**11), max_value=10**11, places=2), zeros=st.integers(0, 4))
def test_padding_is_no_difference_and_nothing_is_rounded(numbers, number, zeros):
    padded = number.quantize(Decimal(1).scaleb(-2 - zeros))
    assert canonical_json(padded, numbers) == canonical_json(number, numbers)
    assert Decimal(loads(canonical_json(number, numbers))) == number


@pytest.mark.parametrize("numbers", Numbers)
@given(value=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), st.integers()))
def test_order_is_no_difference(numbers, value):
    assert canonical_json(dict(reversed(value.items())), numbers) == canonical_json(value, numbers)
