"""The sources of an extraction: their texts, fetched where they are URLs. What can't be read is a failure with its reason, never an error."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from chalicelib.foundation import safe_fetch
from chalicelib.foundation.safe_fetch import Fetched, FetchError, Limits, Network, Target
from chalicelib.packs.signals.rules.html_text import text_of_html
from chalicelib.packs.signals.rules.summary import SourceScan, scan
from chalicelib.packs.signals.rules.syllables import count_syllables

ROBOT = "ValhallaSignals"  # the name that robots.txt knows it by
TOTAL_SECONDS = 20.0
PAGE = Limits(seconds=5, max_bytes=2_000_000, max_redirects=3, content_types=frozenset({"text/html", "text/plain"}))
_ROBOTS = Limits(seconds=5, max_bytes=500_000, max_redirects=3, keeps_beginning=True)  # what RFC 9309 asks to be read at the least
_TOO_MANY_REQUESTS = 429
_PLAIN_CODECS = ("utf", "iso8859", "cp125", "ascii", "koi8", "gb", "big5", "shift_jis", "euc")


class Source(NamedTuple):
    """A source as it was sent: a URL or a text."""

    url: str | None
    text: str | None


class ReadSource(NamedTuple):
    """A source that was read, by its number in the request."""

    number: int
    text: str
    scan: SourceScan


class FailedSource(NamedTuple):
    """A source that was not read, and why."""

    number: int
    url: str | None
    why: str


@dataclass
class _Fetch:
    """A fetch on its own thread. Nothing waits for the thread: it ends by itself, and what it finds too late is not looked at."""

    source: Source
    outcome: Fetched | FetchError = field(default_factory=lambda: FetchError("timeout"))
    thread: threading.Thread | None = None


def read_sources(sources: Sequence[Source], contact: str, network: Network | None = None) -> tuple[list[ReadSource], list[FailedSource]]:
    """Read all sources, the URLs at once: 5 seconds each, 20 for everything. `contact` is the URL that the user agent names."""
    started = time.monotonic()
    fetches = [_start(source, contact, network or safe_fetch.INTERNET, started + PAGE.seconds) for source in sources]
    for fetch in fetches:
        if fetch.thread is not None:
            fetch.thread.join(max(0.0, started + PAGE.seconds - time.monotonic()))
    outcomes = [fetch.outcome for fetch in fetches]
    check = partial(_check_time, started + TOTAL_SECONDS)
    read: list[ReadSource] = []
    failed: list[FailedSource] = []
    for number, (source, outcome) in enumerate(zip(sources, outcomes, strict=True)):
        try:
            check()
            text = source.text if source.text is not None else _text_of(outcome, check)
            found = scan(text, count_syllables)
            if not found.words:
                raise FetchError("empty")
            read.append(ReadSource(number, text, found))
        except FetchError as error:
            failed.append(FailedSource(number, source.url, error.why))
    return read, failed


def _check_time(until: float) -> None:
    if time.monotonic() >= until:
        raise FetchError("timeout")


def _start(source: Source, contact: str, network: Network, until: float) -> _Fetch:
    fetch = _Fetch(source)
    if source.url is not None:
        fetch.thread = threading.Thread(target=_run, args=(fetch, source.url, contact, network, until), daemon=True)
        fetch.thread.start()
    return fetch


def _run(fetch: _Fetch, url: str, contact: str, network: Network, until: float) -> None:
    headers = {"User-Agent": f"{ROBOT}/1.0 (+{contact})", "Accept": "text/html, text/plain", "Accept-Language": "en"}
    allow = partial(_obey_robots, headers, network, until)
    try:
        fetch.outcome = safe_fetch.fetch(url, headers, PAGE, network=network, deadline=until, allow=allow)
    except FetchError as error:
        fetch.outcome = error


def _obey_robots(headers: dict[str, str], network: Network, until: float, target: Target) -> None:
    """Raise FetchError where the site's robots.txt keeps us out, as RFC 9309 says: without one all is allowed, of one that fails nothing."""
    from protego import Protego  # only where something is fetched

    try:
        found = safe_fetch.fetch(f"{target.origin}/robots.txt", headers, _ROBOTS, network=network, deadline=until)
    except FetchError as error:
        if error.status is not None and 400 <= error.status < 500 and error.status != _TOO_MANY_REQUESTS:
            return
        raise FetchError(error.why if error.why == "timeout" else "robots") from None
    if not Protego.parse(found.body.decode(errors="replace")).can_fetch(target.url, ROBOT):
        raise FetchError("robots")


def _text_of(outcome: "Fetched | FetchError", check: "partial[None]") -> str:
    if isinstance(outcome, FetchError):
        raise outcome
    if outcome.content_type == "text/html":
        return text_of_html(outcome.body, outcome.charset, check)
    return decode_plain(outcome.body, outcome.charset)


def decode_plain(body: bytes, charset: str | None) -> str:
    """The text of a text/plain body; of one in an unknown character set what is UTF-8 in it."""
    import codecs

    try:
        name = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        name = "utf-8"
    codec = name if name.startswith(_PLAIN_CODECS) and name != "utf-7" else "utf-8"
    return body.decode("utf-8-sig" if codec == "utf-8" else codec, errors="replace")
