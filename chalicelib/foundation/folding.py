"""The form in which people's own words are compared: names of places, organizations, fields of work."""

import unicodedata


def fold_text(text: str) -> str:
    """The text without differences of case, width, spaces and the encoding of accents."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
