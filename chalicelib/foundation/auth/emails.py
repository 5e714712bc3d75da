"""Mail addresses: what one looks like, and when two are the same.

A strict rule of ours rather than a library: the kept one brings a DNS client and 40 ms of import for what a form can say. An address
is proved by the mail that reaches it, not by its grammar.
"""

import re
import unicodedata

MAX_ADDRESS = 254  # characters, RFC 5321's path less its brackets
_MAX_LOCAL = 64
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9]))", re.ASCII)


def clean(text: str) -> str:
    """The address as it is kept: NFKC and trimmed, its case as given. Raises ValueError for what is no address.

    ASCII only (a domain in its xn-- form): mail leaves by a service that takes no other, and letters that merely fold into
    ASCII, such as ß into ss, would let one person claim another's address.
    """
    address = unicodedata.normalize("NFKC", text).strip()
    found = _ADDRESS.fullmatch(address)
    if len(address) > MAX_ADDRESS or not found or len(found[1]) > _MAX_LOCAL:
        raise ValueError("a mail address is needed, e.g. ada@example.com")
    return address


def same(text: str) -> str:
    """The form in which two spellings of one address are equal: NFKC, trimmed, casefolded.

    Dots and +tags stay: only some providers ignore them, and to fold them would merge strangers elsewhere.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).strip().casefold())
