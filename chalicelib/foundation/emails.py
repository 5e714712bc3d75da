"""Mail addresses: validation and comparison.

A strict rule of our own rather than a library: email-validator brings a DNS client and 40 ms of import for a check of syntax. An
address is proved by the mail that reaches it, not by its grammar.
"""

import re
import unicodedata

MAX_ADDRESS = 254  # characters, RFC 5321's path less its brackets
_MAX_LOCAL = 64
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9]))", re.ASCII)


def validate_email(text: str) -> str:
    """The address as it is stored: NFKC and trimmed, its case kept. Raises ValueError for an invalid address.

    ASCII only (a domain in its xn-- form): the mail service accepts no other, and letters that fold into ASCII, such as ß into
    ss, would let one person claim another's address.
    """
    address = unicodedata.normalize("NFKC", text).strip()
    match = _ADDRESS.fullmatch(address)
    if len(address) > MAX_ADDRESS or not match or len(match[1]) > _MAX_LOCAL:
        raise ValueError("a mail address is needed, e.g. ada@example.com")
    return address


def normalize_email(text: str) -> str:
    """The form in which two spellings of one address are equal: NFKC, trimmed, casefolded.

    Dots and +tags are kept: only some providers ignore them, and elsewhere removing them would merge different people.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).strip().casefold())
