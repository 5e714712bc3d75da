"""How keys are written. One function a key; no string pasting anywhere else.

User text enters a key only through `escape_key_part`, which escapes the separator and bounds the length.
"""

import hashlib
import re
from urllib.parse import quote

from chalicelib.foundation.ids import ItemKey

MAX_PART = 300  # bytes; a sort key takes 1,024 in all
MAX_REVERSIBLE_PART = 600  # bytes: one of them, or two of half the size


class KeyPart(str):
    """Text that may stand in a key as it is: escaped already."""

    __slots__ = ()


_PLAIN = re.compile(r"[A-Za-z0-9_.:@+ -]{0,300}", re.ASCII)  # ids, days, words: what needs no escaping


def escape_key_part(text: str) -> KeyPart:
    """User text as one part of a key: `#`, `%` and control characters escaped, cut at 300 bytes."""
    if _PLAIN.fullmatch(text):
        return KeyPart(text)
    safe = "".join(c if c not in "#%" and c.isprintable() else f"%{ord(c):02X}" for c in text)
    return KeyPart(safe.encode()[:MAX_PART].decode(errors="ignore"))


def reversible_key_part(text: str) -> KeyPart:
    """User text as one part of a key that `urllib.parse.unquote` turns back into the text, up to 600 bytes; a longer one ends in its digest.

    For keys that people's own words are read from, e.g. the groups of a report. Differs from `escape_key_part` in how characters beyond
    ASCII that can't be printed are written, and in its length.
    """
    if _PLAIN.fullmatch(text):
        return KeyPart(text)
    safe = "".join(c if c not in "#%" and c.isprintable() else quote(c, safe="") for c in text)
    if len(safe.encode()) <= MAX_REVERSIBLE_PART:
        return KeyPart(safe)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return KeyPart(f"{safe.encode()[: MAX_REVERSIBLE_PART - 40].decode(errors='ignore')}…{digest}")


def join_key(*parts: str) -> str:
    """Parts of a key, separated by `#`."""
    return "#".join(parts)


def unique_guard(kind: str, value: str) -> ItemKey:
    """The guard row of a unique value, e.g. an email. `value` comes normalised."""
    return ItemKey(join_key("UNIQ", kind, escape_key_part(value)), "U")


def reference_counter(root_id: str) -> ItemKey:
    """The reference counter of a root."""
    return ItemKey(root_id, "!")


def config_row(name: str) -> ItemKey:
    """A row of the stage's configuration."""
    return ItemKey("CFG", name)
