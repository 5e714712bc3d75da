"""Sources that are fetched: from one site that stands for the internet, by the API."""

import time
from typing import Any

import pytest

from chalicelib.packs.signals.service import sources
from chalicelib.packs.signals.service.sources import decode_plain
from tests.packs.signals.signals_client import EXTRACT

URL = "http://site.example/"


def why(signals: Any, *urls: str) -> list[str]:
    body = {"name": "Ann", "sources": [{"url": url} for url in urls]}
    answer = signals.refused(422, "POST", EXTRACT, body)
    return [error["type"] for error in answer["errors"]]


def test_pages_are_read_and_what_fails_says_why(signals, site):
    site.answer("/", "<nav>insurance</nav><p>We do <b>tax</b>.</p>")
    site.answer("/plain", "We do real estate.", Content_Type="text/plain")
    answer = signals.read_urls(URL, "http://127.0.0.1/", f"{URL}plain", f"{URL}nothing")
    assert (answer["sources_scanned"], answer["words"]) == (2, 7)
    assert answer["sources_failed"] == [
        {"index": 1, "url": "http://127.0.0.1/", "why": "address"},
        {"index": 3, "url": f"{URL}nothing", "why": "status"},
    ]
    assert [(row["source"], row["quote"]) for row in answer["evidence"]] == [(0, "tax"), (2, "real estate")]


def test_nothing_of_this_machine_is_ever_answered(signals, site):
    """What the older API did: POST its own internals out."""
    site.answer("/", "what only this machine knows about tax")
    site.redirect("site.example/", "http://127.0.0.1:8600/debug/system")
    assert why(signals, "http://127.0.0.1:8600/debug/system", "http://localhost/", URL) == ["port", "dns", "port"]
    assert all(not place.startswith("127") for place in site.asked)


def test_every_reason_has_its_word(signals, site, monkeypatch):
    monkeypatch.setattr(sources, "PAGE", sources.PAGE.__class__(seconds=1, content_types=sources.PAGE.content_types))
    site.answer("/image", "x", Content_Type="image/png")
    site.answer("/large", b"a" * 2_000_001)
    site.answer("/error", "x", 500)
    site.answer("/empty", "<script>win()</script>")
    site.redirect("/circle", "/circle")
    site.answer("other.example/robots.txt", "User-agent: *\nDisallow: /")
    site.drip("/slow", 5)
    site.names["inside.example"] = [["10.0.0.1"]]
    expected = {
        "http://": "malformed",
        "ftp://site.example/": "scheme",
        "http://site.example:8080/": "port",
        "http://inside.example/": "address",
        "http://nowhere.example/": "dns",
        f"{URL}circle": "redirects",
        f"{URL}slow": "timeout",
        f"{URL}large": "too_large",
        f"{URL}image": "content_type",
        f"{URL}error": "status",
    }
    assert why(signals, *expected) == list(expected.values())
    assert why(signals, "http://other.example/", f"{URL}empty") == ["robots", "empty"]


# -- robots.txt

ROBOTS: dict[str, tuple[str, str, bool]] = {
    "all are kept out": ("User-agent: *\nDisallow: /", "/page", False),
    "one of us by name": ("User-agent: ValhallaSignals\nDisallow: /page\n\nUser-agent: *\nAllow: /", "/page", False),
    "others by name": ("User-agent: Googlebot\nDisallow: /", "/page", True),
    "a part of the site": ("User-agent: *\nDisallow: /private", "/private/page", False),
    "the longer rule wins": ("User-agent: *\nDisallow: /private\nAllow: /private/page", "/private/page", True),
    "a wildcard": ("User-agent: *\nDisallow: /*.php$", "/page.php", False),
    "no rules": ("", "/page", True),
    "no robots.txt at all": ("<html>", "/page", True),
}


@pytest.mark.parametrize("what", ROBOTS)
def test_robots_are_obeyed(signals, site, what):
    rules, path, is_allowed = ROBOTS[what]
    site.answer("/robots.txt", rules, Content_Type="text/plain")
    site.answer(path, "We do tax.")
    if is_allowed:
        assert signals.read_urls(f"http://site.example{path}")["words"] == 3
    else:
        assert why(signals, f"http://site.example{path}") == ["robots"]
        assert site.asked == ["site.example/robots.txt"]


@pytest.mark.parametrize(
    ("status", "is_allowed"), [(404, True), (410, True), (401, True), (403, True), (429, False), (500, False), (503, False)]
)
def test_a_site_whose_robots_fail_is_left_alone_one_without_any_is_not(signals, site, status, is_allowed):
    site.answer("/robots.txt", "x", status)
    site.answer("/", "We do tax.")
    if is_allowed:
        assert signals.read_urls(URL)["words"] == 3
    else:
        assert why(signals, URL) == ["robots"]


def test_robots_are_asked_at_each_site_that_a_redirect_leads_to(signals, site):
    site.redirect("site.example/", "http://other.example/")
    site.answer("other.example/robots.txt", "User-agent: *\nDisallow: /")
    site.answer("other.example/", "We do tax.")
    assert why(signals, URL) == ["robots"]
    assert site.asked == ["site.example/robots.txt", "site.example/", "other.example/robots.txt"]


def test_robots_lead_nowhere_that_a_url_would_not(signals, site):
    site.redirect("/robots.txt", "http://127.0.0.1/robots.txt")
    site.answer("/", "We do tax.")
    assert why(signals, URL) == ["robots"]
    assert site.asked == ["site.example/robots.txt"]


def test_the_user_agent_says_who_asks(signals, site, settings):
    site.answer("/", "We do tax.")
    signals.read_urls(URL)
    assert site.agents == {f"ValhallaSignals/1.0 (+{settings.public_url})"}


# -- time


def test_ten_slow_sources_take_as_long_as_one(signals, site, monkeypatch):
    monkeypatch.setattr(sources, "PAGE", sources.PAGE.__class__(seconds=1, content_types=sources.PAGE.content_types))
    site.drip("/slow", 60)
    started = time.monotonic()
    answer = signals.ok("POST", EXTRACT, {"name": "Ann", "sources": [{"url": f"{URL}slow?{n}"} for n in range(9)] + [{"text": "Tax."}]})
    assert time.monotonic() - started < 8  # one after the other they would take nine
    assert [failed["why"] for failed in answer["sources_failed"]] == ["timeout"] * 9


def test_a_name_that_is_never_resolved_ends_too(signals, site, monkeypatch):
    monkeypatch.setattr(sources, "PAGE", sources.PAGE.__class__(seconds=0.3))
    monkeypatch.setattr(sources.safe_fetch, "INTERNET", sources.Network(resolve=lambda host, port: time.sleep(60) or []))
    started = time.monotonic()
    assert why(signals, URL) == ["timeout"]
    assert time.monotonic() - started < 30


def test_after_twenty_seconds_in_all_nothing_more_is_read(signals, site, monkeypatch):
    monkeypatch.setattr(sources, "TOTAL_SECONDS", 0)
    site.answer("/", "We do tax.")
    assert why(signals, URL) == ["timeout"]


def test_the_limits_are_those_of_the_contract():
    assert (sources.PAGE.seconds, sources.PAGE.max_bytes, sources.PAGE.max_redirects) == (5, 2_000_000, 3)
    assert sources.TOTAL_SECONDS == 20


# -- what a page says


def test_the_servers_encoding_is_used(signals, site):
    site.answer("/", "<p>Tax in Zürich.".encode("latin-1"), Content_Type="text/html; charset=ISO-8859-1")
    site.answer("/plain", "Tax in Zürich.".encode("cp1252"), Content_Type="text/plain; charset=windows-1252")
    assert signals.read_urls(URL, f"{URL}plain")["words"] == 6


@pytest.mark.parametrize(
    "charset", [None, "utf-8", "no-such", "zip", "rot13", "hex", "idna", "punycode", "unicode_escape", "utf-7", "\x00"]
)
def test_no_charset_makes_more_of_a_text_than_its_characters(charset):
    assert decode_plain("Zürich +ADw-".encode(), charset) == "Zürich +ADw-"


def test_a_two_megabyte_page_is_read(signals, site):
    site.answer("/", "<p>We do tax.</p>" * (2_000_000 // 17))
    assert signals.read_urls(URL)["words"] > 300_000
