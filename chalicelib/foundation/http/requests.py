"""A request as the gateway delivers it, in the form that views use."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from chalicelib.foundation.errors import BadRequest, MalformedJson, TooLarge, UnsupportedMediaType, ValidationFailed
from chalicelib.foundation.json_codec import JsonObject, parse

MAX_BODY = 1_000_000  # bytes
FORM = "application/x-www-form-urlencoded"
HTML = "text/html"
_MAX_FIELDS = 200  # of a form
_TOKEN = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", re.ASCII)
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
        media_type = self.media_type
        is_json = media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))
        body = self._body(is_json, "application/json is needed")
        return parse(body) if body else {}

    def form(self) -> dict[str, str]:
        """The fields of a form's body; what was left empty is absent. Raises TooLarge, BadRequest, or ValidationFailed for a name given twice."""
        body = self._body(self.media_type == FORM, f"{FORM} is needed")
        try:
            pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
        except ValueError:
            raise BadRequest("The form is not URL-encoded UTF-8, or has too many fields.") from None
        return _single_values((name, value) for name, value in pairs if value.strip())

    @property
    def media_type(self) -> str:
        """The body's, without parameters, in lower case; empty where none is named."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def prefers_html(self) -> bool:
        """Whether Accept names text/html, and JSON no more than it: as browsers do, and programs don't."""
        weights = dict(_accepted(self.headers.get("accept", "")))
        html = weights.get(HTML, 0.0)
        return html > 0 and html >= weights.get("application/json", weights.get("application/*", weights.get("*/*", 0.0)))

    @property
    def instance(self) -> str:
        """The path as answers name it: without the token of a link, which opens what it leads to."""
        return self.template if "token" in self.parameters else self.path

    def form_path(self) -> str | None:
        """Of a form that says `?to=open` the path of the endpoint /open below the link's own address; None where it says nothing of that.

        The pages of a link lead by this to its endpoints, which they can't name without the link's token. Where a page lies below the link's
        address itself, the form means that address all the same.
        """
        token = self.parameters.get("token")
        if token is None or self.method != "POST" or self.media_type != FORM or len(self.query.get("to", ())) != 1:
            return None
        segments = self.path.split("/")
        own = segments[: segments.index(token, self.template.split("/").index("{token}")) + 1]
        return "/".join([*own, self.query.pop("to")[0]])

    def _body(self, is_of_type: bool, needed: str) -> bytes:
        body = self.body_bytes()
        if body and not is_of_type:
            raise UnsupportedMediaType(f"The body is {self.media_type or 'of no named type'}; {needed}.")
        if len(body) > MAX_BODY:
            raise TooLarge(f"A body may have {MAX_BODY:,} bytes; this one has {len(body):,}.", limit=MAX_BODY)
        return body

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
        return _single_values((name, value) for name, values in self.query.items() for value in values)

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


def _single_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise ValidationFailed.field(name, "given more than once", "duplicate")
        values[name] = value
    return values


def _accepted(header: str) -> Iterator[tuple[str, float]]:
    """The media types of an Accept header with their weights (RFC 9110); a weight that is none is 0."""
    for part in header.lower().split(","):
        media_type, *parameters = (text.strip() for text in part.split(";"))
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        yield media_type, float(weight) if _WEIGHT.fullmatch(weight) else 0.0
