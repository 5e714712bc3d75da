"""The page on access patterns is true: the endpoints of alignment make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.alignment import PACK
from tests.access_patterns_doc import documented_round_trips
from tests.packs.alignment.alignment_client import SIGNALS, give_signals

F, M, C = "/pros/profiles", "/pros/match", "/pros/conflict-check"
KEY = {"Idempotency-Key": "k"}

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    "POST /pros/align_profile": [("POST", "/pros/align_profile", {"name": "Ann", "signals": SIGNALS})],
    f"POST {F}": [("POST", F, {"name": "P"}, KEY)],
    f"GET {F}": [("GET", F)],
    f"GET {F}/{{id}}": [("GET", f"{F}/{{profile}}")],
    f"PATCH {F}/{{id}}": [("PATCH", f"{F}/{{profile}}", {"name": "Q"})],
    f"DELETE {F}/{{id}}": [("DELETE", f"{F}/{{profile}}")],
    "POST /pros/{id}/align": [("POST", "/pros/{pro}/align", {"profile_id": "{profile}"}, KEY)],
    "POST /pros/{id}/align, replayed": [("POST", "/pros/{pro}/align", {"profile_id": "{profile}"}, KEY)] * 2,
    "GET /pros/{id}/alignments": [("GET", "/pros/{pro}/alignments")],
    "GET /pros/{id}/alignments/{alignment_id}": [("GET", "/pros/{pro}/alignments/{aln}")],
    f"POST {M}": [("POST", M, {"profile_id": "{profile}", "hours": 5, "max_rate": 200}, KEY)],
    f"POST {M}, without a key, a profile and a deal": [("POST", M, {"hours": 5})],
    f"POST {M}, with a deal": [("POST", M, {"deal_id": "{deal}"}, KEY)],
    f"POST {M}, replayed": [("POST", M, {}, KEY)] * 2,
    f"GET {M}/{{id}}": [("GET", f"{M}/{{match}}")],
    f"POST {C}": [("POST", C, {"names": ["Byron", "BYRON"]})],
    f"POST {C}, nothing found": [("POST", C, {"names": ["Nobody"]})],
}


def documented() -> dict[str, int]:
    own = {f"{one.method} {one.path}" for one in PACK.endpoints}
    return {what: trips for what, trips in documented_round_trips("/pros").items() if what.partition(",")[0] in own}


def test_every_endpoint_is_on_the_page():
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} <= {re.split(r", ", what)[0] for what in documented()}
    assert documented().keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(alignment, round_trips, runtime, project, what):
    pro, profile = alignment.professional(hourly_rate=150), alignment.profile()
    give_signals(runtime, pro, **SIGNALS)
    alignment.deal(("Byron", "ours"), professional_ids=[pro])
    names = {
        "pro": pro,
        "profile": profile,
        "deal": alignment.deal(("Byron", "opposing")),
        "aln": alignment.ok("POST", f"/pros/{pro}/align", {"profile_id": profile})["id"],
        "match": alignment.match()["id"],
    }
    alignment.retainer(pro, 10)
    project()
    for method, address, *rest in REQUESTS[what]:
        body, headers = (*rest, None, None)[:2]
        answer = alignment.call(method, _filled(address, names), _filled(body, names), headers=headers)
        assert answer.status < 300, answer.text
    assert round_trips() == documented()[what]


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, id in names.items():
            value = value.replace(f"{{{name}}}", id)
    if isinstance(value, dict):
        return {name: _filled(one, names) for name, one in value.items()}
    return [_filled(one, names) for one in value] if isinstance(value, list) else value
