"""The app: paths, methods, preflight requests, and the headers of every response."""


def test_the_root_says_where_to_go(anonymous):
    answer = anonymous("GET", "/")
    assert answer.status == 200
    assert answer.json()["name"] == "valhalla"
    assert answer.headers["strict-transport-security"]
    assert answer.headers["x-request-id"]


def test_ready_looks_at_table_indexes_stream_and_secrets(anonymous):
    answer = anonymous("GET", "/health/ready")
    assert answer.status == 200, answer.text
    assert answer.json()["checks"] == {"secrets": "ok", "table": "ok", "indexes": "ok", "stream": "ok"}


def test_an_error_that_nobody_foresaw_is_a_problem_that_tells_nothing(app, anonymous, monkeypatch):
    monkeypatch.setattr("chalicelib.foundation.system.readiness.readiness_checks", lambda ctx: 1 / 0)
    answer = anonymous("GET", "/health/ready")
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["type"] == "/problems/internal"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "division" not in answer.text
