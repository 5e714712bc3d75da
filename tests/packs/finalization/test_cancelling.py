"""A deal is cancelled: with what is unfinished of it, and not while its pipeline is assigned."""

import pytest

from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.store.access_patterns import KeyRange
from tests.packs.deals import children
from tests.packs.deals.deals_client import gate_of


@pytest.fixture
def deals(office):
    return office


@pytest.fixture
def ctx(runtime, context):
    children.register(runtime)
    return context("operator")


def move(id):
    return ("PATCH", f"/deals/{id}/status")


def test_it_says_why_and_by_whom(deals, runtime, clock):
    id = deals.deal(value=5)
    body = deals.cancel(id, "other", note="They moved away.")
    assert body.items() >= {
        "status": "cancelled", "status_reason": "other", "status_note": "They moved away.", "status_entered_by": "user_operator",
        "revision": 2, "value": 5,
    }.items()  # fmt: skip
    assert deals.ok("GET", f"/deals/{id}") == body
    gate = gate_of(runtime, id)
    assert (gate.status, gate.ver) == ("cancelled", 0)
    (stay,) = runtime.store().query_all(KeyRange(None, id, prefix="H#"))
    assert (stay["status"]["S"], stay["left_for"]["S"], stay["left_by"]["S"]) == ("open", "cancelled", "user_operator")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "cancelled"}, "reason"), ({"status": "cancelled", "reason": "dull"}, "reason"),
        ({"status": "cancelled", "reason": "other"}, "note"), ({"status": "lost"}, "status"), ({}, "status"),
    ],
)  # fmt: skip
def test_what_it_needs(deals, body, field):
    problem = deals.expect_error(422, *move(deals.deal()), body)
    assert problem["errors"][0]["loc"] == [field]


def test_the_same_status_again(deals):
    id = deals.deal()
    problem = deals.expect_error(409, *move(id), {"status": "open"})
    assert (problem["from"], problem["to"], problem["allowed"]) == ("open", "open", ["finalizing", "cancelled"])
    deals.cancel(id)
    for status in ("cancelled", "open"):
        problem = deals.expect_error(409, *move(id), {"status": status, "reason": "title"})
        assert (problem["type"], problem["allowed"]) == ("/problems/invalid-transition", [])


def test_who_may(deals, client_as):
    id = deals.deal(owner=None)
    for role in ("dealmaker", "counsel", "auditor", "viewer", "professional"):
        assert client_as(role)(*move(id), {"status": "cancelled", "reason": "title"}).status == 403
    assert client_as("admin")(*move(id), {"status": "cancelled", "reason": "title"}).status == 200


def test_an_unknown_one(deals):
    deals.expect_error(404, *move("deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T"), {"status": "cancelled"})


def test_not_while_an_assignment_stands(deals):
    pipeline = deals.pipeline()
    id, assignment = deals.deal(pipeline_id=pipeline), deals.offer(pipeline)
    deals.assign(assignment)
    problem = deals.expect_error(409, *move(id), {"status": "cancelled", "reason": "title"})
    assert (problem["code"], problem["assignment_id"]) == ("assignment_stands", assignment)
    assert deals.expect_error(422, *move(id), {"status": "cancelled"})["errors"][0]["loc"] == ["reason"]  # before that
    deals.fall_out(assignment)
    assert deals.cancel(id)["status"] == "cancelled"
    assert deals.read(pipeline)["deal_id"] == id


def test_a_closed_assignment_stands_in_no_ones_way(deals):
    pipeline = deals.pipeline()
    id, assignment = deals.deal(pipeline_id=pipeline), deals.offer(pipeline)
    deals.assign(assignment)
    deals.close(assignment)
    assert deals.cancel(id)["status"] == "cancelled"


def test_what_is_unfinished_ends_with_it(deals, ctx, runtime, round_trips):
    id = deals.deal()
    for status in ("open", "done", "open"):
        children.add(ctx, id, status)
    deals.cancel(id)
    assert round_trips() == 3
    assert children.statuses(ctx, id) == ["cancelled", "cancelled", "done"]
    assert gate_of(runtime, id).refs == 3  # they still belong to it
    with pytest.raises(Conflict) as refused:
        children.add(ctx, id)
    assert refused.value.members["code"] == "deal_not_open"
    problem = deals.expect_error(409, "DELETE", f"/deals/{id}")
    assert (problem["code"], len(problem["held_by"])) == ("referred_to", 3)


def test_eighty_at_once_and_no_more(deals, ctx):
    id = deals.deal()
    for _ in range(81):
        last = children.add(ctx, id)
    assert deals.expect_error(409, *move(id), {"status": "cancelled", "reason": "title"})["code"] == "too_many_open"
    assert children.statuses(ctx, id) == ["open"] * 81
    ctx.store.save(ctx.store.require(children.Child, last).with_changes(ctx, status="done"))
    deals.cancel(id)
    assert children.statuses(ctx, id) == ["cancelled"] * 80 + ["done"]


def test_a_child_that_is_written_meanwhile_is_seen(deals, ctx, monkeypatch, context):
    """Between reading the children and cancelling them another comes: it is cancelled, too."""
    id, come = deals.deal(), []
    children.add(ctx, id)
    cancel = children.cancel

    def cancel_as_another_comes(*arguments):
        unfinished = cancel(*arguments)
        if not come:
            come.append(children.add(context("operator"), id))
        return unfinished

    monkeypatch.setattr(children, "cancel", cancel_as_another_comes)
    deals.cancel(id)
    assert children.statuses(ctx, id) == ["cancelled"] * 2
