"""Pages for people without an account, to which links in mails lead: text, tables and forms, without scripts or anything from elsewhere.

A form posts `application/x-www-form-urlencoded` to an endpoint that takes forms (`Endpoint.forms`); its action is relative to the page's own
address, which ends in the link's token: `?` is that address itself, and `?to=open` the endpoint that lies below it as /open. So no page
names the token. Submitted with the browser's means alone, it is answered by the next page. That page links to a file rather than redirect to it,
since its policy lets forms lead nowhere but here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import PROBLEM_TYPES, Problem, ValidationFailed
from chalicelib.foundation.html_page import html_page
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.printing.document import Block, Grid, Pairs, Prose, Tone
from chalicelib.foundation.printing.page import STYLE, badges_html, block_html

_CONTENT_TYPE = "text/html; charset=utf-8"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_FORM_STYLE = (
    "dl+p{margin-top:16px}form{margin:22px 0}label{display:block;margin:0 0 14px}label>span{display:block;margin-bottom:4px;font-weight:600}"
    "label.flag{display:flex;gap:10px;align-items:baseline}label.flag>span{font-weight:400;margin:0}"
    "input:not([type=checkbox]),select,textarea{width:100%;max-width:460px;padding:8px 10px;font:inherit;border:1px solid #aab4c0;border-radius:4px}"
    "textarea{min-height:90px}button,a.button{display:inline-block;font:inherit;font-weight:600;padding:9px 20px;border:0;border-radius:4px;"
    "background:var(--accent);color:#fff;text-decoration:none;cursor:pointer}button.quiet{background:#e8edf3;color:#33414f;font-style:normal}"
    ":focus-visible{outline:3px solid #7fb0dd;outline-offset:2px}"
)


@dataclass(frozen=True)
class Notice:
    """What has become of it: read out by screen readers."""

    text: str


@dataclass(frozen=True)
class Anchor:
    """A link, shown as a button."""

    text: str
    url: str


@dataclass(frozen=True)
class Field:
    """A field of a form. A `flag` is a box to tick, which sends `true`; `options` are the values of a `choice`, each with its words."""

    name: str
    label: str
    kind: Literal["text", "long-text", "date", "flag", "choice", "hidden"] = "text"
    value: str = ""
    options: Sequence[tuple[str, str]] = ()
    required: bool = True
    max_length: int | None = None


@dataclass(frozen=True)
class Form:
    """A form with one button. `action` is relative to the address of the page. `quiet`: not what most people are here for."""

    button: str
    action: str = "?"
    fields: Sequence[Field] = ()
    quiet: bool = False


Part = Block | Notice | Anchor | Form


def page(
    title: str, parts: Sequence[Part], *, kicker: str = "", badges: Sequence[tuple[str, Tone]] = (), status: int | None = None
) -> ApiResponse:
    """A page as the answer to a request. All texts are plain and are escaped."""
    above = f'<p class="kicker">{escape(kicker)}</p>' if kicker else ""
    beside = f"<div>{badges_html(badges)}</div>" if badges else ""
    body = f"<main><header>{above}<h1>{escape(title)}</h1>{beside}</header>{''.join(map(_part, parts))}</main>"
    html = html_page(title, head=f"<style>{STYLE}{_FORM_STYLE}</style>", body=body)
    return ApiResponse(html, status=status, headers={"Content-Security-Policy": _POLICY}, content_type=_CONTENT_TYPE)


def view_or_page(ctx: Context, view: object, make_page: Callable[[], ApiResponse]) -> ApiResponse:
    """The answer of an endpoint that has pages: the page for a browser, else the view as JSON."""
    return make_page() if ctx.wants_page else ApiResponse(view)


def problem_page(problem: Problem, request_id: str) -> ApiResponse:
    """A refusal as a page: what is wrong, field by field, and the id of the request."""
    parts: list[Part] = [Notice(problem.detail)]
    if isinstance(problem, ValidationFailed):
        wrong = [(".".join(map(str, error["loc"])).replace("_", " "), str(error["message"])) for error in problem.members["errors"]]
        parts = [Notice("Something is missing or wrong. Go back and mend it."), Pairs(wrong)]
    about = PROBLEM_TYPES[problem.kind]
    return page(about.title, [*parts, Prose(f"Request {request_id}", quiet=True)], status=about.status)


def _part(part: Part) -> str:
    match part:
        case Notice(text):
            return f'<p role="status">{escape(text)}</p>'
        case Anchor(text, url):
            return f'<p><a class="button" href="{escape(url)}" rel="noreferrer">{escape(text)}</a></p>'
        case Form(button, action, fields, quiet):
            kind = ' class="quiet"' if quiet else ""
            submit = f'<button type="submit" formaction="{escape(action)}"{kind}>{escape(button)}</button>'
            return f'<form method="post">{"".join(map(_field, fields))}{submit}</form>'
        case Prose() | Pairs() | Grid():
            return block_html(part)


def _field(field: Field) -> str:
    name, value, label = escape(field.name), escape(field.value), f"<span>{escape(field.label)}</span>"
    required = " required" if field.required else ""
    longest = "" if field.max_length is None else f' maxlength="{field.max_length}"'
    match field.kind:
        case "hidden":
            return f'<input type="hidden" name="{name}" value="{value}">'
        case "flag":
            return f'<label class="flag"><input type="checkbox" name="{name}" value="true"{required}>{label}</label>'
        case "choice":
            options = "".join(
                f'<option value="{escape(option)}"{" selected" if option == field.value else ""}>{escape(words)}</option>'
                for option, words in field.options
            )
            return f'<label>{label}<select name="{name}"{required}>{options}</select></label>'
        case "long-text":
            return f'<label>{label}<textarea name="{name}"{longest}{required}>\n{value}</textarea></label>'
        case "text" | "date":
            return f'<label>{label}<input type="{field.kind}" name="{name}" value="{value}"{longest}{required}></label>'
