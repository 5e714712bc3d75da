"""Text as it is compared and searched for."""

import unicodedata


def fold_name(text: str) -> str:
    """The form in which names are compared: case, width, spaces and the encoding of accents are ignored."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
