"""Cross-origin requests: an allow-list per stage, never `*`."""

from chalicelib.foundation.http.requests import Request
from chalicelib.foundation.json_codec import JsonObject

_ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-API-Key, X-Correlation-ID"
_EXPOSED_HEADERS = "ETag, Location, Idempotent-Replayed, Retry-After, X-Request-ID, X-Correlation-ID, Age"


def headers(allowed: tuple[str, ...], origin: str | None) -> dict[str, str]:
    """The CORS headers of a response to `origin`: the origin itself where it is on the list, and always Vary."""
    response_headers = {"Vary": "Origin"}
    if origin in allowed:
        response_headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED_HEADERS}
    return response_headers


def preflight(allowed: tuple[str, ...], request: Request, methods: str) -> JsonObject:
    """The answer to OPTIONS: the methods of that address, and the permission where the origin is on the list."""
    response_headers = {"Allow": methods}
    if request.headers.get("origin") in allowed:
        response_headers |= {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": "86400",
        }
    return {"statusCode": 204, "headers": response_headers, "multiValueHeaders": {}, "body": ""}
