"""Whatever is sent, the answer is one clear problem with its request id: never a 5xx, and nothing of what was sent."""

import base64
from datetime import timedelta

import pytest

from chalicelib.foundation.context import Context
from chalicelib.foundation.http import handlers
from chalicelib.foundation.json_codec import dumps, loads
from chalicelib.foundation.manifest import PUBLIC
from chalicelib.packs import PACKS
from local import gateway
from tests.api.endpoint_cases import ALL, assert_problem, body_of, for_each_endpoint, operation, path_of, query_of, takes_body
from tests.openapi_contract import system_contract
from tests.packs.auth.auth_fixtures import admin, quick_hashing  # noqa: F401 - fixtures

MARK = "zqxjkv"  # what no answer may echo
BODIES = for_each_endpoint(takes_body)
EVERY = for_each_endpoint()


_FORGED = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"ES256","kid":"1"}', b'{"sub":[]}', b"x"))
ODD_CREDENTIALS = [
    *(
        {"Authorization": text}
        for text in ("", "Bearer", "Bearer ", f"Bearer {MARK}", "Bearer a.b.c", f"Bearer {_FORGED}", "Basic YTpi", "\x00", "é")
    ),
    *({"Authorization": f"Bearer {MARK * 5000}"}, {"Authorization": "Bearer a, Bearer b"}, {"Authorization": "Bearer .."}),
    *(
        {"X-API-Key": text}
        for text in ("", " ", MARK, "vk_", f"vk_{'0' * 26}_{'A' * 78}", f"vk_{'7' * 26}_{'_' * 78}", "é", "\x00", "v" * 60_000)
    ),
    {"Authorization": "Bearer x", "X-API-Key": "vk_x"},
]


@pytest.fixture
def boss(client_as, admin):  # noqa: F811
    """An administrator who has an account, and is counsel and auditor, too: some things take these roles."""
    return client_as("admin", "counsel", "auditor", user=admin)


def lists(pack, endpoint):
    return "cursor" in handlers.handler_for(pack, endpoint).query.model_fields


# -- bodies

MALFORMED = {
    "an open brace": "{",
    "nothing but space": "   ",
    "a word": MARK,
    "single quotes": "{'a': 1}",
    "a comma too many": '{"a": 1,}',
    "two values": "{} {}",
    "a comment": "{} // " + MARK,
    "a key twice": '{"zqxjkv": 1, "zqxjkv": 2}',
    "a key twice, deep inside": '{"a": [{"b": 1, "b": 2}]}',
    "NaN": '{"a": NaN}',
    "Infinity": '{"a": Infinity}',
    "minus Infinity": '{"a": -Infinity}',
    "a byte order mark": "\ufeff{}",
    "a bare control character": '{"a": "\x01"}',
    "100,000 brackets": "[" * 100_000,
    "100,000 braces": '{"a":' * 100_000,
    "a number of 5,000 digits": '{"a": ' + "9" * 5000 + "}",
    "an exponent that nothing holds": '{"a": 1e999999999}',
}
NO_OBJECT = {"an array": "[]", "a text": f'"{MARK}"', "a number": "7", "null": "null", "true": "true", "an array of objects": '[{"a": 1}]'}


@BODIES
def test_what_is_no_json_is_malformed(boss, endpoint):
    for what, text in MALFORMED.items():
        answer = boss(endpoint.method, path_of(endpoint), raw=text)
        assert answer.status == 400, f"{what}: {answer.status} {answer.text[:300]}"
        assert_problem(answer, "malformed-json", not_echoed=MARK)


@BODIES
def test_what_is_no_object_is_invalid(boss, endpoint):
    for what, text in NO_OBJECT.items():
        answer = boss(endpoint.method, path_of(endpoint), raw=text)
        assert answer.status == 422, f"{what}: {answer.status} {answer.text[:300]}"
        assert assert_problem(answer, "validation", not_echoed=MARK)["errors"]


@BODIES
def test_bytes_that_are_no_text_or_no_base64_are_malformed(app, boss, endpoint):
    boss.be_signed_in()
    headers = {"Authorization": f"Bearer {boss.token()}", "Content-Type": "application/json"}
    event = gateway.proxy_event(endpoint.method, path_of(endpoint), headers)
    for what, body in {
        "latin-1": base64.b64encode('{"a": "é"}'.encode("latin-1")).decode(),
        "broken base64": "a",
        "no base64": "%%%%",
    }.items():
        answer = gateway.to_http_response(app({**event, "body": body, "isBase64Encoded": True}, None))
        assert answer.status == 400, f"{what}: {answer.text}"
        assert_problem(answer, "malformed-json")


@BODIES
def test_two_megabytes_are_too_large(boss, endpoint):
    answer = boss(endpoint.method, path_of(endpoint), raw='{"a": "' + "x" * 2_000_000 + '"}')
    assert assert_problem(answer, "too-large")["limit"] == 1_000_000


@BODIES
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/jsonx", "", MARK]
)
def test_another_content_type_is_unsupported(boss, endpoint, content_type):
    answer = boss(endpoint.method, path_of(endpoint), body_of(endpoint), headers={"Content-Type": content_type})
    assert_problem(answer, "unsupported-media-type")


@BODIES
def test_a_misspelt_field_is_named_and_refused(boss, endpoint):
    answer = boss(endpoint.method, path_of(endpoint), {**body_of(endpoint), "no_such_field": MARK})
    errors = assert_problem(answer, "validation", not_echoed=MARK)["errors"]
    assert ["no_such_field"] in [one["loc"] for one in errors]


WRONG = [
    None, True, False, 0, -1, 10**40, -(10**40), [], {}, [[]], {"a": 1}, [None], "", " ", "\u0000", "a\u0001b", "\u2028", "\ud800", MARK * 20_000,
    f"#/{MARK}", "../../etc/passwd", "%00", "٣", "1_000", "1e5", "NaN", "Infinity", "-1", "0x10", "9" * 40, "2026-02-30", "0000-01-01", "99999-01-01",
    "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999-14:00", ["a"] * 5000, "🏡",
]  # fmt: skip


@BODIES
def test_any_value_in_any_field_is_taken_or_refused(boss, endpoint):
    schema = operation(endpoint)["requestBody"]["content"]["application/json"]["schema"]
    for field in system_contract().resolved(schema).get("properties", {}):
        for value in WRONG:
            answer = boss(endpoint.method, path_of(endpoint), {**body_of(endpoint), field: value})
            where = f"{field} = {str(value)[:60]!r}: {answer.status} {answer.text[:300]}"
            assert answer.status < 500, where
            if answer.status >= 400:
                assert_problem(answer, not_echoed=MARK)


@pytest.mark.parametrize("field", ["arv_estimate", "repair_estimate", "assignment_fee_target"])
@pytest.mark.parametrize(
    "amount", ["-1", "-0.01", "1e400", "12345678901234567", "1234567890123456789012345678901234567890", "0.001", '"1_000"', '"٣"', '"1e3"']
)
def test_an_amount_that_is_none_is_refused(boss, field, amount):
    assert_problem(boss("POST", "/wholesale", raw=f'{{"{field}": {amount}}}'), "validation", "malformed-json")


def test_emoji_and_other_scripts_are_text_like_any_other(boss):
    seller = {"name": "Ирина 🏡 李", "phone": "+12065550100"}
    made = boss("POST", "/wholesale", {"seller": seller, "lead_source": "👋"})
    assert made.status == 201, made.text
    found = boss("GET", f"/wholesale/{made.json()['id']}").json()
    assert (found["seller"]["name"], found["lead_source"]) == ("Ирина 🏡 李", "👋")


# -- addresses

STRANGE = [
    "#",
    "%23",
    "%2F",
    "%2e%2e",
    "..",
    ".",
    "a%00b",
    "a b",
    "é",
    "🏡",
    "<script>",
    '"',
    "a\\b",
    "x" * 5000,
    "pipe_",
    "pipe_01",
    f"pipe_{MARK}",
    "~",
    "*",
]


@for_each_endpoint(lambda pack, endpoint: "{" in endpoint.path)
def test_an_id_of_another_form_is_not_found(boss, endpoint):
    for id in STRANGE:
        path = endpoint.path
        for name in (part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")):
            path = path.replace(f"{{{name}}}", id)
        answer = boss(endpoint.method, path, body_of(endpoint))
        assert answer.status == 404, f"{id[:20]}: {answer.status} {answer.text[:300]}"
        assert_problem(answer, "not-found")


@EVERY
def test_an_address_with_one_slash_at_its_end_is_the_same(boss, endpoint):
    if endpoint.path != "/":
        plain = boss(endpoint.method, path_of(endpoint), body_of(endpoint))
        assert plain.status < 500
    answer = boss("OPTIONS", path_of(endpoint).rstrip("/") + "/")
    assert answer.status == 204
    assert endpoint.method in answer.headers["allow"]


@EVERY
def test_two_slashes_are_another_address(boss, endpoint):
    path = path_of(endpoint).rstrip("/")
    for strange in (f"/{path}", f"{path}//", path.replace("/", "//", 1)):
        if strange.strip("/") or len(strange) > 1:
            assert_problem(boss(endpoint.method, strange, body_of(endpoint)), "not-found")


@EVERY
def test_a_verb_that_an_address_does_not_take_is_named_with_those_it_takes(boss, endpoint):
    taken = {one.method for _, one in ALL if one.path == endpoint.path}
    for verb in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
        if verb not in taken:
            answer = boss(verb, path_of(endpoint))
            allowed = assert_problem(answer, "method-not-allowed")["allowed"]
            assert ", ".join(allowed) == answer.headers["allow"]
            assert taken | {"OPTIONS"} <= set(allowed)
            assert ("HEAD" in allowed) is ("GET" in taken)


@for_each_endpoint(lambda pack, endpoint: endpoint.method == "GET")
def test_head_is_get_without_a_body(boss, endpoint):
    got, head = boss("GET", path_of(endpoint)), boss("HEAD", path_of(endpoint))
    assert (head.status, head.text) == (got.status, "")
    assert head.headers.get("etag") == got.headers.get("etag")
    assert head.headers.get("content-type") == got.headers.get("content-type")


@EVERY
def test_preflight_is_answered_by_the_list_of_origins(anonymous, endpoint):
    asked = {"Access-Control-Request-Method": endpoint.method, "Access-Control-Request-Headers": "authorization"}
    allowed = anonymous("OPTIONS", path_of(endpoint), headers={"Origin": "https://app.example.com", **asked})
    assert allowed.status == 204
    assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
    assert endpoint.method in allowed.headers["access-control-allow-methods"]
    assert allowed.headers["vary"] == "Origin"
    for origin in ("https://evil.example.com", "https://app.example.com.evil.com", "null", "*", "http://app.example.com"):
        other = anonymous("OPTIONS", path_of(endpoint), headers={"Origin": origin, **asked})
        assert "access-control-allow-origin" not in other.headers
        assert "access-control-allow-methods" not in other.headers


def test_an_unknown_address_has_no_preflight(anonymous):
    assert_problem(anonymous("OPTIONS", f"/no/such/{MARK}", headers={"Origin": "https://app.example.com"}), "not-found")


# -- query strings


@EVERY
def test_an_unknown_query_parameter_is_refused(boss, endpoint):
    answer = boss(endpoint.method, path_of(endpoint), body_of(endpoint), query={**query_of(endpoint), "no_such_parameter": MARK})
    errors = assert_problem(answer, "validation", not_echoed=MARK)["errors"]
    assert [one["loc"] for one in errors] == [["no_such_parameter"]]


@for_each_endpoint(lambda pack, endpoint: bool(handlers.handler_for(pack, endpoint).query.model_fields))
def test_a_query_parameter_is_given_once(app, boss, endpoint):
    name = next(one["name"] for one in operation(endpoint)["parameters"] if one.get("in") == "query")
    headers = {"Authorization": f"Bearer {boss.token()}", "Content-Type": "application/json"}
    answer = gateway.call(
        app, endpoint.method, path_of(endpoint), headers=headers, query=[(name, "1"), (name, "2")], body=dumps(body_of(endpoint) or {})
    )
    assert assert_problem(answer, "validation")["errors"][0]["loc"] == [name]


@for_each_endpoint(lambda pack, endpoint: bool(handlers.handler_for(pack, endpoint).query.model_fields))
def test_any_value_of_any_query_parameter_is_taken_or_refused(boss, endpoint):
    for name in (one["name"] for one in operation(endpoint)["parameters"] if one.get("in") == "query"):
        for value in (text for text in WRONG if isinstance(text, str)):
            answer = boss(endpoint.method, path_of(endpoint), body_of(endpoint), query={name: value})
            assert answer.status < 500, f"{name}={value[:60]!r}: {answer.text[:300]}"
            if answer.status >= 400:
                assert_problem(answer, not_echoed=MARK)


# -- cursors


@for_each_endpoint(lambda pack, endpoint: lists(pack, endpoint) and "{" not in endpoint.path)
def test_a_made_up_cursor_is_refused(boss, endpoint):
    made_up = base64.urlsafe_b64encode(b"\0" * 16 + b'[9999999999,["a"]]').decode().rstrip("=")
    for cursor in ("x", MARK, "a" * 1999, "%", "====", "é", made_up, "AAAA"):
        assert_problem(boss("GET", path_of(endpoint), query={**query_of(endpoint), "cursor": cursor}), "bad-request", not_echoed=MARK)
    assert_problem(boss("GET", path_of(endpoint), query={**query_of(endpoint), "cursor": "a" * 2001}), "validation")


@pytest.fixture
def cursor(boss):
    """The cursor of the second page of pipelines, one a page."""
    for _ in range(3):
        boss("POST", "/wholesale", {})
    found = boss("GET", "/wholesale", query={"limit": "1"}).json()["next_cursor"]
    assert boss("GET", "/wholesale", query={"limit": "1", "cursor": found}).status == 200
    return found


def test_a_cursor_is_good_for_a_day(boss, cursor, clock):
    clock.now += timedelta(hours=24)
    assert boss("GET", "/wholesale", query={"limit": "1", "cursor": cursor}).status == 200
    clock.now += timedelta(seconds=2)
    assert_problem(boss("GET", "/wholesale", query={"limit": "1", "cursor": cursor}), "bad-request")


def test_a_cursor_is_of_one_list_one_filter_and_one_caller(boss, client_as, cursor):
    assert_problem(boss("GET", "/wholesale", query={"limit": "1", "cursor": cursor, "stage": "lead"}), "bad-request")
    assert_problem(boss("GET", "/wholesale/stale", query={"limit": "1", "cursor": cursor}), "bad-request")
    assert_problem(client_as("operator")("GET", "/wholesale", query={"limit": "1", "cursor": cursor}), "bad-request")


def test_a_cursor_with_one_character_changed_is_refused(boss, cursor):
    for place in range(0, len(cursor) - 1, 7):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        assert_problem(boss("GET", "/wholesale", query={"limit": "1", "cursor": changed}), "bad-request")


# -- headers


@pytest.mark.parametrize("given", ["a\r\nX-Evil: 1", "a\nb", "<script>", "x" * 129, "é", "a b", '"', "", "\x00"])
def test_a_correlation_id_that_is_no_plain_token_is_replaced(anonymous, given):
    answer = anonymous("GET", "/health/live", headers={"X-Correlation-ID": given})
    assert answer.headers["x-correlation-id"] == answer.headers["x-request-id"]
    assert "x-evil" not in answer.headers


def test_a_plain_correlation_id_comes_back(anonymous):
    assert (
        anonymous("GET", "/health/live", headers={"X-Correlation-ID": "import-42:row/7"}).headers["x-correlation-id"] == "import-42:row/7"
    )


@EVERY
def test_huge_headers_change_nothing(boss, endpoint):
    huge = {
        "X-Other": "x" * 60_000,
        "Cookie": "a=b; " * 10_000,
        "User-Agent": "u" * 60_000,
        "Origin": "o" * 60_000,
        "X-Correlation-ID": "c" * 60_000,
    }
    answer = boss(endpoint.method, path_of(endpoint), body_of(endpoint), headers=huge)
    assert answer.status < 500
    if answer.status >= 400:
        assert_problem(answer)


@for_each_endpoint(lambda pack, endpoint: endpoint.permission != PUBLIC and endpoint.path.startswith(("/auth/", "/system/")))
def test_credentials_that_are_none_are_refused(anonymous, endpoint):
    for given in ODD_CREDENTIALS:
        answer = anonymous(endpoint.method, path_of(endpoint), body_of(endpoint), headers=given)
        assert_problem(answer, "unauthenticated", not_echoed=MARK)


@for_each_endpoint(lambda pack, endpoint: endpoint.permission == PUBLIC and endpoint.path.startswith(("/auth/", "/system/")))
def test_credentials_change_nothing_where_none_are_needed(anonymous, endpoint):
    expected = anonymous(endpoint.method, path_of(endpoint), body_of(endpoint)).status
    for given in ODD_CREDENTIALS:
        assert anonymous(endpoint.method, path_of(endpoint), body_of(endpoint), headers=given).status in (expected, 429)


@for_each_endpoint(lambda pack, endpoint: endpoint.method == "POST" and endpoint.idempotent)
@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\x00b", "a\nb"])
def test_an_idempotency_key_is_255_printable_characters(boss, endpoint, key):
    assert_problem(boss("POST", path_of(endpoint), body_of(endpoint), headers={"Idempotency-Key": key}), "bad-request")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        *((form, 200) for form in ('"1"', 'W/"1"', 'W/"1.0123456789abcdef"', "*", '"7", "1"', ' "1" ', "")),
        *((form, 412) for form in ('"2"', '"99999999999999999"', "1", '"x"', "'1'", '"-1"', '"1', "\x00", "é", "x" * 9000)),
    ],
)
def test_if_match_holds_the_revision_in_each_of_its_forms(boss, given, status):
    path = f"/wholesale/{boss('POST', '/wholesale', {}).json()['id']}"
    answer = boss("PATCH", path, {"lead_source": "radio"}, headers={"If-Match": given})
    assert answer.status == status, answer.text
    if status == 412:
        assert_problem(answer, "precondition-failed")
        assert boss("GET", path).json()["revision"] == 1


@pytest.mark.parametrize(
    ("given", "status"), [("*", 304), ('W/"x"', 200), ('"x", {tag}', 304), ("{tag}", 304), ("x" * 9000, 200), ("é", 200), ("", 200)]
)
def test_if_none_match_is_compared_weakly(anonymous, given, status):
    tag = anonymous("GET", "/").headers["etag"]
    assert anonymous("GET", "/", headers={"If-None-Match": given.replace("{tag}", tag)}).status == status


def test_an_event_with_next_to_nothing_in_it_is_answered(app):
    for event in ({}, {"httpMethod": "GET", "path": "/"}, {"httpMethod": "GET", "path": "/", "headers": None, "requestContext": None}):
        answer = app(event, None)
        assert answer["statusCode"] in (200, 404)
        assert answer["headers"]["X-Request-ID"]


# -- what a mistake of ours looks like


def test_a_mistake_of_ours_tells_nothing_but_its_request_id(app, monkeypatch):
    from chalicelib.foundation.system import routes

    def broken(ctx: Context) -> None:
        raise RuntimeError(f"secret {MARK}")

    monkeypatch.setattr(routes, "live", broken)
    handlers.resolve.cache_clear()
    try:
        answer = gateway.call(app, "GET", "/health/live")
    finally:
        handlers.resolve.cache_clear()
    assert answer.status == 500
    body = loads(answer.text)
    assert body["type"] == "/problems/internal"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert MARK not in answer.text
    assert "RuntimeError" not in answer.text


def test_every_pack_is_covered_here():
    """The parametrisations above are made of the same list as the routes."""
    assert len(ALL) == sum(len(pack.endpoints) for pack in PACKS)
    assert any(endpoint.permission == PUBLIC for _, endpoint in ALL)
