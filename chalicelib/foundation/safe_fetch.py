"""Fetching what a caller names, without being led to what only this system reaches (server-side request forgery).

Every address that the host resolves to must be public, and the connection is made to the very address that was checked: a name that resolves
to something else a moment later changes nothing. Redirects are followed by the same rules, a few of them. Size, time and types are bounded.
TLS verifies the host's name, not the address.
"""

import http.client
import io
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from chalicelib.foundation.public_address import IPAddress, is_public, literal_address

PORTS = {"http": 80, "https": 443}
MAX_URL = 2000
_CHUNK = 64 * 1024
_GZIP = 31  # zlib's number for gzip with the largest window
_REDIRECTS = (301, 302, 303, 307, 308)
_KEPT = "/%:@!$&'()*+,;=~-._?"  # what stands in a path or a query as it is (RFC 3986)
_AUTHORITY = re.compile(r"(?:\[[^\[\]@]*:[^\[\]@]*\]|[^\[\]:@]+)(?::[0-9]*)?")  # an address of version 6 or a host, and a port; no user
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_UNSAFE = frozenset(map(chr, range(33))) | {"\x7f", "\\"}


class FetchError(Exception):
    """Why something was not fetched: a word of the API, e.g. address, timeout, too_large."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.why, self.status = why, status  # the status where the answer came with a wrong one


class Target(NamedTuple):
    """A URL that may be asked: its parts, the host as the network names it."""

    scheme: str
    host: str
    port: int
    path: str  # with the query

    @property
    def origin(self) -> str:
        """Scheme, host and port, e.g. https://example.com."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if self.port == PORTS[self.scheme] else f"{self.scheme}://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL in one form."""
        return self.origin + self.path


class Fetched(NamedTuple):
    """A response that was read whole. `url` is where the redirects led."""

    url: str
    status: int
    content_type: str  # e.g. text/html
    charset: str | None
    body: bytes


@dataclass(frozen=True)
class Limits:
    """What one fetch may take: the bytes as they come, and as they unpack."""

    seconds: float = 5
    max_bytes: int = 2_000_000
    max_redirects: int = 3
    content_types: frozenset[str] | None = None  # None for any
    keeps_beginning: bool = False  # of what is larger, rather than to refuse it


def _resolve(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _dial(address: str, port: int, seconds: float) -> socket.socket:
    return socket.create_connection((address, port), timeout=seconds)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@dataclass(frozen=True)
class Network:
    """The way to the internet: how names are resolved and connections made. Tests put in their own."""

    resolve: Callable[[str, int], list[str]] = _resolve
    dial: Callable[[str, int, float], socket.socket] = _dial
    tls: Callable[[], ssl.SSLContext] = _tls


INTERNET = Network()


# -- what may be asked


def parse_target(url: str) -> Target:
    """The target of a URL: http or https, port 80 or 443, no user info, a host in one form. Raises FetchError."""
    if len(url) > MAX_URL or any(character in _UNSAFE for character in url):
        raise FetchError("malformed")
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise FetchError("malformed") from None
    if parts.scheme not in PORTS:
        raise FetchError("scheme" if parts.scheme else "malformed")
    if not host or not _AUTHORITY.fullmatch(parts.netloc):
        raise FetchError("malformed")
    port = _port(parts)
    if port is None or port not in PORTS.values():
        raise FetchError("port")
    return Target(parts.scheme, _network_name(host), port, _path(parts))


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port if parts.port is not None else PORTS[parts.scheme]
    except ValueError:  # beyond 65,535
        return None


def _network_name(host: str) -> str:
    """The host as the network names it: an address in its usual form, a name in ASCII."""
    try:
        name = host if ":" in host else host.encode("idna").decode("ascii").lower()
        literal = literal_address(name)
    except (UnicodeError, ValueError):
        raise FetchError("malformed") from None
    if literal is not None:
        return str(literal)
    if not _NAME.fullmatch(name):
        raise FetchError("malformed")
    return name


def _path(parts: SplitResult) -> str:
    """Path and query in ASCII, as they go on the wire."""
    path = quote(parts.path or "/", safe=_KEPT)
    return f"{path}?{quote(parts.query, safe=_KEPT)}" if parts.query else path


def public_addresses(target: Target, network: Network = INTERNET) -> list[IPAddress]:
    """The addresses of the target's host, all of them public. Raises FetchError (dns, address)."""
    try:
        literal = literal_address(target.host)
        addresses = [literal] if literal is not None else [ip_address(text) for text in network.resolve(target.host, target.port)]
    except (OSError, UnicodeError, ValueError):
        raise FetchError("dns") from None
    if not addresses:
        raise FetchError("dns")
    if not all(map(is_public, addresses)):
        raise FetchError("address")
    return list(dict.fromkeys(addresses))


# -- asking


def fetch(
    url: str,
    headers: Mapping[str, str],
    limits: Limits,
    *,
    network: Network = INTERNET,
    deadline: float | None = None,
    allow: Callable[[Target], None] = lambda _: None,
) -> Fetched:
    """GET a public URL. Raises FetchError with the reason.

    `deadline` is a time of `time.monotonic`, by default `limits.seconds` from now. `allow` is asked before each hop, once its
    addresses are known to be public.
    """
    until = time.monotonic() + limits.seconds if deadline is None else deadline
    target = parse_target(url)
    for _ in range(limits.max_redirects + 1):
        addresses = public_addresses(target, network)
        allow(target)
        found = _ask(target, addresses, headers, limits, network, until)
        if isinstance(found, Fetched):
            return found
        target = _redirected(target, found)
    raise FetchError("redirects")


def _redirected(target: Target, location: str) -> Target:
    try:
        url = urljoin(target.url, location)
    except ValueError:
        raise FetchError("malformed") from None
    return parse_target(url)


def _ask(
    target: Target, addresses: list[IPAddress], headers: Mapping[str, str], limits: Limits, network: Network, until: float
) -> Fetched | str:
    """The response of one hop, or where it redirects to."""
    try:
        with _Connection(target, addresses, network, until) as connection:
            response = connection.get(target.path, headers)
            location = response.headers.get("Location")
            if response.status in _REDIRECTS and location:
                return location
            return _read(target, response, limits)
    except TimeoutError:
        raise FetchError("timeout") from None
    except (OSError, http.client.HTTPException, zlib.error, ValueError):
        raise FetchError("timeout" if time.monotonic() >= until else "status") from None


def _read(target: Target, response: http.client.HTTPResponse, limits: Limits) -> Fetched:
    if not 200 <= response.status < 300:
        raise FetchError("status", response.status)
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    charset = response.headers.get_content_charset()
    if limits.content_types is not None and content_type not in limits.content_types:
        raise FetchError("content_type")
    body = bytearray()
    for part in _unpacked(response, limits.max_bytes):
        body += part
        if len(body) > limits.max_bytes:
            break
    if len(body) > limits.max_bytes and not limits.keeps_beginning:
        raise FetchError("too_large")
    return Fetched(target.url, response.status, content_type, charset, bytes(body[: limits.max_bytes]))


def _unpacked(response: http.client.HTTPResponse, max_bytes: int) -> Iterator[bytes]:
    """The body in parts, none much larger than a chunk whatever it unpacks to. Raises FetchError (content_type, too_large, status)."""
    encoding = (response.headers.get("Content-Encoding") or "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise FetchError("content_type")
    unpacker = None if encoding == "identity" else zlib.decompressobj(wbits=_GZIP)
    received = 0
    while chunk := response.read1(_CHUNK):
        received += len(chunk)
        if unpacker is None:
            yield chunk
            continue
        if received > max_bytes:
            raise FetchError("too_large")
        while chunk:
            yield unpacker.decompress(chunk, _CHUNK)
            chunk = unpacker.unconsumed_tail
    if response.length or (unpacker is not None and not unpacker.eof):
        raise FetchError("status")  # the connection ended before the body did


class _Connection:
    """A connection to one of a target's checked addresses, that ends at a deadline whatever the other side does."""

    def __init__(self, target: Target, addresses: list[IPAddress], network: Network, until: float) -> None:
        self._connection = http.client.HTTPConnection(target.host, target.port)
        self._connection.default_port = PORTS[target.scheme]  # so that Host names no usual port
        self._socket = _first_that_answers(target, addresses, network, until)
        self._connection.sock = _DeadlineSocket(self._socket, until)

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def get(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        self._connection.request("GET", path, headers={"Accept-Encoding": "gzip", "Connection": "close", **headers})
        return self._connection.getresponse()


def _first_that_answers(target: Target, addresses: list[IPAddress], network: Network, until: float) -> socket.socket:
    """A connection to the first address that takes one; each that is left has an equal share of the time."""
    failure: OSError = OSError()
    for waiting, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            connected = network.dial(str(address), target.port, _left(until) / waiting)
        except OSError as error:
            failure = error
            continue
        return connected if target.scheme == "http" else _secured(connected, target.host, network, until)
    raise failure


def _secured(connected: socket.socket, host: str, network: Network, until: float) -> socket.socket:
    try:
        connected.settimeout(_left(until))
        return network.tls().wrap_socket(connected, server_hostname=host)
    except BaseException:
        connected.close()
        raise


def _left(until: float) -> float:
    """The seconds that are left. Raises TimeoutError."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _DeadlineSocket:
    """What http.client uses of a socket. Each single read and write waits for what is left of the deadline, so that slow drops can't add up."""

    def __init__(self, wrapped: socket.socket, until: float) -> None:
        self._wrapped, self._until = wrapped, until

    def sendall(self, data: bytes) -> None:
        self._wrapped.settimeout(_left(self._until))
        self._wrapped.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - http.client asks for "rb" alone
        return io.BufferedReader(_DeadlineReader(self._wrapped, self._until))

    def close(self) -> None:
        """The connection closes the socket itself."""


class _DeadlineReader(io.RawIOBase):
    def __init__(self, wrapped: socket.socket, until: float) -> None:
        self._wrapped, self._until = wrapped, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        self._wrapped.settimeout(_left(self._until))
        return self._wrapped.recv_into(buffer)
