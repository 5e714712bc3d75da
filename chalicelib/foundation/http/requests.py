"""A request as the gateway delivers it, in the form that views use."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from chalicelib.foundation.errors import BadRequest, MalformedJson, TooLarge, UnsupportedMediaType, ValidationFailed
from chalicelib.foundation.json_codec import JsonObject, parse

MAX_BODY = 1_000_000  # bytes
_TOKEN = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,15})(?:\.[0-9a-f]+)?"')


@dataclass
class Request:
    """One request. `template` and `parameters` are set when its path has been matched."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    query: dict[str, list[str]]
    raw_body: str
    base64_body: bool
    source_ip: str
    request_id: str
    prefix: str  # the stage's path on the gateway, e.g. /dev; Location begins with it
    template: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_event(cls, event: JsonObject) -> "Request":
        """From a REST API proxy event."""
        context = event.get("requestContext") or {}
        path = event.get("path") or "/"
        multi = event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()}
        full_path = context.get("path") or path
        return cls(
            method=event.get("httpMethod") or context.get("httpMethod") or "GET",
            path=path,
            headers={name.lower(): ", ".join(values) for name, values in multi.items()},
            query=event.get("multiValueQueryStringParameters") or {},
            raw_body=event.get("body") or "",
            base64_body=bool(event.get("isBase64Encoded")),
            source_ip=(context.get("identity") or {}).get("sourceIp") or "",
            request_id=context.get("requestId") or str(uuid4()),
            prefix=full_path.removesuffix(path) if full_path.endswith(path) else "",
        )

    @property
    def correlation_id(self) -> str:
        """The caller's X-Correlation-ID where it is a valid token, else the request's own id."""
        header = self.headers.get("x-correlation-id", "")
        return header if _TOKEN.fullmatch(header) else self.request_id

    @property
    def is_visit(self) -> bool:
        """Whether somebody looks at the answer: neither HEAD nor a browser that reads ahead."""
        return self.method != "HEAD" and "prefetch" not in self.headers.get("sec-purpose", "").lower()

    def json(self) -> Any:
        """The body as JSON values; an absent one is {}. Raises UnsupportedMediaType, TooLarge or MalformedJson, checked in this order."""
        body = self.body_bytes()
        if not body:
            return {}
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json" and not (media_type.startswith("application/") and media_type.endswith("+json")):
            raise UnsupportedMediaType(f"The body is {media_type or 'of no named type'}; application/json is needed.")
        if len(body) > MAX_BODY:
            raise TooLarge(f"A body may have {MAX_BODY:,} bytes; this one has {len(body):,}.", limit=MAX_BODY)
        return parse(body)

    def body_bytes(self) -> bytes:
        """The body as it was sent. Raises MalformedJson for invalid base64."""
        if not self.base64_body:
            return self.raw_body.encode(errors="surrogatepass")
        try:
            return base64.b64decode(self.raw_body, validate=True)
        except binascii.Error:
            raise MalformedJson("The body's transfer encoding is broken.") from None

    def query_values(self) -> dict[str, str]:
        """The query string as single values. Raises ValidationFailed for a name that is given twice."""
        repeated = [name for name, values in self.query.items() if len(values) > 1]
        if repeated:
            raise ValidationFailed.field(repeated[0], "given more than once", "duplicate")
        return {name: values[0] for name, values in self.query.items()}

    def if_match(self) -> frozenset[int] | None:
        """The revisions in If-Match; None where the header is absent or `*`."""
        header = self.headers.get("if-match", "").strip()
        if not header or header == "*":
            return None
        revisions = [int(match[1]) for tag in header.split(",") if (match := _ETAG.fullmatch(tag.strip()))]
        return frozenset(revisions)

    def idempotency_key(self) -> str | None:
        """The Idempotency-Key; BadRequest unless it is 1 to 255 printable characters."""
        header = self.headers.get("idempotency-key")
        if header is None:
            return None
        if not 1 <= len(header) <= 255 or not header.isascii() or not header.isprintable():
            raise BadRequest("Idempotency-Key takes 1 to 255 printable ASCII characters.")
        return header
