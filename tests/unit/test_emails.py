"""Mail addresses: what one looks like, and when two are the same."""

import string
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.foundation import emails

ATOM = st.text(string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=12)
LOCAL = st.lists(ATOM, min_size=1, max_size=4).map(".".join)
LABEL = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?", fullmatch=True)
TOP = st.from_regex(r"[A-Za-z][A-Za-z0-9]{1,8}", fullmatch=True)
ADDRESS = st.builds(lambda local, labels, top: f"{local}@{'.'.join([*labels, top])}", LOCAL, st.lists(LABEL, min_size=1, max_size=3), TOP)


@given(ADDRESS)
def test_an_address_is_kept_as_it_is(address):
    assert emails.validate_email(address) == address
    assert emails.validate_email(f"  {address}\t") == address


@given(ADDRESS)
def test_case_is_no_difference(address):
    assert emails.normalize_email(address) == emails.normalize_email(address.upper()) == emails.normalize_email(address.swapcase())


@given(st.text(max_size=40))
def test_the_form_for_comparing_is_its_own(text):
    assert emails.normalize_email(emails.normalize_email(text)) == emails.normalize_email(text)


@given(ADDRESS)
def test_wide_letters_are_the_same_letters(address):
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in address)
    assert emails.validate_email(wide) == address
    assert emails.normalize_email(wide) == emails.normalize_email(address)


@given(ADDRESS, ADDRESS)
def test_two_kept_addresses_are_the_same_only_by_their_case(one, other):
    assume(one.lower() != other.lower())
    assert emails.normalize_email(one) != emails.normalize_email(other)


@given(st.text(min_size=1, max_size=20))
def test_whatever_is_taken_is_ascii_and_bounded(text):
    try:
        kept = emails.validate_email(f"{text}@example.com")
    except ValueError:
        return
    assert kept.isascii()
    assert kept == unicodedata.normalize("NFKC", kept)
    assert len(kept) <= emails.MAX_ADDRESS


@pytest.mark.parametrize("address", ["a.b@example.com", "a+b@example.com"])
def test_dots_and_tags_are_kept(address):
    assert emails.normalize_email(address) != emails.normalize_email("ab@example.com")
    assert emails.normalize_email(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "a@",
        "@example.com",
        "a@b",
        "a@localhost",
        "a b@example.com",
        ".a@example.com",
        "a.@example.com",
        "a..b@example.com",
        '"a b"@example.com',
        "a@example..com",
        "a@-example.com",
        "a@example-.com",
        "a@example.c0m ,b@example.com",
        "a@example.1",
        "a@[127.0.0.1]",
        "a@example.com\nBcc: b@example.com",
        "straße@example.com",
        "ада@example.com",
        "a@пример.рф",
        "a\u0000@example.com",
        f"{'a' * 65}@example.com",
        f"a@{'b' * 64}.com",
        f"a@{'bcd.' * 70}com",
        "a@b@example.com",
        "Ada <a@example.com>",
    ],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="mail address"):
        emails.validate_email(address)
