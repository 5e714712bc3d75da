"""The page on access patterns is true: the endpoints of handoffs make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.handoffs import PACK
from tests.access_patterns_doc import documented_round_trips
from tests.packs.handoffs.handoffs_client import PARTS, READ_BACK, H, HandoffsClient
from tests.packs.tasks.test_cost import filled

KEY = {"Idempotency-Key": "k"}
FULL = {**PARTS, "action_list": [{"action": "a", "owner": "{pro}", "due_on": "2026-12-01"}]}
ONE = f"{H}/packets/{{id}}"
NEW = f"{H}/{{professional_id}}"
SENT, DRAFT = f"{H}/packets/{{sent}}", f"{H}/packets/{{draft}}"
ACCEPT = ("POST", f"{SENT}/accept", {"read_back": READ_BACK}, KEY)

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    f"GET {NEW}": [("GET", f"{H}/{{pro}}?deal_id={{deal}}")],
    f"GET {NEW}, without a deal": [("GET", f"{H}/{{pro}}")],
    f"POST {NEW}": [("POST", f"{H}/{{pro}}?deal_id={{deal}}", FULL, KEY)],
    f"POST {NEW}, without a deal": [("POST", f"{H}/{{pro}}", FULL, KEY)],
    f"POST {NEW}, replayed": [("POST", f"{H}/{{pro}}?deal_id={{deal}}", FULL, KEY)] * 2,
    f"GET {ONE}": [("GET", SENT)],
    f"GET {ONE}, as HTML or PDF": [("GET", f"{SENT}?format=html")],
    f"PATCH {ONE}": [("PATCH", DRAFT, {"risk_status": "urgent", "action_list": FULL["action_list"]})],
    f"GET {H}/by-professional/{{professional_id}}": [("GET", f"{H}/by-professional/{{pro}}")],
    f"GET {H}/by-deal/{{deal_id}}": [("GET", f"{H}/by-deal/{{deal}}")],
    f"POST {ONE}/send": [("POST", f"{H}/packets/{{other}}/send", None, KEY)],
    f"POST {ONE}/send, with older ones": [("POST", f"{DRAFT}/send", None, KEY)],
    f"POST {ONE}/accept": [ACCEPT],
    f"POST {ONE}/accept, in place of another": [
        ACCEPT,
        ("POST", f"{DRAFT}/send"),
        ("POST", f"{DRAFT}/accept", {"read_back": READ_BACK}),
    ],
    f"POST {ONE}/return": [("POST", f"{SENT}/return", {"reason": "capacity"}, KEY)],
    f"POST {ONE}/complete": [ACCEPT, ("POST", f"{H}/packets/{{done}}/complete")],
}


def test_every_endpoint_is_on_the_page():
    there = {re.split(r", ", what)[0] for what in documented_round_trips(H)}
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} <= there
    assert documented_round_trips(H).keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(handoffs: HandoffsClient, round_trips, what):
    pipeline = handoffs.ok("POST", "/wholesale", {"arv_estimate": 250000})["id"]
    deal, pro, bob = (
        handoffs.deal(kind="wholesale", pipeline_id=pipeline),
        handoffs.professional(email="a@example.com"),
        handoffs.professional(),
    )
    handoffs.task(deal, pro)
    names = {"deal": deal, "pro": pro, "sent": handoffs.send(handoffs.draft(pro, deal)["id"])["id"]}
    names |= {"draft": handoffs.draft(pro, deal)["id"], "other": handoffs.draft(bob, deal)["id"], "done": handoffs.draft(bob)["id"]}
    handoffs.finish(handoffs.accept(handoffs.send(names["done"])["id"])["task_ids"][0])
    for method, address, *rest in REQUESTS[what]:
        path, _, query = filled(address, names).partition("?")
        body, headers = (*rest, None, None)[:2]
        answer = handoffs.call(
            method, path, deep_filled(body, names), headers=headers, query=dict(pair.split("=") for pair in query.split("&") if pair)
        )
        assert answer.status < 300, answer.text
    assert round_trips() == documented_round_trips(H)[what]


def deep_filled(body: Any, names: dict[str, str]) -> Any:
    return filled(body, names) if body is not None else None
