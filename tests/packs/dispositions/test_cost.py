"""The page on access patterns is true: the dispositions endpoints make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.dispositions import PACK
from tests.access_patterns_doc import documented_round_trips
from tests.packs.dispositions.test_matches import mails

B, A, P = "/dispo/buyers", "/dispo/assignments", "/dispo/pipelines"
KEY = {"Idempotency-Key": "k"}
FALLEN = {"reason": "seller", "earnest_money_outcome": "none"}
OFFER = {"pipeline_id": "{pipe}", "buyer_id": "{other}", "assignment_price": 131000}

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    f"POST {B}": [("POST", B, {"name": "Ann", "email": "ann@example.com"}, KEY)],
    f"POST {B}, without an email": [("POST", B, {"name": "Ann"}, KEY)],
    f"POST {B}, of an address that has opted out": [
        ("PATCH", f"{B}/{{buyer}}", {"do_not_contact": True}),
        ("POST", B, {"name": "Ann", "email": "old@example.com"}, KEY),
    ],
    f"POST {B}, with do_not_contact": [("POST", B, {"name": "Ann", "email": "ann@example.com", "do_not_contact": True}, KEY)],
    f"GET {B}": [("GET", B)],
    f"GET {B}, by name or email": [("GET", f"{B}?q=a")],
    f"GET {B}, by market": [("GET", f"{B}?market=98103")],
    f"GET {B}/{{id}}": [("GET", f"{B}/{{buyer}}")],
    f"PATCH {B}/{{id}}": [("PATCH", f"{B}/{{buyer}}", {"name": "Anna"})],
    f"PATCH {B}/{{id}}, a new email": [("PATCH", f"{B}/{{buyer}}", {"email": "new@example.com"})],
    f"PATCH {B}/{{id}}, do_not_contact": [("PATCH", f"{B}/{{buyer}}", {"do_not_contact": True})],
    f"DELETE {B}/{{id}}": [("DELETE", f"{B}/{{other}}")],
    f"GET {B}/{{id}}/assignments": [("GET", f"{B}/{{buyer}}/assignments")],
    f"GET {B}/{{id}}/stats": [("GET", f"{B}/{{buyer}}/stats")],
    f"GET {B}/{{id}}/matches": [("GET", f"{B}/{{buyer}}/matches")],
    f"POST {A}": [("POST", A, OFFER, KEY)],
    f"POST {A}, replayed": [("POST", A, OFFER, KEY)] * 2,
    f"GET {A}/by-pipeline/{{pipeline_id}}": [("GET", f"{A}/by-pipeline/{{pipe}}")],
    f"GET {A}/{{id}}": [("GET", f"{A}/{{asgn}}")],
    f"PATCH {A}/{{id}}": [("PATCH", f"{A}/{{asgn}}", {"rank": 5, "assignment_price": 130000})],
    f"PATCH {A}/{{id}}, the price of an assigned one": [
        ("POST", f"{A}/{{asgn}}/assign", {}),
        ("PATCH", f"{A}/{{asgn}}", {"assignment_price": 132000, "reason": "retrade"}),
    ],
    f"POST {A}/{{id}}/assign": [("POST", f"{A}/{{asgn}}/assign", {}, KEY)],
    f"POST {A}/{{id}}/assign, replayed": [("POST", f"{A}/{{asgn}}/assign", {}, KEY)] * 2,
    f"POST {A}/{{id}}/assign, of a buyer who has changed since": [
        ("PATCH", f"{B}/{{buyer}}", {"notes": "x"}),
        ("POST", f"{A}/{{asgn}}/assign", {}, KEY),
    ],
    f"POST {A}/{{id}}/close": [("POST", f"{A}/{{asgn}}/assign", {}), ("POST", f"{A}/{{asgn}}/close", {}, KEY)],
    f"POST {A}/{{id}}/fallout": [
        ("POST", f"{A}/{{asgn}}/assign", {}),
        ("POST", A, OFFER),
        ("POST", f"{A}/{{asgn}}/fallout", FALLEN, KEY),
    ],
    f"POST {A}/{{id}}/fallout, of an offer": [("POST", f"{A}/{{asgn}}/fallout", FALLEN, KEY)],
    f"GET {P}/{{id}}/matches": [("GET", f"{P}/{{pipe}}/matches")],
    f"POST {P}/{{id}}/offers": [("POST", f"{P}/{{pipe}}/offers", {"buyer_ids": ["{other}"]}, KEY)],
    "GET /dispo/summary": [("GET", "/dispo/summary")],
    "GET /dispo/opt-out/{token}": [("GET", "{link}")],
    "POST /dispo/opt-out/{token}": [("POST", "{link}")],
    "POST /dispo/opt-out/{token}, once more": [("POST", "{link}")] * 2,
}


def test_every_endpoint_is_on_the_page():
    there = {re.split(r", ", what)[0] for what in documented_round_trips("/dispo")}
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} <= there
    assert documented_round_trips("/dispo").keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(dispositions, round_trips, runtime, what):
    pipe, buyer = dispositions.pipeline(), dispositions.buyer(buy_box={"markets": ["981*"]}, email="old@example.com")
    names = {"pipe": pipe, "buyer": buyer, "other": dispositions.buyer("Other"), "asgn": dispositions.offer(pipe, buyer)}
    if "opt-out" in what:
        dispositions.ok("POST", f"/dispo/pipelines/{dispositions.pipeline()}/offers", {"buyer_ids": [buyer], "notify": True})
        names["link"] = mails(runtime)[0]["text"].split("http://127.0.0.1:8000")[1].strip()
    for method, address, *rest in REQUESTS[what]:
        path, _, query = _filled(address, names).partition("?")
        body, headers = (*rest, None, None)[:2]
        answer = dispositions.call(
            method, path, _filled(body, names), headers=headers, query=dict(pair.split("=") for pair in query.split("&") if pair)
        )
        assert answer.status < 300, answer.text
    assert round_trips() == documented_round_trips("/dispo")[what]


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, id in names.items():
            value = value.replace(f"{{{name}}}", id)
    if isinstance(value, dict):
        return {name: _filled(one, names) for name, one in value.items()}
    return [_filled(one, names) for one in value] if isinstance(value, list) else value
