"""The page on access patterns is true: the endpoints of routes make as many round trips as it says."""

import re
from typing import Any

import pytest

from chalicelib.foundation.mail_events import MailEvent
from chalicelib.packs.documents import PACK
from chalicelib.packs.documents.service import bounces
from tests.access_patterns_doc import documented_round_trips
from tests.packs.documents.documents_client import ANN, FIRST, URL, D, DocumentsClient, contract, mails, path_in
from tests.packs.tasks.test_cost import filled

KEY = {"Idempotency-Key": "k"}
NEW = {"deal_id": "{deal}", "document_type": "t", "storage_url": URL, "recipient": ANN}
TO_PROFESSIONAL = {"deal_id": "{deal}", "document_type": "t", "contract_id": "{contract}", "professional_id": "{pro}"}
MANY = {"deal_id": "{deal}", "document_type": "t", "storage_url": URL, "recipients": [ANN] * 16}
ONE, LINK = f"{D}/{{id}}", "/d/{token}"
RECALLED = {"status": "recalled", "reason": "superseded"}
ACKNOWLEDGED = {"name": "Ann", "document_sha256": FIRST}

# What the page calls it → the requests that lead there, the last of which is counted.
REQUESTS: dict[str, list[tuple[Any, ...]]] = {
    f"POST {D}": [("POST", D, NEW, KEY)],
    f"POST {D}, to a professional or of a contract": [("POST", D, TO_PROFESSIONAL, KEY)],
    f"POST {D}, replayed": [("POST", D, TO_PROFESSIONAL, KEY)] * 2,
    f"POST {D}/bulk": [("POST", f"{D}/bulk", MANY, KEY)],
    f"GET {D}": [("GET", D)],
    f"GET {D}, of one status": [("GET", f"{D}?status=sent")],
    f"GET {D}/by-deal/{{deal_id}}": [("GET", f"{D}/by-deal/{{deal}}")],
    f"GET {D}/by-professional/{{professional_id}}": [("GET", f"{D}/by-professional/{{pro}}")],
    f"GET {D}/by-contract/{{contract_id}}": [("GET", f"{D}/by-contract/{{contract}}")],
    f"GET {ONE}": [("GET", f"{D}/{{plain}}")],
    f"GET {ONE}, of a contract": [("GET", f"{D}/{{one}}")],
    f"DELETE {ONE}": [("DELETE", f"{D}/{{one}}")],
    f"PATCH {ONE}/status": [("PATCH", f"{D}/{{plain}}/status", RECALLED)],
    f"PATCH {ONE}/status, of a contract": [("PATCH", f"{D}/{{one}}/status", {"status": "acknowledged"})],
    f"PATCH {ONE}/status, sent again to a professional": [("PATCH", f"{D}/{{bounced}}/status", {"status": "sent"})],
    f"POST {ONE}/remind": [("POST", f"{D}/{{plain}}/remind", None, KEY)],
    f"POST {ONE}/remind, of a contract": [("POST", f"{D}/{{one}}/remind", None, KEY)],
    f"POST {ONE}/remind, replayed": [("POST", f"{D}/{{plain}}/remind", None, KEY)] * 2,
    f"GET {LINK}": [("GET", "{link}")],
    f"POST {LINK}/open": [("POST", "{link}/open")],
    f"POST {LINK}/open, again": [("POST", "{link}/open")] * 2,
    f"POST {LINK}/acknowledge": [("POST", "{link}/acknowledge", ACKNOWLEDGED)],
    f"POST {LINK}/acknowledge, again": [("POST", "{link}/acknowledge", ACKNOWLEDGED)] * 2,
}


def documented() -> dict[str, int]:
    return documented_round_trips(D) | documented_round_trips("/d/")


def test_every_endpoint_is_on_the_page():
    there = {re.split(r", ", what)[0] for what in documented()}
    assert {f"{one.method} {one.path}" for one in PACK.endpoints} <= there
    assert documented().keys() == REQUESTS.keys()


@pytest.mark.parametrize("what", REQUESTS)
def test_it_costs_what_the_page_says(documents: DocumentsClient, runtime, anonymous, round_trips, what):
    deal, pro = documents.deal(), documents.professional()
    of_contract = contract(runtime, deal)
    one = documents.route(deal, contract_id=of_contract, storage_url=None)
    names = {"deal": deal, "pro": pro, "contract": of_contract, "one": one, "link": path_in(mails(runtime, one)[0])}
    names |= {"plain": documents.route(deal), "bounced": documents.route(deal, professional_id=pro)}
    ctx = runtime.context(request_id="bounce")
    bounces.mail_failed(ctx, names["bounced"], "sending-0", MailEvent("hard", ctx.now, "", "x@example.com"))
    for method, address, *rest in REQUESTS[what]:
        path, _, query = filled(address, names).partition("?")
        body, headers = (*rest, None, None)[:2]
        sent = dict(pair.split("=") for pair in query.split("&") if pair)
        caller = anonymous if address.startswith("{link}") else documents.call
        answer = caller(method, path, filled(body, names), headers=headers, query=sent)
        assert answer.status < 300, answer.text
    assert round_trips() == documented()[what]
