"""The page on access patterns is true: the endpoints of deals make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.deals import PACK
from tests.access_patterns_doc import documented_round_trips

ONE, KEY, TITLE = "/deals/{deal}", {"Idempotency-Key": "k"}, {"title": "T"}
PRICED = {**TITLE, "kind": "wholesale", "pipeline_id": "{pipe}"}
FULL = {
    **TITLE,
    "external_ref": "18",
    "professional_ids": ["{pro}"],
    "parties": [{"name": "Ada Byron", "side": "ours"}],
    "team": ["user_ann"],
}

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    "POST /deals": [("POST", "/deals", FULL, KEY)],
    "POST /deals, replayed": [("POST", "/deals", FULL, KEY)] * 2,
    "POST /deals, with a pipeline": [("POST", "/deals", PRICED, KEY)],
    "POST /deals, with a pipeline, replayed": [("POST", "/deals", PRICED, KEY)] * 2,
    "GET /deals": [("GET", "/deals")],
    "GET /deals, one status, owner or kind": [("GET", "/deals?kind=other&owner=none")],
    "GET /deals, one external reference": [("GET", "/deals?external_ref=17")],
    "GET /deals, with deals of a pipeline without a value": [("POST", "/deals", PRICED), ("GET", "/deals?kind=wholesale")],
    "GET /deals/{id}/timeline": [("GET", f"{ONE}/timeline")],
    "GET /deals/{id}/timeline, with a pipeline": [("GET", "/deals/{priced}/timeline")],
    "GET /deals/{id}": [("GET", ONE)],
    "GET /deals/{id}, by its external reference": [("GET", "/deals/17")],
    "GET /deals/{id}, of a deal with a pipeline and no value": [("GET", "/deals/{priced}")],
    "PATCH /deals/{id}": [("PATCH", ONE, {"professional_ids": ["{pro}"], "parties": FULL["parties"], "team": ["user_ann"]})],
    "DELETE /deals/{id}": [("DELETE", ONE)],
    "DELETE /deals/{id}, with a pipeline": [("DELETE", "/deals/{priced}")],
}


def test_every_endpoint_is_on_the_page():
    endpoints = {f"{one.method} {one.path}" for one in PACK.endpoints}
    there = [what for what in documented_round_trips("/deals") if re.split(r", ", what)[0] in endpoints]
    assert {re.split(r", ", what)[0] for what in there} == endpoints
    assert set(there) == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(deals, client_as, round_trips, what):
    client_as("dealmaker", user="user_ann").be_signed_in()
    names = {"pipe": deals.pipeline(), "pro": deals.professional(), "deal": deals.deal(external_ref="17")}
    if "{priced}" in str(REQUESTS[what]):
        names["priced"] = deals.deal(kind="wholesale", pipeline_id=names["pipe"])
    for method, address, *rest in REQUESTS[what]:
        path, _, query = _filled(address, names).partition("?")
        body, headers = (*rest, None, None)[:2]
        pairs = dict(pair.split("=") for pair in query.split("&") if pair)
        answer = deals.call(method, path, _filled(body, names), headers=headers, query=pairs)
        assert answer.status < 300, answer.text
    assert round_trips() == documented_round_trips("/deals")[what]


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, id in names.items():
            value = value.replace(f"{{{name}}}", id)
    if isinstance(value, dict):
        return {name: _filled(one, names) for name, one in value.items()}
    return [_filled(one, names) for one in value] if isinstance(value, list) else value
