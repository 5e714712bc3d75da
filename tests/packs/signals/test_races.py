"""Many at once, on the engine that bears threads: what counts is right, one claim works, each event comes once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.packs.signals import public
from chalicelib.packs.signals.entities import Signal
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.packs.signals.signals_client import EXTRACT, TEXT, path_of

__all__ = ["dynamodb_local", "dynamodb_local_url"]

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def dynamodb(dynamodb_local: Any) -> Any:
    return dynamodb_local


def at_once(calls: list[Any]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: call(), calls))


def assert_the_newest_count(context: Any, professional: str) -> None:
    """The row of what counts says what the signals themselves say."""
    ctx = context("operator")
    rows = [Signal.from_item(row) for row in ctx.store.query_all(Signal.children_of(professional))]
    counting = [signal.id for signal in rows if signal.counts]
    current = public.find_current(ctx, professional)
    assert (current.signal_id if current else None) == max(counting, default=None)


def test_one_of_many_with_one_key_works(signals):
    professional = signals.professional()
    body = {"name": "Ann", "professional_id": professional, "sources": [{"text": TEXT}]}
    answers = at_once([lambda: signals.call("POST", EXTRACT, body, headers={"Idempotency-Key": "k"})] * 12)
    assert set(Counter(answer.status for answer in answers)) <= {201, 409}
    ids = {answer.json()["id"] for answer in answers if answer.status == 201}
    assert len(ids) == 1
    assert {answer.json()["type"] for answer in answers if answer.status == 409} <= {"/problems/idempotency-in-progress"}
    assert len(signals.ok("GET", f"/pros/{professional}/signals")["items"]) == 1


def test_of_many_disputes_of_one_signal_one_is_opened(signals):
    signal = signals.kept(signals.professional())
    answers = at_once([lambda: signals.call("POST", f"{path_of(signal)}/dispute", {"reason": "x"})] * 8)
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 7}
    assert len([one for one in signals.ok("GET", "/events")["items"] if one["kind"] == "signals.disputed"]) == 1


@pytest.mark.slow
def test_what_counts_is_right_whatever_is_extracted_disputed_and_settled_at_once(signals, context):
    professional = signals.professional()
    kept = [signals.kept(professional) for _ in range(6)]
    body = {"name": "Ann", "professional_id": professional, "sources": [{"text": "We do tax."}]}

    def dispute(signal: Any) -> Any:
        return lambda: signals.call("POST", f"{path_of(signal)}/dispute", {"reason": "x"})

    def settle(signal: Any, outcome: str) -> Any:
        return lambda: signals.judge("POST", f"{path_of(signal)}/settle", {"outcome": outcome, "note": "x"})

    extract = lambda: signals.call("POST", EXTRACT, body)  # noqa: E731
    answers = at_once([*(dispute(signal) for signal in kept), extract, extract])
    assert {answer.status for answer in answers} <= {200, 201}
    assert_the_newest_count(context, professional)
    answers = at_once([*(settle(signal, "rejected" if number % 2 else "upheld") for number, signal in enumerate(kept)), extract])
    assert {answer.status for answer in answers} <= {200, 201}
    assert_the_newest_count(context, professional)
