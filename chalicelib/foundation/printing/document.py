"""What a document says, as plain text: neither HTML nor PDF knows more of it than this."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Tone = Literal["calm", "watch", "alarm", "plain"]


@dataclass(frozen=True)
class Prose:
    """Text, whose line breaks are kept. `quiet`: a remark, such as that there is nothing."""

    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Pairs:
    """Labels and what they are of."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Grid:
    """A table with a line of headings. `widths` are shares of the whole; texts of cells are short."""

    headings: Sequence[str]
    widths: Sequence[int]
    rows: Sequence[Sequence[str]]


Block = Prose | Pairs | Grid


@dataclass(frozen=True)
class Section:
    """A heading, which may be empty, and what stands below it."""

    heading: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A document. `kicker` stands above the title, `badges` beside it; `small_print` at the end, and `running` on every page of the PDF."""

    kicker: str
    title: str
    badges: Sequence[tuple[str, Tone]]
    head: Pairs
    sections: Sequence[Section]
    small_print: Sequence[str]
    running: str
    author: str = ""
