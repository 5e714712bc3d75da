"""What API Gateway does between HTTP and the function: the proxy event, the response, compression, the size limit.

One module for the local server and for tests, so that there is one idea of what a request looks like to the application.
"""

import base64
import gzip
import json
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from chalicelib.foundation.errors import PROBLEM_TYPES
from chalicelib.foundation.http.responses import PROBLEM_JSON, SECURITY_HEADERS

App = Callable[[dict[str, Any], Any], dict[str, Any]]
Pairs = Sequence[tuple[str, str]]

MAX_BODY = 10 * 1024 * 1024  # the gateway's limit of a request
MIN_COMPRESSED = 1024  # minimumCompressionSize of the template
STAGE = "api"


@dataclass
class LambdaContext:
    """The context object that Lambda hands to a function."""

    function_name: str
    timeout_seconds: float = 60.0
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "1024"
    log_group_name: str = ""
    log_stream_name: str = ""
    client_context: None = None
    identity: None = None

    def __post_init__(self) -> None:
        """Start the clock."""
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"
        self._ends = time.monotonic() + self.timeout_seconds

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the function."""
        return max(0, int((self._ends - time.monotonic()) * 1000))


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP response. `all_headers` has each header as it is sent."""

    status: int
    all_headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers by lower-case name; the last where one comes twice."""
        return {name.lower(): value for name, value in self.all_headers}

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


def proxy_event(
    method: str,
    path: str,
    headers: Mapping[str, str] | Pairs = (),
    query: str | Mapping[str, Any] | Pairs = "",
    body: bytes | str | None = None,
    source_ip: str = "127.0.0.1",
) -> dict[str, Any]:
    """A REST API's proxy event for `{proxy+}`. `path` is raw, as it stood in the request: nothing in it is decoded.

    `query` is the raw query string, a mapping (lists give several values) or pairs.
    """
    if isinstance(body, str):
        body = body.encode(errors="surrogatepass")
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    queries = _query_pairs(query)
    text, is_base64 = _event_body(body)
    now = time.time()
    request_id = str(uuid4())
    user_agent = next((value for name, value in pairs if name.lower() == "user-agent"), None)
    return {
        "resource": "/" if path == "/" else "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": dict(pairs) or None,
        "multiValueHeaders": _grouped(pairs) or None,
        "queryStringParameters": dict(queries) or None,
        "multiValueQueryStringParameters": _grouped(queries) or None,
        "pathParameters": None if path == "/" else {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/" if path == "/" else "/{proxy+}",
            "httpMethod": method,
            "path": path,  # as behind a domain of its own: no stage in what callers see
            "protocol": "HTTP/1.1",
            "stage": STAGE,
            "requestId": request_id,
            "extendedRequestId": request_id,
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "requestTimeEpoch": int(now * 1000),
            "accountId": "000000000000",
            "apiId": "local",
            "identity": {"sourceIp": source_ip, "userAgent": user_agent},
        },
        "body": text,
        "isBase64Encoded": is_base64,
    }


def _query_pairs(query: str | Mapping[str, Any] | Pairs) -> list[tuple[str, str]]:
    if isinstance(query, Mapping):
        query = urlencode(query, doseq=True)
    elif not isinstance(query, str):
        return list(query)
    return parse_qsl(query, keep_blank_values=True)


def _event_body(body: bytes | None) -> tuple[str | None, bool]:
    """Every body travels as base64, since the gateway takes every type for binary: so the bytes of answers come through whole."""
    return (base64.b64encode(body).decode(), True) if body else (None, False)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def to_http_response(result: Mapping[str, Any]) -> HttpResponse:
    """What the function returned, as an HTTP response; an invalid result becomes a 500 of the gateway."""
    try:
        status = int(result["statusCode"])
        body = result.get("body") or ""
        raw = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode()
    except (KeyError, TypeError, ValueError, AttributeError):
        return problem("internal", "The gateway could not answer.")
    several: Mapping[str, list[Any]] = result.get("multiValueHeaders") or {}
    shadowed = {name.lower() for name in several}
    headers = [(name, str(value)) for name, value in (result.get("headers") or {}).items() if name.lower() not in shadowed]
    headers += [(name, str(value)) for name, values in several.items() for value in values]
    return HttpResponse(status, tuple(headers), raw)


def call(
    app: App,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | Pairs = (),
    query: str | Mapping[str, Any] | Pairs = "",
    body: bytes | str | None = None,
    json_body: Any = None,
    source_ip: str = "127.0.0.1",
) -> HttpResponse:
    """One request to the application, as the gateway hands it on; for tests and the local server alike."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if json_body is not None:
        body = json.dumps(json_body)
        if not any(name.lower() == "content-type" for name, _ in pairs):
            pairs.append(("Content-Type", "application/json"))
    if "?" in path and not query:
        path, _, query = path.partition("?")
    event = proxy_event(method, path, pairs, query, body, source_ip)
    return to_http_response(app(event, LambdaContext("api", timeout_seconds=29)))


def problem(kind: str, detail: str, status: int | None = None) -> HttpResponse:
    """A response of the gateway itself, configured as in the template: a problem of the API's types."""
    known, request_id = PROBLEM_TYPES[kind], str(uuid4())
    status = status or known.status
    body = {"type": f"/problems/{kind}", "title": known.title, "status": status, "detail": detail, "request_id": request_id}
    headers = {"Content-Type": PROBLEM_JSON, "Cache-Control": "no-store", "X-Request-ID": request_id, "X-Correlation-ID": request_id}
    return HttpResponse(status, tuple({**SECURITY_HEADERS, **headers}.items()), json.dumps(body).encode())


def payload_too_large() -> HttpResponse:
    """The refusal of a body beyond the gateway's limit."""
    return problem("too-large", "A request may have 10 MB.")


class RejectedBodyError(Exception):
    """A request body that the gateway rejects with `response`."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response.status)
        self.response = response


def decompress(body: bytes, encoding: str) -> bytes:
    """The request body without its Content-Encoding; raises BodyRefusedError where it is broken, foreign or too large."""
    if len(body) > MAX_BODY:
        raise RejectedBodyError(payload_too_large())
    coding = encoding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "deflate"):
        raise RejectedBodyError(problem("unsupported-media-type", "Content-Encoding may be gzip or deflate."))
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip and zlib alike
    try:
        plain = unpacker.decompress(body, MAX_BODY + 1)
    except zlib.error:
        plain = None
    if plain is None or (not unpacker.eof and len(plain) <= MAX_BODY):
        raise RejectedBodyError(problem("bad-request", "The body isn't what its Content-Encoding says."))
    if len(plain) > MAX_BODY:
        raise RejectedBodyError(payload_too_large())
    return plain


def compress(response: HttpResponse, accept_encoding: str) -> HttpResponse:
    """The response, gzipped where the client accepts that and the body is large enough."""
    headers = response.headers
    if len(response.body) < MIN_COMPRESSED or "content-encoding" in headers:
        return response
    vary = headers.get("vary")
    headers_left = tuple((name, value) for name, value in response.all_headers if name.lower() not in ("content-length", "vary"))
    headers_left += (("Vary", f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"),)
    if not _takes_gzip(accept_encoding):
        return HttpResponse(response.status, headers_left, response.body)
    return HttpResponse(
        response.status, (*headers_left, ("Content-Encoding", "gzip")), gzip.compress(response.body, compresslevel=5, mtime=0)
    )


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether Accept-Encoding names gzip, or everything, with a quality above 0."""
    for part in accept_encoding.lower().split(","):
        coding, *parameters = (text.strip() for text in part.split(";"))
        refused = any(parameter.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for parameter in parameters)
        if coding in ("gzip", "*") and not refused:
            return True
    return False
