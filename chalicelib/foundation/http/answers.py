"""Answers: bodies, problems, ETags and the headers that every answer carries."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from chalice.app import Response

from chalicelib.foundation.errors import KINDS, Problem, Unavailable
from chalicelib.foundation.http.requests import Request
from chalicelib.foundation.json import dumps

MAX_ANSWER = 5_500_000  # bytes; a Lambda may answer 6 MB, encoded
_MOST_ESCAPED = 12  # bytes that one character may take there: an emoji is two escapes of six

SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"


@dataclass
class Reply:
    """An answer that isn't the plain JSON of its endpoint: another status, type or header. `body` is JSON values, or text."""

    body: Any = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON


def is_too_large(text: str) -> bool:
    """Whether Lambda couldn't hand this body on: its runtime writes it into JSON once more, with all but ASCII escaped."""
    return len(text) > MAX_ANSWER // _MOST_ESCAPED and len(json.dumps(text)) > MAX_ANSWER


def problem_answer(problem: Problem, request_id: str, instance: str) -> Response:
    """The RFC 9457 form of a refusal."""
    kind = KINDS[problem.kind]
    body = {
        "type": f"/problems/{problem.kind}",
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "instance": instance,
        "request_id": request_id,
        **problem.members,
    }
    headers = {"Content-Type": PROBLEM_JSON, "Cache-Control": "no-store", **problem.headers}
    return Response(dumps(body), headers=headers, status_code=kind.status)


def unexpected(error: Exception) -> Problem:
    """What a caller is told of an error that nobody foresaw: nothing of it but that it is ours."""
    return Unavailable() if isinstance(error, TimeoutError) else Problem("Something went wrong on our side; it is logged under this id.")


def problem_body(problem: Problem, request_id: str) -> dict[str, Any]:
    """A refusal as a member of another answer: of one row of a bulk request."""
    kind = KINDS[problem.kind]
    head = {"type": f"/problems/{problem.kind}", "title": kind.title, "status": kind.status}
    return {**head, "detail": problem.detail, "request_id": request_id, **problem.members}


def etag(body: Any, text: str, *, composite: bool) -> str:
    """`"<revision>"` of a bare resource; a weak one that covers the body of everything else, and of one that explains itself."""
    revision = body.get("revision") if isinstance(body, dict) else None
    if revision is not None and not composite and "explain" not in body:
        return f'"{revision}"'
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f'W/"{revision}.{digest}"' if revision is not None else f'W/"{digest}"'


def matches(request: Request, tag: str) -> bool:
    """Whether If-None-Match names this ETag (weakly compared, as RFC 9110 says)."""
    given = request.headers.get("if-none-match")
    if given is None:
        return False
    bare = tag.removeprefix("W/")
    return given.strip() == "*" or any(part.strip().removeprefix("W/") == bare for part in given.split(","))
