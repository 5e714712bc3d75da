"""The page on access patterns is true: the endpoints of signals make as many round trips as it says."""

import re
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.packs.signals import PACK
from tests.access_patterns_doc import documented_round_trips
from tests.packs.signals.signals_client import EXTRACT, TEXT

KEY = {"Idempotency-Key": "k"}
BODY = {"name": "Ann", "sources": [{"text": TEXT}]}
KEPT = {**BODY, "professional_id": "{pro}"}
S = "/pros/{id}/signals"
ONE = "/pros/{pro}/signals"
DATA = "GET /pros/{id}/data"

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    f"POST {EXTRACT}": [("POST", EXTRACT, BODY)],
    f"POST {EXTRACT}, under a key": [("POST", EXTRACT, BODY, KEY)],
    f"POST {EXTRACT}, kept, under a key": [("POST", EXTRACT, KEPT, KEY)],
    f"POST {EXTRACT}, replayed": [("POST", EXTRACT, KEPT, KEY)] * 2,
    f"GET {S}": [("GET", ONE)],
    f"GET {S}/{{signal_id}}": [("GET", f"{ONE}/{{new}}")],
    f"POST {S}/{{signal_id}}/dispute": [("POST", f"{ONE}/{{old}}/dispute", {"reason": "x"}, KEY)],
    f"POST {S}/{{signal_id}}/dispute, of those that count": [("POST", f"{ONE}/{{new}}/dispute", {"reason": "x"}, KEY)],
    f"POST {S}/{{signal_id}}/settle": [
        ("POST", f"{ONE}/{{new}}/dispute", {"reason": "x"}),
        ("POST", f"{ONE}/{{new}}/settle", {"outcome": "rejected", "note": "x"}, KEY),
    ],
}


def documented() -> dict[str, int]:
    return documented_round_trips(EXTRACT) | documented_round_trips(S)


def test_every_endpoint_is_on_the_page():
    there = {re.split(r", ", what)[0] for what in documented()} | {DATA}
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} == there
    assert documented().keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(signals, round_trips, clock, what):
    names = {"pro": signals.professional()}
    names["old"] = signals.kept(names["pro"])["id"]
    clock.now += timedelta(seconds=10)
    names["new"] = signals.kept(names["pro"])["id"]
    clock.now += timedelta(seconds=10)
    for method, address, *rest in REQUESTS[what]:
        body, headers = (*rest, None, None)[:2]
        by = signals.judge if address.endswith("/settle") else signals.call
        signals.ok(method, _filled(address, names), _filled(body, names), by=by, headers=headers)
    assert round_trips() == documented()[what]


def test_all_that_is_held_is_eight_round_trips_at_the_most(signals, round_trips):
    professional = signals.professional()
    signals.kept(professional)
    signals.ok("GET", f"/pros/{professional}/data")
    assert round_trips() <= 8


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, id in names.items():
            value = value.replace(f"{{{name}}}", id)
    return {name: _filled(one, names) for name, one in value.items()} if isinstance(value, dict) else value
