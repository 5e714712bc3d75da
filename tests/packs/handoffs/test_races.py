"""Many at once, on the engine that bears threads; and the interleavings that matter, one by one."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.packs.handoffs import schedules
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.fault_injection import Conflicts, FaultInjectingClient, LostResponses, Throttles, Unprocessed
from tests.packs.handoffs.handoffs_client import READ_BACK, H, HandoffsClient, events, gate, mails
from tests.packs.tasks.test_races import Meanwhile, at_once, tasks_of

__all__ = ["dynamodb_local", "dynamodb_local_url"]


class TornRead:
    """A client whose first batch reads one row, that of a sort key, only after something else has happened."""

    def __init__(self, runtime: Any, happens: Callable[[], Any], late: str) -> None:
        self.runtime, self.sound, self.happens, self.late = runtime, runtime.dynamodb, happens, late
        self.happened = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sound, name)

    def batch_get_item(self, **arguments: Any) -> Any:
        earlier = self.sound.batch_get_item(**arguments)
        if self.happened:
            return earlier
        self.happened, self.runtime.dynamodb = True, self.sound
        self.happens()
        answer = self.sound.batch_get_item(**arguments)
        for table, rows in answer["Responses"].items():
            known = [row for row in earlier["Responses"][table] if row["sk"]["S"] != self.late]
            answer["Responses"][table] = [*known, *(row for row in rows if row["sk"]["S"] == self.late)]
        return answer


class TestInterleavings:
    """Between the read and the write of one another acts, and what both decide must hold."""

    def test_two_drafts(self, handoffs: HandoffsClient, runtime):
        ada, deal = handoffs.professional(), handoffs.deal()
        meanwhile = Meanwhile(runtime, lambda: handoffs.draft(ada, deal)["number"])
        assert handoffs.draft(ada, deal)["number"] == 2
        assert meanwhile.results == [1]

    def test_a_newer_one_is_sent_first(self, handoffs: HandoffsClient, runtime):
        ada, deal = handoffs.professional(email="a@example.com"), handoffs.deal()
        older, newer = (handoffs.draft(ada, deal)["id"] for _ in range(2))
        Meanwhile(runtime, lambda: handoffs.send(newer))
        assert handoffs.expect_error(409, "POST", f"{H}/packets/{older}/send")["from"] == "superseded"
        assert [handoffs.status(id) for id in (older, newer)] == ["superseded", "sent"]
        assert len(mails(runtime)) == 1

    def test_a_draft_changes_while_it_is_sent(self, handoffs: HandoffsClient, runtime):
        id = handoffs.draft(handoffs.professional())["id"]
        Meanwhile(runtime, lambda: handoffs.change(id, summary="Another"))
        assert handoffs.send(id)["summary"] == "Another"

    def test_it_is_sent_while_it_changes(self, handoffs: HandoffsClient, runtime):
        id = handoffs.draft(handoffs.professional(), handoffs.deal())["id"]
        Meanwhile(runtime, lambda: handoffs.send(id))
        assert handoffs.expect_error(409, "PATCH", f"{H}/packets/{id}", {"summary": "Another"})["code"] == "frozen"

    def test_the_deal_ends_while_it_is_accepted(self, handoffs: HandoffsClient, runtime):
        deal = handoffs.deal()
        id = handoffs.send(handoffs.draft(handoffs.professional(), deal)["id"])["id"]
        Meanwhile(runtime, lambda: handoffs.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"}))
        assert handoffs.expect_error(409, "POST", f"{H}/packets/{id}/accept", {"read_back": READ_BACK})["code"] == "deal_not_open"
        assert tasks_of(runtime) == {}

    def test_it_is_accepted_between_the_reading_of_two_rows(self, handoffs: HandoffsClient, runtime):
        id = handoffs.send(handoffs.draft(handoffs.professional(), handoffs.deal())["id"])["id"]
        runtime.dynamodb = TornRead(runtime, lambda: handoffs.accept(id), "KR#")
        refused = handoffs.expect_error(409, "POST", f"{H}/packets/{id}/accept", {"read_back": READ_BACK})
        assert (refused["from"], refused["to"]) == ("accepted", "accepted")

    def test_a_task_is_reopened_while_it_is_completed(self, handoffs: HandoffsClient, runtime):
        id = handoffs.send(handoffs.draft(handoffs.professional(), handoffs.deal())["id"])["id"]
        (task,) = handoffs.accept(id)["task_ids"]
        handoffs.finish(task)
        Meanwhile(runtime, lambda: handoffs.move(task, "in_progress", reason="defect"))
        assert handoffs.expect_error(409, "POST", f"{H}/packets/{id}/complete")["open"] == [task]
        assert handoffs.status(id) == "accepted"


@pytest.mark.dynamodb_local
class TestThreads:
    @pytest.fixture
    def dynamodb(self, dynamodb_local: Any) -> Any:
        return dynamodb_local

    def test_numbers_are_dense(self, handoffs: HandoffsClient, runtime):
        ada, deal = handoffs.professional(), handoffs.deal()

        def draft(_: int) -> Any:
            for _ in range(20):
                answer = handoffs.call("POST", f"{H}/{ada}", {}, query={"deal_id": deal})
                if answer.status != 503:
                    return answer
            return answer

        answers = at_once(10, draft)
        assert {answer.status for answer in answers} == {201}
        assert sorted(answer.json()["number"] for answer in answers) == list(range(1, 11))
        assert gate(runtime, deal)["refs"] == 10

    def test_it_is_accepted_once(self, handoffs: HandoffsClient, runtime):
        id = handoffs.send(handoffs.draft(handoffs.professional(), handoffs.deal())["id"])["id"]
        answers = at_once(6, lambda _: handoffs.call("POST", f"{H}/packets/{id}/accept", {"read_back": READ_BACK}))
        assert Counter(answer.status for answer in answers) == {200: 1, 409: 5}
        assert len(tasks_of(runtime)) == 1

    def test_the_schedule_three_times_at_once(self, handoffs: HandoffsClient, runtime, clock, run_work):
        ids = {handoffs.send(handoffs.draft(handoffs.professional())["id"])["id"] for _ in range(6)}
        clock.now += timedelta(days=3)
        records = at_once(3, lambda _: run_work(schedules.unaccepted))
        assert [(record["error"], record["failed"]) for record in records] == [("", 0)] * 3
        told = Counter(event.subject_id for event in events(runtime, "handoffs.unaccepted"))
        assert told == dict.fromkeys(ids, 1)

    @pytest.mark.parametrize("seed", range(2))
    def test_with_faults_at_every_fifth_call(self, handoffs: HandoffsClient, runtime, seed):
        faults = (
            Throttles(0.2, seed=seed),
            Conflicts(0.2, seed=seed + 10),
            LostResponses(0.1, seed=seed + 20),
            Unprocessed(0.2, seed=seed),
        )
        sound = runtime.dynamodb
        runtime.dynamodb = FaultInjectingClient(sound, *faults)
        ada, deal = handoffs.professional(email="a@example.com"), handoffs.deal()
        old, id = handoffs.draft(ada, deal)["id"], handoffs.draft(ada, deal)["id"]
        handoffs.send(id)
        (task,) = handoffs.accept(id)["task_ids"]
        handoffs.finish(task)
        handoffs.complete(id)
        runtime.dynamodb = sound
        assert [handoffs.status(one) for one in (old, id)] == ["superseded", "completed"]
        assert len(tasks_of(runtime)) == 1
        assert len(mails(runtime)) == 1
        assert len([row for row in handoffs.list(f"/pros/scorecard/{ada}/log") if row["source"] == "handoff"]) == 1
