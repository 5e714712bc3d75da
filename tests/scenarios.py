"""What the API does from a caller's side, told once for every place it runs: within a process, on this machine, deployed.

A scenario takes callers: `call(method, path, body, query=, headers=, raw=) -> Answer`. It leaves nothing behind that
another scenario would stumble over.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

Call = Callable[..., Any]
As = Callable[..., Call]

NUMBERS = {"arv_estimate": 250000, "repair_estimate": 35000, "assignment_fee_target": 15000}
HOUSE = {"address": {"line1": "1201 Pine Street", "city": "Seattle", "region": "WA", "postal_code": "98101"}, "sqft": 1800}


def kind(answer: Any) -> str:
    """The kind of problem that an answer is."""
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    problem = answer.json()
    assert problem["status"] == answer.status
    assert problem["request_id"]
    return str(problem["type"]).removeprefix("/problems/")


def it_says_who_it_is(anonymous: Call, client_as: As) -> None:
    root = anonymous("GET", "/")
    assert (root.status, root.json()["name"]) == (200, "valhalla")
    document = anonymous("GET", "/openapi.json")
    assert document.json()["openapi"].startswith("3.1")
    assert "/wholesale/{id}" in document.json()["paths"]
    again = anonymous("GET", "/openapi.json", headers={"If-None-Match": document.headers["etag"]})
    assert (again.status, again.text) == (304, "")
    for page in ("/docs", "/redoc", "/problems"):
        answer = anonymous("GET", page)
        assert (answer.status, answer.headers["content-type"].split(";")[0]) == (200, "text/html")


def every_answer_carries_its_headers(anonymous: Call, client_as: As) -> None:
    for path in ("/health/live", "/no/such/address"):
        answer = anonymous("GET", path, headers={"X-Correlation-ID": "walk-1234"})
        assert answer.headers["x-correlation-id"] == "walk-1234"
        assert answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["strict-transport-security"]


def a_pipeline_lives(anonymous: Call, client_as: As) -> None:
    call = client_as("operator")
    made = call("POST", "/wholesale", {**NUMBERS, "property": HOUSE, "notes": "Grüße 🏠"})
    assert made.status == 201, made.text
    id = made.json()["id"]
    assert made.headers["location"].endswith(f"/wholesale/{id}")
    assert (made.json()["stage"], made.json()["revision"], made.json()["notes"]) == ("lead", 1, "Grüße 🏠")
    assert made.json()["max_allowable_offer"] == 125000  # 70 % of the value after repair, less repairs and fee
    read = call("GET", f"/wholesale/{id}")
    assert (read.status, read.json()["id"]) == (200, id)
    edited = call("PATCH", f"/wholesale/{id}", {"notes": "Called."}, headers={"If-Match": '"1"'})
    assert (edited.status, edited.json()["revision"], edited.json()["notes"]) == (200, 2, "Called.")
    assert kind(call("PATCH", f"/wholesale/{id}", {"notes": "Late."}, headers={"If-Match": '"1"'})) == "precondition-failed"
    noted = call("POST", f"/wholesale/{id}/activities", {"event_type": "call", "description": "Asked for the price."})
    assert noted.status == 201, noted.text
    assert [one["description"] for one in call("GET", f"/wholesale/{id}").json()["activities"]] == ["Asked for the price."]
    offered = call("POST", f"/wholesale/{id}/stage", {"stage": "offer_made", "price": 120000})
    assert offered.status == 200, offered.text
    assert (offered.json()["stage"], offered.json()["offer_price"]) == ("offer_made", 120000)
    refused = call("POST", f"/wholesale/{id}/stage", {"stage": "closed"})
    assert kind(refused) == "invalid-transition"
    assert "under_contract" in refused.json()["allowed"]
    stays = call("GET", f"/wholesale/{id}/history").json()["items"]
    assert [one["stage"] for one in stays] == ["offer_made", "lead"]  # the present one first
    gone = call("DELETE", f"/wholesale/{id}")
    assert (gone.status, gone.text) == (204, "")
    assert kind(call("GET", f"/wholesale/{id}")) == "not-found"


def a_list_is_walked_to_its_end(anonymous: Call, client_as: As) -> None:
    call = client_as("operator", user=f"user_{uuid4().hex[:20]}")
    made = {call("POST", "/wholesale", {"notes": str(at)}).json()["id"] for at in range(5)}
    owner = call("GET", f"/wholesale/{min(made)}").json()["owner"]
    found: list[str] = []
    query = {"owner": owner, "limit": "2"}
    for _ in range(10):
        page = call("GET", "/wholesale", query=query)
        assert page.status == 200, page.text
        found += [one["id"] for one in page.json()["items"]]
        if page.json()["next_cursor"] is None:
            break
        query["cursor"] = page.json()["next_cursor"]
    assert (len(found), set(found)) == (5, made)
    assert found == sorted(found, reverse=True)  # newest first
    assert kind(call("GET", "/wholesale", query={"cursor": "forged"})) == "bad-request"


def the_same_key_is_one_pipeline(anonymous: Call, client_as: As) -> None:
    call, key = client_as("operator"), {"Idempotency-Key": uuid4().hex}
    first = call("POST", "/wholesale", NUMBERS, headers=key)
    again = call("POST", "/wholesale", NUMBERS, headers=key)
    assert (first.status, again.status) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert kind(call("POST", "/wholesale", {"notes": "another"}, headers=key)) == "idempotency-mismatch"


def bad_requests_meet_one_clear_problem(anonymous: Call, client_as: As) -> None:
    call = client_as("operator")
    assert kind(anonymous("GET", "/wholesale")) == "unauthenticated"
    assert kind(anonymous("GET", "/wholesale", headers={"Authorization": "Bearer not.a.token"})) == "unauthenticated"
    assert kind(client_as("viewer")("POST", "/wholesale", {})) == "forbidden"
    assert kind(call("GET", "/wholesale/pipe_0000")) == "not-found"
    assert kind(call("GET", "/wholesale/a%2Fb")) == "not-found"
    assert kind(call("PUT", "/wholesale", {})) == "method-not-allowed"
    for broken in ("{", '{"a":1,"a":2}', '{"arv_estimate": NaN}', "[1,2", '"\\ud800'):
        assert kind(call("POST", "/wholesale", raw=broken)) == "malformed-json", broken
    wrong: list[dict[str, Any]] = [
        {"misspelt": 1},
        {"arv_estimate": -1},
        {"arv_estimate": "1e5"},
        {"arv_estimate": 10**40},
        {"stage": "sold"},
        {"notes": "bell \u0007"},
        {"tags": "not a list"},
    ]
    for body in wrong:
        answer = call("POST", "/wholesale", body)
        assert (kind(answer), answer.status) == ("validation", 422), body
        assert answer.json()["errors"][0]["loc"], body
    assert (
        kind(call("POST", "/wholesale", raw="a=b", headers={"Content-Type": "application/x-www-form-urlencoded"}))
        == "unsupported-media-type"
    )
    assert kind(call("POST", "/wholesale", raw='{"notes": "' + "x" * 2_000_000 + '"}')) == "too-large"


def many_are_made_at_once(anonymous: Call, client_as: As) -> None:
    call = client_as("operator")
    answer = call("POST", "/wholesale/bulk", {"items": [NUMBERS, {"misspelt": 1}]})
    good, bad = answer.json()["results"]
    assert answer.status == 200, answer.text
    assert (good["index"], bad["index"]) == (0, 1)
    assert call("GET", f"/wholesale/{good['id']}").status == 200
    assert bad["problem"]["type"] == "/problems/validation"


def a_calculation_explains_itself(anonymous: Call, client_as: As) -> None:
    answer = client_as("viewer")("POST", "/wholesale/calculate", NUMBERS)
    assert answer.status == 200, answer.text
    assert answer.json()["max_allowable_offer"] == 125000


def a_contract_finds_its_buyer(anonymous: Call, client_as: As) -> None:
    call = client_as("operator")
    contract = {"stage": "under_contract", "offer_price": 110000, "contract_price": 118000, "property": HOUSE, **NUMBERS}
    pipeline = call("POST", "/wholesale", contract).json()["id"]
    box = {"markets": ["981*"], "price_max": 140000}
    first, backup = (call("POST", "/dispo/buyers", {"name": f"Ann {uuid4().hex}", "buy_box": box}).json()["id"] for _ in range(2))
    found = call("GET", f"/dispo/pipelines/{pipeline}/matches", query={"limit": "200"})
    assert {first, backup} <= {one["buyer_id"] for one in found.json()["items"]}
    offered = call("POST", f"/dispo/pipelines/{pipeline}/offers", {"buyer_ids": [first, backup], "assignment_price": 131000})
    one, two = (result["id"] for result in offered.json()["results"])
    assert call("POST", f"/dispo/assignments/{one}/assign", {}).json()["fee_gross"] == 13000
    assert kind(call("POST", f"/dispo/assignments/{two}/assign", {})) == "conflict"
    fallen = call("POST", f"/dispo/assignments/{one}/fallout", {"reason": "financing", "earnest_money_outcome": "none"})
    assert fallen.json()["next_backup"] == {"assignment_id": two, "buyer_id": backup, "rank": 2}
    assert call("POST", f"/dispo/assignments/{two}/assign", {}).status == 200
    assert call("POST", f"/dispo/assignments/{two}/close", {}).json()["fee_net"] == 13000
    assert call("GET", f"/wholesale/{pipeline}").json()["stage"] == "closed"
    assert kind(call("DELETE", f"/dispo/buyers/{backup}")) == "conflict"
    assert call("DELETE", f"/dispo/buyers/{first}").status == 204


SCENARIOS: tuple[Callable[[Call, As], None], ...] = (
    it_says_who_it_is,
    every_answer_carries_its_headers,
    a_pipeline_lives,
    a_list_is_walked_to_its_end,
    the_same_key_is_one_pipeline,
    bad_requests_meet_one_clear_problem,
    many_are_made_at_once,
    a_calculation_explains_itself,
    a_contract_finds_its_buyer,
)
