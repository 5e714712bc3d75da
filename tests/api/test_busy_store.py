"""A busy table, seen from outside: a request makes a few calls and answers 503; a hundred of them make no storm."""

import pytest

from chalicelib.foundation.store.retry_policy import REQUESTS
from chalicelib.packs import PACKS
from tests.fault_injection import FaultInjectingClient, Throttles

LISTS = sorted(
    endpoint.path
    for pack in PACKS
    for endpoint in pack.endpoints
    if endpoint.method == "GET" and "{" not in endpoint.path and endpoint.permission
)


@pytest.fixture
def busy(runtime, caller):
    caller.be_signed_in()
    runtime.secrets.get(runtime.clock())
    runtime.dynamodb = FaultInjectingClient(runtime.dynamodb, Throttles())
    return runtime.dynamodb


@pytest.fixture
def caller(client_as):
    return client_as("admin", "operator", "dealmaker", "auditor", "viewer")


@pytest.mark.parametrize("path", LISTS)
def test_a_read_makes_a_few_calls_and_is_answered(busy, caller, path):
    answer = caller("GET", path)
    assert sum(busy.calls.values()) <= REQUESTS.attempts
    if busy.calls and answer.status != 422:
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_a_hundred_requests_make_little_more_than_a_hundred_calls(busy, caller):
    statuses = {caller("GET", "/wholesale").status for _ in range(100)}
    assert statuses == {503}
    assert sum(busy.calls.values()) <= 100 * (1 + REQUESTS.budget_share)


def test_it_serves_as_before_when_the_table_does(busy, caller):
    for _ in range(30):
        caller("GET", "/wholesale")
    busy.faults.clear()
    assert {caller("GET", "/wholesale").status for _ in range(30)} == {200}


def test_a_write_on_a_busy_table_is_answered_too(busy, caller):
    answer = caller("POST", "/wholesale", {"lead_source": "call"}, headers={"Idempotency-Key": "k"})
    assert (answer.status, sum(busy.calls.values()) <= REQUESTS.attempts) == (503, True)
