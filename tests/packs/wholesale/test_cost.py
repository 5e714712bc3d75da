"""The page on access patterns is true: the wholesale endpoints make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.wholesale import PACK
from tests.access_patterns_doc import documented_round_trips

LEAD = {"arv_estimate": 250000, "property": {"address": {"postal_code": "98101"}}}
WITH_HOUSE = {**LEAD, "property": {"address": {"line1": "77 Pine St", "postal_code": "98101"}}}
ONE = "/wholesale/{id}"
KEY = {"Idempotency-Key": "k"}

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    "POST /wholesale": [("POST", "/wholesale", LEAD, KEY)],
    "POST /wholesale, replayed": [("POST", "/wholesale", LEAD, KEY)] * 2,
    "POST /wholesale, with a house or a phone": [("POST", "/wholesale", WITH_HOUSE, KEY)],
    "POST /wholesale, with a house or a phone, replayed": [("POST", "/wholesale", WITH_HOUSE, KEY)] * 2,
    "GET /wholesale, a market and a stage": [("GET", "/wholesale?market=981&stage=lead")],
    "GET /wholesale, an owner and a stage": [("GET", "/wholesale?owner=me&stage=lead")],
    "GET /wholesale, an owner and a market": [("GET", "/wholesale?owner=me&market=981")],
    "GET /wholesale, one stage": [("GET", "/wholesale?stage=lead")],
    "GET /wholesale, one owner": [("GET", "/wholesale?owner=user_operator")],
    "GET /wholesale, one market": [("GET", "/wholesale?market=981")],
    "GET /wholesale, all stages": [("GET", "/wholesale")],
    "GET /wholesale/{id}": [("GET", ONE)],
    "PATCH /wholesale/{id}, notes": [("PATCH", ONE, {"notes": "x"})],
    "PATCH /wholesale/{id}, what lists show": [("PATCH", ONE, {"asking_price": 1})],
    "PATCH /wholesale/{id}, what the board sums up": [("PATCH", ONE, {"arv_estimate": 1})],
    "PATCH /wholesale/{id}, owner, hold, reference, currency": [("PATCH", ONE, {"owner": None, "on_hold": True, "external_ref": "a"})],
    "PATCH /wholesale/{id}, nothing new": [("PATCH", ONE, {"arv_estimate": 250000})],
    "PATCH /wholesale/{id}, another house or phone": [("PATCH", ONE, {"seller": {"phone": "206 555 0100"}})],
    "DELETE /wholesale/{id}": [("DELETE", ONE)],
    "POST /wholesale/{id}/activities": [("POST", f"{ONE}/activities", {"event_type": "call"}, KEY)],
    "POST /wholesale/{id}/activities, of an unusual pipeline": [
        ("PATCH", ONE, {"on_hold": True}),
        ("POST", f"{ONE}/activities", {"event_type": "call"}, KEY),
    ],
    "GET /wholesale/{id}/activities": [("GET", f"{ONE}/activities")],
    "POST /wholesale/{id}/stage": [("POST", f"{ONE}/stage", {"stage": "offer_made", "price": 1}, KEY)],
    "POST /wholesale/{id}/stage, replayed": [("POST", f"{ONE}/stage", {"stage": "offer_made", "price": 1}, KEY)] * 2,
    "GET /wholesale/{id}/history": [("GET", f"{ONE}/history")],
    "POST /wholesale/calculate": [("POST", "/wholesale/calculate", {})],
    # A hundred rows take moto a quarter of a minute: these are counted in another test, by the same formula.
    "GET /wholesale/board": [("GET", "/wholesale/board")],
    "GET /wholesale/funnel": [("GET", "/wholesale/funnel")],
    "GET /wholesale/next-actions": [("GET", "/wholesale/next-actions")],
    "GET /wholesale/morning-list": [("GET", "/wholesale/morning-list")],
    "PUT /wholesale/morning-list": [("PUT", "/wholesale/morning-list", {"wanted": True})],
    "GET /wholesale/stale": [("GET", "/wholesale/stale")],
}


def test_every_endpoint_is_documented():
    there = {re.split(r", ", what)[0] for what in documented_round_trips("/wholesale")}
    assert {f"{endpoint.method} {endpoint.path}" for endpoint in PACK.endpoints} <= there
    assert documented_round_trips("/wholesale").keys() - REQUESTS.keys() == {
        "POST /wholesale/bulk, 100 rows",
        "POST /wholesale/bulk, with houses and phones",
    }


@pytest.mark.parametrize("what", REQUESTS)
def test_round_trips_are_as_documented(client_as, round_trips, clock, what):
    operator = client_as("operator")
    id = operator("POST", "/wholesale", LEAD).json()["id"]
    if "stale" in what:
        clock.now = clock.now.replace(month=12, day=24)
    for method, address, *rest in REQUESTS[what]:
        path, _, query = address.replace("{id}", id).partition("?")
        body, headers = (*rest, None, None)[:2]
        response = operator(method, path, body, headers=headers, query=dict(pair.split("=") for pair in query.split("&") if pair))
        assert response.status < 300, response.text
    assert round_trips() == documented_round_trips("/wholesale")[what]
