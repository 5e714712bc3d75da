"""The page on access patterns is true: the endpoints of finalization make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.finalization import PACK
from tests.access_patterns_doc import documented_round_trips
from tests.packs.finalization import papers
from tests.packs.finalization.decisions import decide
from tests.packs.finalization.finalization_client import F, FinalizationClient

KEY = {"Idempotency-Key": "k"}
MOVE, STATUS = "/deals/{id}/status", f"{F}/status/{{deal_id}}"
ONE, ITEMS, ITEM = f"{F}/{{deal_id}}", f"{F}/{{deal_id}}/items", f"{F}/{{deal_id}}/items/{{item_id}}"
NEW = {"kind": "task", "title": "T", "due": {"anchor": "opened_on"}}
CANCEL = {"status": "cancelled", "reason": "title"}

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    f"PATCH {MOVE}": [("PATCH", "/deals/{plain}/status", {"status": "finalizing"})],
    f"PATCH {MOVE}, of a deal with a pipeline and no value": [("PATCH", "/deals/{priced}/status", {"status": "finalizing"})],
    f"PATCH {MOVE}, cancelled with tasks": [("PATCH", "/deals/{busy}/status", CANCEL)],
    f"GET {F}/requirements": [("GET", f"{F}/requirements")],
    f"GET {STATUS}": [("GET", f"{F}/status/{{plain}}")],
    f"GET {STATUS}, with a pipeline or professionals": [("GET", f"{F}/status/{{whole}}")],
    f"GET {STATUS}, with a rate": [("GET", f"{F}/status/{{foreign}}")],
    f"GET {STATUS}, with live assignments": [("GET", f"{F}/status/{{offered}}")],
    f"GET {STATUS}, of a finalized deal": [("POST", f"{F}/{{whole}}"), ("GET", f"{F}/status/{{whole}}")],
    f"POST {ONE}": [("POST", f"{F}/{{whole}}", None, KEY)],
    f"POST {ONE}, replayed": [("POST", f"{F}/{{whole}}", None, KEY)] * 2,
    f"POST {ONE}, with a rate": [("POST", f"{F}/{{foreign}}", None, KEY)],
    f"POST {ONE}/reopen": [("POST", f"{F}/{{whole}}"), ("POST", f"{F}/{{whole}}/reopen", {"decision_id": "{override}", "reason": "r"}, KEY)],
    f"GET {ONE}/certificate": [("POST", f"{F}/{{whole}}"), ("GET", f"{F}/{{whole}}/certificate")],
    f"GET {ITEMS}": [("GET", f"{F}/{{plain}}/items")],
    f"GET {ITEMS}, with a pipeline": [("GET", f"{F}/{{whole}}/items")],
    f"POST {ITEMS}": [("POST", f"{F}/{{plain}}/items", NEW, KEY)],
    f"POST {ITEMS}, replayed": [("POST", f"{F}/{{plain}}/items", NEW, KEY)] * 2,
    f"POST {ITEMS}, with a pipeline": [("POST", f"{F}/{{whole}}/items", NEW, KEY)],
    f"PATCH {ITEM}": [("PATCH", f"{F}/{{busy}}/items/{{item}}", {"status": "done"})],
    f"PATCH {ITEM}, with a pipeline": [("PATCH", f"{F}/{{offered}}/items/{{theirs}}", {"status": "done"})],
}  # fmt: skip


def documented() -> dict[str, int]:
    return {**documented_round_trips(F), **documented_round_trips("/deals/{id}/status")}


def test_every_endpoint_is_on_the_page():
    there = {re.split(r", ", what)[0] for what in documented()}
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} <= there
    assert documented().keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(office: FinalizationClient, runtime, context, round_trips, what):
    if "{whole}" in str(REQUESTS[what]) or "{foreign}" in str(REQUESTS[what]):
        papers.register(runtime)
    ctx = context("operator", user="user_paper")
    pipelines = [office.pipeline() for _ in range(3)]
    names = {
        "plain": office.deal(value=1),
        "priced": office.deal(kind="wholesale", pipeline_id=pipelines[0]),
        "whole": office.deal(value=1, pipeline_id=pipelines[1], professional_ids=[office.professional()]),
        "foreign": office.deal(value=1, currency="CAD", professional_ids=[office.professional()]),
        "offered": office.deal(value=1, pipeline_id=pipelines[2]),
        "busy": office.deal(value=1),
    }
    office.offer(pipelines[2])
    office.ok("PUT", "/holdings/fx-rates", {"base": "EUR", "date": "2026-11-24", "rates": {"USD": 1.1172, "CAD": 1.5606}})
    for name in ("whole", "foreign"):
        if f"{{{name}}}" in str(REQUESTS[what]):
            papers.add_contract(ctx, names[name])
    names["override"] = decide(context("operator", user="user_king"), names["whole"], "override", "reopen", is_final=True)
    names["item"], names["theirs"] = (office.item(names[name])["id"] for name in ("busy", "offered"))
    office.task(names["busy"])
    office.status(names["plain"])  # the policies are read once
    for method, path, *rest in REQUESTS[what]:
        body, headers = (*rest, None, None)[:2]
        answer = office.call(method, _filled(path, names), _filled(body, names), headers=headers)
        assert answer.status < 300, answer.text
    assert round_trips() == documented()[what]


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, id in names.items():
            value = value.replace(f"{{{name}}}", id)
    return {name: _filled(one, names) for name, one in value.items()} if isinstance(value, dict) else value
