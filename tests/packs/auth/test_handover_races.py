"""A handover while others hand over and write, on the engine that bears threads."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest

from chalicelib.foundation.auth import handover
from chalicelib.foundation.due_work import commit_claim, notification_target
from chalicelib.foundation.events import Notification, forward_unread
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.packs.wholesale.entities import Pipeline, PipelineActivityState
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures

__all__ = ["dynamodb_local", "dynamodb_local_url"]

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def dynamodb(dynamodb_local: Any) -> Any:
    return dynamodb_local


def test_handovers_at_once_with_writers_leave_each_row_whole(ada, person, context, monkeypatch):
    monkeypatch.setattr(handover, "MAX_ROWS", 5)
    leaver, first, second = (person("dealmaker") for _ in range(3))
    ids = [leaver("POST", "/wholesale", {}).json()["id"] for _ in range(16)]

    def hand_over_to(target: Any) -> int:
        moved = 0
        while True:
            answer = ada("POST", f"/auth/users/{leaver.id}/handover", {"to": target.id}).json()
            moved += answer["moved"]
            if answer["done"]:
                return moved

    def write(id: str) -> int:
        return ada("PATCH", f"/wholesale/{id}", {"tags": ["written"]}).status

    with ThreadPoolExecutor(6) as pool:
        handovers = [pool.submit(hand_over_to, target) for target in (first, second, first)]
        written = list(pool.map(write, ids))
        moved = sum(future.result() for future in handovers)
    assert (set(written), moved) == ({200}, len(ids))
    store = context().store
    for id in ids:
        pipeline = store.find(Pipeline, id)
        state = PipelineActivityState.from_item(store.get_item(reference_counter(id)))
        assert pipeline.owner in (first.id, second.id)
        assert (state.owner, pipeline.tags, pipeline.revision) == (pipeline.owner, ["written"], 3)


def test_events_while_their_addressee_leaves_all_reach_somebody(ada, person, context):
    leaver, operator = person("dealmaker"), person("operator")

    def raise_event(number: int) -> None:
        if number == 10:
            ada("DELETE", f"/auth/users/{leaver.id}")
        ctx = context()
        target = notification_target("pipeline", "pipe_1", leaver.id)
        event = Notification.for_occasion(ctx, f"{number}", on=date(2026, 11, 20), event="x.y", title=f"{number}", **target)
        assert commit_claim(ctx, lambda tx: None, [event])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(raise_event, range(20)))
    forward_unread(context(), leaver.id, 100)  # what the index did not show yet when they left
    assert len(operator("GET", "/events").json()["items"]) == 20
