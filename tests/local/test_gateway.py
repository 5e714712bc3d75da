import base64
import gzip
import json
import zlib
from typing import Any

import pytest

from local import gateway
from local.gateway import HttpResponse
from ops.package import template


def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}


def test_an_event_says_what_the_request_said() -> None:
    event = gateway.proxy_event(
        "POST",
        "/wholesale/pipe_1/notes",
        [("X-A", "1"), ("X-A", "2"), ("User-Agent", "test")],
        "a=1&a=2&empty=&plus=x%2By+z",
        "{}",
        "10.0.0.9",
    )
    assert event["resource"] == "/{proxy+}"
    assert event["pathParameters"] == {"proxy": "wholesale/pipe_1/notes"}
    assert event["headers"] == {"X-A": "2", "User-Agent": "test"}
    assert event["multiValueHeaders"] == {"X-A": ["1", "2"], "User-Agent": ["test"]}
    assert event["queryStringParameters"] == {"a": "2", "empty": "", "plus": "x+y z"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "empty": [""], "plus": ["x+y z"]}
    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(b"{}").decode(), True)
    context = event["requestContext"]
    assert context["identity"] == {"sourceIp": "10.0.0.9", "userAgent": "test"}
    assert (context["resourcePath"], context["httpMethod"], context["path"]) == ("/{proxy+}", "POST", "/wholesale/pipe_1/notes")
    assert context["requestId"] != gateway.proxy_event("GET", "/")["requestContext"]["requestId"]


def test_the_root_is_a_resource_of_its_own_and_what_is_empty_is_null() -> None:
    event = gateway.proxy_event("GET", "/")
    assert (event["resource"], event["pathParameters"]) == ("/", None)
    for name in ("headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters", "body"):
        assert event[name] is None


def test_a_path_is_not_decoded_and_bytes_travel_as_base64() -> None:
    event = gateway.proxy_event("PUT", "/a%2Fb%20c", body=b"\xff\x00")
    assert (event["path"], event["pathParameters"]) == ("/a%2Fb%20c", {"proxy": "a%2Fb%20c"})
    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(b"\xff\x00").decode(), True)


def test_a_call_takes_what_a_test_has_at_hand() -> None:
    seen = gateway.call(echo, "POST", "/x?limit=2", json_body={"a": 1}, headers={"X-API-Key": "k"}).json()
    assert seen["queryStringParameters"] == {"limit": "2"}
    assert seen["headers"] == {"X-API-Key": "k", "Content-Type": "application/json"}
    assert json.loads(base64.b64decode(seen["body"])) == {"a": 1}
    assert gateway.call(echo, "GET", "/x", query={"tag": ["a", "b"]}).json()["multiValueQueryStringParameters"] == {"tag": ["a", "b"]}


def test_an_answer_keeps_repeated_headers_and_decodes_binary_bodies() -> None:
    answer = gateway.to_http_response(
        {
            "statusCode": 201,
            "headers": {"set-cookie": "lost", "ETag": '"1"'},
            "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
            "body": base64.b64encode(b"\x89PNG").decode(),
            "isBase64Encoded": True,
        }
    )
    assert answer.status == 201
    assert answer.all_headers == (("ETag", '"1"'), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
    assert answer.body == b"\x89PNG"


@pytest.mark.parametrize(
    "nonsense", [{}, {"statusCode": "fine"}, {"statusCode": 200, "body": "%", "isBase64Encoded": True}, {"statusCode": 200, "body": 5}]
)
def test_what_is_no_answer_is_refused_in_our_words(nonsense: dict[str, Any]) -> None:
    answer = gateway.to_http_response(nonsense)
    assert (answer.status, answer.headers["content-type"], answer.json()["status"]) == (500, "application/problem+json", 500)
    assert answer.json()["type"] == "/problems/internal"


def test_a_refusal_of_the_gateways_own_is_as_the_template_has_it() -> None:
    said = template.gateway_responses()["REQUEST_TOO_LARGE"]
    answer = gateway.payload_too_large()
    assert str(answer.status) == said["statusCode"]
    assert answer.json().keys() == json.loads(said["responseTemplates"]["application/json"]).keys()
    named = {name.removeprefix("gatewayresponse.header.").lower() for name in said["responseParameters"]}
    assert answer.headers.keys() == named - {"access-control-allow-origin"}  # which is for the pages of others; here is one machine


def of(size: int, *headers: tuple[str, str]) -> HttpResponse:
    return HttpResponse(200, (("Content-Type", "application/json"), *headers), b"a" * size)


@pytest.mark.parametrize(
    ("size", "accepted", "packed"),
    [
        (1024, "gzip", True),
        (1024, "br;q=1.0, gzip;q=0.8", True),
        (1024, "*", True),
        (1023, "gzip", False),
        (4096, "", False),
        (4096, "br", False),
        (4096, "gzip;q=0", False),
    ],
)
def test_an_answer_is_packed_when_it_is_worth_it_and_wanted(size: int, accepted: str, packed: bool) -> None:
    answer = gateway.compress(of(size), accepted)
    assert (answer.headers.get("content-encoding") == "gzip") is packed
    assert (gzip.decompress(answer.body) if packed else answer.body) == b"a" * size
    assert ("vary" in answer.headers) is (size >= 1024)


def test_what_varies_by_origin_goes_on_doing_so_and_what_is_packed_stays() -> None:
    assert gateway.compress(of(2000, ("Vary", "Origin")), "gzip").headers["vary"] == "Origin, Accept-Encoding"
    packed = of(2000, ("Content-Encoding", "br"))
    assert gateway.compress(packed, "gzip") is packed


@pytest.mark.parametrize(
    ("encoding", "body"), [("", b"{}"), ("identity", b"{}"), ("gzip", gzip.compress(b"{}", mtime=0)), ("Deflate", zlib.compress(b"{}"))]
)
def test_a_request_is_unpacked(encoding: str, body: bytes) -> None:
    assert gateway.decompress(body, encoding) == b"{}"


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("br", b"{}", 415),
        ("gzip", b"not packed", 400),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-4], 400),
        ("", b"a" * (gateway.MAX_BODY + 1), 413),
        ("gzip", gzip.compress(b"a" * (gateway.MAX_BODY + 1)), 413),
    ],
)
def test_a_body_that_cannot_be_handed_on_is_a_problem(encoding: str, body: bytes, status: int) -> None:
    with pytest.raises(gateway.RejectedBodyError) as refused:
        gateway.decompress(body, encoding)
    assert refused.value.response.status == status
    assert refused.value.response.json()["status"] == status


def test_the_limit_itself_passes() -> None:
    assert len(gateway.decompress(gzip.compress(b"a" * gateway.MAX_BODY, mtime=0), "gzip")) == gateway.MAX_BODY


def test_the_context_counts_down() -> None:
    context = gateway.LambdaContext("api", timeout_seconds=29)
    assert 28_000 < context.get_remaining_time_in_millis() <= 29_000
    assert context.invoked_function_arn.endswith(":function:api")
    assert gateway.LambdaContext("api", timeout_seconds=-1).get_remaining_time_in_millis() == 0
