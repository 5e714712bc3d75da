"""Scanning a deal: what is found is raised once, kept while it stands, resolved when it is gone, and raised again when it is back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.packs.findings.entities import Finding, LastScan
from chalicelib.packs.findings.rules import checks
from chalicelib.packs.findings.rules.issues import CRITICAL, WARNING, Cause, Rule
from tests.packs.findings.findings_client import AUDIT, FindingsClient, all_findings
from tests.packs.tasks.tasks_client import events, gate


def later(clock: Any, **by: int) -> None:
    clock.now += timedelta(**by)


def raised(runtime: Any) -> list[tuple[str, int]]:
    """Which findings were told of, and how often each was reopened by then."""
    return sorted((event.subject_id, event.data["reopened"]) for event in events(runtime, "findings.raised"))


class TestRaising:
    def test_the_older_scan(self, findings: FindingsClient):
        deal = findings.deal()
        findings.task(deal)
        answer = findings.scan(deal)
        assert (answer["deal_id"], answer["issues_found"]) == (deal, 2)
        assert answer["checklist"] == {
            "has_signed_contract": False,
            "no_unsigned_contracts": True,
            "all_required_docs_acknowledged": True,
            "all_professional_tasks_done": False,
            "no_open_critical_finding": True,
        }
        assert [{name: event[name] for name in event if name != "id"} for event in answer["events"]] == [
            {"code": "MISSING_SIGNED_CONTRACT", "severity": "critical", "message": "Deal has no signed contract.", "status": "open"},
            {
                "code": "OPEN_PROFESSIONAL_TASKS", "severity": "warning", "message": "One or more professional tasks are still open.",
                "status": "open",
            },
        ]  # fmt: skip

    def test_a_finding_whole(self, findings: FindingsClient, clock):
        deal = findings.deal()
        (event,) = findings.scan(deal)["events"]
        at = "2026-11-24T18:00:00.000Z"
        finding = findings.finding(event["id"])
        assert len(finding.pop("fingerprint")) == 64
        assert finding == {
            "id": event["id"], "revision": 1, "created_at": at, "created_by": "system:findings-scan", "updated_at": at,
            "updated_by": "system:findings-scan", "deal_id": deal, "code": "MISSING_SIGNED_CONTRACT", "severity": "critical",
            "message": "Deal has no signed contract.", "subject_type": "deal", "subject_id": deal, "professional_id": None,
            "rule_version": 1, "status": "open", "is_resolved": False, "first_seen": at, "last_seen": at, "reopened": 0,
            "acknowledged_by": None, "resolved_at": None, "resolved_by": None, "note": None, "reason": None, "until": None,
            "decision_id": None,
        }  # fmt: skip

    def test_q1_two_scans_find_it_once(self, findings: FindingsClient, runtime):
        deal = findings.deal()
        first, second = findings.scan(deal), findings.scan(deal)
        assert first == second
        assert len(all_findings(runtime)) == len(findings.open_ones()) == 1
        assert raised(runtime) == [(first["events"][0]["id"], 0)]

    def test_q4_of_no_deal_nothing_is_written(self, findings: FindingsClient, runtime):
        findings.expect_error(404, "POST", f"{AUDIT}/scan/deal/deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T")
        findings.expect_error(404, "POST", f"{AUDIT}/scan/deal/nothing")
        assert all_findings(runtime) == []

    def test_by_the_deals_own_reference(self, findings: FindingsClient):
        deal = findings.deal(external_ref="D-7")
        assert findings.scan("D-7")["deal_id"] == deal

    def test_of_each_subject_one(self, findings: FindingsClient):
        deal = findings.deal()
        tasks = {findings.task(deal, due_on=f"2026-11-2{day}") for day in (1, 2, 3)}
        findings.scan(deal)
        found = [finding for finding in findings.of_deal(deal) if finding["code"] == "TASK_OVERDUE"]
        assert {finding["subject_id"] for finding in found} == tasks
        assert len({finding["id"] for finding in found}) == 3

    def test_its_id_follows_from_what_it_names(self, findings: FindingsClient):
        first, second = findings.deal(), findings.deal()
        ids = [findings.scan(deal)["events"][0]["id"] for deal in (first, second, first)]
        assert ids[0] == ids[2] != ids[1]
        assert all(id.startswith(f"find_d{deal[5:]}") for id, deal in zip(ids, (first, second), strict=False))

    def test_the_owner_is_told_of_critical_ones(self, findings: FindingsClient, runtime):
        deal = findings.deal()
        findings.task(deal, due_on="2026-11-20")
        findings.scan(deal)
        (event,) = events(runtime, "findings.raised")
        assert (event.for_user, event.title, event.data["code"]) == (
            "user_operator",
            "Deal has no signed contract.",
            "MISSING_SIGNED_CONTRACT",
        )
        findings.scan(findings.deal(owner=None))
        assert {event.for_role for event in events(runtime, "findings.raised")} == {None, "operator"}

    def test_many_at_once_are_written_in_parts(self, findings: FindingsClient, runtime):
        deal, professional = findings.deal(), findings.professional()
        for _ in range(45):
            findings.task(deal, professional, due_on="2026-11-20")
        assert findings.scan(deal)["issues_found"] == len(all_findings(runtime)) == 47
        assert findings.scan(deal)["issues_found"] == 47


class TestKeeping:
    def test_a_scan_that_finds_nothing_new_writes_one_row(self, findings: FindingsClient, runtime, clock):
        deal = findings.deal()
        findings.scan(deal)
        before, ver = {finding.id: finding.revision for finding in all_findings(runtime)}, gate(runtime, deal)["ver"]
        later(clock, hours=3)
        findings.scan(deal)
        assert {finding.id: finding.revision for finding in all_findings(runtime)} == before
        assert gate(runtime, deal)["ver"] == ver
        seen = LastScan.from_item(runtime.store().get_item(LastScan.key_of(deal)))
        assert seen.last_seen == clock.now

    def test_last_seen_is_the_last_scan(self, findings: FindingsClient, clock):
        deal = findings.deal()
        findings.scan(deal)
        later(clock, hours=3)
        findings.scan(deal)
        finding = findings.only(deal, "MISSING_SIGNED_CONTRACT")
        assert (finding["first_seen"], finding["last_seen"]) == ("2026-11-24T18:00:00.000Z", "2026-11-24T21:00:00.000Z")
        assert findings.finding(finding["id"])["last_seen"] == "2026-11-24T21:00:00.000Z"
        assert finding["updated_at"] == "2026-11-24T18:00:00.000Z"

    def test_what_changed_of_the_cause_is_written(self, findings: FindingsClient):
        deal = findings.deal()
        task = findings.task(deal, due_on="2026-11-20")
        findings.scan(deal)
        before = findings.only(deal, "TASK_OVERDUE")
        findings.patch(task, due_on="2026-11-22")
        findings.scan(deal)
        after = findings.only(deal, "TASK_OVERDUE")
        assert (before["message"], after["message"]) == ("The task was due on 2026-11-20.", "The task was due on 2026-11-22.")
        assert (after["status"], after["reopened"], after["revision"]) == ("open", 0, 2)
        assert after["fingerprint"] != before["fingerprint"]

    def test_a_finding_raises_the_deals_version(self, findings: FindingsClient, runtime):
        deal = findings.deal()
        before = gate(runtime, deal)
        findings.scan(deal)
        after = gate(runtime, deal)
        assert (after["ver"] - before["ver"], after["refs"] - before["refs"]) == (1, 0)

    def test_findings_keep_no_deal_from_being_deleted(self, findings: FindingsClient):
        deal = findings.deal()
        findings.scan(deal)
        findings.ok("DELETE", f"/deals/{deal}")
        findings.expect_error(404, "GET", f"{AUDIT}/events/deal/{deal}")


class TestResolving:
    def test_a_cause_that_is_gone(self, findings: FindingsClient, clock):
        deal = findings.deal()
        task = findings.task(deal)
        findings.scan(deal)
        later(clock, hours=1)
        findings.finish(task)
        later(clock, hours=1)
        assert findings.codes(deal) == {"MISSING_SIGNED_CONTRACT": "open"}
        finding = findings.only(deal, "OPEN_PROFESSIONAL_TASKS")
        assert (finding["status"], finding["is_resolved"], finding["resolved_by"]) == ("resolved", True, "system:findings-scan")
        assert (finding["last_seen"], finding["resolved_at"]) == ("2026-11-24T18:00:00.000Z", "2026-11-24T20:00:00.000Z")
        assert [row["code"] for row in findings.open_ones()] == ["MISSING_SIGNED_CONTRACT"]
        before = finding["revision"]
        findings.scan(deal)
        assert findings.only(deal, "OPEN_PROFESSIONAL_TASKS")["revision"] == before

    def test_it_comes_back(self, findings: FindingsClient, clock):
        deal = findings.deal()
        task = findings.task(deal)
        findings.scan(deal)
        findings.finish(task)
        later(clock, hours=1)
        findings.scan(deal)
        findings.move(task, "in_progress", reason="defect")
        later(clock, hours=1)
        assert findings.codes(deal)["OPEN_PROFESSIONAL_TASKS"] == "open"
        finding = findings.only(deal, "OPEN_PROFESSIONAL_TASKS")
        assert (finding["reopened"], finding["first_seen"], finding["last_seen"]) == (
            1, "2026-11-24T18:00:00.000Z", "2026-11-24T20:00:00.000Z",
        )  # fmt: skip
        assert (finding["resolved_at"], finding["resolved_by"], finding["is_resolved"]) == (None, None, False)

    def test_d29_a_manual_resolution_hides_no_living_cause(self, findings: FindingsClient, auditor: FindingsClient, runtime):
        deal = findings.deal()
        (event,) = findings.scan(deal)["events"]
        resolved = auditor.ok("POST", f"{AUDIT}/events/{event['id']}/resolve", {"note": "Signed on paper."})
        assert (resolved["status"], resolved["note"], resolved["resolved_by"]) == ("resolved", "Signed on paper.", "user_auditor")
        assert findings.codes(deal) == {"MISSING_SIGNED_CONTRACT": "open"}
        finding = findings.finding(event["id"])
        assert (finding["reopened"], finding["first_seen"], finding["note"]) == (1, resolved["first_seen"], None)
        assert raised(runtime) == [(event["id"], 0), (event["id"], 1)]  # once each raising

    def test_a_cancelled_deal_has_none(self, findings: FindingsClient):
        deal = findings.deal()
        findings.scan(deal)
        findings.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert findings.scan(deal)["events"] == []
        assert findings.only(deal, "MISSING_SIGNED_CONTRACT")["status"] == "resolved"


class TestSeverity:
    @pytest.fixture
    def rule(self, monkeypatch: pytest.MonkeyPatch):
        """A rule that finds something on every deal, as it is said to."""

        def set_rule(severity: str, version: int = 1) -> None:
            made = Rule("STALE_DEAL", severity, "x", lambda facts, _: [Cause("deal", facts.deal.id, "x")], ("open",), version)
            monkeypatch.setattr(checks, "RULES", (made,))

        return set_rule

    def test_graver_than_it_was_accepted(self, findings: FindingsClient, auditor: FindingsClient, rule, runtime):
        rule(WARNING)
        deal = findings.deal()
        (event,) = findings.scan(deal)["events"]
        auditor.ok("POST", f"{AUDIT}/events/{event['id']}/accept", {"reason": "Fine.", "until": "2026-12-31"})
        assert findings.scan(deal)["events"] == []
        rule(WARNING, version=2)
        assert findings.scan(deal)["events"] == []
        assert findings.finding(event["id"])["rule_version"] == 2
        rule(CRITICAL, version=3)
        assert findings.codes(deal) == {"STALE_DEAL": "open"}
        finding = findings.finding(event["id"])
        assert (finding["severity"], finding["reopened"], finding["until"], finding["reason"]) == ("critical", 1, None, None)
        assert raised(runtime) == [(event["id"], 1)]

    def test_one_that_is_open_becomes_graver(self, findings: FindingsClient, rule, runtime):
        rule(WARNING)
        deal = findings.deal()
        findings.scan(deal)
        rule(CRITICAL, version=2)
        (event,) = findings.scan(deal)["events"]
        finding = findings.finding(event["id"])
        assert (finding["severity"], finding["rule_version"], finding["status"], finding["reopened"]) == ("critical", 2, "open", 0)
        assert raised(runtime) == [(event["id"], 0)]


def test_a_repeated_request_is_answered_as_the_first(findings: FindingsClient, clock):
    deal = findings.deal()
    key = {"Idempotency-Key": "k"}
    first = findings.call("POST", f"{AUDIT}/scan/deal/{deal}", headers=key)
    task = findings.task(deal)
    assert findings.call("POST", f"{AUDIT}/scan/deal/{deal}", headers=key).json() == first.json()
    assert findings.codes(deal) == {"MISSING_SIGNED_CONTRACT": "open", "OPEN_PROFESSIONAL_TASKS": "open"}
    assert findings.finish(task)["status"] == "done"


def test_stale_after_thirty_days_without_anybody(findings: FindingsClient, clock):
    deal = findings.deal()
    clock.now = datetime(2026, 12, 23, 20, tzinfo=UTC)
    assert "STALE_DEAL" not in findings.codes(deal)
    clock.now = datetime(2026, 12, 24, 20, tzinfo=UTC)
    assert findings.codes(deal)["STALE_DEAL"] == "open"
    findings.ok("PATCH", f"/deals/{deal}", {"notes": "Called the seller."})
    assert "STALE_DEAL" not in findings.codes(deal)


def test_what_is_stored_tells_of_no_names(findings: FindingsClient, runtime):
    professional = findings.professional(
        "Grace Hopper", licenses=[{"kind": "bar", "number": "7", "jurisdiction": "WA", "expires_on": "2026-01-31"}]
    )
    findings.scan(findings.deal(professional_ids=[professional]))
    found = {finding.code: finding for finding in all_findings(runtime)}
    assert found["LICENSE_EXPIRED"].professional_id == professional
    assert not Finding.PERSONAL
    assert "Grace" not in str([finding.to_item() for finding in found.values()])
