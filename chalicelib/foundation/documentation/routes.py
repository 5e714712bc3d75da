"""OpenAPI, its pages and their files, and the pages of errors."""

import json
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation.context import Context
from chalicelib.foundation.documentation import pages
from chalicelib.foundation.errors import KINDS, NotFound
from chalicelib.foundation.http.answers import PAGE_POLICY, Reply
from chalicelib.foundation.models import Query

_HTML = "text/html; charset=utf-8"


class Format(Query):
    """In which form a page comes."""

    format: Literal["html", "json"] = Field("html", description="`html` for people, `json` for programs.")


class Explanation(TypedDict):
    """A kind of error."""

    type: str
    title: str
    status: int
    advice: str


class Explanations(TypedDict):
    """Every kind of error."""

    items: list[Explanation]


def openapi(ctx: Context) -> Annotated[Reply, dict[str, Any]]:
    """Every endpoint with its parameters, bodies, examples, permission and errors, made from the same data that routes requests."""
    # Text, not values: the document is written out once a process.
    return Reply(_document(ctx.base_path), content_type="application/json; charset=utf-8")


@lru_cache(maxsize=4)
def _document(base_path: str) -> str:
    from chalicelib.foundation.http import openapi
    from chalicelib.foundation.manifest import installed

    document = json.loads(openapi.PREBUILT.read_bytes()) if openapi.PREBUILT.exists() else openapi.build(installed())
    document["servers"] = openapi.servers(base_path)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def docs(ctx: Context) -> Reply:
    """A page that shows every endpoint and tries it out, with a button for credentials. It works without internet."""
    return _page(pages.swagger(ctx.base_path))


def redoc(ctx: Context) -> Reply:
    """A page to read, with everything on it. It works without internet."""
    return _page(pages.redoc(ctx.base_path))


def asset(
    ctx: Context,  # noqa: ARG001 - every handler takes a context
    name: Annotated[str, Field(description="The file's name, as a page names it.", examples=["page.css"])],
) -> Reply:
    """A script or a style of those pages. Those with a version in their name never change."""
    text, content_type, cache_control = pages.asset(name)
    return Reply(text, headers={"Cache-Control": cache_control}, content_type=content_type)


def problems(ctx: Context, query: Format) -> Annotated[Reply, Explanations]:
    """The list of what `type` in a problem can be."""
    if query.format == "html":
        return _page(pages.problems(ctx.base_path))
    return Reply({"items": [_explanation(kind) for kind in KINDS]})


def problem(
    ctx: Context,
    kind: Annotated[str, Field(description="The last part of a problem's `type`.", examples=["validation"])],
    query: Format,
) -> Annotated[Reply, Explanation]:
    """What `type` in a problem points to: what happened, and what a caller can do about it."""
    if kind not in KINDS:
        raise NotFound("kind of error")
    return _page(pages.problem(ctx.base_path, kind)) if query.format == "html" else Reply(_explanation(kind))


def _explanation(kind: str) -> Explanation:
    said = KINDS[kind]
    return {"type": f"/problems/{kind}", "title": said.title, "status": said.status, "advice": said.advice}


def _page(html: str) -> Reply:
    return Reply(html, headers={"Content-Security-Policy": PAGE_POLICY}, content_type=_HTML)
