"""Documents over HTTP: the bytes of a PDF come through the gateway whole, whatever the caller says that it accepts."""

import gzip
from typing import Any

import httpx
import pytest

from chalicelib.foundation.dates import parse_timestamp
from chalicelib.packs.handoffs.service import documents
from tests.deployed.conftest import Stack

pytestmark = pytest.mark.deployed
H = "/pros/handoff"


def test_the_bytes_of_a_pdf(stack: Stack, client_as: Any) -> None:
    operator = client_as("operator")
    professional = operator("POST", "/pros/scorecard/professionals", {"name": "Žofia Ólafsdóttir", "role": "lawyer"}).json()["id"]
    packet = operator("POST", f"{H}/{professional}", {"summary": "Order the title report."}).json()
    document = documents.describe(packet, "America/Los_Angeles")
    created = parse_timestamp(packet["updated_at"])
    expected = documents.as_pdf(document, created)
    url, token = f"{stack.url}{H}/packets/{packet['id']}?format=pdf", {"Authorization": f"Bearer {operator.token}"}
    for accept in ("application/pdf", "*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json"):
        answer = stack.http.get(url, headers={**token, "Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
        assert answer.content == expected
    with httpx.Client(timeout=60) as client:
        request = client.build_request("GET", url, headers={**token, "Accept-Encoding": "gzip"})
        raw = client.send(request, stream=True)
        body = b"".join(raw.iter_raw())
        assert (gzip.decompress(body) if raw.headers.get("content-encoding") == "gzip" else body) == expected


def test_a_body_of_bytes_that_the_gateway_has_encoded_is_read(client_as: Any) -> None:
    made = client_as("operator")("POST", "/pros/scorecard/professionals", {"name": "王小明 Ólafsdóttir", "role": "lawyer"})
    assert (made.status, made.json()["name"]) == (201, "王小明 Ólafsdóttir")
