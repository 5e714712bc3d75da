"""The HTML pages of the documentation. They load only this API's own files, and contain no inline scripts."""

from html import escape
from pathlib import Path

from chalicelib.foundation.errors import PROBLEM_TYPES, NotFound
from chalicelib.foundation.html_page import html_page

ASSETS = Path(__file__).parent / "assets"
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_YEAR = "public, max-age=31536000, immutable"  # the version is in the name
_SHORT = "public, max-age=300"
# Every file that is served: its content type and Cache-Control.
ASSET_FILES: dict[str, tuple[str, str]] = {
    "swagger-ui-5.35.0.js": (_SCRIPT, _YEAR),
    "swagger-ui-5.35.0.css": (_STYLE, _YEAR),
    "redoc-2.5.4.js": (_SCRIPT, _YEAR),
    "docs.js": (_SCRIPT, _SHORT),
    "redoc.js": (_SCRIPT, _SHORT),
    "page.css": (_STYLE, _SHORT),
    "whole.css": (_STYLE, _SHORT),
}


def asset(name: str) -> tuple[str, str, str]:
    """Text, content type and Cache-Control of a file. Raises NotFound for every other name."""
    if name not in ASSET_FILES:
        raise NotFound("file")
    return ((ASSETS / name).read_text(encoding="utf-8"), *ASSET_FILES[name])


def page(base: str, title: str, body: str, *, styles: tuple[str, ...] = ("page.css",), scripts: tuple[str, ...] = ()) -> str:
    """A complete page. `base` is the base path of the API; `body` is HTML."""
    links = "".join(f'<link rel="stylesheet" href="{escape(base)}/docs/{name}">' for name in styles)
    loads = "".join(f'<script src="{escape(base)}/docs/{name}" defer></script>' for name in scripts)
    return html_page(title, head=links + loads, body=body)


def swagger(base: str) -> str:
    """Swagger UI over our OpenAPI document."""
    body = f'<div id="swagger-ui" data-openapi="{escape(base)}/openapi.json"></div>'
    return page(base, "Valhalla API", body, styles=("whole.css", "swagger-ui-5.35.0.css"), scripts=("swagger-ui-5.35.0.js", "docs.js"))


def redoc(base: str) -> str:
    """ReDoc over our OpenAPI document."""
    body = f'<div id="api" data-openapi="{escape(base)}/openapi.json"></div>'
    return page(base, "Valhalla API", body, styles=("whole.css",), scripts=("redoc-2.5.4.js", "redoc.js"))


def problem_page(base: str, kind: str) -> str:
    """What a kind of error means and what to do about it."""
    problem_type = PROBLEM_TYPES[kind]
    rows = f"<dt>Type</dt><dd><code>/problems/{kind}</code></dd><dt>Status</dt><dd>{problem_type.status}</dd><dt>What to do</dt><dd>{_prose(problem_type.advice)}</dd>"
    more = f'<p><a href="{escape(base)}/problems">Every kind of error</a> · <a href="{escape(base)}/docs">The API</a></p>'
    return page(base, f"{problem_type.title} ({problem_type.status})", f"<h1>{escape(problem_type.title)}</h1><dl>{rows}</dl>{more}")


def problem_index(base: str) -> str:
    """Every kind of error, by status."""
    rows = "".join(
        f'<tr><td>{problem_type.status}</td><td><a href="{escape(base)}/problems/{kind}"><code>{kind}</code></a></td><td>{_prose(problem_type.advice)}</td></tr>'
        for kind, problem_type in sorted(PROBLEM_TYPES.items(), key=lambda entry: (entry[1].status, entry[0]))
    )
    about = (
        "<p>Every refusal is <code>application/problem+json</code> (RFC 9457): <code>type</code>, <code>title</code>, <code>status</code>, "
        "<code>detail</code>, <code>instance</code> and the <code>request_id</code> under which it is logged.</p>"
    )
    return page(base, "Errors", f"<h1>Errors</h1>{about}<table><tr><th>Status</th><th>Kind</th><th>What to do</th></tr>{rows}</table>")


def _prose(text: str) -> str:
    """Plain text with `code` between back quotes, as HTML."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
