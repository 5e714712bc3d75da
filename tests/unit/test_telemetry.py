"""Logs: one line a request, metrics in the same line, and nothing secret or personal in any line or problem."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chalicelib.foundation import telemetry
from chalicelib.foundation.auth import tokens
from chalicelib.foundation.http.app import ValhallaApp
from chalicelib.foundation.manifest import PUBLIC, Endpoint, Pack
from tests.conftest import ApiClient

KEY = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nabc\n-----END PRIVATE KEY-----"
SECRETS = {
    "mail": "ann.lee+x@mail.example.co.uk",
    "token": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl",
    "api key": "vk_live_0123456789abcdef",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "private key": KEY,
    "hash": "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub",
    "phone": "+12065550142",
    "local phone": "(206) 555-0142",
    "dashed phone": "206-555-0142",
    "bearer": "Bearer abcDEF123456==",
    "assignment": "password='correct horse battery'",
    "json": '"refresh_token": "r3fr3sh-t0ken"',
    "query": "reset?token=abc123def",
    "double": 'api_key="k-9\'8"',
}


@pytest.fixture
def lines(capsys):
    """Every line that was written, as objects; one that isn't JSON fails."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


# -- one line a request


def test_a_request_is_one_line_with_its_fields(client_as, lines):
    client_as("viewer")("GET", "/events", headers={"X-Correlation-ID": "trace-7"})
    (line,) = lines()
    assert (line["level"], line["message"], line["method"], line["route"], line["status"]) == ("INFO", "request", "GET", "/events", 200)
    assert (line["actor"], line["correlation_id"], line["cold_start"], line["round_trips"]) == ("user_viewer", "trace-7", True, 2)
    assert line["request_id"]
    assert line["ms"] > 0
    assert "read_units" not in line


def test_only_the_first_request_of_a_process_is_cold(anonymous, lines):
    anonymous("GET", "/health/live")
    anonymous("GET", "/health/live")
    assert [line["cold_start"] for line in lines()] == [True, False]


def test_capacity_is_in_the_line_where_it_is_counted(runtime, client_as, lines):
    runtime.settings = replace(runtime.settings, count_capacity=True)
    client_as("viewer")("GET", "/events")
    (line,) = lines()
    assert line["read_units"] > 0
    assert line["write_units"] == 0


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/events", 405), ("GET", "/events", 401)])
def test_refusals_are_lines_too(anonymous, lines, method, path, status):
    anonymous(method, path)
    (line,) = lines()
    assert (line["status"], line["level"], line["Errors"]) == (status, "INFO", 0)


def test_the_line_shows_the_route_and_never_the_path(client_as, lines):
    client_as("viewer")("GET", "/events/evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", query={"x": "ann@example.com"})
    (line,) = lines()
    assert line["route"] == "/events/{id}"
    assert "01ARZ3" not in json.dumps(line)
    assert "ann@" not in json.dumps(line)


def test_a_secret_in_the_correlation_id_is_not_logged(anonymous, lines):
    answer = anonymous("GET", "/health/live", headers={"X-Correlation-ID": SECRETS["token"]})
    assert answer.headers["x-correlation-id"] == SECRETS["token"], "the caller gets back what they sent"
    assert lines()[0]["correlation_id"] == "[redacted]"


# -- metrics


def valid(line):
    """Whether a line is of CloudWatch's embedded metric format, as its specification has it."""
    assert isinstance(line["_aws"]["Timestamp"], int)
    assert abs(datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC) - datetime.now(UTC)).total_seconds() < 3600
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert 1 <= len(directive["Namespace"]) <= 1024
        assert directive["Dimensions"]
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= 30
            assert all(isinstance(line[name], str) and 1 <= len(line[name]) <= 1024 for name in dimensions)
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert metric["Unit"] in {"Count", "Milliseconds", "Seconds", "None", "Percent", "Bytes"}
            assert isinstance(line[metric["Name"]], int | float)
    return True


def test_a_requests_line_is_its_metrics(anonymous, lines):
    anonymous("GET", "/health/live")
    (line,) = lines()
    assert valid(line)
    assert (line["Errors"], line["Throttles"]) == (0, 0)
    assert line["Latency"] == line["ms"]
    names = [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    assert names == ["Latency", "Errors", "Throttles"]
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["route"]]


def test_a_request_for_no_route_has_metrics_all_the_same(anonymous, lines):
    anonymous("GET", "/nowhere")
    assert valid(lines()[0])


def test_metrics_of_their_own_are_a_line(lines):
    telemetry.emit_metric({"Parked": 1, "Lag": 2.5}, stream="audit")
    (line,) = lines()
    assert valid(line)
    assert (line["stream"], line["Parked"], line["Lag"]) == ("audit", 1, 2.5)


def test_a_busy_store_counts_as_throttled(runtime, client_as, lines):
    runtime.store = lambda remaining_seconds=None, make=runtime.store: make(lambda: 0.0)
    from tests.fault_injection import FaultInjectingClient, Throttles

    runtime.dynamodb = FaultInjectingClient(runtime.dynamodb, Throttles())
    answer = client_as("viewer")("GET", "/events")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    (line,) = lines()
    assert (line["status"], line["Throttles"], line["Errors"], line["level"]) == (503, 1, 1, "ERROR")


# -- redaction


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_secrets_in_texts_are_redacted_by_pattern(secret, lines):
    telemetry.log("INFO", "x", deep={"list": [f"before {secret} after"]})
    (line,) = lines()
    (text,) = line["deep"]["list"]
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert "[redacted]" in text
    for part in re.findall(r"[A-Za-z0-9+/]{6,}", secret):
        if part.lower() not in ("password", "bearer", "private", "refresh", "api_key"):
            assert part not in text


@pytest.mark.parametrize(
    "name",
    [
        *("password", "new_password", "Authorization", "access_token", "client_secret", "X-Api-Key", "apikey", "Cookie", "private_pem"),
        *("email", "phone", "seller", "name", "first_name", "last_name", "address", "line1"),
    ],
)
def test_fields_are_redacted_by_name(name, lines):
    telemetry.log("INFO", "x", **{name: "plain words", "nested": {name: {"deep": 1}}})
    (line,) = lines()
    assert (line[name], line["nested"][name]) == ("[redacted]", "[redacted]")


@pytest.mark.parametrize(
    "harmless",
    [
        "pipe_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "123e4567-e89b-12d3-a456-426614174000",
        "2026-11-24T18:00:00.000Z",
        "1200500.00",
        "TransactionCanceledException at 127.0.0.1:8000",
        "the password is wrong",
        "filename",
    ],
)
def test_what_is_needed_to_find_a_fault_stays(harmless, lines):
    telemetry.log("INFO", "x", text=harmless, entity=harmless)
    (line,) = lines()
    assert (line["text"], line["entity"]) == (harmless, harmless)


def test_a_line_takes_whatever_it_is_given(lines):
    telemetry.log("INFO", "x", money=Decimal("1.10"), at=datetime(2026, 1, 1, tzinfo=UTC), nan=float("nan"), odd={1: {2, 3}}, raw=b"\xff")
    (line,) = lines()
    assert (line["money"], line["at"], line["nan"], sorted(line["odd"]["1"])) == (1.1, "2026-01-01T00:00:00.000Z", "nan", [2, 3])


def test_a_line_break_makes_no_second_line(lines):
    telemetry.log("INFO", "x", text='a\nb"}\r\n{"level":"ERROR"}')
    assert len(lines()) == 1


# -- what nobody foresaw


def fail(ctx):
    secret = SECRETS["token"]
    raise RuntimeError(f"could not sign in {SECRETS['mail']} with password='hunter2' and {secret} ({SECRETS['api key']})")


@pytest.fixture
def failing(runtime, monkeypatch):
    """An app with an endpoint that fails, telling secrets."""
    import sys
    from types import ModuleType

    routes = ModuleType("failing_pack.routes")
    routes.fail = fail
    monkeypatch.setitem(sys.modules, "failing_pack", ModuleType("failing_pack"))
    monkeypatch.setitem(sys.modules, "failing_pack.routes", routes)
    app = ValhallaApp("valhalla", runtime=lambda: runtime)
    app.register([Pack("H", "failing", "Failing", "failing_pack", (Endpoint("GET", "/fail", "fail", PUBLIC, "Fails"),))])
    return ApiClient(app)


def test_an_unexpected_error_is_logged_with_its_trace_and_without_secrets(failing, lines):
    answer = failing("GET", "/fail")
    assert answer.status == 500
    error, request = lines()
    assert (error["level"], error["error"], error["request_id"]) == ("ERROR", "RuntimeError", request["request_id"])
    assert "in fail" in error["trace"]
    assert "could not sign in [redacted]" in error["trace"]
    assert (request["status"], request["Errors"]) == (500, 1)
    for secret in (SECRETS["mail"], "hunter2", SECRETS["token"], SECRETS["api key"]):
        assert secret not in json.dumps([error, request])


def test_its_problem_tells_nothing_but_the_request_id(failing, capsys):
    answer = failing("GET", "/fail")
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "instance", "request_id"}
    assert body["request_id"] == answer.headers["x-request-id"]
    for leak in ("RuntimeError", "Traceback", "sign in", "hunter2", ".py", SECRETS["mail"], SECRETS["token"]):
        assert leak not in answer.text


def test_problems_never_repeat_what_was_sent(client_as, anonymous, runtime):
    typed = client_as("admin")("POST", "/system/status/complete", {"notes": 5, "password": "hunter2"})
    malformed = client_as("admin")("POST", "/system/status/complete", raw='{"password": "hunter2"')
    forged = anonymous("GET", "/events", headers={"Authorization": f"Bearer {SECRETS['token']}"})
    query = client_as("viewer")("GET", "/events", query={"kind": "x" * 80 + "hunter2", "limit": "hunter2"})
    assert [answer.status for answer in (typed, malformed, forged, query)] == [422, 400, 401, 422]
    for answer in (typed, malformed, forged, query):
        assert "hunter2" not in answer.text
        assert SECRETS["token"] not in answer.text


def test_the_stages_keys_are_in_no_line_and_no_representation(runtime, lines):
    secrets = runtime.secrets.get(runtime.clock())
    telemetry.log("INFO", "x", settings=runtime.settings, held=secrets, ctx=runtime.context(request_id="r"))
    (line,) = lines()
    assert "PRIVATE KEY" not in json.dumps(line)
    assert secrets.signing_keys[0].private_pem not in repr(secrets)
    assert "PRIVATE KEY" not in repr(secrets)
    assert tokens.issuer(runtime.settings) in "valhalla:test"
