"""Phone numbers in one form, E.164, from the ways in which people write them.

A rule of our own rather than a library: the smallest library of the world's numbering plans is 470 KB of tables, more than the deployed
artifact has room for, and would tell little more. Numbers of the North American plan (country code 1) are checked for their form; those of
other countries must be written with their country code, and are checked for their length. Whether a number exists only a call tells.
"""

import re
import unicodedata

# Countries and territories that share the country code 1.
NORTH_AMERICAN_PLAN = frozenset(
    ["AG", "AI", "AS", "BB", "BM", "BS", "CA", "DM", "DO", "GD", "GU", "JM", "KN", "KY", "LC", "MP", "MS", "PR", "SX", "TC", "TT", "US", "VC", "VG", "VI"]
)  # fmt: skip
_WRITTEN = re.compile(r"(?:tel:)?(?P<number>\+?[0-9][0-9 ().\-/]*|\+?\([0-9][0-9 ().\-/]*)", re.ASCII | re.IGNORECASE)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−·", "-"))
_NORTH_AMERICAN = re.compile(r"1?(?P<number>[2-9][0-9]{2}[2-9][0-9]{6})", re.ASCII)
_INTERNATIONAL = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
_OPTIONAL_TRUNK = "(0)"  # "+44 (0)20 …": dialled inside the country only


def to_e164(text: str, country: str = "US") -> str | None:
    """The number in E.164, e.g. `+12065550100` for "(206) 555-0100"; None where it can't be read.

    `country` is where it is written: it decides what a number without a country code means. One with an extension, or with letters,
    isn't a number that E.164 can hold.
    """
    match = _WRITTEN.fullmatch(unicodedata.normalize("NFKC", text).translate(_DASHES).strip())
    if match is None:
        return None
    written, is_north_american = match["number"], country in NORTH_AMERICAN_PLAN
    if written.startswith("+"):
        return _international(_digits(written.replace(_OPTIONAL_TRUNK, "")))
    digits = _digits(written)
    exit_code = "011" if is_north_american else "00"
    if digits.startswith(exit_code):
        return _international(digits.removeprefix(exit_code))
    return _north_american(digits) if is_north_american else None


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _international(digits: str) -> str | None:
    if digits.startswith("1"):
        return _north_american(digits)
    return f"+{digits}" if _INTERNATIONAL.fullmatch(digits) else None


def _north_american(digits: str) -> str | None:
    match = _NORTH_AMERICAN.fullmatch(digits)
    return f"+1{match['number']}" if match else None
