"""The doorway: addresses, verbs, preflight, and what every answer carries."""


def test_the_root_says_where_to_go(nobody):
    answer = nobody("GET", "/")
    assert answer.status == 200
    assert answer.json()["name"] == "valhalla"
    assert answer.headers["strict-transport-security"]
    assert answer.headers["x-request-id"]


def test_ready_looks_at_table_indexes_stream_and_secrets(nobody):
    answer = nobody("GET", "/health/ready")
    assert answer.status == 200, answer.text
    assert answer.json()["checks"] == {"secrets": "ok", "table": "ok", "indexes": "ok", "stream": "ok"}
