"""The emulator over HTTP, in its own process."""

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.store.table import table_definition
from local.emulator.access import authorization
from local.engine import Engine, EngineClient, EngineError, UnreadableDataError
from tests.ports import exchange


@pytest.fixture
def web(engine: Engine) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=10)
    yield connection
    connection.close()


def send(
    web: http.client.HTTPConnection, target: str, body: bytes, headers: dict[str, str], method: str = "POST", path: str = "/"
) -> tuple[int, Any]:
    web.request(method, path, body, headers | ({"X-Amz-Target": target} if target else {}))
    response = web.getresponse()
    return response.status, json.loads(response.read())


def signed(engine: Engine) -> dict[str, str]:
    return {"Authorization": authorization(engine.access_key)}


@pytest.mark.parametrize(
    ("target", "body", "status", "code"),
    [
        ("DynamoDB_20120810.GetItem", b"{", 400, "SerializationException"),
        ("DynamoDB_20120810.GetItem", b"[]", 400, "SerializationException"),
        ("DynamoDB_20120810.GetItem", b'{"TableName": 5}', 400, "ResourceNotFoundException"),
        ("DynamoDB_20120810.CreateTable", b"{}", 400, "SerializationException"),
        ("AmazonSQS.SendMessage", b'{"QueueUrl": "none", "MessageBody": "x"}', 400, "com.amazonaws.sqs#QueueDoesNotExist"),
        ("AmazonSQS.ReceiveMessage", b'{"QueueUrl": "none", "WaitTimeSeconds": 1}', 400, "com.amazonaws.sqs#QueueDoesNotExist"),
        ("AmazonSQS.PurgeQueue", b"{}", 400, "UnsupportedOperation"),
        ("LocalStream.Drop", b"{}", 400, "UnknownOperationException"),
        ("", b"{}", 404, "NotFoundException"),
    ],
)
def test_what_it_cannot_do_is_an_error_and_the_connection_stays(
    engine: Engine, web: http.client.HTTPConnection, target: str, body: bytes, status: int, code: str
) -> None:
    assert send(web, target, body, signed(engine))[0] == status
    again = send(web, target, body, signed(engine))
    assert (again[0], again[1]["__type"]) == (status, code)


def test_text_that_is_no_text_is_refused(engine: Engine, web: http.client.HTTPConnection, table: str) -> None:
    body = json.dumps({"TableName": table, "Item": {"pk": {"S": "a"}, "sk": {"S": "~"}, "x": {"S": "\ud800"}}}).encode()
    assert send(web, "DynamoDB_20120810.PutItem", body, signed(engine))[1]["__type"] == "SerializationException"


PAGE = {"Origin": "http://evil.example", "Content-Type": "text/plain"}


@pytest.mark.parametrize(
    ("target", "path"),
    [("DynamoDB_20120810.ListTables", "/"), ("AmazonSQS.ListQueues", "/"), ("LocalStream.Read", "/"), ("", "/v2/email/outbound-emails")],
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=local/20261124/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=\xe9/"},
        {"Authorization": "Bearer x"},
    ],
    ids=["nothing", "the key of no run", "a key that is no text", "another scheme"],
)
def test_who_does_not_know_the_key_of_this_run_is_refused(
    web: http.client.HTTPConnection, target: str, path: str, headers: dict[str, str]
) -> None:
    status, body = send(web, target, b"{}", PAGE | headers, path=path)
    assert (status, body["__type"]) == (403, "UnrecognizedClientException")


def test_a_name_that_was_made_to_point_here_is_refused(engine: Engine, web: http.client.HTTPConnection) -> None:
    status, body = send(web, "DynamoDB_20120810.ListTables", b"{}", signed(engine) | {"Host": f"evil.example:{engine.port}"})
    assert (status, body["__type"]) == (403, "AccessDeniedException")


def test_no_page_may_read_what_it_answers(engine: Engine, web: http.client.HTTPConnection) -> None:
    for method, headers in (("OPTIONS", PAGE | {"Access-Control-Request-Method": "POST"}), ("POST", PAGE | signed(engine))):
        web.request(method, "/", b"{}", headers | {"X-Amz-Target": "DynamoDB_20120810.ListTables"})
        response = web.getresponse()
        response.read()
        assert response.status == (403 if method == "OPTIONS" else 200)
        assert not [name for name in response.headers if name.lower().startswith("access-control-")]


def test_the_key_is_new_at_each_start(engine: Engine, tmp_path: Path) -> None:
    other = Engine(tmp_path)
    stranger = EngineClient(other.port, engine.access_key)
    with pytest.raises(EngineError, match="UnrecognizedClientException"):
        stranger.call("DynamoDB_20120810.ListTables", {})
    stranger.close()
    arguments = Path(f"/proc/{other.pid}/cmdline").read_text()
    other.stop()
    assert other.access_key not in arguments


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"x" * 70_000,
    ],
)
def test_what_is_no_request_ends_the_connection(engine: Engine, request_bytes: bytes) -> None:
    assert exchange(engine.port, request_bytes).startswith(b"HTTP/1.1 400 ")


def test_a_request_may_come_in_pieces_and_two_at_once(engine: Engine) -> None:
    body = b'{"TableName": "none"}'
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization(engine.access_key)}\r\n".encode()
    request = head + b"X-Amz-Target: DynamoDB_20120810.ListTables\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with socket.create_connection(("127.0.0.1", engine.port), timeout=5) as connection:
        for byte in request[:60]:
            connection.sendall(bytes([byte]))
        connection.sendall(request[60:] + request)
        response = b""
        while response.count(b'"TableNames"') < 2:
            response += connection.recv(65536)
    assert response.count(b"HTTP/1.1 200 OK") == 2


def test_one_response_means_it_is_stored(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    client = engine.client()
    client.call("DynamoDB_20120810.CreateTable", table_definition("kept"))
    key = {"pk": {"S": "a"}, "sk": {"S": "~"}}
    client.call("DynamoDB_20120810.PutItem", {"TableName": "kept", "Item": key})
    os.kill(engine.pid, signal.SIGKILL)
    client.close()
    engine.stop()
    assert not engine.alive
    with pytest.raises(EngineError, match="doesn't respond"):
        client.call("DynamoDB_20120810.ListTables", {})

    again = Engine(tmp_path)
    client = again.client()
    assert client.call("DynamoDB_20120810.GetItem", {"TableName": "kept", "Key": key})["Item"] == key
    client.close()
    again.stop()


def test_data_that_it_can_not_read_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "data.sqlite").write_text("x" * 10_000)
    with pytest.raises(UnreadableDataError, match=r"data\.sqlite"):
        Engine(tmp_path)
