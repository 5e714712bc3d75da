"""Every night the deals that are worked on are scanned, and those finalized within a week; what is late, repeated or in pieces is the same."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.findings import schedules
from chalicelib.packs.findings.entities import LastScan
from chalicelib.packs.findings.service import nightly
from tests.packs.findings.findings_client import AUDIT, FindingsClient, all_findings
from tests.packs.tasks.tasks_client import events


@pytest.fixture
def run(run_work: Any) -> Any:
    return lambda context=None: run_work(schedules.scans, context)


@pytest.fixture
def finalize(context: Any) -> Any:
    """Let a deal be finalized, or finalizing."""

    def finalize(deal: str, status: str = deals.FINALIZED) -> None:
        ctx = context("operator")
        before = ctx.store.require(deals.Deal, deal)
        after = before.with_changes(ctx, status=status, status_entered_at=ctx.now)
        tx = Transaction(ctx.store)
        tx.save(after)
        tx.update(deals.gate_key(deal), set={"status": status})
        tx.commit()

    return finalize


def night(clock: Any, number: int) -> None:
    clock.now = datetime(2026, 11, 24, 10, 15, tzinfo=UTC) + timedelta(days=number)


def open_on(runtime: Any) -> set[str | None]:
    return {finding.deal_id for finding in all_findings(runtime) if finding.is_counted}


def test_deals_that_are_worked_on(findings: FindingsClient, clock, run, runtime, finalize):
    opened, finalizing, cancelled = findings.deal(), findings.deal(), findings.deal()
    finalize(finalizing, deals.FINALIZING)
    findings.ok("PATCH", f"/deals/{cancelled}/status", {"status": "cancelled", "reason": "title"})
    night(clock, 1)
    record = run()
    assert (record["found"], record["done"], record["failed"], record["more"]) == (2, 2, 0, False)
    assert open_on(runtime) == {opened, finalizing}
    assert {finding.created_by for finding in all_findings(runtime)} == {"system:findings-scan"}


def test_twice_in_a_night(findings: FindingsClient, clock, run, runtime):
    findings.deal()
    night(clock, 1)
    run()
    assert (again := run())["found"] == 0, again
    assert len(all_findings(runtime)) == len(events(runtime, "findings.raised")) == 1
    night(clock, 2)
    assert run()["done"] == 1
    assert [finding.revision for finding in all_findings(runtime)] == [1]


def test_what_somebody_scanned_today_is_passed_over(findings: FindingsClient, clock, run):
    deal = findings.deal()
    night(clock, 1)
    findings.scan(deal)
    assert run()["found"] == 0


def test_what_comes_and_goes_by_night(findings: FindingsClient, clock, run):
    deal = findings.deal()
    task = findings.task(deal, due_on="2026-11-25")
    seen = []
    for number in range(1, 5):
        night(clock, number)
        if number == 3:
            findings.finish(task)
        run()
        seen.append({finding["code"]: finding["status"] for finding in findings.of_deal(deal)}.get("TASK_OVERDUE"))
    assert seen == [None, "open", "resolved", "resolved"]


class TestOfFinalizedDeals:
    def test_for_seven_days(self, findings: FindingsClient, clock, run, runtime, finalize):
        deal = findings.deal()
        findings.task(deal)
        night(clock, 1)
        run()
        finalize(deal)
        scanned = []
        for number in range(2, 12):
            night(clock, number)
            scanned.append(run()["done"])
        assert scanned == [1] * 7 + [0] * 3
        found = {finding.code: finding.status for finding in all_findings(runtime)}
        assert found == {"MISSING_SIGNED_CONTRACT": "open", "OPEN_PROFESSIONAL_TASKS": "resolved"}

    def test_one_that_no_night_has_seen_before(self, findings: FindingsClient, clock, run, runtime, finalize):
        deal = findings.deal()
        finalize(deal)
        night(clock, 1)
        assert run()["done"] == 1
        assert open_on(runtime) == {deal}

    def test_an_old_one_isnt_looked_at(self, findings: FindingsClient, clock, run, finalize):
        finalize(findings.deal())
        night(clock, 20)
        assert run()["found"] == 0


def test_a_cancelled_deal_is_scanned_once_more(findings: FindingsClient, clock, run, runtime):
    deal = findings.deal()
    night(clock, 1)
    run()
    findings.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
    night(clock, 2)
    assert run()["done"] == 1
    assert open_on(runtime) == set()
    night(clock, 3)
    assert run()["found"] == 0


def test_the_findings_of_a_deleted_deal_end(findings: FindingsClient, clock, run, runtime):
    deal = findings.deal()
    night(clock, 1)
    run()
    findings.ok("DELETE", f"/deals/{deal}")
    night(clock, 2)
    assert run()["done"] == 1
    assert open_on(runtime) == set()
    assert runtime.store().get_item(LastScan.key_of(deal)) is None
    assert run()["found"] == 0


class TestAcceptedRisks:
    def accept(self, findings: FindingsClient, auditor: FindingsClient, deal: str) -> str:
        findings.scan(deal)
        id = str(findings.only(deal, "OPEN_PROFESSIONAL_TASKS")["id"])
        auditor.ok("POST", f"{AUDIT}/events/{id}/accept", {"reason": "Fine.", "until": "2026-11-26"})
        return id

    def test_once_its_day_has_passed(self, findings: FindingsClient, auditor: FindingsClient, clock, run):
        deal = findings.deal()
        findings.task(deal)
        id = self.accept(findings, auditor, deal)
        seen = []
        for number in range(1, 5):
            night(clock, number)
            run()
            finding = findings.finding(id)
            seen.append((finding["status"], finding["reopened"]))
        assert seen == [("accepted_risk", 0)] * 2 + [("open", 1)] * 2

    def test_of_a_deal_that_is_over_the_cause_is_gone(self, findings: FindingsClient, auditor: FindingsClient, clock, run, finalize):
        deal = findings.deal()
        findings.task(deal)
        id = self.accept(findings, auditor, deal)
        finalize(deal)
        night(clock, 30)
        run()
        assert findings.finding(id)["status"] == "resolved"
        assert run()["found"] == 0


def test_with_little_time_the_next_run_goes_on(findings: FindingsClient, clock, run, runtime):
    ids = {findings.deal() for _ in range(4)}
    night(clock, 1)
    looks = iter([100_000] * 3 + [0] * 1000)
    hurried = run(SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: next(looks)))
    assert (hurried["more"], hurried["done"] < 4) == (True, True)
    assert hurried["done"] + run()["done"] == 4
    assert open_on(runtime) == ids


def test_one_that_fails_doesnt_stop_the_others(findings: FindingsClient, clock, run, runtime, monkeypatch):
    bad, good = findings.deal(), findings.deal()
    night(clock, 1)
    real = nightly.scan_if_there

    def failing(ctx: Any, deal: str) -> None:
        if deal == bad:
            raise RuntimeError("broken")
        real(ctx, deal)

    monkeypatch.setattr(nightly, "scan_if_there", failing)
    assert (record := run())["failed"] == 1, record
    assert open_on(runtime) == {good}
    monkeypatch.setattr(nightly, "scan_if_there", real)
    run()
    assert open_on(runtime) == {bad, good}
