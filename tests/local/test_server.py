import base64
import gzip
import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from local import gateway, server
from tests.ports import exchange, free_port


def app(event: dict[str, Any], context: Any) -> dict[str, Any]:
    path = event["path"]
    if path == "/large":
        return {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "é" * 2000}
    if path == "/gone":
        return {"statusCode": 204, "headers": {}, "body": ""}
    if path == "/cookies":
        return {"statusCode": 200, "headers": {}, "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]}, "body": "x"}
    if path == "/split":
        return {"statusCode": 200, "headers": {"X-A": "1\r\nX-B: 2"}, "body": "x"}
    if path == "/size":
        return {"statusCode": 200, "headers": {}, "body": str(len(event["body"] or ""))}
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    number = free_port()
    api = server.ApiServer(app, server.reserve_port(number))
    thread = threading.Thread(target=api.serve, daemon=True)
    thread.start()
    yield number
    api.stop()
    thread.join(5)


@pytest.fixture
def web(port: int) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        yield client


def test_a_request_arrives_as_it_was_sent(web: httpx.Client) -> None:
    event = web.post("/a%2Fb/c%20d?x=1&x=2&e=&y=a%2Bb+c", json={"é": 1}, headers={"X-API-Key": "k"}).json()
    assert (event["httpMethod"], event["path"]) == ("POST", "/a%2Fb/c%20d")
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "e": [""], "y": ["a+b c"]}
    assert json.loads(base64.b64decode(event["body"])) == {"é": 1}
    headers = {name.lower(): value for name, value in event["headers"].items()}
    assert (headers["x-api-key"], headers["content-type"]) == ("k", "application/json")
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


def test_the_absolute_form_and_leading_slashes_are_paths_too(port: int) -> None:
    assert b'"path": "/things"' in exchange(
        port, b"GET http://localhost/things?x=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    assert b'"path": "//things"' in exchange(port, b"GET //things HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:{port}", "[::1]:{port}", "127.0.0.1:8000"])
def test_this_machines_own_names_are_answered(port: int, host: str) -> None:
    request = f"GET /things HTTP/1.1\r\nHost: {host.format(port=port)}\r\nConnection: close\r\n\r\n"
    assert b" 200 " in exchange(port, request.encode()).splitlines()[0]


@pytest.mark.parametrize(
    "head",
    [
        "GET /things HTTP/1.1\r\nHost: evil.example",
        "GET /things HTTP/1.1\r\nHost: localhost.evil.example",
        "GET /things HTTP/1.1\r\nHost: evil.example:8000",
        "GET /things HTTP/1.1\r\nHost: 127.0.0.1@evil.example",
        "GET /things HTTP/1.1\r\nHost: ",
        "GET /things HTTP/1.0\r\nX-Other: 1",
        "GET http://evil.example/things HTTP/1.1\r\nHost: localhost",
        "OPTIONS /things HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: POST",
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused(port: int, head: str) -> None:
    top, _, body = exchange(port, f"{head}\r\nConnection: close\r\n\r\n".encode()).partition(b"\r\n\r\n")
    assert b" 403 " in top.splitlines()[0]
    assert json.loads(body)["type"] == "/problems/forbidden"
    assert b"access-control-" not in top.lower()
    assert b"evil" not in body


def test_large_answers_are_packed_on_request(web: httpx.Client, port: int) -> None:
    assert web.get("/large").headers["content-encoding"] == "gzip"
    assert web.get("/large").text == "é" * 2000
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/large", headers={"Accept-Encoding": "identity"})
    answer = connection.getresponse()
    assert (answer.headers["Content-Encoding"], len(answer.read())) == (None, 4000)
    connection.close()


def test_head_has_the_headers_and_no_body_and_the_connection_lives_on(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("HEAD", "/large")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Length"], answer.read()) == (200, "4000", b"")
    connection.request("GET", "/gone")
    answer = connection.getresponse()
    assert (answer.status, answer.headers.get("Content-Length"), answer.read()) == (204, None, b"")
    connection.request("GET", "/size")
    assert connection.getresponse().read() == b"0"
    connection.close()


def test_repeated_headers_stay_and_no_header_splits_an_answer(web: httpx.Client) -> None:
    assert web.get("/cookies").headers.get_list("set-cookie") == ["a=1", "b=2"]
    split = web.get("/split")
    assert (split.headers["x-a"], "x-b" in split.headers) == ("1  X-B: 2", False)


def test_a_packed_request_is_unpacked(web: httpx.Client) -> None:
    assert web.post("/size", content=gzip.compress(b"a" * 5000), headers={"Content-Encoding": "gzip"}).text == str(
        len(base64.b64encode(b"a" * 5000))
    )


@pytest.mark.parametrize(("size", "status"), [(gateway.MAX_BODY, 200), (gateway.MAX_BODY + 1, 413), (gateway.MAX_BODY * 3, 413)])
def test_bodies_beyond_the_gateways_limit_are_a_problem(web: httpx.Client, size: int, status: int) -> None:
    answer = web.post("/size", content=b"a" * size)
    assert answer.status_code == status
    if status == 413:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "/problems/too-large"


def test_a_body_that_is_not_even_heard_out_is_a_problem_too(port: int) -> None:
    top, _, body = exchange(port, b"POST /size HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n").partition(b"\r\n\r\n")
    assert b" 413 " in top.splitlines()[0]
    assert json.loads(body)["type"] == "/problems/too-large"


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 11_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nno colon here\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n", 400),
    ],
)
def test_what_is_no_http_is_a_problem_too(port: int, request_text: bytes, status: int) -> None:
    top, _, body = exchange(port, request_text).partition(b"\r\n\r\n")
    assert f" {status} ".encode() in top.splitlines()[0]
    assert json.loads(body)["status"] == status


def test_many_at_once_each_get_their_own_answer(port: int) -> None:
    def ask(number: int) -> bool:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            return all(client.get(f"/n/{number}/{turn}").json()["path"] == f"/n/{number}/{turn}" for turn in range(20))

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(ask, range(24)))


def test_a_taken_port_is_told(port: int) -> None:
    with pytest.raises(server.PortTakenError):
        server.reserve_port(port)
