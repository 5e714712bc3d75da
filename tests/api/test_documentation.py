"""The pages of the documentation: what they say, what they load, and how they look in a browser without internet."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

from chalicelib.foundation.documentation import html
from chalicelib.foundation.errors import PROBLEM_TYPES
from local import gateway

BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


class Links(HTMLParser):
    """The addresses that a page loads or leads to, and whether a script stands in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline_scripts = 0
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.addresses += [value for name, value in given.items() if name in ("href", "src", "data-openapi")]
        self.inline_scripts += tag == "script" and "src" not in given


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/problems", "/problems/validation"])
def test_a_page_loads_files_of_ours_alone_and_they_are_there(anonymous, path):
    answer = anonymous("GET", path)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    links = Links(answer.text)
    assert links.inline_scripts == 0
    for address in links.addresses:
        assert address == "data:," or anonymous("GET", address).status == 200, address


def test_links_begin_with_the_path_of_the_stage(app):
    event = gateway.proxy_event("GET", "/docs")
    event["requestContext"]["path"] = "/api/docs"
    answer = gateway.to_http_response(app(event, None))
    assert all(address.startswith(("/api/", "data:")) for address in Links(answer.text).addresses)


@pytest.mark.parametrize("name", sorted(html.ASSET_FILES))
def test_files_are_kept_long_where_their_version_is_in_their_name(anonymous, name):
    answer = anonymous("GET", f"/docs/{name}")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/css" if name.endswith(".css") else "text/javascript")
    assert ("immutable" in answer.headers["cache-control"]) is any(character.isdigit() for character in name)
    again = anonymous("GET", f"/docs/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.text) == (304, "")


@pytest.mark.parametrize("name", ["README.md", "html.py", "..", ".", "nothing.js", "licenses", "%2e%2e"])
def test_no_other_file_is_given(anonymous, name):
    assert anonymous("GET", f"/docs/{name}").status == 404


def test_every_vendored_file_has_its_licence_and_none_is_forgotten():
    scripts = {path.name for path in html.ASSETS.iterdir() if path.suffix in (".js", ".css")}
    assert scripts == set(html.ASSET_FILES)
    licences = {path.name for path in (html.ASSETS / "licenses").iterdir()}
    assert {"swagger-ui.txt", "swagger-ui-notice.txt", "redoc.txt"} <= licences


@pytest.mark.parametrize("kind", sorted(PROBLEM_TYPES))
def test_every_kind_of_error_is_explained_to_people_and_to_programs(anonymous, kind):
    page = anonymous("GET", f"/problems/{kind}")
    assert PROBLEM_TYPES[kind].title in page.text
    assert anonymous("GET", f"/problems/{kind}", query={"format": "json"}).json() == {
        "type": f"/problems/{kind}",
        "title": PROBLEM_TYPES[kind].title,
        "status": PROBLEM_TYPES[kind].status,
        "advice": PROBLEM_TYPES[kind].advice,
    }


def test_the_list_of_errors_is_whole(anonymous):
    assert {one["type"] for one in anonymous("GET", "/problems", query={"format": "json"}).json()["items"]} == {
        f"/problems/{kind}" for kind in PROBLEM_TYPES
    }
    assert all(f"/problems/{kind}" in anonymous("GET", "/problems").text for kind in PROBLEM_TYPES)


def test_a_problem_leads_to_its_page(anonymous):
    refused = anonymous("GET", "/problems/no-such-kind")
    assert refused.status == 404
    assert anonymous("GET", refused.json()["type"]).status == 200


# -- in a browser


class _Quiet(WSGIRequestHandler):
    def log_message(self, format, *arguments):
        pass


class _Threaded(ThreadingMixIn, WSGIServer):
    """A browser opens connections ahead of its requests; one that waits must not hold up the others."""

    daemon_threads = True


@pytest.fixture
def url(app) -> Iterator[str]:
    """The app over HTTP on loopback. The pages ask for nothing of the table."""

    def serve(environ, start_response):
        headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        event = gateway.proxy_event(environ["REQUEST_METHOD"], environ["PATH_INFO"], headers, environ["QUERY_STRING"])
        answer = gateway.to_http_response(app(event, None))
        start_response(f"{answer.status} -", list(answer.all_headers))
        return [answer.body]

    with make_server("127.0.0.1", 0, serve, server_class=_Threaded, handler_class=_Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def render(url: str, profile: str) -> tuple[str, list[str]]:
    """The page's elements after its scripts ran, and what it complained of. No name resolves but loopback's address."""
    arguments = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--enable-logging=stderr", "--window-size=1280,1600", "--virtual-time-budget=20000", "--dump-dom",
    ]  # fmt: skip
    done = subprocess.run([BROWSER, *arguments, url], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None and not os.environ.get("CI"), reason="Chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize(
    ("path", "shown"), [("/docs", 'class="btn authorize'), ("/redoc", 'data-section-id="tag/Foundation-layer/operation/system_root"')]
)
def test_a_page_renders_without_internet_and_without_a_complaint(url, tmp_path, path, shown):
    assert BROWSER, "continuous integration must have Chromium"
    elements, complaints = render(url + path, str(tmp_path))
    assert complaints == []
    assert shown in elements
    assert "Whether the process answers" in elements
