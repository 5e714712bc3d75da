"""The time of a local system: this machine's, and the seconds by which `python -m local clock` has moved it ahead.

The seconds stand in a file of the workspace, which every process of the system reads at each look: all of them move at once, and a
restart keeps the time. Who can write there owns the system; no request reaches it.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

CLOCK_FILE = "clock-ahead"


class ClockFileError(Exception):
    """The file doesn't hold what it should; the message says so in one line."""


class LocalClock:
    """The present local time, for whoever takes a callable. `file` holds the seconds ahead; without it, it is the machine's time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC) + self.ahead

    def timestamp(self) -> float:
        """Now, in seconds since 1970."""
        return self().timestamp()

    @property
    def ahead(self) -> timedelta:
        """By how much it is ahead of the machine. Raises ClockFileError."""
        try:
            text = self._file.read_text().strip()
        except FileNotFoundError:
            return timedelta(0)
        if not (text.isascii() and text.isdigit() and len(text) <= 11):
            raise ClockFileError(f"{self._file} must hold the whole seconds by which the time is ahead, not {text[:40]!r}.")
        return timedelta(seconds=int(text))

    def shown(self) -> str:
        """The time and how far it is ahead, for people: a part of a line."""
        ahead = self.ahead
        return f"{self():%Y-%m-%dT%H:%M:%SZ} here, " + (
            f"{str(ahead).removesuffix(', 0:00:00')} ahead of this machine" if ahead else "as on this machine"
        )
