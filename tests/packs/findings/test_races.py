"""Many scans at once, on the engine that bears threads; and the interleavings that matter, one by one."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.packs.findings import schedules
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.fault_injection import Conflicts, FaultInjectingClient, LostResponses, Throttles, Unprocessed
from tests.packs.findings.findings_client import AUDIT, FindingsClient, all_findings
from tests.packs.tasks.tasks_client import events, gate
from tests.packs.tasks.test_races import Meanwhile, at_once

__all__ = ["dynamodb_local", "dynamodb_local_url"]

E = f"{AUDIT}/events"


def told(runtime: Any) -> Counter[tuple[str, int]]:
    return Counter((event.subject_id, event.data["reopened"]) for event in events(runtime, "findings.raised"))


class TestInterleavings:
    """Between the read and the write of one another acts, and what both decide must hold."""

    def test_two_scans(self, findings: FindingsClient, runtime):
        deal = findings.deal()
        meanwhile = Meanwhile(runtime, lambda: findings.scan(deal))
        assert findings.scan(deal) == meanwhile.results[0]
        (finding,) = all_findings(runtime)
        assert (finding.revision, told(runtime)) == (1, {(finding.id, 0): 1})

    def test_what_a_scan_has_seen_is_over_when_it_writes(self, findings: FindingsClient, runtime):
        """Another scan has resolved it since: the first reads again, and leaves it so."""
        deal = findings.deal()
        task = findings.task(deal)
        findings.scan(deal)
        findings.task(deal, due_on="2026-11-20")

        def finish_all() -> None:
            for row in findings.list(f"/pros/tasks/by-deal/{deal}"):
                findings.finish(row["id"])
            findings.scan(deal)

        Meanwhile(runtime, finish_all)
        assert {event["code"] for event in findings.scan(deal)["events"]} <= {"MISSING_SIGNED_CONTRACT", "TASK_OVERDUE"}
        assert findings.codes(deal) == {"MISSING_SIGNED_CONTRACT": "open"}
        assert findings.only(deal, "OPEN_PROFESSIONAL_TASKS")["status"] == "resolved"
        assert task

    def test_it_is_resolved_by_hand_while_a_scan_reopens(self, findings: FindingsClient, auditor: FindingsClient, runtime):
        deal = findings.deal()
        (event,) = findings.scan(deal)["events"]
        Meanwhile(runtime, lambda: auditor.ok("POST", f"{E}/{event['id']}/resolve", {"note": "x"}))
        findings.task(deal)  # the next transaction is that of the task
        findings.scan(deal)
        finding = findings.finding(event["id"])
        assert (finding["status"], finding["reopened"]) == ("open", 1)

    def test_two_move_it_at_once(self, findings: FindingsClient, auditor: FindingsClient, runtime):
        deal = findings.deal()
        (event,) = findings.scan(deal)["events"]
        Meanwhile(runtime, lambda: auditor.ok("POST", f"{E}/{event['id']}/resolve", {"note": "x"}))
        assert findings.expect_error(409, "POST", f"{E}/{event['id']}/acknowledge", {})["from"] == "resolved"

    def test_the_deal_is_deleted_meanwhile(self, findings: FindingsClient, runtime):
        deal = findings.deal()
        Meanwhile(runtime, lambda: findings.ok("DELETE", f"/deals/{deal}"))
        findings.expect_error(404, "POST", f"{AUDIT}/scan/deal/{deal}")
        assert all_findings(runtime) == []

    def test_its_owner_has_left_meanwhile(self, findings: FindingsClient, runtime, as_):
        deal = findings.deal()
        store = runtime.store()
        store.update(_user("user_operator"), set={"is_active": False})
        FindingsClient(as_("admin").call).scan(deal)
        (event,) = events(runtime, "findings.raised")
        assert (event.for_user, event.for_role) == ("user_operator", "operator")


def _user(id: str) -> Any:
    from chalicelib.foundation.access import user_key

    return user_key(id)


@pytest.mark.dynamodb_local
class TestThreads:
    @pytest.fixture
    def dynamodb(self, dynamodb_local: Any) -> Any:
        return dynamodb_local

    def test_concurrent_scans_make_one_finding(self, findings: FindingsClient, runtime):
        deal = findings.deal()
        findings.task(deal, due_on="2026-11-20")

        def scan(_: int) -> Any:
            for _ in range(20):
                answer = findings.call("POST", f"{AUDIT}/scan/deal/{deal}")
                if answer.status != 503:  # too many at once: as it says, again
                    return answer
            return answer

        answers = at_once(12, scan)
        assert {answer.status for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        found = all_findings(runtime)
        assert Counter(finding.code for finding in found) == dict.fromkeys(
            ("MISSING_SIGNED_CONTRACT", "OPEN_PROFESSIONAL_TASKS", "TASK_OVERDUE"), 1
        )
        assert {finding.revision for finding in found} == {1}
        assert set(told(runtime).values()) == {1}

    def test_scans_and_what_people_do_at_once(self, findings: FindingsClient, auditor: FindingsClient, runtime):
        """Scans see a living cause, and people resolve it: in the end it stands, and was raised once more than it was resolved."""
        deal = findings.deal()
        (event,) = findings.scan(deal)["events"]

        def act(at: int) -> Any:
            if at % 2:
                return auditor.call("POST", f"{E}/{event['id']}/resolve", {"note": str(at)})
            return findings.call("POST", f"{AUDIT}/scan/deal/{deal}")

        answers = at_once(10, act)
        assert {answer.status for answer in answers} <= {200, 409, 503}
        findings.scan(deal)
        (finding,) = all_findings(runtime)
        resolved = sum(answer.status == 200 for answer in answers[1::2])
        assert (finding.status, finding.reopened) == ("open", resolved)
        assert told(runtime) == {(finding.id, number): 1 for number in range(resolved + 1)}

    def test_the_schedule_three_times_at_once(self, findings: FindingsClient, runtime, clock, run_work):
        ids = {findings.deal() for _ in range(6)}
        clock.now += timedelta(days=1)
        records = at_once(3, lambda _: run_work(schedules.scans))
        assert [(record["error"], record["failed"]) for record in records] == [("", 0)] * 3
        assert {finding.deal_id for finding in all_findings(runtime)} == ids
        assert set(told(runtime).values()) == {1}
        assert len(told(runtime)) == 6

    @pytest.mark.parametrize("seed", range(2))
    def test_with_faults_at_every_fifth_call(self, findings: FindingsClient, auditor: FindingsClient, runtime, seed):
        """Throttles, conflicts and lost answers: each call ends as it would without them, and only once."""
        for who in (auditor, findings):
            who.call.be_signed_in()
        sound = runtime.dynamodb
        runtime.dynamodb = FaultInjectingClient(
            sound,
            Throttles(0.2, seed=seed),
            Conflicts(0.2, seed=seed + 10),
            LostResponses(0.1, seed=seed + 20),
            Unprocessed(0.2, seed=seed),
        )
        deal, professional = findings.deal(), findings.professional()
        findings.task(deal, professional, due_on="2026-11-20")
        (missing, *_) = findings.scan(deal)["events"]
        findings.ok("POST", f"{E}/{missing['id']}/acknowledge", {})
        auditor.ok("POST", f"{E}/{missing['id']}/resolve", {"note": "x"})
        assert findings.codes(deal) == dict.fromkeys(("MISSING_SIGNED_CONTRACT", "OPEN_PROFESSIONAL_TASKS", "TASK_OVERDUE"), "open")
        runtime.dynamodb = sound
        assert told(runtime) == {(missing["id"], 0): 1, (missing["id"], 1): 1}
        assert gate(runtime, deal)["refs"] == 1  # the task
