"""The page on access patterns is true: the endpoints of tasks make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.tasks import PACK
from tests.access_patterns_doc import documented_round_trips
from tests.packs.tasks.tasks_client import T, TasksClient

KEY = {"Idempotency-Key": "k"}
NEW = {"professional_id": "{pro}", "deal_id": "{deal}", "title": "t", "depends_on": ["{one}", "{two}"]}
ONE = f"{T}/{{id}}"

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    f"POST {T}": [("POST", T, NEW, KEY)],
    f"POST {T}, replayed": [("POST", T, NEW, KEY)] * 2,
    f"POST {T}, of a deal by its external reference": [("POST", T, {**NEW, "deal_id": "17"}, KEY)],
    f"GET {T}": [("GET", T)],
    f"GET {T}, of one status": [("GET", f"{T}?status=open")],
    f"GET {T}, by day": [("GET", f"{T}?overdue=true")],
    f"GET {T}/workload": [("GET", f"{T}/workload")],
    f"GET {T}/workload, of a professional": [("GET", f"{T}/workload?professional_id={{pro}}")],
    f"GET {T}/by-professional/{{professional_id}}": [("GET", f"{T}/by-professional/{{pro}}")],
    f"GET {T}/by-deal/{{deal_id}}": [("GET", f"{T}/by-deal/{{deal}}")],
    f"GET {ONE}": [("GET", f"{T}/{{one}}")],
    f"PATCH {ONE}": [("PATCH", f"{T}/{{one}}", {"title": "x", "professional_id": "{other}", "due_on": "2026-12-01"})],
    f"PATCH {ONE}, nothing new": [("PATCH", f"{T}/{{one}}", {"priority": "normal"})],
    f"PATCH {ONE}, other dependencies": [("PATCH", f"{T}/{{one}}", {"depends_on": ["{two}"]})],
    f"DELETE {ONE}": [("DELETE", f"{T}/{{one}}")],
    f"PATCH {ONE}/status": [("PATCH", f"{T}/{{one}}/status", {"status": "in_progress"})],
    f"PATCH {ONE}/status, done or cancelled": [("PATCH", f"{T}/{{begun}}/status", {"status": "done"})],
    f"PATCH {ONE}/status, done with hours": [("PATCH", f"{T}/{{begun}}/status", {"status": "done", "hours": 1, "retainer_id": "{ret}"})],
    f"PATCH {ONE}/status, done with hours of the only active retainer": [
        ("PATCH", f"{T}/{{begun}}/status", {"status": "done", "hours": 1})
    ],
    f"POST {ONE}/comments": [("POST", f"{T}/{{one}}/comments", {"text": "x"}, KEY)],
    f"POST {ONE}/comments, replayed": [("POST", f"{T}/{{one}}/comments", {"text": "x"}, KEY)] * 2,
    f"GET {ONE}/comments": [("GET", f"{T}/{{one}}/comments")],
}


def test_every_endpoint_is_on_the_page():
    there = {re.split(r", ", what)[0] for what in documented_round_trips(T)}
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} <= there
    assert documented_round_trips(T).keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(tasks: TasksClient, round_trips, what):
    deal, pro = tasks.deal(external_ref="17"), tasks.professional()
    names = {"deal": deal, "pro": pro, "other": tasks.professional("Other")}
    names |= {name: tasks.task(deal, pro, due_on="2026-11-01") for name in ("one", "two", "begun")}
    tasks.task(deal, pro, depends_on=[names["begun"]])
    tasks.move(names["begun"], "in_progress")
    names["ret"] = tasks.ok("POST", "/pros/retainers", {"professional_id": pro, "name": "Monthly", "monthly_hours_included": 10})["id"]
    for method, address, *rest in REQUESTS[what]:
        path, _, query = filled(address, names).partition("?")
        body, headers = (*rest, None, None)[:2]
        sent = dict(pair.split("=") for pair in query.split("&") if pair)
        answer = tasks.call(method, path, filled(body, names), headers=headers, query=sent)
        assert answer.status < 300, answer.text
    assert round_trips() == documented_round_trips(T)[what]


def filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, id in names.items():
            value = value.replace(f"{{{name}}}", id)
    if isinstance(value, dict):
        return {name: filled(one, names) for name, one in value.items()}
    return [filled(one, names) for one in value] if isinstance(value, list) else value
