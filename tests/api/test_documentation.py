"""The pages of the documentation: what they say, what they load, and how they look in a browser without internet."""

import os
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from chalicelib.foundation.documentation import html
from chalicelib.foundation.errors import PROBLEM_TYPES
from chalicelib.foundation.json_codec import loads
from local import gateway
from tests.api.browser import CHROMIUM, served


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


@pytest.fixture
def url(app) -> Iterator[str]:
    with served(app) as address:
        yield address


def render(url: str, profile: str) -> tuple[str, list[str]]:
    """The page's elements after its scripts ran, and what it complained of. No name resolves but loopback's address."""
    arguments = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--enable-logging=stderr", "--window-size=1280,1600", "--virtual-time-budget=20000", "--dump-dom",
    ]  # fmt: skip
    done = subprocess.run([CHROMIUM, *arguments, url], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize(
    ("path", "shown"), [("/docs", 'class="btn authorize'), ("/redoc", 'data-section-id="tag/Foundation-layer/operation/system_root"')]
)
def test_a_page_renders_without_internet_and_without_a_complaint(url, tmp_path, path, shown):
    assert CHROMIUM, "continuous integration must have Chromium"
    elements, complaints = render(url + path, str(tmp_path))
    assert complaints == []
    assert shown in elements
    assert "Whether the process answers" in elements


@pytest.fixture
def page(url) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"])
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        page.goto(f"{url}/docs")
        yield page
        browser.close()


def try_out(page: Page, operation_id: str, **values: str) -> tuple[int, dict[str, Any]]:
    """Open an operation, press "Try it out", fill in only these parameters, execute; status and body of what is answered."""
    block = page.locator(f"[id$='-{operation_id}']")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    for name, value in values.items():
        block.locator(f"tr[data-param-name='{name}'] input").fill(value)
    block.get_by_role("button", name="Execute").click()
    answered = block.locator(".live-responses-table .response")
    status = answered.locator(".response-col_status").inner_text().split()[0]
    body = answered.locator(".highlight-code code").first.inner_text()
    return int(status), loads(body)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is not installed: apt-get install chromium")
def test_a_pipeline_is_created_edited_and_listed_by_clicking(page, client_as):
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("bearer-value").fill(client_as("operator").token())
    page.get_by_role("button", name="Apply credentials").first.click()
    page.get_by_role("button", name="Close", exact=True).first.click()
    page.get_by_placeholder("Filter by tag").fill("Wholesaling engine")  # of a long list the page holds what is in sight
    created, pipeline = try_out(page, "wholesale_create_pipeline")
    assert (created, pipeline["stage"]) == (201, "lead")
    edited, pipeline = try_out(page, "wholesale_edit_pipeline", id=pipeline["id"])
    assert (edited, pipeline["revision"]) == (200, 2)
    listed, found = try_out(page, "wholesale_list_pipelines")
    assert (listed, [one["id"] for one in found["items"]]) == (200, [pipeline["id"]])
    page.get_by_placeholder("Filter by tag").fill("Disposition engine")
    created, buyer = try_out(page, "dispositions_create_buyer")  # no header of the first POST is sent with the second
    assert (created, buyer["name"]) == (201, "Ada Byron")
