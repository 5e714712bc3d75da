"""Postal codes: one form for one code, and the areas by which lists are partitioned."""

DEFAULT_COUNTRY = "US"  # of an address that doesn't name one
US_DIGITS = 5  # the four digits that may follow narrow it to a street
AREA_LENGTH = 3  # characters of a code that make an area


def normalize_postal_code(text: str) -> str:
    """A postal code in one form: `SW1A 1AA` and `sw1a1aa` are the same. Empty where `text` has neither letters nor digits."""
    return "".join(character for character in text.upper() if character.isascii() and character.isalnum())


def delivery_code(text: str, country: str = DEFAULT_COUNTRY) -> str:
    """The code without what is narrower than a delivery area: `98103-1234` is 98103 in the United States."""
    code = normalize_postal_code(text)
    return code[:US_DIGITS] if country == DEFAULT_COUNTRY else code


def postal_area(text: str) -> str | None:
    """The area of a code, its first three characters; None for a code that is too short to say."""
    code = normalize_postal_code(text)
    return code[:AREA_LENGTH] if len(code) >= AREA_LENGTH else None
