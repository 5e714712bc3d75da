"""Any walk through the packets of a pair: what the rules allow works, everything else is refused, and all stays in agreement."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.packs.handoffs.handoffs_client import READ_BACK, H, HandoffsClient, gate
from tests.packs.tasks.test_races import tasks_of

MOVES = ("send", "accept", "return", "complete")
STEPS = st.lists(st.one_of(st.just(("draft", 0)), st.tuples(st.sampled_from((*MOVES, "finish")), st.integers(0, 4))), max_size=22)
BODIES: dict[str, Any] = {"accept": {"read_back": READ_BACK}, "return": {"reason": "capacity"}}
TARGETS = {"send": ("draft", "sent"), "accept": ("sent", "accepted"), "return": ("sent", "returned"), "complete": ("accepted", "completed")}


class Model:
    """What should be, told without the service."""

    def __init__(self) -> None:
        self.status: list[str] = []
        self.finished: set[int] = set()

    def expect(self, step: str, at: int) -> int:
        source, target = TARGETS[step]
        if self.status[at] != source or (step == "complete" and at not in self.finished):
            return 409
        self.status[at] = target
        ended = {"send": ("draft", "sent", "returned"), "accept": ("accepted",)}.get(step, ())
        for older in range(at):
            if self.status[older] in ended:
                self.status[older] = "superseded"
        return 200


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_walk(handoffs: HandoffsClient, runtime, steps):
    ada, deal, model, ids = handoffs.professional(), handoffs.deal(), Model(), []
    before = len(tasks_of(runtime))
    accepted = 0
    for step, at in steps:
        if step == "draft":
            packet = handoffs.draft(ada, deal)
            ids.append(packet["id"])
            model.status.append("draft")
            assert packet["number"] == len(ids)
        elif at < len(ids) and step == "finish":
            if at not in model.finished and (tasks := handoffs.packet(ids[at])["task_ids"]):
                handoffs.finish(tasks[0])
                model.finished.add(at)
        elif at < len(ids):
            expected = model.expect(step, at)
            accepted += step == "accept" and expected == 200
            assert handoffs.call("POST", f"{H}/packets/{ids[at]}/{step}", BODIES.get(step)).status == expected
    assert [handoffs.status(id) for id in ids] == model.status
    assert len(tasks_of(runtime)) - before == accepted
    assert gate(runtime, deal)["refs"] == len(ids) + accepted
    logged = [row for row in handoffs.list(f"/pros/scorecard/{ada}/log") if row["source"] == "handoff"]
    assert len(logged) == model.status.count("completed")
    if ids:
        listed = {row["number"]: row["status"] for row in handoffs.list(f"{H}/by-deal/{deal}")}
        assert listed == dict(enumerate(model.status, 1))
