"""The page on access patterns is true: the endpoints of findings make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.findings import PACK
from tests.access_patterns_doc import documented_round_trips
from tests.packs.dispositions.dispositions_client import DispositionsClient
from tests.packs.findings.findings_client import FindingsClient
from tests.packs.tasks.test_cost import filled

SCAN, EVENTS = "/audit/scan/deal/{deal_id}", "/audit/events"
KEY = {"Idempotency-Key": "k"}
ONE = f"{EVENTS}/{{finding}}"

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    f"POST {SCAN}": [("POST", "/audit/scan/deal/{touching}", None, KEY)],
    f"POST {SCAN}, that finds nothing new": [("POST", "/audit/scan/deal/{touching}")] * 2,
    f"POST {SCAN}, of a deal alone": [("POST", "/audit/scan/deal/{deal}")],
    f"POST {SCAN}, while assignments are live": [("POST", "/audit/scan/deal/{offered}")],
    f"POST {SCAN}, by its reference": [("POST", "/audit/scan/deal/D-7")],
    "GET /audit/summary": [("GET", "/audit/summary")],
    "GET /audit/rules": [("GET", "/audit/rules")],
    f"GET {EVENTS}/open": [("GET", f"{EVENTS}/open")],
    f"GET {EVENTS}/deal/{{deal_id}}": [("GET", f"{EVENTS}/deal/{{scanned}}")],
    f"GET {EVENTS}/{{id}}": [("GET", ONE)],
    f"POST {EVENTS}/{{id}}/acknowledge": [("POST", f"{ONE}/acknowledge", {}, KEY)],
    f"POST {EVENTS}/{{id}}/resolve": [("POST", f"{ONE}/resolve", {"note": "x"}, KEY)],
    f"POST {EVENTS}/{{id}}/accept": [("POST", f"{ONE}/accept", {"reason": "x", "until": "2026-12-31"}, KEY)],
}


def documented() -> dict[str, int]:
    paths = ("/audit/scan", "/audit/summary", "/audit/rules", "/audit/events")
    return {what: trips for path in paths for what, trips in documented_round_trips(path).items()}


def test_every_endpoint_is_on_the_page():
    there = {re.split(r", ", what)[0] for what in documented()}
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} <= there
    assert documented().keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(client_as, round_trips, what):
    somebody = FindingsClient(client_as("operator", "auditor", user="user_both"))
    other, offers = FindingsClient(client_as("operator")), DispositionsClient(client_as("operator"))
    professional, pipeline = other.professional(), offers.pipeline()
    names = {
        "deal": other.deal(),
        "scanned": other.deal(external_ref="D-7"),
        "touching": other.deal(kind="wholesale", pipeline_id=offers.pipeline(), professional_ids=[professional]),
        "offered": other.deal(kind="wholesale", pipeline_id=pipeline, professional_ids=[professional]),
    }
    other.task(names["scanned"], professional)
    offers.offer(pipeline, offers.buyer())
    other.scan(names["scanned"])
    names["finding"] = other.only(names["scanned"], "OPEN_PROFESSIONAL_TASKS")["id"]
    for method, address, *rest in REQUESTS[what]:
        body, headers = (*rest, None, None)[:2]
        answer = somebody.call(method, filled(address, names), body, headers=headers)
        assert answer.status < 300, answer.text
    assert round_trips() == documented()[what]
