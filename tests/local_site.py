"""A web site on this machine that stands for the internet: names resolve as a test says, and every checked address leads to the site."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chalicelib.foundation.safe_fetch import Network

PUBLIC = "93.184.216.34"
Page = Callable[[BaseHTTPRequestHandler], None]


class LocalSite:
    """`pages` are by path, or by host and path; `asked` are the hosts and paths asked for, `dialled` the addresses that were connected to."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.pages: dict[str, Page] = {}
        self.names: dict[str, list[Any]] = {}  # host → its answers, each a list of addresses; the last one stays
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.dialled: list[tuple[str, int]] = []
        self.network = Network(resolve=self._resolve, dial=self._dial)

    def _resolve(self, host: str, port: int) -> list[str]:
        answers = self.names.get(host)
        if answers is None:
            raise socket.gaierror(f"{host} is unknown")
        answer: list[str] = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer

    def _dial(self, address: str, port: int, seconds: float) -> socket.socket:
        self.dialled.append((address, port))
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def answer(self, place: str, body: bytes | str = b"", status: int = 200, **headers: str) -> None:
        """Answer with this at a path, or at a host and path. `Content_Type` is text/html unless given."""
        content = body.encode() if isinstance(body, str) else body
        given = {"Content-Type": "text/html; charset=utf-8"} | {name.replace("_", "-"): value for name, value in headers.items()}

        def page(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in given.items():
                if value:
                    handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)

        self.pages[place] = page

    def redirect(self, place: str, to: str, status: int = 302) -> None:
        """Redirect to a URL."""
        self.answer(place, status=status, Location=to)

    def unpack(self, place: str, size: int) -> None:
        """Answer with a small gzip that unpacks to so many bytes."""
        self.answer(place, gzip.compress(b"a " * (size // 2)), Content_Encoding="gzip")

    def drip(self, place: str, seconds: float, *, in_headers: bool = False) -> None:
        """Answer a byte at a time for so long."""

        def page(handler: BaseHTTPRequestHandler) -> None:
            if not in_headers:
                handler.send_response(200)
                handler.send_header("Content-Type", "text/html")
                handler.end_headers()
            else:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                handler.wfile.write(b"a")
                handler.wfile.flush()
                time.sleep(0.05)

        self.pages[place] = page


@contextmanager
def local_site() -> Iterator[LocalSite]:
    """A site that runs for a test. Names that a test doesn't set are unknown; every path that it doesn't set is 404."""
    site: LocalSite

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = f"{self.headers['Host']}{self.path}"
            site.asked.append(place)
            site.agents.add(self.headers["User-Agent"])
            page = site.pages.get(place) or site.pages.get(self.path) or site.pages.get(self.path.partition("?")[0])
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked has gone, as it may
                self.send_error(404) if page is None else page(self)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 50  # who comes at once with many others waits, and is not refused

    server = Server(("127.0.0.1", 0), Handler)
    site = LocalSite(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
