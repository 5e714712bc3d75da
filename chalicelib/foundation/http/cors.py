"""Cross-origin requests: by an allow-list a stage, never `*`."""

from typing import Any

from chalicelib.foundation.http.requests import Request

_ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-API-Key, X-Correlation-ID"
_EXPOSED_HEADERS = "ETag, Location, Idempotent-Replayed, Retry-After, X-Request-ID, X-Correlation-ID, Age"


def headers(allowed: tuple[str, ...], origin: str | None) -> dict[str, str]:
    """What an answer to `origin` carries: the origin echoed where it is on the list, and always Vary."""
    found = {"Vary": "Origin"}
    if origin in allowed:
        found |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED_HEADERS}
    return found


def preflight(allowed: tuple[str, ...], request: Request, verbs: str) -> dict[str, Any]:
    """The answer to OPTIONS: the verbs of that address, and the permission where the origin is on the list."""
    found = {"Allow": verbs}
    if request.headers.get("origin") in allowed:
        found |= {
            "Access-Control-Allow-Methods": verbs,
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": "86400",
        }
    return {"statusCode": 204, "headers": found, "multiValueHeaders": {}, "body": ""}
