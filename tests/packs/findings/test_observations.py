"""What others observe: a broken chain on a deal or on none, a governance role that somebody granted to themselves."""

from typing import Any

import pytest

from chalicelib.foundation import observations
from chalicelib.foundation.observations import Observation
from tests.packs.findings.findings_client import AUDIT, FindingsClient, all_findings
from tests.packs.tasks.tasks_client import events, gate


@pytest.fixture
def report(context: Any) -> Any:
    return lambda subject_type, subject_id, root_id, stands=True: observations.report(
        context("auditor"), Observation("CHAIN_BROKEN", subject_type, subject_id, "The chain is broken.", stands, root_id)
    )


def test_on_a_deal(findings: FindingsClient, report, runtime):
    deal = findings.deal()
    task = findings.task(deal)
    before = gate(runtime, deal)["ver"]
    report("task", task, deal)
    report("task", task, deal)
    found = findings.only(deal, "CHAIN_BROKEN")
    assert (found["severity"], found["subject_id"], found["status"], found["revision"]) == ("critical", task, "open", 1)
    assert gate(runtime, deal)["ver"] == before + 1
    assert [event.data["code"] for event in events(runtime, "findings.raised")] == ["CHAIN_BROKEN"]


def test_no_scan_ends_it(findings: FindingsClient, auditor: FindingsClient, report):
    deal = findings.deal()
    report("deal", deal, deal)
    answer = findings.scan(deal)
    assert ({event["code"] for event in answer["events"]}, answer["checklist"]["no_open_critical_finding"]) == (
        {"MISSING_SIGNED_CONTRACT", "CHAIN_BROKEN"}, False,
    )  # fmt: skip
    report("deal", deal, deal, stands=False)
    report("deal", deal, deal, stands=False)
    assert findings.only(deal, "CHAIN_BROKEN")["status"] == "resolved"
    report("deal", deal, deal)
    assert (findings.only(deal, "CHAIN_BROKEN")["status"], findings.only(deal, "CHAIN_BROKEN")["reopened"]) == ("open", 1)
    id = findings.only(deal, "CHAIN_BROKEN")["id"]
    auditor.ok("POST", f"{AUDIT}/events/{id}/resolve", {"note": "Restored from the export."})
    findings.scan(deal)
    assert findings.only(deal, "CHAIN_BROKEN")["status"] == "resolved"
    report("deal", deal, deal)  # the next verification sees it
    assert findings.only(deal, "CHAIN_BROKEN")["reopened"] == 2


def test_of_no_deal(findings: FindingsClient, as_, report, runtime, project):
    professional = findings.professional()
    report("professional", professional, professional)
    (row,) = findings.open_ones()
    assert (row["deal_id"], row["subject_id"], row["code"]) == (None, professional, "CHAIN_BROKEN")
    assert findings.finding(row["id"])["last_seen"] == row["first_seen"]
    as_("dealmaker").expect_error(404, "GET", f"{AUDIT}/events/{row['id']}")
    assert [event.for_role for event in events(runtime, "findings.raised")] == ["operator"]
    project()
    assert findings.summary()["critical"] == 1
    findings.ok("POST", f"{AUDIT}/events/{row['id']}/acknowledge", {})
    report("professional", professional, professional, stands=False)
    assert findings.open_ones() == []


def test_what_never_was_isnt_written(findings: FindingsClient, report, runtime, context):
    report("pipeline", "pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T", stands=False)
    assert all_findings(runtime) == []


def test_of_a_deal_that_is_gone(findings: FindingsClient, report, runtime):
    deal = findings.deal()
    findings.ok("DELETE", f"/deals/{deal}")
    report("deal", deal, deal)
    assert all_findings(runtime) == []


def test_an_accepted_one_is_opened_again(findings: FindingsClient, report, runtime, clock, run_work):
    from datetime import date, timedelta

    from chalicelib.packs.findings import schedules

    report("professional", professional := findings.professional(), professional)
    (finding,) = all_findings(runtime)
    values = {"status": "accepted_risk", "until": date(2026, 11, 26), "reason": "x"}
    store = runtime.store()
    store.call("put_item", TableName=store.table, Item=finding.with_values(**values).to_item())
    clock.now += timedelta(days=2)
    assert run_work(schedules.scans)["done"] == 0
    clock.now += timedelta(days=1)
    assert run_work(schedules.scans)["done"] == 1
    (finding,) = all_findings(runtime)
    assert (finding.status, finding.reopened, finding.until) == ("open", 1, None)


class TestSelfGrants:
    """A governance role that an administrator takes for themselves, which only a role without a holder allows."""

    def test_it_stands_while_they_hold_one(self, client_as, auditor: FindingsClient, runtime, context):
        ada = self.user(context, "ada")
        admin = FindingsClient(client_as("admin", user=ada))
        admin.ok("PATCH", f"/auth/users/{ada}", {"governance_roles": ["King"]})
        (row,) = auditor.open_ones()
        assert (row["code"], row["severity"], row["subject_id"], row["deal_id"]) == ("SELF_APPROVAL", "warning", ada, None)
        admin.ok("PATCH", f"/auth/users/{ada}", {"name": "Ada"})
        assert [row["status"] for row in auditor.open_ones()] == ["open"]
        own = FindingsClient(client_as("auditor", user=ada))
        own.expect_error(403, "POST", f"{AUDIT}/events/{row['id']}/accept", {"reason": "x", "until": "2026-12-31"})
        auditor.ok("POST", f"{AUDIT}/events/{row['id']}/accept", {"reason": "A firm of one.", "until": "2026-12-31"})
        admin.ok("PATCH", f"/auth/users/{ada}", {"governance_roles": ["King", "Queen"]})
        assert [(row["code"], row["status"]) for row in auditor.open_ones()] == [("SELF_APPROVAL", "open")]  # another one isn't accepted
        other = FindingsClient(client_as("admin"))
        other.ok("PATCH", f"/auth/users/{ada}", {"governance_roles": ["King"]})
        assert len(auditor.open_ones()) == 1
        other.ok("PATCH", f"/auth/users/{ada}", {"governance_roles": []})
        assert auditor.open_ones() == []
        assert [finding.status for finding in all_findings(runtime)] == ["resolved"]

    def test_granted_by_another_it_is_none(self, client_as, auditor: FindingsClient, runtime, context):
        ada = self.user(context, "ada")
        admin = FindingsClient(client_as("admin"))
        admin.ok("PATCH", f"/auth/users/{ada}", {"governance_roles": ["King"]})
        admin.ok("PATCH", f"/auth/users/{ada}", {"governance_roles": []})
        assert all_findings(runtime) == []

    def user(self, context, name: str) -> str:
        from chalicelib.foundation.auth.entities import User

        ctx = context("admin")
        values = {"email": f"{name}@example.com", "name": name, "roles": ["admin"], "governance_roles": [], "is_active": True}
        user = User.new(ctx, password_hash="x", password_is_initial=False, epoch=0, **values)
        ctx.store.create(user)
        return user.id
