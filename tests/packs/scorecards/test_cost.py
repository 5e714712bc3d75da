"""The page on access patterns is true: the endpoints of scorecards make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.scorecards import PACK
from tests.access_patterns_doc import documented_round_trips
from tests.packs.scorecards.scorecards_client import PROFESSIONALS as P

J = "/pros/scorecard/{id}"
KEY = {"Idempotency-Key": "k"}
MET = {"met_deadline": True}
SETTLE = {"outcome": "upheld", "note": "x"}
ENTRY = "/pros/scorecard/{pro}/log/{int}"

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    f"POST {P}": [("POST", P, {"name": "Ann", "role": "va", "jurisdictions": ["WA"], "external_ref": "x"}, KEY)],
    f"POST {P}, replayed": [("POST", P, {"name": "Ann", "role": "va"}, KEY)] * 2,
    f"GET {P}": [("GET", P)],
    f"GET {P}, by role": [("GET", f"{P}?role=lawyer&active=true")],
    f"GET {P}, by organization, jurisdiction or specialization": [("GET", f"{P}?jurisdiction=wa&specialization=tax&organization=a")],
    f"GET {P}, inactive ones": [("GET", f"{P}?active=false")],
    f"GET {P}/{{id}}": [("GET", f"{P}/{{pro}}")],
    f"PATCH {P}/{{id}}": [("PATCH", f"{P}/{{pro}}", {"notes": "x"})],
    f"PATCH {P}/{{id}}, what lists and matching show": [("PATCH", f"{P}/{{pro}}", {"name": "Anna", "role": "va", "is_active": False})],
    f"DELETE {P}/{{id}}": [("DELETE", f"{P}/{{pro}}")],
    f"POST {J}/log": [("POST", "/pros/scorecard/{pro}/log", MET, KEY)],
    f"POST {J}/log, replayed": [("POST", "/pros/scorecard/{pro}/log", MET, KEY)] * 2,
    f"POST {J}/log, of a deal": [("POST", "/pros/scorecard/{pro}/log", {**MET, "deal_id": "{deal}"}, KEY)],
    f"POST {J}/log, of a deal by its external reference": [("POST", "/pros/scorecard/{pro}/log", {**MET, "deal_id": "D-7"}, KEY)],
    f"POST {J}/log, of a professional whom the process doesn't know": [("POST", "/pros/scorecard/{unknown}/log", MET, KEY)],
    f"GET {J}/log": [("GET", "/pros/scorecard/{pro}/log")],
    f"GET {J}/log/{{interaction_id}}": [("GET", ENTRY)],
    f"POST {J}/log/{{interaction_id}}/dispute": [("POST", f"{ENTRY}/dispute", {"reason": "x"}, KEY)],
    f"POST {J}/log/{{interaction_id}}/dispute, replayed": [("POST", f"{ENTRY}/dispute", {"reason": "x"}, KEY)] * 2,
    f"POST {J}/log/{{interaction_id}}/settle": [("POST", f"{ENTRY}/dispute", {"reason": "x"}), ("POST", f"{ENTRY}/settle", SETTLE, KEY)],
    f"GET {J}/scorecard": [("GET", "/pros/scorecard/{pro}/scorecard")],
    f"GET {J}/history": [("GET", "/pros/scorecard/{pro}/history")],
    "GET /pros/scorecard/leaderboard": [("GET", "/pros/scorecard/leaderboard")],
}


def test_every_endpoint_is_on_the_page():
    there = {re.split(r", ", what)[0] for what in documented_round_trips("/pros/scorecard")}
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} <= there
    assert documented_round_trips("/pros/scorecard").keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(scorecards, client_as, round_trips, runtime, project, what):
    call = client_as("operator", user="user_other") if "settle" in what else scorecards.call
    names = {"unknown": scorecards.professional()}
    runtime.cache.__init__()  # another process
    pro = scorecards.professional(jurisdictions=["WA"], specializations=["tax"], organization="A")
    deal = scorecards.ok("POST", "/deals", {"title": "Pine Street", "external_ref": "D-7"})["id"]
    names |= {"pro": pro, "deal": deal, "int": scorecards.log(pro, met_deadline=False)["id"]}
    project()
    for method, address, *rest in REQUESTS[what]:
        path, _, query = _filled(address, names).partition("?")
        body, headers = (*rest, None, None)[:2]
        parameters = dict(pair.split("=") for pair in query.split("&") if pair)
        answer = call(method, path, _filled(body, names), headers=headers, query=parameters)
        assert answer.status < 300, answer.text
    assert round_trips() == documented_round_trips("/pros/scorecard")[what]


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, id in names.items():
            value = value.replace(f"{{{name}}}", id)
    return {name: _filled(one, names) for name, one in value.items()} if isinstance(value, dict) else value


def test_after_a_rebuild_each_process_learns_of_it_once(scorecards, round_trips, project, runtime):
    from chalicelib.foundation.projections import set_generations

    id = scorecards.professional()
    scorecards.scorecard(id)
    set_generations(runtime.store(), [2])
    trips = []
    for _ in range(2):
        scorecards.scorecard(id)
        trips.append(round_trips())
    assert trips == [2, 1]


def test_a_list_by_tag_reads_what_it_shows(scorecards, round_trips):
    for number in range(30):
        scorecards.professional(f"P{number}", jurisdictions=["WA"] if number % 10 == 0 else ["OR"])
    assert len(scorecards.ok("GET", P, query={"jurisdiction": "WA", "limit": "3"})["items"]) == 3
    assert round_trips() == 1
