"""Passwords: which are accepted, and how they are hashed.

Hashed with argon2id (RFC 9106) by argon2-cffi: two passes over 19 MiB, parallelism 1, OWASP's recommended setting. Parallelism 1,
since a Lambda below 1,769 MB has less than one processor; 19 MiB, since several may run in one process locally. It takes 30 ms
of a whole core and about twice that at 1,024 MB. When these parameters change, each password is rehashed at its next sign-in.
"""

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.foundation import emails
from chalicelib.foundation.errors import ValidationFailed

if TYPE_CHECKING:
    from argon2 import PasswordHasher

TIME_COST = 2  # passes
MEMORY_COST = 19_456  # KiB
PARALLELISM = 1
MIN_LENGTH = 12
MAX_LENGTH = 200  # characters: enough for any phrase, and bounds the work
_MIN_WORD_LENGTH = 6
_MAX_PADDING = 3  # characters around a common password that don't make it acceptable


@lru_cache(maxsize=1)
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher, Type  # 30 ms, for those who sign in only

    return PasswordHasher(TIME_COST, MEMORY_COST, PARALLELISM, hash_len=32, salt_len=16, type=Type.ID)


def canonical(password: str) -> str:
    """One spelling of a password, however its keyboard composes letters: NFKC."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    """The argon2id hash of a password, with its parameters and salt."""
    return _hasher().hash(canonical(password))


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return hash_password("the password of nobody")


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether this is the password. Without a hash it takes as long, and returns False."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(password_hash or _dummy_hash(), canonical(password)) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Whether a stored hash has other parameters than the current ones."""
    return _hasher().check_needs_rehash(password_hash)


def validate_password(password: str, email: str, loc: str = "password") -> None:
    """Raises Invalid, which never contains the password, where it is too short, the user's address, or common."""
    if message := password_error(canonical(password), email):
        raise ValidationFailed.field(loc, message, "password")


def password_error(password: str, email: str) -> str | None:
    """Why a password is not accepted for the user of this address; None where it is."""
    if len(password) < MIN_LENGTH:
        return f"at least {MIN_LENGTH} characters are needed"
    if len(password) > MAX_LENGTH:
        return f"at most {MAX_LENGTH} characters are taken"
    if any(unicodedata.category(letter) == "Cc" for letter in password):
        return "control characters are refused"  # they can't be typed at the next sign-in
    folded, address = password.casefold(), emails.normalize_email(email)
    if folded in (address, address.partition("@")[0]):
        return "it must not be the mail address"
    if is_common(folded):
        return "it is one of the most common passwords, or little more than one"
    return None


def is_common(folded: str) -> bool:
    """Whether a casefolded password is on the list of the most common ones, or a simple variation of one of them.

    Nearly all common passwords are shorter than twelve characters; this reverses the usual ways to reach that length: digits
    and signs at the ends (`password1234`, `!!sunshine2024!!`), repetition (`qwertyqwerty`), a few more characters (`123456789012`).
    """
    words = _common_passwords()
    for text in (folded, _strip_affixes(folded), _strip_affixes(_repeat_unit(folded))):
        unit = _repeat_unit(text)
        if len(text) >= _MIN_WORD_LENGTH and (text in words or unit in words or len(unit) < _MIN_WORD_LENGTH):
            return True  # the last condition: `abcabcabcabc`
    ends = ((before, after) for before in range(_MAX_PADDING + 1) for after in range(_MAX_PADDING + 1 - before))
    return any(folded[before : len(folded) - after] in words for before, after in ends)


def _strip_affixes(text: str) -> str:
    """The text without digits and signs at its ends."""
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)


def _repeat_unit(text: str) -> str:
    """The shortest unit that `text` is a whole repetition of."""
    length = (text + text).find(text, 1) if text else 0
    return text[:length]


@lru_cache(maxsize=1)
def _common_passwords() -> frozenset[str]:
    text = (Path(__file__).parent / "common_passwords.txt").read_text()
    return frozenset(line for line in text.splitlines() if not line.startswith("# "))
