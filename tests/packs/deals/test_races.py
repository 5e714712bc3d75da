"""Many at once, on the engine that bears threads: one deal a pipeline, and no child comes into a deal that is cancelled."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.store.keys import reference_counter
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.fault_injection import Conflicts, FaultInjectingClient, LostResponses, Throttles
from tests.packs.deals import children
from tests.packs.deals.deals_client import gate_of

__all__ = ["dynamodb_local", "dynamodb_local_url"]

pytestmark = pytest.mark.dynamodb_local
CANCEL = {"status": "cancelled", "reason": "title"}


@pytest.fixture
def dynamodb(dynamodb_local: Any) -> Any:
    return dynamodb_local


def at_once(count: int, call: Any) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_one_deal_a_pipeline(deals, runtime):
    pipeline = deals.pipeline()
    answers = at_once(12, lambda number: deals.call("POST", "/deals", {"title": f"T{number}", "pipeline_id": pipeline}))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 11}
    (won,) = [answer.json()["id"] for answer in answers if answer.status == 201]
    assert {(answer.json()["code"], answer.json()["deal_id"]) for answer in answers if answer.status == 409} == {("pipeline_taken", won)}
    assert deals.read(pipeline)["deal_id"] == won
    assert runtime.store().get_item(reference_counter(pipeline))["refs"]["N"] == "1"
    assert deals.listed() == [won]


def test_one_deal_a_reference(deals):
    answers = at_once(8, lambda _: deals.call("POST", "/deals", {"title": "T", "external_ref": "17"}))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 7}


def test_one_key_is_one_deal(deals):
    pipeline = deals.pipeline()
    answers = at_once(6, lambda _: deals.call("POST", "/deals", {"title": "T", "pipeline_id": pipeline}, headers={"Idempotency-Key": "k"}))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize("round", range(3))
def test_cancelling_while_children_come(deals, runtime, context, round):
    """Whatever comes first: what was counted is cancelled with the deal, and the rest is refused."""
    children.register(runtime)
    id = deals.deal()

    def act(number: int) -> Any:
        if number == 5:
            return deals.call("PATCH", f"/deals/{id}/status", CANCEL).status
        try:
            return runtime.store().retry_on_conflict(lambda: children.add(context("operator"), id)).partition("_")[0]
        except Conflict as refused:
            return refused.members["code"]

    answers = Counter(map(str, at_once(12, act)))
    assert answers["200"] == 1
    assert answers.keys() <= {"200", "child", "deal_not_open"}
    ctx = context("operator")
    assert children.statuses(ctx, id) == ["cancelled"] * answers["child"]
    gate = gate_of(runtime, id)
    assert (gate.refs, gate.status) == (answers["child"], "cancelled")


def test_deleting_while_children_come(deals, runtime, context):
    children.register(runtime)
    for _ in range(4):
        id = deals.deal()

        def act(number: int, id: str = id) -> Any:
            if number:
                return deals.call("DELETE", f"/deals/{id}").status
            try:
                return children.add(context("operator"), id).partition("_")[0]
            except Exception as refused:
                return type(refused).__name__

        assert tuple(at_once(2, act)) in (("child", 409), ("NotFound", 204))


def test_cancelling_while_it_is_assigned(deals):
    for _ in range(4):
        pipeline = deals.pipeline()
        id, assignment = deals.deal(pipeline_id=pipeline), deals.offer(pipeline)

        def act(number: int, id: str = id, assignment: str = assignment) -> int:
            if number:
                return int(deals.call("PATCH", f"/deals/{id}/status", CANCEL).status)
            return int(deals.call("POST", f"/dispo/assignments/{assignment}/assign", {}).status)

        assigned, cancelled = at_once(2, act)
        assert assigned == 200
        assert cancelled in (200, 409)
        assert (deals.ok("GET", f"/deals/{id}")["status"] == "cancelled") == (cancelled == 200)


def test_the_same_deal_edited_at_once(deals, runtime):
    """Each writes a field of its own, and none is lost; the gate has the last team."""
    id = deals.deal(owner=None)
    fields = [{"notes": "n"}, {"value": 5}, {"property_id": "p"}, {"external_ref": "17"}, {"target_close_on": "2026-12-01"}, {"team": []}]
    answers = at_once(len(fields), lambda number: deals.call("PATCH", f"/deals/{id}", fields[number]))
    assert {answer.status for answer in answers} == {200}
    assert deals.ok("GET", f"/deals/{id}").items() >= {name: value for field in fields for name, value in field.items()}.items()
    assert gate_of(runtime, id).team == []


@pytest.mark.parametrize("seed", range(2))
def test_with_faults_at_every_fifth_call(deals, runtime, seed):
    faults = (Throttles(0.2, seed=seed), Conflicts(0.2, seed=seed + 10), LostResponses(0.1, seed=seed + 20))
    sound = runtime.dynamodb
    runtime.dynamodb = FaultInjectingClient(sound, *faults)
    pipeline, lawyer = deals.pipeline(seller={"name": "Sam Seller"}), deals.professional()
    id = deals.deal(pipeline_id=pipeline, professional_ids=[lawyer], external_ref="17", parties=[{"name": "Ada Byron", "side": "ours"}])
    deals.change(id, parties=[{"name": "Grace Hopper", "side": "ours"}])
    deals.cancel(id)
    deals.ok("DELETE", f"/deals/{id}")
    runtime.dynamodb = sound
    assert deals.read(pipeline)["deal_id"] is None
    for root in (pipeline, lawyer):
        assert runtime.store().get_item(reference_counter(root))["refs"]["N"] == "0"
