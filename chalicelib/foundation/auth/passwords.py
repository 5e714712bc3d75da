"""Passwords: which are taken, and how they are kept.

Kept with argon2id (RFC 9106) by argon2-cffi: two passes over 19 MiB in one lane, OWASP's recommended setting. One lane, since a
Lambda below 1,769 MB has less than one processor to run it on; 19 MiB, since several may run in one process locally. It is
30 ms of a whole core and about twice that at 1,024 MB. When these figures rise, each password is kept anew at its next sign-in.
"""

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.foundation.auth import emails
from chalicelib.foundation.errors import Invalid

if TYPE_CHECKING:
    from argon2 import PasswordHasher

TIME_COST = 2  # passes
MEMORY_COST = 19_456  # KiB
LANES = 1
MIN_LENGTH = 12
MAX_LENGTH = 200  # characters: enough for any phrase, and bounds the work
_SHORTEST_WORD = 6
_FEW = 3  # characters around a common password that make it no better


@lru_cache(maxsize=1)
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher, Type  # 30 ms, for those who sign in only

    return PasswordHasher(TIME_COST, MEMORY_COST, LANES, hash_len=32, salt_len=16, type=Type.ID)


def canonical(password: str) -> str:
    """One spelling of a password, however its keyboard composes letters: NFKC."""
    return unicodedata.normalize("NFKC", password)


def keep(password: str) -> str:
    """The hash under which a password is kept, with its parameters and salt."""
    return _hasher().hash(canonical(password))


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return keep("the password of nobody")


def matches(kept: str | None, password: str) -> bool:
    """Whether this is the password. Without one to compare with it takes as long, and says no."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept or _nobodys(), canonical(password)) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether a kept hash has other parameters than today's."""
    return _hasher().check_needs_rehash(kept)


def check(password: str, email: str, loc: str = "password") -> None:
    """Refuse a password that is too short, the user's address, or common. Raises Invalid, which never repeats it."""
    if message := fault(canonical(password), email):
        raise Invalid.field(loc, message, "password")


def fault(password: str, email: str) -> str | None:
    """What is wrong with a password for the user of this address; None where it will do."""
    if len(password) < MIN_LENGTH:
        return f"at least {MIN_LENGTH} characters are needed"
    if len(password) > MAX_LENGTH:
        return f"at most {MAX_LENGTH} characters are taken"
    if any(unicodedata.category(letter) == "Cc" for letter in password):
        return "control characters are refused"  # no keyboard types them at the next sign-in
    folded, address = password.casefold(), emails.same(email)
    if folded in (address, address.partition("@")[0]):
        return "it must not be the mail address"
    if is_common(folded):
        return "it is one of the most common passwords, or little more than one"
    return None


def is_common(folded: str) -> bool:
    """Whether a casefolded password is on the list of the most common, or little more than one of them.

    Nearly all common passwords are shorter than twelve characters; what people do to reach the length is what this undoes: digits
    and signs at the ends (`password1234`, `!!sunshine2024!!`), repetition (`qwertyqwerty`), a few more characters (`123456789012`).
    """
    words = _words()
    for text in (folded, _bare(folded), _bare(_repeated(folded))):
        unit = _repeated(text)
        if len(text) >= _SHORTEST_WORD and (text in words or unit in words or len(unit) < _SHORTEST_WORD):
            return True  # the last: `abcabcabcabc`
    ends = ((before, after) for before in range(_FEW + 1) for after in range(_FEW + 1 - before))
    return any(folded[before : len(folded) - after] in words for before, after in ends)


def _bare(text: str) -> str:
    """A text without the digits and signs at its ends."""
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)


def _repeated(text: str) -> str:
    """The shortest unit that `text` is a whole repetition of."""
    place = (text + text).find(text, 1) if text else 0
    return text[:place]


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    text = (Path(__file__).parent / "common_passwords.txt").read_text()
    return frozenset(line for line in text.splitlines() if not line.startswith("# "))
