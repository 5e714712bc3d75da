"""Signatures: what was signed is taken, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation import signing

KEY = bytes(range(32))


def test_signatures_that_are_out_there_stay_valid():
    """Literal outputs of the code that wrote what is in use: links, cursors, keys of counters, refresh tokens."""
    buyer = "buy_01K00000000000000000000000"
    assert signing.sign_text(KEY, "opt-out", buyer) == "a1gw6-6rIzacQj9EmM1J7g"
    assert signing.sign(KEY, b'["GET /wholesale", "user_1"]', b"[1,[null]]") == "REjVWjGXabwtAb2ewRtgvlsxLFtudWxsXV0"
    assert signing.pseudonym(KEY, "pair", "ada@example.com", "127.0.0.1") == "cbf816bd72d2a97c0bde15558ab471de5172f99b421947b4"
    assert signing.keyed_digest(KEY, b"refresh tokens").hex() == "48a01d6e87f0a475691c4529d29456d050df1356cbaf50a1fe08c72c8a3371c3"


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_what_was_signed_is_read(message, purpose):
    assert signing.verify(KEY, purpose, signing.sign(KEY, purpose, message)) == message


@given(st.binary(max_size=60), st.integers(min_value=0), st.integers(1, 255))
def test_a_changed_byte_is_noticed(message, position, mask):
    packed = bytearray(signing.from_base64url(signing.sign(KEY, b"p", message)))
    packed[position % len(packed)] ^= mask
    with pytest.raises(signing.InvalidSignature):
        signing.verify(KEY, b"p", signing.to_base64url(bytes(packed)))


def test_another_purpose_or_key_is_refused():
    signed = signing.sign(KEY, b"p", b"message")
    with pytest.raises(signing.InvalidSignature):
        signing.verify(KEY, b"q", signed)
    with pytest.raises(signing.InvalidSignature):
        signing.verify(KEY[::-1], b"p", signed)


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "ä", "A"])
def test_what_nobody_signed_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - of base64 or of the signature
        signing.verify(KEY, b"p", text)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text())
def test_a_detached_signature_is_of_one_text(text, given_signature):
    own = signing.sign_text(KEY, "link", text)
    assert signing.is_signature(KEY, "link", text, own)
    assert not signing.is_signature(KEY, "other", text, own)
    assert signing.is_signature(KEY, "link", text, given_signature) == (given_signature == own)


@given(st.binary())
def test_base64url_and_back(value):
    text = signing.to_base64url(value)
    assert signing.from_base64url(text) == value
    assert "=" not in text
