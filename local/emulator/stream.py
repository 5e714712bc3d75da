"""The stream of all tables' changes, in the order in which they were committed, and how far each consumer has read it.

It is written in the same transaction as the change itself, and a consumer's offset is written after the effects of what it consumed: so
there is no change without its record, and no offset ahead of its effects, whenever the process ends.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable

_FIRST_SEQUENCE_NUMBER = 10**20  # sequence numbers have one length, so that they are ordered as text too
_TRIM_EVERY = 256  # records


class Stream:
    """Numbered records. A number may be missing; a later record has a higher one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'stream'").fetchone()
        self.last: int = row[0] if row else 0
        self._trimmed = 0
        self._grown = asyncio.Event()

    def append(self, record: Callable[[str], str]) -> None:
        """Add a record, which is made from its sequence number, within the caller's transaction."""
        number = self.last = self.last + 1
        self._connection.execute("INSERT INTO stream VALUES (?, ?)", (number, record(str(_FIRST_SEQUENCE_NUMBER + number))))
        self._grown.set()

    def read(self, after: int, limit: int) -> tuple[int, list[tuple[int, str]]]:
        """Up to `limit` records behind a number, and the number up to which that is all."""
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
        """The consumers that there are from now on; returns their offsets. A new one begins with the oldest record."""
        names = list(consumers)
        known = dict(self._connection.execute("SELECT consumer, number FROM offsets").fetchall())
        self._connection.executemany("DELETE FROM offsets WHERE consumer = ?", [(name,) for name in known.keys() - set(names)])
        self._connection.executemany("INSERT INTO offsets VALUES (?, 0)", [(name,) for name in names if name not in known])
        return {name: known.get(name, 0) for name in names}

    def save_offset(self, consumer: str, number: int) -> None:
        """A consumer has done everything up to a record. Records that nobody needs any more are dropped, some at a time."""
        self._connection.execute("UPDATE offsets SET number = ? WHERE consumer = ?", (number, consumer))
        (needed,) = self._connection.execute("SELECT min(number) FROM offsets").fetchone()
        if needed is not None and needed >= self._trimmed + _TRIM_EVERY:
            self._connection.execute("DELETE FROM stream WHERE number <= ?", (needed,))
            self._trimmed = needed
