"""Numbers as people write them: "$1.2M", "400k", "1,200 sqft", "3 beds"."""

import re
from decimal import Decimal

_MAX_EXPONENT = 14  # largest power of ten of a number, up or down; the API accepts no more digits
_ACRE = 43_560  # square feet
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)?(\.\d*)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_DOTTED_THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+", re.ASCII)
_MAGNITUDES = {"k": 1_000, "m": 1_000_000, "mm": 1_000_000}
_AMOUNT = re.compile(r"(?P<sign>-?)\s*(us)?\$?\s*(?P<number>.*?)\s*(?P<magnitude>k|mm?)?\s*(usd)?", re.IGNORECASE)
_AREA = re.compile(r"(?P<number>.*?)\s*(?P<unit>sq\.?\s*(ft|feet)\.?|sf|square\s+feet|acres?|ac)?", re.IGNORECASE)
_COUNT = re.compile(r"(?P<number>.*?)\s*(bd|br|beds?|bedrooms?|ba|baths?|bathrooms?)?", re.IGNORECASE)
_BLANKS = {"", "-", "--", "n/a"}
_BLANK_NUMBERS = _BLANKS | {"na", "none", "null", "unknown"}  # some of which are names of people
_COUNTRIES = {"USA": "US", "U.S.": "US", "U.S.A.": "US", "UNITED STATES": "US", "UNITED STATES OF AMERICA": "US"}


def is_blank(text: str, *, is_text: bool) -> bool:
    """Whether a cell of a text or a number says nothing: empty, or one of the usual words for that."""
    return text.casefold() in (_BLANKS if is_text else _BLANK_NUMBERS)


def parse_number(text: str) -> Decimal:
    """A number, with commas between thousands or without. Raises ValueError, as all of these do."""
    digits = text.strip()
    match = _NUMBER.fullmatch(digits)
    if not match or not any(character.isdigit() for character in digits.split("e")[0]):
        raise ValueError(f"{text!r} is not a number")
    number = Decimal(digits.replace(",", ""))
    if number and abs(number.adjusted()) > _MAX_EXPONENT:  # 1e999999 is a short text, but a number that fills the memory
        raise ValueError(f"{text!r} is out of range")
    return number


def parse_money(text: str) -> Decimal:
    """An amount: "$400,000", "400k", "$1.2M"."""
    match = _AMOUNT.fullmatch(text.strip())
    assert match is not None  # every part is optional, and `number` is anything
    digits, magnitude = match["number"], match["magnitude"]
    if not magnitude:
        _refuse_dotted_thousands(text, digits)
    try:
        number = parse_number(match["sign"] + digits)
    except ValueError as error:
        raise ValueError(str(error).replace(repr(match["sign"] + digits), repr(text), 1)) from None
    return number * _MAGNITUDES[magnitude.lower()] if magnitude else number


def parse_area(text: str) -> int:
    """An area in square feet: "1,200", "1,200 sq ft", "0.25 acres"."""
    match = _AREA.fullmatch(text.strip())
    assert match is not None
    if (match["unit"] or "").lower().startswith("ac"):
        return round(parse_number(match["number"]) * _ACRE)
    return parse_integer(match["number"])


def parse_integer(text: str) -> int:
    """A whole number, e.g. of rooms."""
    match = _COUNT.fullmatch(text.strip())
    assert match is not None
    _refuse_dotted_thousands(text, match["number"])
    number = parse_number(match["number"])
    if number != int(number):
        raise ValueError(f"{text} is not a whole number")
    return int(number)


def parse_count(text: str) -> Decimal:
    """A number of rooms, which comes in halves: "2.5 ba"."""
    match = _COUNT.fullmatch(text.strip())
    assert match is not None
    return parse_number(match["number"])


def parse_country(text: str) -> str:
    """A country's code of two letters; the United States also by name."""
    return _COUNTRIES.get(text.upper(), text.upper())


def _refuse_dotted_thousands(text: str, digits: str) -> None:
    """250.000 is a quarter of a million in half of the world's files, and 250 in the others."""
    if _DOTTED_THOUSANDS.fullmatch(digits):
        raise ValueError(f"{text!r} can be read in two ways: separate thousands by commas or not at all")
