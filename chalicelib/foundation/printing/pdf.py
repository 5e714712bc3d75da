"""A document as a PDF, by fpdf2, with fonts that are in the file.

The library takes half a second to import, so nothing imports this module before a PDF is asked for. The same document makes the same
bytes. The fonts have Latin, Greek, Cyrillic, Armenian and Georgian letters; what they don't have becomes □, and the end says so.
"""

import warnings
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.foundation.printing.document import Block, Document, Grid, Pairs, Prose, Tone

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it says that there are no images without Pillow: there are none
    from fpdf import FPDF
    from fpdf.enums import TableBordersLayout, WrapMode, XPos, YPos
    from fpdf.fonts import FontFace, TTFFont

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FONTS = Path(__file__).parent / "fonts"
_FAMILY = "dejavu"
_FILES = {"": "DejaVuSansCondensed.ttf", "B": "DejaVuSansCondensed-Bold.ttf"}  # by style
_MISSING = "□"
_NOTE = "Characters that are shown as □ have no sign here: the HTML and JSON forms of this document have them."

_INK, _SOFT, _LINE, _ACCENT = (27, 36, 48), (91, 102, 117), (214, 220, 227), (31, 78, 121)
_TONES: dict[Tone, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "calm": ((226, 242, 231), (28, 102, 56)),
    "watch": ((253, 240, 210), (122, 82, 0)),
    "alarm": ((251, 225, 222), (152, 35, 27)),
    "plain": ((232, 237, 243), (51, 65, 79)),
}
_MARGIN, _LABEL, _WIDEST_LABEL = 19.0, 34.0, 64.0  # millimetres


def as_pdf(document: Document, created: datetime) -> bytes:
    """The whole file. `created` is the date in its properties."""
    with _pages(document, created, 0) as counted:  # once without the number of pages, to know it
        pages = counted.pages_count
    with _pages(document, created, pages) as pdf:
        return bytes(pdf.output())


def unprintable(text: str) -> str:
    """The characters of a text that the fonts have no sign for, each once: for documents that must not have □ in them."""
    font = TTFFont(FPDF(), _FONTS / _FILES[""], _FAMILY, "")
    try:
        return "".join(dict.fromkeys(character for character in text if ord(character) not in font.cmap and character.isprintable()))
    finally:
        font.ttfont.close()


@contextmanager
def _pages(document: Document, created: datetime, pages: int) -> "Iterator[_Pdf]":
    """The pages of a document, of which there are so many. The files of its fonts are open as long."""
    pdf = _Pdf(document, created, pages)
    try:
        yield pdf
    finally:
        for font in pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()


class _Pdf(FPDF):
    """The pages as they are made, from the top down."""

    def __init__(self, document: Document, created: datetime, pages: int) -> None:
        super().__init__(format="letter")
        self.document, self._pages = document, pages
        self.str_alias_nb_pages = ""  # no text stands for the number of pages: it might be the document's own
        self.c_margin = 0
        for style, name in _FILES.items():
            self.add_font(_FAMILY, style, _FONTS / name)
        font = self.fonts[_FAMILY]
        assert isinstance(font, TTFFont)
        self._known = frozenset(font.cmap) | {ord("\n")}
        self._lacks = False
        self.set_margins(_MARGIN, 17, _MARGIN)
        self.set_auto_page_break(True, margin=21)
        self.set_creation_date(created)
        self.set_title(f"{document.kicker}: {document.title}")
        self.set_author(document.author)
        self.set_lang("en")
        self.add_page()
        self._opening()
        for section in document.sections:
            self._heading(section.heading)
            for block in section.blocks:
                self._block(block)
        self._ending()

    def header(self) -> None:
        """A coloured edge on the first page."""
        if self.page_no() == 1:
            self.set_fill_color(*_ACCENT)
            self.rect(0, 0, self.w, 2.4, style="F")

    def footer(self) -> None:
        """What the document is, and which page this is."""
        self.set_y(-14)
        self._use(7.5, color=_SOFT)
        self.set_draw_color(*_LINE)
        self.line(self.l_margin, self.get_y() - 1.5, self.w - self.r_margin, self.get_y() - 1.5)
        self.cell(self.epw - 22, 5, self._fit(self._printable(self.document.running), self.epw - 24))
        self.cell(22, 5, f"Page {self.page_no()} of {self._pages}", align="R")

    def _opening(self) -> None:
        """The head of the document."""
        self._use(8.5, bold=True, color=_ACCENT)
        self.set_char_spacing(0.4)
        self._lines(self.document.kicker.upper(), 5)
        self.set_char_spacing(0)
        self._use(19, bold=True)
        self.ln(0.5)
        self._lines(self.document.title, 8.4)
        self.ln(2)
        if self.document.badges:
            self._badges()
        if self.document.head.rows:
            self._block(self.document.head)
        self.ln(1.5)
        self._rule()

    def _badges(self) -> None:
        """What stands beside the title, in one line."""
        self._use(8.5, bold=True)
        for text, tone in self.document.badges:
            back, ink = _TONES[tone]
            text = self._printable(text)
            width = self.get_string_width(text) + 6
            self.set_fill_color(*back)
            self.set_text_color(*ink)
            self.rect(self.get_x(), self.get_y(), width, 5.6, style="F", round_corners=True, corner_radius=2.8)
            self.cell(width, 5.6, text, align="C")
            self.set_x(self.get_x() + 2.5)
        self.ln(8.5)

    def _ending(self) -> None:
        """The small print."""
        if not self.document.small_print and not self._lacks:
            return
        if self.will_page_break(6 + 4 * len(self.document.small_print)):
            self.add_page()
        self.ln(5)
        self._rule()
        self._use(7.5, color=_SOFT)
        for line in (*self.document.small_print, *([_NOTE] if self._lacks else [])):
            self._lines(line, 4)

    def _heading(self, text: str) -> None:
        """The heading of a section, never alone at the foot of a page; nothing of one that has none."""
        if not text:
            return
        if self.will_page_break(24):
            self.add_page()
        self.ln(4.5)
        self._use(11.5, bold=True, color=_ACCENT)
        self._lines(text, 6.5)
        self.ln(0.8)

    def _block(self, block: Block) -> None:
        """What stands below a heading."""
        match block:
            case Prose(text, quiet):
                self._use(9.5, color=_SOFT if quiet else _INK)
                self._lines(text, 5)
                self.ln(1)
            case Pairs(rows):
                self._use(9)
                widest = max((self.get_string_width(self._printable(label)) for label, _ in rows), default=0)
                width = min(max(widest + 4, _LABEL), _WIDEST_LABEL)
                for label, value in rows:
                    self._pair(label, value, width)
                self.ln(0.8)
            case Grid():
                self._grid(block)

    def _pair(self, label: str, value: str, width: float) -> None:
        self._use(9, color=_SOFT)
        label = self._printable(label)
        if self.will_page_break(5):
            self.add_page()
        if self.get_string_width(label) > width - 2:
            self._lines(label, 5)
        else:
            self.cell(width, 5, label)
        left = self.l_margin
        self.set_x(left + width)
        self.set_left_margin(left + width)
        self._use(9.5)
        self._lines(value, 5)
        self.set_left_margin(left)
        self.set_x(left)

    def _grid(self, grid: Grid) -> None:
        self._use(9)
        self.set_draw_color(*_LINE)
        self.set_fill_color(255)
        self.set_line_width(0.2)
        with self.table(
            col_widths=tuple(grid.widths),
            headings_style=FontFace(emphasis="BOLD", color=_SOFT, size_pt=8),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=4.6,
            padding=(1.1, 2, 1.1, 0),
            text_align="LEFT",
            v_align="T",
            wrapmode=WrapMode.WORD,
        ) as table:
            for cells in (grid.headings, *grid.rows):
                row = table.row()
                for cell in cells:
                    row.cell(self._printable(cell))
        self.ln(1.5)

    def _lines(self, text: str, height: float) -> None:
        """Text in lines of this height, over as many pages as it takes."""
        self.multi_cell(0, height, self._printable(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _use(self, size: float, *, bold: bool = False, color: tuple[int, int, int] = _INK) -> None:
        self.set_font(_FAMILY, "B" if bold else "", size)
        self.set_text_color(*color)

    def _rule(self) -> None:
        self.set_draw_color(*_LINE)
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
        self.ln(1.5)

    def _printable(self, text: str) -> str:
        """The text with what the fonts have."""
        shown = "".join(_shown(text.replace("\r\n", "\n").replace("\t", "    "), self._known))
        self._lacks = self._lacks or shown.count(_MISSING) > text.count(_MISSING)
        return shown

    def _fit(self, text: str, width: float) -> str:
        """As much of the text as the width takes."""
        while text and self.get_string_width(text) > width:
            text = f"{text[:-2]}…"
        return text


def _shown(text: str, known: frozenset[int]) -> "Iterable[str]":
    for character in text:
        if ord(character) in known:
            yield character
        elif character.isprintable():
            yield _MISSING
        elif character.isspace():
            yield " "
