"""The page on access patterns is true: the endpoints of governance make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.governance import PACK
from tests.access_patterns_doc import documented_round_trips
from tests.packs.governance.governance_client import D, G, GovernanceClient, Office
from tests.packs.tasks.test_cost import filled

KEY = {"Idempotency-Key": "k"}
CAD = {"title": "t", "value": 300_000, "currency": "CAD"}
ASK = {"subject_type": "deal", "subject_id": "{deal}", "requested_action": "finalize"}
SUBJECT = f"{D}/subject/{{type}}/{{id}}"
POLICIES = {"policies": [], "self_approval": "refuse"}


def decide(subject: str, **body: Any) -> dict[str, Any]:
    return {**GovernanceClient.decision(subject), "subject_type": "deal", **body}


# What the page calls it → who asks for it, and the requests that lead there, the last of which is counted.
REQUESTS: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    f"POST {D}": ("king", [("POST", D, decide("{deal}"), KEY)]),
    f"POST {D}, replayed": ("king", [("POST", D, decide("{deal}"), KEY)] * 2),
    f"POST {D}, of a deal that its pipeline prices": ("king", [("POST", D, decide("{priced}"), KEY)]),
    f"POST {D}, that ends a request": ("king", [("POST", D, decide("{asked}"), KEY)]),
    f"POST {D}, of a deal by its external reference": ("king", [("POST", D, {**decide("{deal}"), "subject_id": "17"}, KEY)]),
    f"GET {D}/{{id}}": ("king", [("GET", f"{D}/{{dec}}")]),
    f"GET {SUBJECT}": ("king", [("GET", f"{D}/subject/deal/{{deal}}")]),
    f"GET {SUBJECT}/latest-final": ("king", [("GET", f"{D}/subject/deal/{{decided}}/latest-final")]),
    f"GET {SUBJECT}/standing": ("king", [("GET", f"{D}/subject/deal/{{decided}}/standing")]),
    f"GET {SUBJECT}/standing, of a deal that its pipeline prices": ("king", [("GET", f"{D}/subject/deal/{{priced}}/standing")]),
    f"GET {SUBJECT}/standing, where a rate decides": (
        "king",
        [("GET", f"{D}/subject/deal/{{cad}}/standing?requested_action=finalize")],
    ),
    f"GET {D}/by-role/{{role}}": ("king", [("GET", f"{D}/by-role/King")]),
    f"GET {D}/by-role/{{role}}, of a dealmaker": ("dealmaker", [("GET", f"{D}/by-role/King")]),
    f"GET {G}/overrides": ("king", [("GET", f"{G}/overrides")]),
    f"POST {G}/overrides/{{id}}/review": ("auditor", [("POST", f"{G}/overrides/{{dec}}/review", {"note": "x"}, KEY)]),
    f"GET {G}/roles": ("king", [("GET", f"{G}/roles")]),
    f"POST {G}/roles/{{role}}/holders": ("admin", [("POST", f"{G}/roles/Tyr/holders", {"user_id": "{user}"})]),
    f"DELETE {G}/roles/{{role}}/holders/{{user_id}}": (
        "admin",
        [("POST", f"{G}/roles/Tyr/holders", {"user_id": "{user}"}), ("DELETE", f"{G}/roles/Tyr/holders/{{user}}")],
    ),
    f"GET {G}/pending": ("king", [("GET", f"{G}/pending?role=King")]),
    f"POST {G}/requests": ("operator", [("POST", f"{G}/requests", ASK, KEY)]),
    f"POST {G}/requests, known": ("operator", [("POST", f"{G}/requests", ASK)] * 2),
    f"GET {G}/requests/{{id}}": ("king", [("GET", f"{G}/requests/{{req}}")]),
    f"GET {G}/policies": ("king", [("GET", f"{G}/policies")]),
    f"PUT {G}/policies": ("odin", [("PUT", f"{G}/policies", POLICIES)]),
    f"POST {G}/policies/proposals/{{id}}/confirm": ("king", [("POST", f"{G}/policies/proposals/{{prop}}/confirm", None, KEY)]),
}


def test_every_endpoint_is_on_the_page():
    there = {re.split(r", ", what)[0] for what in documented_round_trips(G)}
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} <= there
    assert documented_round_trips(G).keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(office: Office, king, odin, round_trips, runtime, what):
    operator = office.operator
    pipe = operator.ok("POST", "/wholesale", {"contract_price": 100, "property": {"address": {"postal_code": "98101"}}})["id"]
    names = {
        "deal": operator.deal(external_ref="17"),
        "decided": operator.deal(value=1),
        "asked": operator.deal(value=1),
        "priced": operator.deal(kind="wholesale", pipeline_id=pipe),
        "cad": operator.deal(**CAD),
        "prop": odin.ok("PUT", f"{G}/policies", POLICIES)["id"],
        "user": office.somebody("admin").ok(
            "POST", "/auth/users", {"email": "eve@example.com", "name": "Eve", "password": "another long phrase", "roles": ["viewer"]}
        )["id"],
    }
    names["req"] = operator.ask(names["asked"], "sign")["id"]
    names["dec"] = king.decide(names["decided"], action="override")["id"]
    role, requests = REQUESTS[what]
    client = {"king": king, "odin": odin}.get(role) or office.somebody(role, user=f"user_{role}2")
    client.call.be_signed_in()
    for method, address, *rest in requests:
        path, _, query = filled(address, names).partition("?")
        body, headers = (*rest, None, None)[:2]
        sent = dict(pair.split("=") for pair in query.split("&") if pair)
        answer = client.call(method, path, filled(body, names), headers=headers, query=sent)
        assert answer.status < 300, answer.text
    assert round_trips() == documented_round_trips(G)[what]
