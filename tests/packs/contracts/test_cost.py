"""The page on access patterns is true: the endpoints of contracts make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.packs.contracts import PACK
from tests.access_patterns_doc import documented_round_trips
from tests.packs.contracts.contracts_client import ANN, BOB, C, ContractsClient, approved, link_of, mails, sent, sign, token_of, upload

KEY = {"Idempotency-Key": "k"}
ONE, T = f"{C}/{{id}}", "/contracts/templates"
NEW = {"deal_id": "{deal}", "title": "t", "professional_id": "{pro}", "parties": [ANN]}
DOCUMENT = {"filename": "a.pdf", "content_type": "application/pdf", "size": 3, "sha256": "a" * 64}
TEMPLATE = {"name": "n", "title": "t", "body": "{{a}}"}
FILLED = {"template_id": "{template}", "deal_id": "{deal}", "values": {"a": "x"}}
BY_HAND = {
    **{"party_id": "p1", "typed_name": "Ann", "consent": True, "content_hash": "{hash}", "authentication": "wet_ink"},
    **{"signed_on": "2026-11-20", "signed_file_sha256": "b" * 64},
}
SIGN = {"typed_name": "Ann", "consent": True, "content_hash": "{hash}", "consent_version": "2026-11"}

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    f"POST {C}": [("POST", C, NEW, KEY)],
    f"POST {C}, replayed": [("POST", C, NEW, KEY)] * 2,
    f"POST {C}, in another currency than most": [("POST", C, {**NEW, "deal_id": "{yen}"}, KEY)],
    f"GET {C}": [("GET", C)],
    f"GET {C}, of one status": [("GET", f"{C}?status=draft")],
    f"GET {C}/by-status": [("GET", f"{C}/by-status?status=draft")],
    f"GET {C}/by-deal/{{deal_id}}": [("GET", f"{C}/by-deal/{{deal}}")],
    f"GET {ONE}": [("GET", f"{C}/{{draft}}")],
    f"PATCH {ONE}": [("PATCH", f"{C}/{{draft}}", {"title": "x", "parties": [BOB]})],
    f"PATCH {ONE}, nothing new": [("PATCH", f"{C}/{{draft}}", {"kind": "other"})],
    f"DELETE {ONE}": [("DELETE", f"{C}/{{draft}}")],
    f"PATCH {ONE}/status": [("PATCH", f"{C}/{{draft}}/status", {"status": "under_review"})],
    f"PATCH {ONE}/status, sent": [("PATCH", f"{C}/{{approved}}/status", {"status": "sent"})],
    f"POST {ONE}/archive": [("POST", f"{C}/{{draft}}/archive", None, KEY)],
    f"POST {ONE}/document": [("POST", f"{C}/{{draft}}/document", DOCUMENT, KEY)],
    f"GET {ONE}/document": [("GET", f"{C}/{{draft}}/document")],
    f"DELETE {ONE}/document": [("DELETE", f"{C}/{{draft}}/document")],
    f"GET {ONE}/versions": [("GET", f"{C}/{{sent}}/versions")],
    f"POST {ONE}/signatures": [("POST", f"{C}/{{sent}}/signatures", BY_HAND, KEY)],
    f"GET {ONE}/certificate": [("GET", f"{C}/{{signed}}/certificate")],
    f"POST {C}/from-template": [("POST", f"{C}/from-template", FILLED, KEY)],
    f"POST {T}": [("POST", T, TEMPLATE, KEY)],
    f"GET {T}": [("GET", T)],
    f"GET {T}/{{id}}": [("GET", f"{T}/{{template}}")],
    f"PATCH {T}/{{id}}": [("PATCH", f"{T}/{{template}}", {"name": "x"})],
    f"DELETE {T}/{{id}}": [("DELETE", f"{T}/{{template}}")],
    "GET /s/{token}": [("GET", "/s/{link}")],
    "POST /s/{token}": [("POST", "/s/{link}", SIGN)],
    "POST /s/{token}/open": [("POST", "/s/{link}/open")],
    "POST /s/{token}/open, again": [("POST", "/s/{link}/open")] * 2,
    "POST /s/{token}/decline": [("POST", "/s/{link}/decline", {"reason": "price"})],
    "GET /s/copies/{token}": [("GET", "/s/copies/{copy}")],
    "GET /s/copies/{token}, its certificate": [("GET", "/s/copies/{copy}?certificate=html")],
    "POST /s/copies/{token}/open": [("POST", "/s/copies/{copy}/open")],
}


def documented() -> dict[str, int]:
    return documented_round_trips("/contracts") | documented_round_trips("/s/")


def test_every_endpoint_is_on_the_page():
    there = {re.split(r", ", what)[0] for what in documented()}
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} <= there
    assert documented().keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(contracts: ContractsClient, as_, anonymous, runtime, round_trips, what):
    both, counsel = as_("operator", "counsel"), as_("counsel")
    deal = contracts.deal()
    names = {"deal": deal, "yen": contracts.deal(currency="JPY"), "pro": contracts.professional()}
    names["draft"] = contracts.contract(deal)
    upload(contracts, names["draft"])
    names["approved"] = approved(contracts, counsel, deal, parties=[ANN])
    names["sent"] = sent(contracts, counsel, deal, parties=[ANN, BOB])
    names["hash"], names["link"] = contracts.read(names["sent"])["content_hash"], link_of(runtime, ANN, names["sent"])
    names["signed"] = sent(contracts, counsel, deal, parties=[ANN])
    sign(runtime, contracts, anonymous, names["signed"], ANN)
    names["copy"] = token_of(next(mail for mail in mails(runtime) if mail["purpose"] == "contract-copy"))
    names["template"] = counsel.ok("POST", T, TEMPLATE)["id"]
    for method, address, *rest in REQUESTS[what]:
        path, _, query = filled(address, names).partition("?")
        body, headers = (*rest, None, None)[:2]
        given = dict(pair.split("=") for pair in query.split("&") if pair)
        caller = anonymous if path.startswith("/s/") else both.call
        answer = caller(method, path, filled(body, names), headers=headers, query=given)
        assert answer.status < 300, answer.text
    assert round_trips() == documented()[what]


def filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, id in names.items():
            value = value.replace(f"{{{name}}}", id)
    if isinstance(value, dict):
        return {name: filled(one, names) for name, one in value.items()}
    return [filled(one, names) for one in value] if isinstance(value, list) else value
