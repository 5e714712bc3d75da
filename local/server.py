"""The API over HTTP on the loopback interface: waitress, and a WSGI application of ours that speaks as API Gateway does."""

import contextlib
import http
import socket
from collections.abc import Callable, Iterable
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer, create_server
from waitress.task import ErrorTask

from local import gateway
from local.loopback import is_loopback

THREADS = 8
_MAX_HEADERS = 10_240  # API Gateway's limit of all headers together
_MAX_READ_BODY = 64 * 1024 * 1024  # a larger body is refused unread, and many clients see only the closed connection
_KINDS = {400: "bad-request", 413: "too-large", 431: "too-large", 500: "internal", 501: "bad-request"}

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class PortTakenError(Exception):
    """Somebody else listens there."""


def reserve_port(port: int) -> socket.socket:
    """Reserve the API's port on the loopback interface; raises PortTakenError."""
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reserved.bind(("127.0.0.1", port))
    except OSError as error:
        reserved.close()
        raise PortTakenError(str(error)) from error
    return reserved


def wsgi(app: gateway.App) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """The application as WSGI."""

    def respond(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        response = gateway.compress(_respond_to(app, environ), environ.get("HTTP_ACCEPT_ENCODING", ""))
        head = environ["REQUEST_METHOD"] == "HEAD"
        bodiless = head or response.status in (204, 304)
        headers = [(name, _clean(value)) for name, value in response.all_headers if name.lower() not in ("content-length", "connection")]
        if response.status not in (204, 304):
            declared_length = response.headers.get("content-length")
            headers.append(
                ("Content-Length", declared_length if head and declared_length and not response.body else str(len(response.body)))
            )
        start_response(f"{response.status} {_phrase(response.status)}", headers)
        return [] if bodiless else [response.body]

    return respond


def _respond_to(app: gateway.App, environ: dict[str, Any]) -> gateway.HttpResponse:
    host, raw_path = environ.get("HTTP_HOST", ""), environ["REQUEST_URI"].partition("?")[0]
    if not raw_path.startswith("/"):  # the absolute form, as for a proxy: its own host counts
        host, _, raw_path = raw_path.partition("://")[2].partition("/")
        raw_path = "/" + raw_path
    if not is_loopback(host):
        return gateway.problem("forbidden", "A local run answers to 127.0.0.1 and localhost only.")
    headers = [(_header_name(key[5:]), value) for key, value in environ.items() if key.startswith("HTTP_") and isinstance(value, str)]
    headers += [(_header_name(key), environ[key]) for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(key)]
    encoding = environ.get("HTTP_CONTENT_ENCODING", "")
    try:
        body = gateway.decompress(environ["wsgi.input"].read(gateway.MAX_BODY + 1), encoding)
    except gateway.RejectedBodyError as refused:
        return refused.response
    if encoding:
        headers = [(name, value) for name, value in headers if name not in ("Content-Encoding", "Content-Length")]
    event = gateway.proxy_event(
        environ["REQUEST_METHOD"], raw_path, headers, environ.get("QUERY_STRING", ""), body, environ.get("REMOTE_ADDR", "127.0.0.1")
    )
    return gateway.to_http_response(app(event, gateway.LambdaContext("api", timeout_seconds=29)))


def _header_name(key: str) -> str:
    return "-".join(part.capitalize() for part in key.split("_"))


def _clean(value: str) -> str:
    """A header's value in WSGI's form: latin-1 and of one line."""
    return value.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace").decode("latin-1")


def _phrase(status: int) -> str:
    with contextlib.suppress(ValueError):
        return http.HTTPStatus(status).phrase
    return "Unknown"


class _ProblemTask(ErrorTask):  # type: ignore[misc]
    """What waitress refuses before the application sees it, as a problem."""

    def execute(self) -> None:
        error = self.request.error
        kind = _KINDS.get(error.code, "bad-request")
        response = gateway.payload_too_large() if error.code == 413 else gateway.problem(kind, str(error.body), error.code)
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend(response.all_headers)
        self.set_close_on_finish()
        self.content_length = len(response.body)
        self.write(response.body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    error_task_class = _ProblemTask


class ApiServer:
    """The API on a reserved port. `serve` runs until `stop`, which may be called from a signal's handler."""

    def __init__(self, app: gateway.App, reserved: socket.socket) -> None:
        self._server: TcpWSGIServer = create_server(
            wsgi(app),
            sockets=[reserved],
            threads=THREADS,
            ident=None,
            max_request_body_size=_MAX_READ_BODY,
            max_request_header_size=_MAX_HEADERS,
            channel_timeout=600,
            clear_untrusted_proxy_headers=False,
        )
        self._server.channel_class = _Channel

    def serve(self) -> None:
        """Serve requests until the thread is interrupted."""
        self._server.run()

    def stop(self) -> None:
        """Take no more requests and finish those in hand."""
        self._server.close()
