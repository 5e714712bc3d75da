"""As much of an HTTP/1.1 server as AWS's clients need: kept connections, bodies of a known length, one request at a time on each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from local.emulator.errors import log_error

_MAX_HEAD = 64 * 1024
_MAX_BODY = 32 * 1024 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class HttpRequest:
    """A request; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class HttpResponse(NamedTuple):
    """A response, of JSON unless said otherwise. `length` is that of the body that HEAD leaves out."""

    status: int
    body: bytes
    content_type: str = "application/x-amz-json-1.0"
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None


Handler = Callable[[HttpRequest], "HttpResponse | Awaitable[HttpResponse]"]


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """Nobody waits for a response any more."""
        self._transport = None
        if self._waiting is not None:
            self._waiting.cancel()

    def data_received(self, data: bytes) -> None:
        """Collect, and answer each complete request."""
        self._buffer += data
        self._answer_complete_requests()

    def _answer_complete_requests(self) -> None:
        while self._transport is not None and self._waiting is None:
            try:
                request = self._take_request()
            except ValueError:
                self._send(HttpResponse(400, b"{}"))
                self._transport.close()
                return
            if request is None:
                return
            response = self._handler(request)
            if isinstance(response, HttpResponse):
                self._send(response)
            else:
                self._waiting = asyncio.ensure_future(self._send_later(response))

    async def _send_later(self, response: Awaitable[HttpResponse]) -> None:
        try:
            self._send(await response)
        except Exception as error:
            log_error(error)
            self._send(HttpResponse(500, b'{"__type": "InternalServerError"}'))
        self._waiting = None
        self._answer_complete_requests()

    def _take_request(self) -> HttpRequest | None:
        """The next request, if all of it is there. Raises ValueError for what is none."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD:
                raise ValueError("The headers are too long.")
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= _MAX_BODY or "transfer-encoding" in headers:
            raise ValueError("The body is too long, or of unknown length.")
        if len(self._buffer) < end + 4 + length:
            if headers.get("expect", "").lower() == "100-continue" and len(self._buffer) == end + 4 and self._transport is not None:
                self._transport.write(_CONTINUE)  # the sender waits for it with the body
            return None
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        return HttpRequest(method, path, headers, body)

    def _send(self, response: HttpResponse) -> None:
        if self._transport is None:
            return
        lines = [f"HTTP/1.1 {response.status} {_reason(response.status)}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if response.content_type:
            lines.append(f"Content-Type: {response.content_type}")
        if response.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(response.body) if response.length is None else response.length}")
        self._transport.write("\r\n".join((*lines, "", "")).encode("latin-1", "replace") + response.body)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
