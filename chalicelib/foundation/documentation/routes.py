"""Handlers of the OpenAPI document, its pages and their files, and the problem types."""

import json
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation.context import Context
from chalicelib.foundation.documentation import html
from chalicelib.foundation.errors import PROBLEM_TYPES, NotFound
from chalicelib.foundation.http.responses import CONTENT_SECURITY_POLICY, ApiResponse
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.manifest import Pack
from chalicelib.foundation.schema_types import QueryParams

_HTML = "text/html; charset=utf-8"


class FormatQuery(QueryParams):
    """In which form a page comes."""

    format: Literal["html", "json"] = Field("html", description="`html` for people, `json` for programs.")


class ProblemTypeView(TypedDict):
    """A kind of error."""

    type: str
    title: str
    status: int
    advice: str


class ProblemTypeListView(TypedDict):
    """Every kind of error."""

    items: list[ProblemTypeView]


def openapi(ctx: Context) -> Annotated[ApiResponse, JsonObject]:
    """Every endpoint with its parameters, bodies, examples, permission and errors, made from the same data that routes requests."""
    # Text, not values: the document is serialised once per process.
    return ApiResponse(_document(ctx.packs.packs, ctx.base_path), content_type="application/json; charset=utf-8")


@lru_cache(maxsize=4)
def _document(packs: tuple[Pack, ...], base_path: str) -> str:
    from chalicelib.foundation.http import openapi

    document = json.loads(openapi.PREBUILT.read_bytes()) if openapi.PREBUILT.exists() else openapi.build(packs)
    document["servers"] = openapi.servers(base_path)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def docs(ctx: Context) -> ApiResponse:
    """A page that shows every endpoint and tries it out, with a button for credentials. It works without internet."""
    return _page(html.swagger(ctx.base_path))


def redoc(ctx: Context) -> ApiResponse:
    """A page to read, with everything on it. It works without internet."""
    return _page(html.redoc(ctx.base_path))


def asset(
    ctx: Context,  # noqa: ARG001 - every handler takes a context
    name: Annotated[str, Field(description="The file's name, as a page names it.", examples=["page.css"])],
) -> ApiResponse:
    """A script or a style of those pages. Those with a version in their name never change."""
    text, content_type, cache_control = html.asset(name)
    return ApiResponse(text, headers={"Cache-Control": cache_control}, content_type=content_type)


def problems(ctx: Context, query: FormatQuery) -> Annotated[ApiResponse, ProblemTypeListView]:
    """The list of what `type` in a problem can be."""
    if query.format == "html":
        return _page(html.problem_index(ctx.base_path))
    return ApiResponse({"items": [_problem_type_view(kind) for kind in PROBLEM_TYPES]})


def problem(
    ctx: Context,
    kind: Annotated[str, Field(description="The last part of a problem's `type`.", examples=["validation"])],
    query: FormatQuery,
) -> Annotated[ApiResponse, ProblemTypeView]:
    """What `type` in a problem points to: what happened, and what a caller can do about it."""
    if kind not in PROBLEM_TYPES:
        raise NotFound("kind of error")
    return _page(html.problem_page(ctx.base_path, kind)) if query.format == "html" else ApiResponse(_problem_type_view(kind))


def _problem_type_view(kind: str) -> ProblemTypeView:
    problem_type = PROBLEM_TYPES[kind]
    return {"type": f"/problems/{kind}", "title": problem_type.title, "status": problem_type.status, "advice": problem_type.advice}


def _page(html: str) -> ApiResponse:
    return ApiResponse(html, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY}, content_type=_HTML)
