"""What a caller names is fetched from the public internet alone: by no spelling, redirect or change of mind of a name from elsewhere."""

import gzip
import socket
import ssl
import threading
import time
import zlib
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation import safe_fetch
from chalicelib.foundation.public_address import is_public, literal_address
from chalicelib.foundation.safe_fetch import FetchError, Limits, Network, fetch, parse_target, public_addresses
from tests.local_site import PUBLIC, local_site

PAGES = Limits(content_types=frozenset({"text/html", "text/plain"}))
SECRET = "what only this machine knows"


@pytest.fixture
def site() -> Any:
    with local_site() as running:
        running.names |= {"site.example": [[PUBLIC]], "other.example": [["1.1.1.1"]]}
        yield running


def get(site: Any, url: str, limits: Limits = PAGES, **more: Any) -> Any:
    return fetch(url, {"User-Agent": "Tester/1"}, limits, network=site.network, **more)


def why(call: Any) -> str:
    with pytest.raises(FetchError) as caught:
        call()
    return caught.value.why


HOSTILE = {
    # loopback, in every form that a system takes for an address
    "http://127.0.0.1/": "address",
    "http://127.0.0.1:80/debug": "address",
    "http://127.1/": "address",
    "http://127.0.1/": "address",
    "http://2130706433/": "address",
    "http://0x7f000001/": "address",
    "http://0x7f.0.0.1/": "address",
    "http://0x7F.1/": "address",
    "http://017700000001/": "address",
    "http://0177.0.0.1/": "address",
    "http://0177.0x0.0.1/": "address",
    "http://127.0.0.1./": "address",
    "http://１２７.0.0.1/": "address",
    "http://①②⑦.⓪.⓪.①/": "address",
    "http://127。0。0。1/": "address",
    "http://0/": "address",
    "http://0.0.0.0/": "address",
    "http://[::1]/": "address",
    "http://[::]/": "address",
    "http://[0:0:0:0:0:0:0:1]/": "address",
    # v4 in v6
    "http://[::ffff:127.0.0.1]/": "address",
    "http://[::ffff:7f00:1]/": "address",
    "http://[::ffff:169.254.169.254]/": "address",
    "http://[::127.0.0.1]/": "address",
    "http://[64:ff9b::7f00:1]/": "address",
    "http://[64:ff9b:1::a00:1]/": "address",
    "http://[2002:7f00:1::]/": "address",
    "http://[2001:0:53aa:64c::80ff:fffe]/": "address",
    "http://[2001:4860:4860::5efe:7f00:1]/": "address",
    # metadata
    "http://169.254.169.254/latest/meta-data/": "address",
    "http://2852039166/latest/meta-data/": "address",
    "http://0xa9fea9fe/": "address",
    "http://0251.0376.0251.0376/": "address",
    "http://[fd00:ec2::254]/": "address",
    "http://100.100.100.200/": "address",
    "http://168.63.129.16/": "address",
    "http://192.0.0.192/": "address",
    # private, link-local, shared, multicast, reserved, broadcast
    "http://10.0.0.1/": "address",
    "http://172.16.0.1/": "address",
    "http://172.31.255.255/": "address",
    "http://192.168.1.1/": "address",
    "http://100.64.0.1/": "address",
    "http://198.18.0.1/": "address",
    "http://203.0.113.1/": "address",
    "http://224.0.0.1/": "address",
    "http://240.0.0.1/": "address",
    "http://255.255.255.255/": "address",
    "http://[fe80::1]/": "address",
    "http://[fe80::1%25eth0]/": "address",
    "http://[fc00::1]/": "address",
    "http://[ff02::1]/": "address",
    "http://[2001:db8::1]/": "address",
    # names that resolve to such addresses, one of several enough
    "http://localhost/": "address",
    "http://LOCALHOST./": "address",
    "http://inside.example/": "address",
    "http://mixed.example/": "address",
    "http://mapped.example/": "address",
    "http://metadata.google.internal/": "address",
    # schemes
    "ftp://site.example/": "scheme",
    "file:///etc/passwd": "scheme",
    "gopher://127.0.0.1:6379/_INFO": "scheme",
    "dict://127.0.0.1:11211/stat": "scheme",
    "javascript:alert(1)": "scheme",
    "data:text/html,hello": "scheme",
    "ldap://site.example/": "scheme",
    "jar:http://site.example!/": "scheme",
    # ports
    "http://site.example:22/": "port",
    "http://site.example:8080/": "port",
    "https://site.example:6379/": "port",
    "http://site.example:0/": "port",
    "http://site.example:65536/": "port",
    "http://127.0.0.1:8600/debug/system": "port",
    # user info, and what parsers disagree on
    "http://user@site.example/": "malformed",
    "http://user:password@site.example/": "malformed",
    "http://site.example@127.0.0.1/": "malformed",
    "http://127.0.0.1:80@site.example/": "malformed",
    "http://site.example\\@127.0.0.1/": "malformed",
    "http://site.example#@127.0.0.1/\t": "malformed",
    "http://127.0.0.1 site.example/": "malformed",
    "http://site.example\r\nHost: 127.0.0.1/": "malformed",
    "http://site.example/\x00": "malformed",
    "http:///127.0.0.1/": "malformed",
    "http://": "malformed",
    "http:127.0.0.1": "malformed",
    "//127.0.0.1/": "malformed",
    "127.0.0.1": "malformed",
    "": "malformed",
    "http://[::1/": "malformed",
    "http://[::1]a/": "malformed",
    "http://[v1.x]/": "malformed",
    "http://256.1.1.1/": "malformed",
    "http://1.2.3.4.5/": "malformed",
    "http://0xzz.1/": "malformed",
    "http://%31%32%37.0.0.1/": "malformed",
    "http://a..example/": "malformed",
    f"http://{'a' * 64}.example/": "malformed",
    "http://site.example:x/": "malformed",
    "http://site.example／@127.0.0.1/": "malformed",
    f"http://site.example/{'a' * 2000}": "malformed",
    # names that nothing stands behind
    "http://nowhere.example/": "dns",
    "http://nothing.example/": "dns",
    "http://garbled.example/": "dns",
}


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_is_refused_and_nothing_is_connected_to(site, url):
    site.answer("/", SECRET)
    site.names |= {
        "localhost": [["127.0.0.1"]],
        "localhost.": [["127.0.0.1"]],
        "inside.example": [["10.1.2.3"]],
        "mixed.example": [[PUBLIC, "192.168.0.1"]],
        "mapped.example": [["::ffff:10.0.0.1"]],
        "metadata.google.internal": [["169.254.169.254"]],
        "nothing.example": [[]],
        "garbled.example": [["no address"]],
    }
    assert why(lambda: get(site, url)) == HOSTILE[url]
    assert site.dialled == []


def test_there_are_more_than_forty_of_them():
    assert len(HOSTILE) >= 40


GOOD = {
    "http://site.example": ("http", "site.example", 80, "/"),
    "HTTPS://Site.Example:443/a?b=c#d": ("https", "site.example", 443, "/a?b=c"),
    "http://site.example:443/": ("http", "site.example", 443, "/"),
    "http://bücher.example/ü?q=ß": ("http", "xn--bcher-kva.example", 80, "/%C3%BC?q=%C3%9F"),
    "http://site.example/a%20b": ("http", "site.example", 80, "/a%20b"),
    "http://site.example.": ("http", "site.example.", 80, "/"),
    "http://93.184.216.34/": ("http", "93.184.216.34", 80, "/"),
    "http://1572395042/": ("http", "93.184.216.34", 80, "/"),
    "http://[2606:4700:4700::1111]/": ("http", "2606:4700:4700::1111", 80, "/"),
    "http://a_b.example/": ("http", "a_b.example", 80, "/"),
}


@pytest.mark.parametrize("url", GOOD)
def test_a_good_url_has_one_form(url):
    assert parse_target(url) == GOOD[url]


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "172.32.0.1", "100.128.0.1", "11.0.0.1"])
def test_a_public_address_is_public(text):
    assert is_public(ip_address(text))


@given(st.ip_addresses())
def test_no_address_that_python_knows_as_private_is_public(address):
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_loopback or address.is_link_local:
        assert not is_public(address) or (address.version == 6 and address.ipv4_mapped and is_public(address.ipv4_mapped))


@given(st.ip_addresses(v=4), st.sampled_from(["{:d}", "{:#x}", "0{:o}"]))
def test_an_address_is_known_in_every_form(address, form):
    assert literal_address(form.format(int(address))) == address


def test_the_connection_goes_to_the_address_that_was_checked(site):
    """DNS rebinding: the name's next answer would be this machine."""
    site.names["rebind.example"] = [[PUBLIC], ["127.0.0.1"]]
    site.answer("/", "hello")
    assert get(site, "http://rebind.example/").body == b"hello"
    assert site.dialled == [(PUBLIC, 80)]
    assert why(lambda: get(site, "http://rebind.example/")) == "address"


def test_a_redirect_resolves_anew_and_is_checked_anew(site):
    site.names["rebind.example"] = [[PUBLIC], ["169.254.169.254"]]
    site.redirect("rebind.example/", "http://rebind.example/again")
    site.answer("/again", SECRET)
    assert why(lambda: get(site, "http://rebind.example/")) == "address"
    assert site.asked == ["rebind.example/"]


@pytest.mark.parametrize("failure", [ConnectionRefusedError(), TimeoutError()])
def test_another_address_of_the_name_is_tried_where_one_does_not_answer(site, failure):
    site.names["two.example"] = [["1.0.0.1", PUBLIC]]
    site.answer("/", "hello")

    given: list[float] = []

    def dial(address: str, port: int, seconds: float) -> socket.socket:
        given.append(seconds)
        if address == "1.0.0.1":
            raise failure
        return site.network.dial(address, port, seconds)

    found = fetch("http://two.example/", {}, PAGES, network=Network(resolve=site.network.resolve, dial=dial))
    assert found.body == b"hello"
    assert site.dialled == [(PUBLIC, 80)]
    assert given[0] <= PAGES.seconds / 2


# -- redirects

REDIRECTS = {
    "http://127.0.0.1/": "address",
    "http://0x7f.1/": "address",
    "//[::1]/": "address",
    "http://inside.example/": "address",
    "http://169.254.169.254/latest/meta-data/": "address",
    "file:///etc/passwd": "scheme",
    "gopher://127.0.0.1/": "scheme",
    "http://site.example:22/": "port",
    "http://user@other.example/": "malformed",
    "http://[": "malformed",
    "http://nowhere.example/": "dns",
}


@pytest.mark.parametrize("to", REDIRECTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_nowhere_that_a_url_would_not(site, to, status):
    site.names["inside.example"] = [["10.0.0.1"]]
    site.redirect("/", to, status)
    assert why(lambda: get(site, "http://site.example/")) == REDIRECTS[to]
    assert site.dialled == [(PUBLIC, 80)]


def test_three_redirects_are_followed_and_no_fourth(site):
    site.redirect("/4", "/3")
    site.redirect("/3", "http://other.example/2")
    site.redirect("/2", "1")
    site.redirect("/1", "?0")
    site.answer("/1?0", "there")
    found = get(site, "http://site.example/3")
    assert (found.body, found.url) == (b"there", "http://other.example/1?0")
    assert why(lambda: get(site, "http://site.example/4")) == "redirects"


def test_a_circle_of_redirects_ends(site):
    site.redirect("/", "/")
    assert why(lambda: get(site, "http://site.example/")) == "redirects"
    assert len(site.asked) == 4


def test_each_hop_is_asked_for_permission_first(site):
    site.redirect("/", "http://other.example/private")
    site.answer("/private", SECRET)
    seen = []

    def allow(target: Any) -> None:
        seen.append(target.url)
        if "private" in target.path:
            raise FetchError("robots")

    assert why(lambda: get(site, "http://site.example/", allow=allow)) == "robots"
    assert seen == ["http://site.example/", "http://other.example/private"]
    assert site.asked == ["site.example/"]


# -- what comes back


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 429, 500, 503])
def test_only_success_is_read(site, status):
    site.answer("/", "" if status in (204, 304) else "x", status, Content_Type="" if status in (204, 304) else "text/html")
    with pytest.raises(FetchError) as caught:
        get(site, "http://site.example/")
    assert (caught.value.why, caught.value.status) == (("content_type", None) if status == 204 else ("status", status))


@pytest.mark.parametrize(
    "given", ["application/pdf", "image/png", "application/json", "application/xhtml+xml", "", "nonsense", "text/htmlx"]
)
def test_another_type_is_not_read(site, given):
    site.answer("/", "x", Content_Type=given)
    assert why(lambda: get(site, "http://site.example/")) == "content_type"


def test_two_megabytes_are_read_and_not_a_byte_more(site):
    site.answer("/just", b"a" * 2_000_000, Content_Type="text/plain")
    site.answer("/over", b"a" * 2_000_001, Content_Type="text/plain")
    assert len(get(site, "http://site.example/just").body) == 2_000_000
    assert why(lambda: get(site, "http://site.example/over")) == "too_large"


def test_what_unpacks_to_more_than_two_megabytes_is_too_large_and_not_unpacked_to_its_end(site, monkeypatch):
    site.unpack("/just", 2_000_000)
    site.unpack("/bomb", 100_000_000)
    unpacked = []

    class Counting:
        def __init__(self, wbits: int) -> None:
            self.real = zlib.decompressobj(wbits)

        def decompress(self, data: bytes, max_length: int) -> bytes:
            unpacked.append(len(part := self.real.decompress(data, max_length)))
            return part

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    monkeypatch.setattr(safe_fetch, "zlib", SimpleNamespace(decompressobj=Counting, error=zlib.error))
    assert len(get(site, "http://site.example/just").body) == 2_000_000
    unpacked.clear()
    assert why(lambda: get(site, "http://site.example/bomb")) == "too_large"
    assert sum(unpacked) < 2_100_000


def test_of_robots_the_beginning_is_kept(site):
    site.answer("/", b"ab" * 1000)
    assert get(site, "http://site.example/", Limits(max_bytes=3, keeps_beginning=True)).body == b"aba"


def test_a_body_that_is_packed_otherwise_or_broken_is_not_read(site):
    site.answer("/br", b"x", Content_Encoding="br")
    site.answer("/twice", gzip.compress(gzip.compress(b"x")), Content_Encoding="gzip, gzip")
    site.answer("/broken", b"not gzip", Content_Encoding="gzip")
    site.answer("/half", gzip.compress(b"x" * 1000)[:-10], Content_Encoding="gzip")
    site.pages["/short"] = lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\nx")
    site.pages["/no-http"] = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")
    site.pages["/headers"] = lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n")
    expected = {"br": "content_type", "twice": "content_type", "broken": "status", "half": "status", "short": "status", "no-http": "status"}
    for path, reason in {**expected, "headers": "status"}.items():
        assert why(lambda path=path: get(site, f"http://site.example/{path}")) == reason, path


def test_a_slow_site_ends_with_its_time(site):
    site.drip("/body", 60)
    site.drip("/headers", 60, in_headers=True)
    site.pages["/silent"] = lambda handler: time.sleep(3)
    for path in ("body", "headers", "silent"):
        started = time.monotonic()
        assert why(lambda path=path: get(site, f"http://site.example/{path}", Limits(seconds=0.5))) == "timeout", path
        assert time.monotonic() - started < 30


def test_a_redirect_gets_no_new_time(site):
    site.pages["/"] = lambda handler: time.sleep(0.4)
    site.redirect("/slow", "/")
    assert why(lambda: get(site, "http://site.example/slow", Limits(seconds=0.3))) == "timeout"


def test_who_refuses_to_connect_is_no_success():
    def refuse(*_: Any) -> socket.socket:
        raise ConnectionRefusedError

    assert why(lambda: fetch("http://a.example", {}, PAGES, network=Network(resolve=lambda *_: [PUBLIC], dial=refuse))) == "status"


# -- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: Any) -> Any:
    """A certificate of its own for secure.example, and a context that trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "secure.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("secure.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (folder / "crt").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder


def test_tls_verifies_the_name_and_not_the_address(certificate):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate / "crt", certificate / "key")
    trusting = ssl.create_default_context(cafile=str(certificate / "crt"))
    names = []
    server.sni_callback = lambda connection, name, context: names.append(name)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(3):
            connection, _address = listener.accept()
            try:
                with server.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(10_000)
                    secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
            except OSError:
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def dial(address: str, port: int, seconds: float) -> socket.socket:
        assert (address, port) == (PUBLIC, 443)
        return socket.create_connection(listener.getsockname(), timeout=seconds)

    def network(tls: ssl.SSLContext) -> Network:
        return Network(resolve=lambda *_: [PUBLIC], dial=dial, tls=lambda: tls)

    assert fetch("https://secure.example/", {}, PAGES, network=network(trusting)).body == b"ok"
    assert why(lambda: fetch("https://other.example/", {}, PAGES, network=network(trusting))) == "status"
    assert why(lambda: fetch("https://secure.example/", {}, PAGES, network=network(ssl.create_default_context()))) == "status"
    assert names[:2] == ["secure.example", "other.example"]
    thread.join(5)
    listener.close()


def test_the_real_network_verifies_certificates():
    context = safe_fetch.Network().tls()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_the_systems_own_resolver_is_asked():
    assert why(lambda: public_addresses(parse_target("http://localhost/"), Network())) == "address"
