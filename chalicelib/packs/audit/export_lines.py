"""The file of an export: JSON lines, and how they are verified with nothing but the public keys. Pure functions.

Each line is RFC 8785: `{hash, prev_hash, record}` in the order of recording, and after the records of each day `{seal: {date, sealed, …}}`,
with the day's seal where it has one. The file is gzipped; it may consist of several members.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from chalicelib.foundation.canonical_json import canonical_json
from chalicelib.foundation.dates import format_timestamp, parse_timestamp
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.audit.records import GENESIS, AuditRecord, chain_hash
from chalicelib.packs.audit.seals import FIRST, DayRecords, Leaf, PublicKeys, Seal, day_end, records_error, seal_error

_RECORD, _SEAL = {"hash", "prev_hash", "record"}, {"seal"}
_SEALED_WITHIN = timedelta(hours=1)  # after the end of a day it should be sealed
_MAX_BREAKS = 50  # that are told of one file

# -- writing


def record_line(record: AuditRecord) -> str:
    """The line of a record. Its body is RFC 8785, and stays the text that was hashed; one that isn't JSON any more is put in as a text."""
    body = record.body if _is_json(record.body) else canonical_json(record.body)
    return f'{{"hash":{canonical_json(record.hash)},"prev_hash":{canonical_json(record.prev_hash)},"record":{body}}}\n'


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return "\n" not in text


def seal_line(day: date, seal: Seal | None) -> str:
    """The line at the end of a day."""
    values: JsonObject = {"date": day.isoformat(), "sealed": seal is not None, **(asdict(seal) if seal else {})}
    return canonical_json({"seal": values}) + "\n"


# -- verifying


@dataclass(frozen=True)
class FileBreak:
    """Something in the file that isn't as it was recorded: in which line, of which record, and why."""

    line: int
    reason: str
    entity_id: str = ""
    seq: int | None = None


@dataclass
class FileVerdict:
    """What the verification of a file found. `unsealed` are days whose end nothing proves, as they have no seal in the file."""

    records: int = 0
    entities: int = 0
    days: list[str] = field(default_factory=list)
    unsealed: list[str] = field(default_factory=list)
    breaks: list[FileBreak] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Whether nothing was found."""
        return not self.breaks


class FileVerifier:
    """Verifies the lines of an export, one after the other: each record's hash, the chains, the order, and each day's seal.

    `first` and `last` are the days that the file should begin and end with, where that is known: days that were cut off at an end leave no
    trace in a file. `now` says which days should have been sealed by now.
    """

    def __init__(self, keys: PublicKeys, now: datetime, *, first: date | None = None, last: date | None = None) -> None:
        self._keys, self._now, self._first, self._last = keys, now, first, last
        self.verdict = FileVerdict()
        self._line = 0
        self._chains: dict[str, _Chain] = {}
        self._day: date | None = None  # whose records are read
        self._recorded = DayRecords()
        self._position = ("", "", 0)  # of the last record, in the order of recording
        self._seal: Seal | None = None  # of the day before

    def verify(self, lines: Iterable[str]) -> FileVerdict:
        """Verify all lines of a file."""
        try:
            for line in lines:
                self._add(line)
        except (EOFError, OSError, UnicodeDecodeError, zlib.error) as error:  # of what unpacks the file
            self._broken(f"truncated: the file can't be read on ({error})")
        self._finish()
        return self.verdict

    def _add(self, line: str) -> None:
        self._line += 1
        text = line.removesuffix("\n")
        content = _parse(text)
        if content is None:
            self._broken("mutated: not RFC 8785, as every line is")
        elif content.keys() == _RECORD:
            self._add_record(content)
        elif content.keys() == _SEAL and isinstance(content["seal"], dict):
            self._add_seal(content["seal"])
        else:
            self._broken("inserted: neither a record nor a seal")

    # -- records

    def _add_record(self, content: JsonObject) -> None:
        self.verdict.records += 1
        record, hash, prev_hash = content["record"], content["hash"], content["prev_hash"]
        try:
            entity_id, seq, recorded_at = record["entity_id"], record["seq"], record["recorded_at"]
            day = parse_timestamp(recorded_at).date()
            if type(entity_id) is not str or type(seq) is not int or not isinstance(hash, str) or not isinstance(prev_hash, str):
                raise TypeError
            if format_timestamp(parse_timestamp(recorded_at)) != recorded_at:
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError):
            self._broken("mutated: its content is no record")
            return
        if hash != chain_hash(prev_hash, _canonical(record)):
            self._broken("mutated: its hash isn't that of its content", entity_id, seq)
        self._day = self._day or day
        if day != self._day:
            self._broken(f"reordered: it was recorded on {day}, and stands among the records of {self._day}", entity_id, seq)
        position = (recorded_at, entity_id, seq)
        if position <= self._position:
            self._broken("reordered: it was recorded before the record in front of it", entity_id, seq)
        self._position = position
        self._recorded.add(Leaf(entity_id, seq, hash))
        if error := self._chains.setdefault(entity_id, _Chain()).add(seq, prev_hash, hash, purged=record.get("action") == "purged"):
            self._broken(error, entity_id, seq)

    # -- seals

    def _add_seal(self, values: JsonObject) -> None:
        day = _day(values.get("date"))
        if day is None or type(values.get("sealed")) is not bool:
            self._broken("mutated: the seal has no day")
            return
        if self._day is not None and day != self._day:
            self._broken(f"missing: the seal of {self._day}; this is that of {day}" if day > self._day else f"reordered: the seal of {day}")
        recorded, self._recorded = self._recorded, DayRecords()
        if values["sealed"]:
            self._check_seal(values, recorded)
        else:
            if self._is_any_sealed:
                self._check_unsealed(day)
            self._seal = None
            self.verdict.unsealed.append(day.isoformat())
        self.verdict.days.append(day.isoformat())
        self._day = day + timedelta(days=1)

    def _check_seal(self, values: JsonObject, recorded: DayRecords) -> None:
        try:
            if values.keys() != {"sealed", *Seal.__dataclass_fields__}:
                raise ValueError
            seal = Seal.from_values(values)
        except ValueError:
            self._broken("mutated: the seal isn't one")
            return
        error = seal_error(seal, self._seal, self._keys) or records_error(seal, recorded)
        if self._seal is None and self.verdict.days and seal.prev_hash != FIRST:
            error = error or f"missing: the seal of {self.verdict.days[-1]}, which this one follows"
        if error:
            self._broken(f"{error} (seal of {seal.date})")
        self._seal = seal

    @property
    def _is_any_sealed(self) -> bool:
        return len(self.verdict.days) > len(self.verdict.unsealed)

    def _check_unsealed(self, day: date) -> None:
        """A day that has no seal, and follows one that has: right only while it is too early for its seal."""
        if self._now >= day_end(day) + _SEALED_WITHIN:
            self._broken(f"unsealed: {day} should be sealed by now; make the export again")

    # -- the end

    def _finish(self) -> None:
        days, verdict = self.verdict.days, self.verdict
        if self._recorded.records:
            self._broken(f"truncated: the file ends within {self._day}, without its seal")
        elif not days:
            self._broken("truncated: there is nothing in it")
        elif not self._is_any_sealed:
            self._check_unsealed(date.fromisoformat(days[-1]))
        for end, expected, at in (("begins", self._first, 0), ("ends", self._last, -1)):
            if expected is not None and days and days[at] != expected.isoformat():
                self._broken(f"truncated: the file {end} with {days[at]} instead of {expected}")
        for entity_id, chain in self._chains.items():
            if (missing := chain.missing) is not None:
                self._broken("missing: it isn't in the file, though later ones are", entity_id, missing)
        verdict.entities = len(self._chains)

    def _broken(self, reason: str, entity_id: str = "", seq: int | None = None) -> None:
        if len(self.verdict.breaks) < _MAX_BREAKS:
            self.verdict.breaks.append(FileBreak(self._line, reason, entity_id, seq))


class _Chain:
    """The records of one entity in the file. They come in their order, but for those that two machines recorded within a moment."""

    def __init__(self) -> None:
        self._first, self._last = 0, 0  # the numbers of an unbroken piece
        self._first_prev, self._hash = "", ""
        self._waiting: dict[int, tuple[str, str]] = {}  # those that come before what is between
        self._purged: int | None = None

    def add(self, seq: int, prev_hash: str, hash: str, *, purged: bool) -> str | None:
        """Add a record; what is wrong with it, if that is known already."""
        if purged:
            self._purged = seq
        if seq < 1 or (seq == 1) != (prev_hash == GENESIS):
            return "unchained: only the first record follows nothing"
        if self._purged is not None and seq > self._purged:
            return "inserted: it comes after the removal"
        if not self._last:
            self._first = self._last = seq
            self._first_prev, self._hash = prev_hash, hash
            return None
        if self._first <= seq <= self._last or seq in self._waiting:
            return "inserted: there is another record of this number"
        self._waiting[seq] = (prev_hash, hash)
        return self._take_waiting()

    def _take_waiting(self) -> str | None:
        error = None
        while (after := self._waiting.pop(self._last + 1, None)) is not None:
            if after[0] != self._hash:
                error = "unchained: it doesn't follow from the record before"
            self._last, self._hash = self._last + 1, after[1]
        while (before := self._waiting.pop(self._first - 1, None)) is not None:
            if before[1] != self._first_prev:
                error = "unchained: the record after doesn't follow from it"
            self._first, self._first_prev = self._first - 1, before[0]
        return error

    @property
    def missing(self) -> int | None:
        """The number of a record that isn't there, though there are earlier and later ones; None where there is none."""
        if not self._waiting:
            return None
        return self._last + 1 if max(self._waiting) > self._last else self._first - 1


def _parse(text: str) -> JsonObject | None:
    """The object in a line of RFC 8785; None for everything else."""
    try:
        value = json.loads(text, parse_int=_number)
        return value if isinstance(value, dict) and _canonical(value) == text else None
    except (ValueError, TypeError, RecursionError):
        return None


def _number(digits: str) -> int | float:
    """As RFC 8785 has numbers: doubles. An integer beyond those that every double holds is one that was written with all its digits."""
    number = int(digits)
    return number if abs(number) < 2**53 else float(digits)


def _canonical(value: Any) -> str:
    import rfc8785

    return rfc8785.dumps(value).decode()


def _day(value: object) -> date | None:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return day if day is not None and day.isoformat() == value else None
