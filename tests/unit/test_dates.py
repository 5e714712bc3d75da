"""Dates and times as people read them."""

from datetime import UTC, datetime

import pytest

from chalicelib.foundation.dates import format_for_people


@pytest.mark.parametrize(
    ("instant", "zone", "text"),
    [
        (datetime(2026, 11, 25, 0, 5, tzinfo=UTC), "America/Los_Angeles", "Tuesday, 24 November 2026, 16:05 PST"),
        (datetime(2026, 7, 3, 16, 30, 59, tzinfo=UTC), "America/New_York", "Friday, 3 July 2026, 12:30 EDT"),
        (datetime(2026, 1, 1, tzinfo=UTC), "UTC", "Thursday, 1 January 2026, 00:00 UTC"),
    ],
)
def test_a_time_as_mails_say_it(instant: datetime, zone: str, text: str) -> None:
    assert format_for_people(instant, zone) == text
