"""How a file of rows is written: its encoding, and what separates its columns."""

import codecs
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ops.cli import StageError

_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx, .xls
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_ENCODING_NAMES = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class FileFormat:
    """What is needed to read a file."""

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        name = _ENCODING_NAMES.get(self.encoding, "Windows-1252" if self.encoding == "cp1252" else self.encoding)
        return f"{self.path}: {len(self.columns)} columns separated by {_DELIMITERS[self.delimiter]}, {name}"

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The rows below the headings, each with the line where it ends; blank ones are left out. Raises StageError."""
        with opened(self.path, self.encoding) as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            next(filter(None, reader), None)  # the headings
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num, cells


def detect(path: Path, encoding: str | None = None) -> FileFormat:
    """The format of a file; `encoding` where it is known. A column whose heading came before is named "Heading (2)". Raises StageError."""
    found = encoding or _encoding(path)
    headings: dict[str, list[str]] = {}
    for delimiter in _DELIMITERS:
        with opened(path, found) as file:
            headings[delimiter] = next(filter(None, csv.reader(file, delimiter=delimiter)), [])
    delimiter = max(_DELIMITERS, key=lambda each: len(headings[each]))
    if not any(heading.strip() for heading in headings[delimiter]):
        raise StageError(f"{path} doesn't begin with a line of headings.")
    return FileFormat(path, found, delimiter, tuple(_distinct(headings[delimiter])))


@contextmanager
def opened(path: Path, encoding: str) -> Iterator[IO[str]]:
    """The file as text; raises StageError where it can't be read as such."""
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield file
    except UnicodeError:
        raise StageError(f"{path} is not {encoding}: name its encoding by --encoding, or save it as UTF-8.") from None
    except LookupError:
        raise StageError(f"There is no encoding {encoding!r}; the usual ones are utf-8, utf-16, cp1252.") from None
    except OSError as error:
        raise StageError(f"{path} can't be read: {error.strerror}.") from None
    except csv.Error as error:
        raise StageError(f"{path} is no CSV file: {error}.") from None


def _encoding(path: Path) -> str:
    """By the first bytes; without a mark UTF-8 if the whole file is, else Windows-1252, which Excel writes."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
            if start.startswith(_WORKBOOKS):
                raise StageError(f"{path} is an Excel workbook: save the sheet as CSV and import that.")
            for mark, encoding in _BYTE_ORDER_MARKS.items():
                if start.startswith(mark):
                    return encoding
            if len(start) >= 2 and 0 in start[:2]:
                return "utf-16-be" if start[0] == 0 else "utf-16-le"
            decoder = codecs.getincrementaldecoder("utf-8")()
            decoder.decode(start)
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    except OSError as error:
        raise StageError(f"{path} can't be read: {error.strerror}.") from None
    return "utf-8"


def _distinct(headings: list[str]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for heading in headings:
        counts[heading] = counts.get(heading, 0) + 1
        yield heading if counts[heading] == 1 or not heading else f"{heading} ({counts[heading]})"
