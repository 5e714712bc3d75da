"""The app over HTTP on loopback, for a browser."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from local import gateway

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


class _Threaded(ThreadingMixIn, WSGIServer):
    """A browser opens connections ahead of its requests; one that waits must not hold up the others."""

    daemon_threads = True


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The URL under which the app is served, one request at a time: moto is not made for threads."""
    one_at_a_time = threading.Lock()

    def serve(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        headers |= {name.replace("_", "-"): environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        event = gateway.proxy_event(environ["REQUEST_METHOD"], environ["PATH_INFO"], headers, environ["QUERY_STRING"], body or None)
        with one_at_a_time:
            answer = gateway.to_http_response(app(event, None))
        start_response(f"{answer.status} -", list(answer.all_headers))
        return [answer.body]

    with make_server("127.0.0.1", 0, serve, server_class=_Threaded, handler_class=_Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
