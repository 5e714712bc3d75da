"""The page on access patterns is true: the endpoints of the trail, and its seal, make as many round trips as it says."""

import re
from datetime import timedelta

import pytest

from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.audit import PACK, sealing
from tests.access_patterns_doc import documented_round_trips
from tests.packs.audit.test_sealing import Days
from tests.streams.stream_feeder import deliver

DAY = {"date": "2026-11-24"}
MONTH = {"from": "2026-11-01", "to": "2026-11-24"}

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS = {
    "GET /audit/trail/{entity_id}": [("GET", "/audit/trail/{thing}")],
    "the same, with personal values": [("GET", "/audit/trail/{pipe}")],
    "GET /audit/trail": [("GET", "/audit/trail", None, {"from": "2026-11-24", "to": "2026-11-24"})],
    "the same, of one actor": [("GET", "/audit/trail", None, {"actor": "user_operator", "from": "2026-11-24", "to": "2026-11-24"})],
    "GET /audit/verify/{entity_id}": [("GET", "/audit/verify/{deal}")],
    "GET /audit/verify": [("GET", "/audit/verify", None, DAY)],
    "the same, of a day without a seal": [("GET", "/audit/verify", None, {"date": "2026-11-30"})],
    "GET /audit/seals": [("GET", "/audit/seals")],
    "POST /audit/export": [("POST", "/audit/export", MONTH)],
    "GET /audit/exports/{id}": [("POST", "/audit/export", MONTH), ("GET", "/audit/exports/{id}")],
}


ENDPOINTS = {f"{one.method} {one.path}" for one in PACK.endpoints}  # findings are under /audit, too


def documented():
    return {what: trips for what, trips in documented_round_trips("/audit").items() if _endpoint(what) in ENDPOINTS}


def _endpoint(what):
    return re.split(", ", what)[0]


def test_every_endpoint_is_on_the_page():
    assert {_endpoint(what) for what in documented()} == ENDPOINTS
    assert documented().keys() == set(_named())


def _named():
    endpoint = ""
    for what in REQUESTS:
        endpoint = endpoint if what.startswith("the same") else what
        yield what.replace("the same", endpoint)


@pytest.fixture
def trail(world, clock, run_work, client_as, monkeypatch):
    monkeypatch.setattr(sealing, "LOOK_BACK", timedelta(days=2))
    return Days(world, clock, run_work, client_as)


@pytest.mark.parametrize(("what", "named"), list(zip(REQUESTS, _named(), strict=True)))
def test_it_costs_what_the_page_says(trail, client_as, round_trips, what, named):
    operator, auditor = client_as("operator"), client_as("auditor")
    names = {"deal": operator("POST", "/deals", {"title": "T"}).json()["id"]}
    names["pipe"] = operator("POST", "/wholesale", {"seller": {"name": "Ida"}}).json()["id"]
    (names["thing"], *_) = trail.record(98)  # with the two a hundred entities
    deliver(trail.world.audit(), trail.world.feed.entities())
    trail.next_day()
    trail.seal()
    auditor.be_signed_in()
    for method, path, *rest in REQUESTS[what]:
        body, query = (*rest, None, None)[:2]
        answer = auditor(method, path.format(**names), body, query=query)
        assert answer.status < 300, answer.text
        names["id"] = answer.json().get("id", "")
    assert round_trips() == documented()[named]


def test_the_seal_of_a_day_of_a_hundred_entities(trail):
    trail.record(100)
    trail.next_day()
    trail.seal()
    trail.record(100)
    trail.next_day()
    ctx = trail.world.ctx()
    sealing.seal_days(ctx, RunStats())
    # The newest seal, parts of the day, its index, the last record of each entity: one for a hundred; the seal.
    assert ctx.store.round_trips == 1 + 1 + 4 + 1 + 1
