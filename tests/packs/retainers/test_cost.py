"""The page on access patterns is true: the retainers' endpoints make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.retainers import PACK
from tests.access_patterns_doc import documented_round_trips
from tests.packs.retainers.retainers_client import RETAINERS as R
from tests.packs.retainers.retainers_client import at, stored

KEY = {"Idempotency-Key": "k"}
ONE, ENTRY = f"{R}/{{ret}}", f"{R}/{{ret}}/log_hours/{{ent}}"
NEW = {"professional_id": "{pro}", "name": "Title", "monthly_hours_included": 40}

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    f"POST {R}": [("POST", R, NEW, KEY)],
    f"POST {R}, replayed": [("POST", R, NEW, KEY)] * 2,
    f"POST {R}, begun a year ago": [("POST", R, {**NEW, "starts_on": "2025-11-24", "auto_renew": True}, KEY)],
    f"GET {R}, one status": [("GET", f"{R}?status=active")],
    f"GET {R}, all": [("GET", R)],
    f"GET {R}, by renewal": [("GET", f"{R}?due_before=2028-01-01")],
    f"GET {R}/forecast": [("GET", f"{R}/forecast")],
    f"GET {R}/professional/{{professional_id}}": [("GET", f"{R}/professional/{{pro}}")],
    f"GET {R}/{{id}}": [("GET", ONE)],
    f"PATCH {R}/{{id}}": [("PATCH", ONE, {"notes": "x"})],
    f"POST {R}/{{id}}/activate": [("POST", f"{R}/{{draft}}/activate", {}, KEY)],
    f"POST {R}/{{id}}/activate, of a paused one": [("POST", f"{ONE}/pause", {"reason": "budget"}), ("POST", f"{ONE}/activate", {}, KEY)],
    f"POST {R}/{{id}}/pause": [("POST", f"{ONE}/pause", {"reason": "budget"}, KEY)],
    f"PATCH {R}/{{id}}/deactivate": [("PATCH", f"{ONE}/deactivate")],
    f"POST {R}/{{id}}/cancel": [("POST", f"{ONE}/cancel", {"reason": "ended"}, KEY)],
    f"POST {R}/{{id}}/renew": [("POST", f"{ONE}/renew", {}, KEY)],
    f"POST {R}/{{id}}/log_hours": [("POST", f"{ONE}/log_hours", {"hours": 1}, KEY)],
    f"POST {R}/{{id}}/log_hours, replayed": [("POST", f"{ONE}/log_hours", {"hours": 1}, KEY)] * 2,
    f"POST {R}/{{id}}/log_hours, that crosses a threshold": [("POST", f"{ONE}/log_hours", {"hours": 39}, KEY)],
    f"POST {R}/{{id}}/log_hours, with a task": [("POST", f"{ONE}/log_hours", {"hours": 1, "task_id": "{task}"}, KEY)],
    f"GET {R}/{{id}}/log_hours": [("GET", f"{ONE}/log_hours")],
    f"GET {R}/{{id}}/log_hours/{{entry_id}}": [("GET", ENTRY)],
    f"POST {R}/{{id}}/log_hours/{{entry_id}}/reverse": [("POST", f"{ENTRY}/reverse", {"reason": "x"}, KEY)],
    f"POST {R}/{{id}}/log_hours/{{entry_id}}/approve": [("POST", f"{R}/{{ret}}/log_hours/{{unapproved}}/approve", None, KEY)],
    f"GET {R}/{{id}}/periods": [("GET", f"{ONE}/periods")],
    f"GET {R}/{{id}}/periods/{{n}}": [("GET", f"{ONE}/periods/1")],
    f"GET {R}/{{id}}/statement": [("GET", f"{ONE}/statement")],
    f"GET {R}/{{id}}/statement, of a closed period": [("GET", f"{ONE}/statement?period=1")],
    f"GET {R}/{{id}}/statement, of the last one": [("POST", f"{ONE}/cancel", {"reason": "ended"}), ("GET", f"{ONE}/statement")],
}


def test_every_endpoint_is_on_the_page():
    there = {re.split(r", ", what)[0] for what in documented_round_trips(R)}
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} <= there
    assert documented_round_trips(R).keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(retainers, client_as, round_trips, task, what):
    pro = retainers.professional()
    ret = retainers.retainer(pro, starts_on="2026-10-24", renewal_date="2027-10-24")
    names = {"pro": pro, "ret": ret, "draft": retainers.retainer(pro, status="draft")}
    names |= {"ent": retainers.log(ret)["entry_id"], "task": task(retainers.deal())}
    them = client_as("professional", professional_id=pro)
    names["unapproved"] = them("POST", f"{R}/{ret}/log_hours", {"hours": 1}).json()["entry_id"]
    for method, address, *rest in REQUESTS[what]:
        path, _, query = filled(address, names).partition("?")
        body, headers = (*rest, None, None)[:2]
        pairs = dict(pair.split("=") for pair in query.split("&") if pair)
        answer = retainers.call(method, path, filled(body, names), headers=headers, query=pairs)
        assert answer.status < 300, answer.text
    assert round_trips() == documented_round_trips(R)[what]


def test_a_step_that_nobody_has_taken_costs_one_more(retainers, clock, round_trips):
    id = retainers.retainer(starts_on="2026-11-01", renewal_date="2027-11-01")
    clock.now = at("2026-12-01T08:00:30Z")
    retainers.log(id)
    assert round_trips() == 3


def test_a_year_fits_a_transaction(retainers, runtime):
    """Each period and each event of a year's monthly terms, at the day from which a retainer may begin."""
    id = retainers.retainer(starts_on="2025-11-23", renewal_date="2025-11-24", auto_renew=True)
    assert stored(runtime, id).periods == 14


def filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, id in names.items():
            value = value.replace(f"{{{name}}}", id)
    if isinstance(value, dict):
        return {name: filled(one, names) for name, one in value.items()}
    return value
