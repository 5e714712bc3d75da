"""Responses: bodies, problems, ETags and the headers that every response has. Free of Chalice, so services may use them."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from chalicelib.foundation.errors import PROBLEM_TYPES, Problem, Unavailable
from chalicelib.foundation.http.requests import Request
from chalicelib.foundation.json_codec import JsonObject

MAX_RESPONSE = 5_500_000  # bytes; a Lambda response is limited to 6 MB, encoded
_MAX_ESCAPED_BYTES = 12  # bytes that one character may take when encoded: an emoji becomes two escapes of six

SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
CONTENT_SECURITY_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"


@dataclass
class ApiResponse:
    """A response other than the plain JSON of its endpoint: another status, type or header. `body` is JSON values, text, or bytes.

    `revision` is that of the resource whose other form a text or bytes are. `is_null`: the answer is JSON's null, rather than none.
    """

    body: Any = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON
    revision: int | None = None
    is_null: bool = False


def exceeds_lambda_limit(text: str) -> bool:
    """Whether this body exceeds Lambda's limit once its runtime has encoded it as JSON again, with everything but ASCII escaped."""
    return len(text) > MAX_RESPONSE // _MAX_ESCAPED_BYTES and len(json.dumps(text)) > MAX_RESPONSE


def exceeds_lambda_limit_encoded(body: bytes) -> bool:
    """Whether bytes exceed Lambda's limit: they are answered in base64."""
    return len(body) * 4 // 3 > MAX_RESPONSE


def internal_problem(error: Exception) -> Problem:
    """The problem shown for an unexpected exception, without any detail of it."""
    return Unavailable() if isinstance(error, TimeoutError) else Problem("Something went wrong on our side; it is logged under this id.")


def problem_body(problem: Problem, request_id: str) -> JsonObject:
    """A problem as a member of another response: of one row of a bulk request."""
    problem_type = PROBLEM_TYPES[problem.kind]
    head = {"type": f"/problems/{problem.kind}", "title": problem_type.title, "status": problem_type.status}
    return {**head, "detail": problem.detail, "request_id": request_id, **problem.members}


def etag(body: object, encoded: bytes, *, composite: bool, revision: int | None = None) -> str:
    """`"<revision>"` for a bare resource; a weak ETag over the body for everything else, and for a resource with `explain`.

    `revision` is that of a resource in another form than JSON.
    """
    explains = isinstance(body, dict) and "explain" in body
    if isinstance(body, dict):
        revision = body.get("revision")
    else:
        composite = True
    if revision is not None and not composite and not explains:
        return f'"{revision}"'
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    return f'W/"{revision}.{digest}"' if revision is not None else f'W/"{digest}"'


def if_none_match(request: Request, tag: str) -> bool:
    """Whether If-None-Match contains this ETag (weak comparison of RFC 9110)."""
    header = request.headers.get("if-none-match")
    if header is None:
        return False
    bare = tag.removeprefix("W/")
    return header.strip() == "*" or any(part.strip().removeprefix("W/") == bare for part in header.split(","))
