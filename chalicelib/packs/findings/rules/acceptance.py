"""Who may accept the risk of a finding, and until when."""

from collections.abc import Collection
from datetime import date, timedelta

from chalicelib.foundation.errors import Conflict, Forbidden, ValidationFailed

LONGEST = timedelta(days=180)


def check_person(*, is_person: bool, caller: Collection[str], causers: Collection[str]) -> None:
    """Raise Forbidden for an API key, and for who created or owns what the finding is about: `caller` are the ids by which they are known."""
    if not is_person:
        raise Forbidden("A person accepts a risk: an API key may not.")
    if any(id in causers for id in caller):
        raise Forbidden("Who created or owns what a finding is about doesn't accept its risk.")


def check_until(until: date, today: date) -> None:
    """Raise ValidationFailed unless the last day is neither past nor too far ahead."""
    if not today <= until <= today + LONGEST:
        raise ValidationFailed.field("until", f"a day from today on, {LONGEST.days} days ahead at the most")


def decision_needed(severity: str) -> Conflict:
    """The refusal where no decision allows it."""
    detail = f"The risk of a {severity} finding is accepted by a decision that stands, on exactly accept_risk."
    return Conflict(detail, code="decision_needed")
