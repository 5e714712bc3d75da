"""The text of an HTML page without its boilerplate: navigation, banners, footers, asides, forms' controls, scripts, what is hidden.

Read from the stream of justhtml's tokenizer. A tree is not built: some pages of 2 MB, made for it, grow in one to gigabytes, or take minutes.
"""

import re
from collections.abc import Callable, Mapping

_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"))
_DROPPED = frozenset(
    (
        *("script", "style", "noscript", "template", "title", "svg", "math", "canvas", "object", "audio", "video", "iframe"),
        *("noembed", "noframes", "nav", "aside", "menu", "dialog", "button", "select", "textarea", "datalist", "label"),
    )
)
_DROPPED_OUTSIDE_CONTENT = frozenset(("header", "footer"))  # of the page; an article's own are its heading and its signature
_CONTENT = frozenset(("main", "article"))
_NEVER_DROPPED = frozenset(("html", "head", "body", *_CONTENT))
_ROLES = frozenset(("navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "dialog", "alertdialog"))
_NAMES = frozenset(  # of classes and ids, whole: "sidebar", but not "has-sidebar"
    (
        *("nav", "navbar", "navigation", "site-navigation", "main-navigation", "menu", "main-menu", "breadcrumb", "breadcrumbs"),
        *("sidebar", "footer", "site-footer", "site-header", "skip-link", "cookie-banner", "cookie-notice", "cookie-consent"),
    )
)
# Their end tags may be left out, so that what is dropped of them ends where they must end.
_OPEN_ENDED = frozenset(("p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup"))
_ENCLOSING = frozenset(("ul", "ol", "dl", "table", "div", "section", "article", "main", "body", "html"))
_INLINE = frozenset(
    (
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd"),
        *("mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "img"),
    )
)
_HIDING_STYLE = re.compile(r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden", re.IGNORECASE)
_SPACE = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")
_BETWEEN_CHECKS = 1000  # events


def text_of_html(html: str | bytes, encoding: str | None = None, check: Callable[[], None] = lambda: None) -> str:
    """The text of a page, a blank line between its blocks. `encoding` is what the server said of bytes; `check` is called now and then."""
    from justhtml import stream  # only where a page is read

    reader = _Reader()
    for number, event in enumerate(stream(html, encoding=encoding)):
        if number % _BETWEEN_CHECKS == 0:
            check()
        if event[0] == "start":
            name, attributes = event[1]
            reader.start(name.lower(), attributes)
        elif event[0] == "end":
            reader.end(event[1].lower())
        elif event[0] == "text":
            reader.text(event[1])
    return reader.result()


class _Reader:
    """Collects the text, and remembers what is being dropped: `_dropping` the element's name, `_depth` how many of that name are open."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._dropping, self._depth = "", 0
        self._content = 0

    def start(self, name: str, attributes: Mapping[str, str | None]) -> None:
        if self._dropping:
            if name != self._dropping:
                return
            if name not in _OPEN_ENDED:
                self._depth += 1
                return
            self._dropping = ""
        self._separate(name)
        if name in _CONTENT:
            self._content += 1
        if name not in _VOID and self._is_boilerplate(name, attributes):
            self._dropping, self._depth = name, 1

    def end(self, name: str) -> None:
        if self._dropping:
            if name == self._dropping:
                self._depth -= 1
            if self._depth == 0 or (self._dropping in _OPEN_ENDED and name in _ENCLOSING):
                self._dropping = ""
            return
        if name in _CONTENT:
            self._content = max(0, self._content - 1)
        self._separate(name)

    def text(self, text: str) -> None:
        if not self._dropping:
            self._parts.append(text.replace("\n", " ").replace("\r", " "))

    def result(self) -> str:
        lines = _SPACE.sub(" ", "".join(self._parts))
        return _LINES.sub(lambda found: "\n\n" if found[0].count("\n") > 1 else "\n", lines).strip()

    def _separate(self, name: str) -> None:
        if name == "br":
            self._parts.append("\n")
        elif name not in _INLINE:
            self._parts.append("\n\n")

    def _is_boilerplate(self, name: str, attributes: Mapping[str, str | None]) -> bool:
        if name in _NEVER_DROPPED:
            return False
        if name in _DROPPED or (name in _DROPPED_OUTSIDE_CONTENT and not self._content):
            return True
        if not attributes:
            return False
        names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}".casefold().split()
        return (
            "hidden" in attributes
            or (attributes.get("aria-hidden") or "").casefold() == "true"
            or (attributes.get("role") or "").casefold() in _ROLES
            or not _NAMES.isdisjoint(names)
            or _HIDING_STYLE.search(attributes.get("style") or "") is not None
        )
