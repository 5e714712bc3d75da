"""Words and values of contracts as people read them, on pages and in certificates."""

from datetime import date

from chalicelib.foundation.dates import day_in_words, instant_in_words, parse_timestamp
from chalicelib.foundation.printing.texts import NONE

KINDS = {
    "purchase": "Purchase agreement",
    "assignment": "Assignment agreement",
    "engagement": "Engagement",
    "nda": "Non-disclosure agreement",
    "other": "Contract",
}
PARTY_STATUSES = {
    "pending": "Not yet asked",
    "notified": "Asked",
    "viewed": "Viewed",
    "signed": "Signed",
    "declined": "Declined",
    "void": "Taken back",
}
AUTHENTICATIONS = {
    "email_link": "By a link mailed to the party's address",
    "session": "Signed in as a user with the party's address",
    "wet_ink": "By hand, attested",
}


def date_text(day: str | date | None) -> str:
    """A day as it is written in letters."""
    if day is None:
        return NONE
    moment = day if isinstance(day, date) else date.fromisoformat(day)
    return day_in_words(moment)


def instant_text(moment: str | None, zone: str) -> str:
    """An instant in a time zone, to the second."""
    if moment is None:
        return NONE
    return instant_in_words(parse_timestamp(moment), zone, seconds=True)
