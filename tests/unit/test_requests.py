"""Requests as they come from the gateway: headers, prefix, body, query, preconditions."""

import base64
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.errors import BadRequest, MalformedJson, TooLarge, UnsupportedMediaType, ValidationFailed
from chalicelib.foundation.http.requests import MAX_BODY, Request
from chalicelib.foundation.http.responses import exceeds_lambda_limit
from local.gateway import proxy_event


def request(body=None, *, query="", path="/a", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request.from_event(proxy_event("POST", path, named, query, body))


def as_json(text, content_type="application/json"):
    return request(text, Content_Type=content_type).json()


def test_names_of_headers_are_of_one_case_and_repeated_ones_are_joined():
    found = Request.from_event(proxy_event("GET", "/", [("X-One", "a"), ("x-one", "b"), ("IF-MATCH", '"1"')]))
    assert found.headers["if-match"] == '"1"'
    assert set(found.headers["x-one"].split(", ")) <= {"a", "b"}


def test_the_prefix_is_what_the_gateway_puts_before_the_path():
    assert request(path="/a/b").prefix == ""
    event = proxy_event("GET", "/a")
    event["requestContext"]["path"] = "/api/a"
    assert Request.from_event(event).prefix == "/api"


def test_no_body_is_an_empty_object():
    assert request().json() == {}


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"])
def test_json_by_any_of_its_names(content_type):
    assert as_json('{"a": 1}', content_type) == {"a": 1}


@pytest.mark.parametrize("content_type", ["text/json", "application/json+x", "text/plain", "x/y+json", ""])
def test_other_types_are_unsupported_before_the_body_is_looked_at(content_type):
    with pytest.raises(UnsupportedMediaType):
        as_json("{", content_type)


def test_a_body_of_the_limit_is_taken_and_one_more_byte_is_not():
    frame = len('{"a":""}')
    assert as_json('{"a":"' + "x" * (MAX_BODY - frame) + '"}')
    with pytest.raises(TooLarge):
        as_json('{"a":"' + "x" * (MAX_BODY - frame + 1) + '"}')


def test_the_limit_is_of_bytes():
    with pytest.raises(TooLarge):
        as_json('{"a":"' + "é" * (MAX_BODY // 2) + '"}')


def test_base64_is_taken_back():
    found = request("x", Content_Type="application/json")
    found.raw_body, found.base64_body = base64.b64encode(b'{"a": 1}').decode(), True
    assert found.json() == {"a": 1}
    found.raw_body = "a"
    with pytest.raises(MalformedJson):
        found.json()


@given(st.text(max_size=60))
def test_any_text_is_json_or_a_problem(text):
    with suppress(MalformedJson):
        as_json(text)


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_a_problem(raw):
    found = request("x", Content_Type="application/json")
    found.raw_body, found.base64_body = base64.b64encode(raw).decode(), True
    with suppress(MalformedJson):
        found.json()


def test_a_query_name_is_given_once():
    assert request(query="a=1&b=").query_values() == {"a": "1", "b": ""}
    with pytest.raises(ValidationFailed):
        request(query="a=1&a=2").query_values()


@pytest.mark.parametrize(
    ("given_", "revisions"),
    [
        ('"3"', {3}),
        ('W/"3.ab12"', {3}),
        ('"3", "4"', {3, 4}),
        ("3", set()),
        ('"x"', set()),
        ('"3', set()),
        ('"٣"', set()),
        ('"1234567890123456"', set()),
    ],
)
def test_if_match_names_revisions(given_, revisions):
    assert request(If_Match=given_).if_match() == revisions


@pytest.mark.parametrize("given_", ["", "*", " * "])
def test_if_match_that_holds_always(given_):
    assert request(If_Match=given_).if_match() is None


@pytest.mark.parametrize("given_", ["", "x" * 256, "é", "\x7f"])
def test_an_idempotency_key_that_is_none(given_):
    with pytest.raises(BadRequest):
        request(Idempotency_Key=given_).idempotency_key()


def test_an_idempotency_key():
    assert request().idempotency_key() is None
    assert request(Idempotency_Key="x" * 255).idempotency_key() == "x" * 255


@pytest.mark.parametrize("given_", ["a b", "x" * 129, "é", "a\n", ""])
def test_a_correlation_id_that_is_no_token_is_replaced(given_):
    found = request(X_Correlation_ID=given_)
    assert found.correlation_id == found.request_id


@pytest.mark.parametrize(
    ("text", "too_large"),
    [
        ("x" * 5_499_998, False),
        ("x" * 5_499_999, True),
        ('"' * 2_750_000, True),
        ("é" * 917_000, True),
        ("🏠" * 458_000, False),
        ("🏠" * 458_400, True),
    ],
)
def test_an_answer_is_measured_as_lambda_hands_it_on(text, too_large):
    assert exceeds_lambda_limit(text) == too_large


def test_models_are_built_once_by_however_many_threads_need_them_first():
    printed = subprocess.run([sys.executable, "-m", "tests.unit.cold_models"], capture_output=True, text=True, check=True).stdout
    failures, _, count = printed.strip().rpartition(" ")
    assert failures == "[]"
    assert int(count) > 40
