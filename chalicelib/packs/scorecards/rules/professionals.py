"""What a professional is: the roles, and the folded words that they are found by."""

from collections.abc import Iterable, Mapping

from chalicelib.foundation.folding import fold_text

ROLES = ("lawyer", "accountant", "contractor", "va", "appraiser", "title", "lender", "broker", "inspector", "other")
MAX_JURISDICTIONS, MAX_SPECIALIZATIONS, MAX_LICENSES, MAX_URLS = 60, 20, 20, 10


def fold_all(texts: Iterable[str]) -> list[str]:
    """The texts as they are compared, each once, sorted."""
    return sorted({fold_text(text) for text in texts})


def latest_licenses(licenses: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The last day on which a licence, of any kind, holds in each (folded) jurisdiction: all that tells whether one holds on a day."""
    latest: dict[str, str] = {}
    for license in licenses:
        place = fold_text(license["jurisdiction"])
        latest[place] = max(license["expires_on"], latest.get(place, ""))
    return latest
