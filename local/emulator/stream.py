"""The stream of all tables' changes, in the order in which they were committed, and how far each consumer has read it.

It is written in the same transaction as the change itself, and a consumer's offset is written after the effects of what it consumed: so
there is no change without its record, and no offset ahead of its effects, whenever the process ends.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable

from local.emulator.errors import ServiceError

_FIRST_SEQUENCE_NUMBER = 10**20  # sequence numbers have one length, so that they are ordered as text too
_TRIM_EVERY = 256  # records
TRIMMED = "TrimmedDataAccessException"


class Stream:
    """Numbered records. A number may be missing; a later record has a higher one.

    Records are dropped when every consumer has read them, never for their age: a system that stood still for days goes on where it was.
    `trimmed` is the number up to which they were dropped. `clock` is the time of new records, in seconds since 1970.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float] = time.time) -> None:
        self._connection, self.clock = connection, clock
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'stream'").fetchone()
        self.last: int = row[0] if row else 0
        (self.trimmed,) = connection.execute("SELECT coalesce(max(number), 0) FROM trimmed").fetchone()
        self._grown = asyncio.Event()

    def append(self, record: Callable[[str], str]) -> None:
        """Add a record, which is made from its sequence number, within the caller's transaction."""
        number = self.last = self.last + 1
        self._connection.execute("INSERT INTO stream VALUES (?, ?)", (number, record(str(_FIRST_SEQUENCE_NUMBER + number))))
        self._grown.set()

    def read(self, after: int, limit: int) -> tuple[int, list[tuple[int, str]]]:
        """Up to `limit` records behind a number, and the number up to which that is all. Raises ServiceError where some are dropped."""
        if after < self.trimmed:
            raise ServiceError(TRIMMED, f"The records up to {self.trimmed} are not kept any more; {after} is before them.")
        rows = self._connection.execute(
            "SELECT number, record FROM stream WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
        ).fetchall()
        return (rows[-1][0] if len(rows) == limit else self.last), rows

    async def wait(self, after: int, seconds: float) -> None:
        """Return when there is a record behind a number, or when the time is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.last <= after and (left := deadline - loop.time()) > 0:
            self._grown.clear()
            try:
                await asyncio.wait_for(self._grown.wait(), left)
            except TimeoutError:
                return

    def register(self, consumers: Iterable[str]) -> dict[str, int]:
        """The consumers that there are from now on; returns their offsets. A new one begins with the oldest record that is kept."""
        names = list(consumers)
        known = self.offsets()
        self._connection.executemany("DELETE FROM offsets WHERE consumer = ?", [(name,) for name in known.keys() - set(names)])
        new = [(name, self.trimmed) for name in names if name not in known]
        self._connection.executemany("INSERT INTO offsets VALUES (?, ?)", new)
        return self.offsets()

    def offsets(self) -> dict[str, int]:
        """How far each consumer is."""
        return dict(self._connection.execute("SELECT consumer, number FROM offsets").fetchall())

    def save_offset(self, consumer: str, number: int) -> None:
        """A consumer has done everything up to a record. Records that nobody needs any more are dropped, some at a time."""
        self._connection.execute("UPDATE offsets SET number = ? WHERE consumer = ?", (number, consumer))
        (needed,) = self._connection.execute("SELECT min(number) FROM offsets").fetchone()
        if needed is not None and needed >= self.trimmed + _TRIM_EVERY:
            self._connection.execute("DELETE FROM stream WHERE number <= ?", (needed,))
            self._connection.execute("INSERT INTO trimmed VALUES (?)", (needed,))
            self._connection.execute("DELETE FROM trimmed WHERE number < ?", (needed,))
            self.trimmed = needed
