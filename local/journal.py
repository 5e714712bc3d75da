"""The journal: every change of the table, in order, on disk. The engine keeps its stream in memory only; this is its memory.

A segment is a file of JSON lines named by the number of its first record:

    {"n": 17, "r": {...}}                        a stream record, as a Lambda would get it
    {"c": 18, "offsets": {"audit_stream": 12}}   a commit: all up to 18 is whole, and who has done how much of it

Lines after the last commit don't count: they are what a kill left half written, perhaps half a transaction. A consumer's
offset stands behind the records of its own effects, so it can't be kept without them. `saved` is the number up to which
the engine's own state file holds everything; only what comes after it is replayed at the start.
"""

import itertools
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]

_SYNC_SECONDS = 1.0


class Journal:
    """The journal below one directory. One thread appends; any number of `Reader`s follow."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._saved_path = directory / "saved"
        self.saved = int(self._saved_path.read_text()) if self._saved_path.exists() else 0
        self.last = self.saved
        self.offsets: dict[str, int] = {}
        self.grown = threading.Condition()
        self._synced_at = 0.0
        self._dirty = False
        segments = self.segments()
        if segments:
            self._recover(segments[-1])
            self.last = max(self.last, self.saved)
        else:
            self._begin()

    def segments(self) -> list[Path]:
        """The segment files, oldest first."""
        return sorted(self._directory.glob("*.log"))

    def _recover(self, newest: Path) -> None:
        """Find the last commit of the newest segment and cut off what follows it."""
        whole = position = 0
        with newest.open("rb") as lines:
            for line in lines:
                position += len(line)
                try:
                    entry = json.loads(line) if line.endswith(b"\n") else None
                except ValueError:
                    entry = None
                if entry is None:
                    break
                if "c" in entry:
                    whole, self.last, self.offsets = position, entry["c"], entry["offsets"]
        os.truncate(newest, whole)
        self._path, self._end = newest, whole
        self._file = newest.open("ab", buffering=0)
        if not whole:  # killed while the segment was begun: the one before says how far it went
            earlier = [path for path in self.segments() if path != newest]
            self._file.close()
            newest.unlink()
            self._recover(earlier[-1]) if earlier else self._begin()

    def _begin(self) -> None:
        """Start a new segment; its first line is a commit, so that each segment can be read alone."""
        self._path = self._directory / f"{self.last + 1:020d}.log"
        self._file = self._path.open("ab", buffering=0)
        self._end = self._path.stat().st_size
        self._write([], self.offsets)
        self.sync()

    def append(self, records: list[Record], offsets: dict[str, int]) -> None:
        """Add whole changes and how far each consumer is; on disk within a second, readable at once."""
        if not records and offsets == self.offsets:
            return
        self._write(records, offsets)
        with self.grown:
            self.grown.notify_all()

    def _write(self, records: list[Record], offsets: dict[str, int]) -> None:
        first = self.last + 1
        lines = [json.dumps({"n": n, "r": record}, separators=(",", ":")) for n, record in enumerate(records, first)]
        last = self.last + len(records)
        lines.append(json.dumps({"c": last, "offsets": offsets}))
        block = memoryview(("\n".join(lines) + "\n").encode())
        size = len(block)
        while block:
            block = block[self._file.write(block) :]
        self._dirty = True
        with self.grown:
            self.last, self.offsets = last, dict(offsets)
            self._end += size

    def sync_if_due(self) -> None:
        """Force to disk what was appended, at most once a second."""
        if self._dirty and time.monotonic() - self._synced_at >= _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Force to disk what was appended."""
        os.fsync(self._file.fileno())
        self._dirty, self._synced_at = False, time.monotonic()

    def end(self) -> tuple[Path, int]:
        """The segment being written and how many bytes of it are whole."""
        with self.grown:
            return self._path, self._end

    def mark_saved(self, upto: int) -> None:
        """The engine's state holds all up to `upto`: begin a new segment and drop those that nobody needs."""
        staged = self._saved_path.with_suffix(".new")
        with staged.open("w") as file:
            file.write(str(upto))
            file.flush()
            os.fsync(file.fileno())
        staged.replace(self._saved_path)
        self.saved = upto
        if self.last >= int(self._path.stem):
            self.sync()
            self._file.close()
            self._begin()
        self.prune()

    def prune(self) -> None:
        """Drop the segments whose records are saved and consumed."""
        needed = min([self.saved, *self.offsets.values()]) + 1
        segments = self.segments()
        for path, following in itertools.pairwise(segments):
            if int(following.stem) <= needed and path != self._path:
                path.unlink()

    def close(self) -> None:
        """Force everything to disk and let go of the files."""
        if not self._file.closed:
            self.sync()
            self._file.close()


class Reader:
    """Follows the journal from behind record `after`. One thread's own."""

    def __init__(self, journal: Journal, after: int) -> None:
        self._journal = journal
        self._after = after
        self._path: Path | None = None
        self._position = 0

    def waiting(self) -> bool:
        """Whether there are records that `take` has not given yet."""
        return self._after < self._journal.last

    def take(self, limit: int) -> list[tuple[int, Record]]:
        """Up to `limit` further records with their numbers, oldest first; none where there are none yet."""
        taken: list[tuple[int, Record]] = []
        newest, end = self._journal.end()
        while len(taken) < limit and self.waiting():
            if self._path is None:
                self._path, self._position = self._segment_of(self._after + 1), 0
            for line in self._lines(self._path, end if self._path == newest else None):
                entry = json.loads(line)
                if "n" in entry and entry["n"] > self._after:
                    self._after = entry["n"]
                    taken.append((entry["n"], entry["r"]))
                    if len(taken) == limit:
                        return taken
            if self._path == newest:
                break
            following = [path for path in self._journal.segments() if path > self._path]
            if not following:
                break
            self._path, self._position = following[0], 0
        return taken

    def _segment_of(self, number: int) -> Path:
        held = [path for path in self._journal.segments() if int(path.stem) <= number]
        return held[-1] if held else self._journal.segments()[0]

    def _lines(self, path: Path, end: int | None) -> Iterator[bytes]:
        try:
            file = path.open("rb")
        except FileNotFoundError:  # dropped, because everything in it was taken; what follows is in the next segment
            return
        with file:
            file.seek(self._position)
            for line in file:
                if end is not None and self._position + len(line) > end:
                    return
                if not line.endswith(b"\n"):
                    return
                self._position += len(line)
                yield line


def records_after(journal: Journal, number: int) -> Iterator[tuple[int, Record]]:
    """Every record behind `number`, in order, a few at a time in memory."""
    reader = Reader(journal, number)
    while batch := reader.take(500):
        yield from batch
