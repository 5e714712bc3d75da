"""How keys are written. One function a key; no string pasting anywhere else.

User text enters a key only through `part`, which escapes the separator and bounds the length.
"""

from chalicelib.foundation.ids import Key

MAX_PART = 300  # bytes; a sort key takes 1,024 in all


def part(text: str) -> str:
    """User text as one part of a key: `#`, `%` and control characters escaped, cut at 300 bytes."""
    safe = "".join(c if c not in "#%" and c.isprintable() else f"%{ord(c):02X}" for c in text)
    return safe.encode()[:MAX_PART].decode(errors="ignore")


def joined(*parts: str) -> str:
    """Parts of a key, separated by `#`."""
    return "#".join(parts)


def unique(kind: str, value: str) -> Key:
    """The guard row of a unique value, e.g. an email. `value` comes normalised."""
    return Key(joined("UNIQ", kind, part(value)), "U")


def gate(root_id: str) -> Key:
    """The small row beside a root that references are counted on and that closes it."""
    return Key(root_id, "!")


def config(name: str) -> Key:
    """A row of the stage's configuration."""
    return Key("CFG", name)
