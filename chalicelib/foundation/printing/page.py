"""A document as a page of HTML that needs nothing but itself: no scripts, no files, no fonts from elsewhere."""

from collections.abc import Iterable
from html import escape

from chalicelib.foundation.html_page import html_page
from chalicelib.foundation.printing.document import Block, Document, Grid, Pairs, Prose, Tone

# Of documents, and of the pages that links lead to (foundation.http.public_page).
STYLE = """
:root{color-scheme:light;--ink:#1b2430;--soft:#5b6675;--line:#dfe4ea;--wash:#f5f7f9;--accent:#1f4e79}
*{box-sizing:border-box}
body{margin:0;background:#eceff3;color:var(--ink);font:15px/1.55 "Segoe UI",system-ui,-apple-system,"Helvetica Neue",Arial,sans-serif}
main{max-width:820px;margin:32px auto;background:#fff;padding:48px 56px 40px;border-top:6px solid var(--accent);box-shadow:0 1px 6px rgba(20,30,45,.14)}
header{border-bottom:1px solid var(--line);padding-bottom:20px;margin-bottom:8px}
.kicker{margin:0;color:var(--accent);font-size:12px;font-weight:600;letter-spacing:.09em;text-transform:uppercase}
h1{margin:6px 0 12px;font-size:27px;line-height:1.25;font-weight:650;overflow-wrap:anywhere}
.badge{display:inline-block;margin:0 8px 4px 0;padding:2px 11px;border-radius:11px;font-size:12.5px;font-weight:600;background:#e8edf3;color:#33414f}
.calm{background:#e2f2e7;color:#1c6638}.watch{background:#fdf0d2;color:#7a5200}.alarm{background:#fbe1de;color:#98231b}
h2{margin:30px 0 8px;font-size:16.5px;font-weight:650;color:var(--accent)}
section{break-inside:auto}h2{break-after:avoid}
p{margin:0 0 8px;white-space:pre-wrap;overflow-wrap:anywhere}
.quiet{color:var(--soft);font-style:italic}
dl{margin:0;display:grid;grid-template-columns:minmax(120px,max-content) 1fr;gap:5px 20px}
header dl{margin-top:16px}
dl+dl{margin-top:12px}
dt{color:var(--soft);overflow-wrap:anywhere;max-width:240px}dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse;table-layout:fixed;margin:0 0 8px;font-size:14px}
th{text-align:left;font-weight:600;color:var(--soft);font-size:12.5px;border-bottom:1.5px solid var(--line);padding:6px 12px 6px 0}
td{vertical-align:top;border-bottom:1px solid var(--line);padding:8px 12px 8px 0;overflow-wrap:anywhere}
tr{break-inside:avoid}thead{display:table-header-group}
footer{margin-top:36px;padding-top:14px;border-top:1px solid var(--line);color:var(--soft);font-size:12px}
footer p{margin:0 0 3px}
@media(max-width:640px){main{margin:0;padding:24px 20px}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:8px}}
@page{size:letter;margin:18mm}
@media print{body{background:#fff;font-size:11pt}main{margin:0;padding:0;max-width:none;box-shadow:none;border:0}}
"""


def as_html(document: Document) -> str:
    """The whole page. Everything that the document says is escaped."""
    sections = "".join(
        f"<section>{f'<h2>{escape(section.heading)}</h2>' if section.heading else ''}{''.join(map(block_html, section.blocks))}</section>"
        for section in document.sections
    )
    small_print = "".join(f"<p>{escape(line)}</p>" for line in document.small_print)
    body = (
        f'<main><header><p class="kicker">{escape(document.kicker)}</p><h1>{escape(document.title)}</h1><div>{badges_html(document.badges)}</div>'
        f"{block_html(document.head)}</header>{sections}<footer>{small_print}</footer></main>"
    )
    return html_page(f"{document.kicker}: {document.title}", head=f"<style>{STYLE}</style>", body=body)


def badges_html(badges: Iterable[tuple[str, Tone]]) -> str:
    """What stands beside a title."""
    return "".join(f'<span class="badge {tone}">{escape(text)}</span>' for text, tone in badges)


def block_html(block: Block) -> str:
    """A block of a document as HTML."""
    match block:
        case Prose(text, quiet):
            return f'<p class="quiet">{escape(text)}</p>' if quiet else f"<p>{escape(text)}</p>"
        case Pairs(rows):
            return "<dl>" + "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in rows) + "</dl>"
        case Grid(headings, widths, rows):
            total = sum(widths)
            columns = "".join(f'<col style="width:{100 * width / total:.1f}%">' for width in widths)
            head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
            body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
            return f"<table><colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
