"""Passwords: which are taken, how they are kept."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.auth import passwords
from chalicelib.foundation.errors import ValidationFailed

EMAIL = "Montgomery.Scott@example.com"


def fault(password, email=EMAIL):
    return passwords.password_error(passwords.canonical(password), email)


@pytest.mark.parametrize(
    "password", ["correct horse battery", "kx7!pQ2z-Lm9", "ÄÖÜ äöü ßßß 12", "password of the old king", "8391-2843-1938-1043"]
)
def test_a_password_that_will_do(password):
    assert fault(password) is None


@pytest.mark.parametrize(("length", "fine"), [(11, False), (12, True), (200, True), (201, False)])
def test_length(length, fine):
    password = "".join(string.ascii_letters[n * 7 % 52] for n in range(length))
    assert (fault(password) is None) == fine


def test_length_is_counted_as_it_is_kept():
    assert fault("e\u0301" * 8) == "at least 12 characters are needed"


@pytest.mark.parametrize("control", ["\0", "\t", "\n", "\x7f", "\x9b"])
def test_control_characters_are_refused(control):
    assert fault(f"kx7!pQ2z{control}-Lm9") == "control characters are refused"


@pytest.mark.parametrize("password", ["montgomery.scott@EXAMPLE.com", "MONTGOMERY.SCOTT"])
def test_the_mail_address_and_its_local_part_are_refused(password):
    assert "mail address" in (fault(password) or "")


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password1234!",
        "!!Sunshine2024!!",
        "qwertyqwerty",
        "123456789012",
        "passwordpassword",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "Password!Password!",
        "qwertyuiop12",
        "basketballxy",
        "xbasketballs",
        "111111111111",
    ],
)
def test_common_ones_are_refused_however_they_are_dressed(password):
    assert fault(password) == "it is one of the most common passwords, or little more than one"


def test_the_list_is_what_it_says():
    words = passwords._common_passwords()
    assert len(words) > 10_000
    assert {"password", "sunshine", "qwerty"} <= words
    assert all(word == word.casefold() and len(word) >= 6 for word in words)
    assert not any(" " in word for word in words), "the licence is no password"


@given(
    st.sampled_from(sorted(passwords._common_passwords())),
    st.text(string.digits + "!?.-", max_size=6),
    st.text(string.digits + "!?.-", max_size=6),
)
def test_digits_and_signs_around_a_common_one_save_nothing(word, before, after):
    bare = word.strip(string.digits + string.punctuation)
    if len(bare) >= 6 and bare in passwords._common_passwords():
        assert passwords.is_common(f"{before}{word}{after}")


@given(st.text(min_size=1, max_size=12), st.integers(2, 5))
def test_the_repeated_unit_is_found(unit, times):
    found = passwords._repeat_unit(unit * times)
    assert (unit * times) == found * (len(unit * times) // len(found))
    assert len(found) <= len(unit)


def test_a_refusal_names_the_field_and_not_the_password():
    with pytest.raises(ValidationFailed) as caught:
        passwords.validate_password("password1234", EMAIL, "new_password")
    assert caught.value.members["errors"][0]["loc"] == ["new_password"]
    assert "password1234" not in str(caught.value.members)


def test_a_kept_password_says_its_parameters_and_matches_itself_only():
    kept = passwords.hash_password("correct horse battery")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.verify_password(kept, "correct horse battery")
    assert not passwords.verify_password(kept, "correct horse batterz")
    assert passwords.hash_password("correct horse battery") != kept, "each has a salt of its own"


def test_one_spelling_of_composed_letters():
    assert passwords.verify_password(passwords.hash_password("cafe\u0301 au lait, s.v.p."), "caf\u00e9 au lait, s.v.p.")


@pytest.mark.parametrize("kept", [None, "", "not a hash", "$argon2id$v=19$m=8,t=1,p=1$broken"])
def test_without_a_hash_nothing_matches(kept):
    assert not passwords.verify_password(kept, "the password of nobody")


def test_other_parameters_are_outdated():
    from argon2 import PasswordHasher

    assert passwords.needs_rehash(PasswordHasher(1, 8, 1).hash("x"))
    assert not passwords.needs_rehash(passwords.hash_password("x"))
