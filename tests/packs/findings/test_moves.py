"""What people do about findings: acknowledge, resolve, accept a risk; who may, and what is refused in which order."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

import pytest

from chalicelib.foundation.errors import Forbidden
from chalicelib.foundation.store.codec import decode_item
from chalicelib.packs.deals import public as deals
from chalicelib.packs.findings.entities import Finding
from chalicelib.packs.findings.schemas import FindingAcceptRequest
from chalicelib.packs.findings.service.findings import accept_finding
from tests.packs.findings.findings_client import AUDIT, FindingsClient
from tests.packs.tasks.tasks_client import gate

E = f"{AUDIT}/events"
UNKNOWN = "find_d01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"


@pytest.fixture
def deal(findings: FindingsClient) -> str:
    """A deal with a critical finding, and a warning."""
    deal = findings.deal()
    findings.task(deal)
    findings.scan(deal)
    return deal


@pytest.fixture
def critical(findings: FindingsClient, deal: str) -> str:
    return str(findings.only(deal, "MISSING_SIGNED_CONTRACT")["id"])


@pytest.fixture
def warning(findings: FindingsClient, deal: str) -> str:
    return str(findings.only(deal, "OPEN_PROFESSIONAL_TASKS")["id"])


class TestAcknowledging:
    @pytest.mark.parametrize("role", ["admin", "operator", "counsel", "auditor"])
    def test_who_is_at_it(self, as_, findings: FindingsClient, warning, deal, role):
        seen = as_(role).ok("POST", f"{E}/{warning}/acknowledge", {"note": "On Friday."})
        assert (seen["status"], seen["acknowledged_by"], seen["note"]) == ("acknowledged", f"user_{role}", "On Friday.")
        assert findings.codes(deal)["OPEN_PROFESSIONAL_TASKS"] == "acknowledged"  # it stays so while its cause stands
        assert [row["status"] for row in findings.open_ones() if row["id"] == warning] == ["acknowledged"]

    def test_without_a_body_or_twice(self, findings: FindingsClient, warning):
        assert findings.ok("POST", f"{E}/{warning}/acknowledge", {})["note"] is None
        again = findings.expect_error(409, "POST", f"{E}/{warning}/acknowledge", {})
        assert (again["type"], again["from"], again["allowed"]) == (
            "/problems/invalid-transition", "acknowledged", ["resolved", "accepted_risk"],
        )  # fmt: skip

    def test_it_is_forgotten_when_it_comes_back(self, findings: FindingsClient, auditor: FindingsClient, warning, deal):
        findings.ok("POST", f"{E}/{warning}/acknowledge", {})
        auditor.ok("POST", f"{E}/{warning}/resolve", {"note": "Done by phone."})
        findings.scan(deal)
        assert findings.finding(warning)["acknowledged_by"] is None


class TestResolving:
    @pytest.mark.parametrize("role", ["admin", "auditor"])
    def test_with_a_note(self, as_, findings: FindingsClient, warning, role, clock):
        clock.now += timedelta(hours=1)
        resolved = as_(role).ok("POST", f"{E}/{warning}/resolve", {"note": "Done by phone."})
        assert (resolved["status"], resolved["is_resolved"], resolved["resolved_by"]) == ("resolved", True, f"user_{role}")
        assert (resolved["resolved_at"], resolved["last_seen"]) == ("2026-11-24T19:00:00.000Z", "2026-11-24T18:00:00.000Z")
        assert warning not in [row["id"] for row in findings.open_ones()]

    def test_q2_twice(self, auditor: FindingsClient, warning):
        first = auditor.ok("POST", f"{E}/{warning}/resolve", {"note": "Done by phone."})
        again = auditor.expect_error(409, "POST", f"{E}/{warning}/resolve", {"note": "Again."})
        assert (again["from"], again["allowed"]) == ("resolved", [])
        assert auditor.finding(warning)["resolved_at"] == first["resolved_at"]

    @pytest.mark.parametrize("body", [{}, {"note": ""}, {"note": " "}, {"note": None}, {"note": "x", "status": "resolved"}])
    def test_without_one(self, auditor: FindingsClient, warning, body):
        auditor.expect_error(422, "POST", f"{E}/{warning}/resolve", body)


class TestAccepting:
    BODY: ClassVar = {"reason": "The buyer knows of it.", "until": "2026-12-31"}

    def test_out_of_what_counts_as_open(self, findings: FindingsClient, auditor: FindingsClient, warning, deal, project):
        accepted = auditor.ok("POST", f"{E}/{warning}/accept", self.BODY)
        assert (accepted["status"], accepted["reason"], accepted["until"], accepted["decision_id"]) == (
            "accepted_risk", "The buyer knows of it.", "2026-12-31", None,
        )  # fmt: skip
        assert findings.codes(deal) == {"MISSING_SIGNED_CONTRACT": "open"}
        assert warning not in [row["id"] for row in findings.open_ones()]
        project()
        assert findings.summary()["total_open"] == 1

    @pytest.mark.parametrize(
        ("until", "status"),
        [("2026-11-23", 422), ("2026-11-24", 200), ("2027-05-23", 200), ("2027-05-24", 422), ("soon", 422), (None, 422)],
    )
    def test_until_a_day_within_180(self, auditor: FindingsClient, warning, until, status):
        answer = auditor.call("POST", f"{E}/{warning}/accept", {**self.BODY, "until": until})
        assert answer.status == status, answer.text

    @pytest.mark.parametrize("reason", ["", None])
    def test_it_takes_a_reason(self, auditor: FindingsClient, warning, reason):
        auditor.expect_error(422, "POST", f"{E}/{warning}/accept", {**self.BODY, "reason": reason})

    def test_its_day_passes(self, findings: FindingsClient, auditor: FindingsClient, warning, deal, clock):
        auditor.ok("POST", f"{E}/{warning}/accept", {**self.BODY, "until": "2026-11-26"})
        clock.now = datetime(2026, 11, 27, 7, 59, tzinfo=UTC)  # still the 26th in Los Angeles
        assert "OPEN_PROFESSIONAL_TASKS" not in findings.codes(deal)
        clock.now = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
        assert findings.codes(deal)["OPEN_PROFESSIONAL_TASKS"] == "open"
        finding = findings.finding(warning)
        assert (finding["reopened"], finding["until"], finding["reason"], finding["first_seen"]) == (
            1,
            None,
            None,
            "2026-11-24T18:00:00.000Z",
        )

    def test_its_cause_ends_meanwhile(self, findings: FindingsClient, auditor: FindingsClient, deal, warning, clock):
        auditor.ok("POST", f"{E}/{warning}/accept", {**self.BODY, "until": "2026-11-26"})
        (task,) = [row["id"] for row in findings.list(f"/pros/tasks/by-deal/{deal}")]
        findings.finish(task)
        findings.scan(deal)
        assert findings.finding(warning)["status"] == "accepted_risk"
        clock.now += timedelta(days=3)
        findings.scan(deal)
        assert (findings.finding(warning)["status"], findings.finding(warning)["reopened"]) == ("resolved", 0)

    def test_another_cause_isnt_accepted_with_it(self, findings: FindingsClient, auditor: FindingsClient):
        deal = findings.deal()
        task = findings.task(deal, due_on="2026-11-20")
        findings.scan(deal)
        overdue = findings.only(deal, "TASK_OVERDUE")["id"]
        auditor.ok("POST", f"{E}/{overdue}/accept", self.BODY)
        findings.patch(task, title="Another title")
        assert "TASK_OVERDUE" not in findings.codes(deal)
        findings.patch(task, due_on="2026-11-22")
        assert findings.codes(deal)["TASK_OVERDUE"] == "open"

    @pytest.mark.parametrize("role", ["admin", "operator", "counsel", "dealmaker", "viewer"])
    def test_the_auditors_alone(self, as_, warning, role):
        as_(role).expect_error(403, "POST", f"{E}/{warning}/accept", self.BODY)

    def test_nobody_accepts_what_they_caused(self, as_, findings: FindingsClient, auditor: FindingsClient):
        own = as_("operator", "auditor", user="user_both")
        deal = own.deal()
        own.scan(deal)
        mine = own.only(deal, "MISSING_SIGNED_CONTRACT")["id"]
        own.expect_error(403, "POST", f"{E}/{mine}/accept", self.BODY)
        task = own.task(deal)
        own.scan(deal)
        of_deal = own.only(deal, "OPEN_PROFESSIONAL_TASKS")["id"]
        own.expect_error(403, "POST", f"{E}/{of_deal}/accept", self.BODY)
        auditor.ok("POST", f"{E}/{of_deal}/accept", self.BODY)
        assert task

    def test_who_owns_it_neither(self, as_, findings: FindingsClient, runtime):
        owner = as_("auditor", user="user_01KB0Q5E8G7Z3V9X2M4N6P8R0T")
        deal = findings.deal()
        findings.task(deal)
        findings.scan(deal)
        item = runtime.store().get_item(deals.key(deal))
        item["owner"] = {"S": "user_01KB0Q5E8G7Z3V9X2M4N6P8R0T"}
        runtime.store().call("put_item", TableName=runtime.settings.table, Item=item)
        id = findings.only(deal, "OPEN_PROFESSIONAL_TASKS")["id"]
        owner.expect_error(403, "POST", f"{E}/{id}/accept", self.BODY)

    def test_a_critical_one_needs_a_decision(self, auditor: FindingsClient, critical):
        for more in ({}, {"decision_id": "dec_d01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"}, {"decision_id": "x"}):
            assert auditor.expect_error(409, "POST", f"{E}/{critical}/accept", {**self.BODY, **more})["code"] == "decision_needed"

    def test_a_decision_that_is_named_must_stand_for_a_warning_too(self, auditor: FindingsClient, warning):
        body = {**self.BODY, "decision_id": "dec_d01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"}
        assert auditor.expect_error(409, "POST", f"{E}/{warning}/accept", body)["code"] == "decision_needed"


class TestOrder:
    """404, 412, 409 of the move, 403, 422, 409 of the conditions."""

    def test_of_refusals(self, auditor: FindingsClient, warning, clock):
        accept, body = f"{E}/{warning}/accept", {"reason": "x", "until": "2020-01-01"}
        auditor.expect_error(404, "POST", f"{E}/{UNKNOWN}/accept", body)
        auditor.expect_error(404, "POST", f"{E}/nothing/accept", body)
        assert auditor.call("POST", accept, body, headers={"If-Match": '"7"'}).status == 412
        auditor.expect_error(422, "POST", accept, body)
        auditor.ok("POST", f"{E}/{warning}/resolve", {"note": "x"})
        auditor.expect_error(409, "POST", accept, body)

    def test_each_move_raises_the_deals_version(self, findings: FindingsClient, auditor: FindingsClient, warning, deal, runtime):
        vers = [gate(runtime, deal)["ver"]]
        for path, body in (("acknowledge", {}), ("accept", TestAccepting.BODY)):
            auditor.ok("POST", f"{E}/{warning}/{path}", body)
            vers.append(gate(runtime, deal)["ver"])
        assert vers == [vers[0], vers[0] + 1, vers[0] + 2]

    def test_a_repeated_request_is_answered_as_the_first(self, auditor: FindingsClient, warning):
        key = {"Idempotency-Key": "k"}
        first = auditor.call("POST", f"{E}/{warning}/resolve", {"note": "x"}, headers=key)
        again = auditor.call("POST", f"{E}/{warning}/resolve", {"note": "x"}, headers=key)
        assert (first.status, again.status, again.json()) == (200, 200, first.json())

    def test_each_stay_is_kept(self, findings: FindingsClient, auditor: FindingsClient, warning, deal, context):
        findings.ok("POST", f"{E}/{warning}/acknowledge", {"note": "On Friday."})
        auditor.ok("POST", f"{E}/{warning}/resolve", {"note": "Done."})
        findings.scan(deal)
        (rows,) = Finding.rows_below(warning)
        stays = [decode_item(raw) for raw in context("operator").store.query_all(rows)]
        assert [(stay["status"], stay["left_for"], stay["left_by"]) for stay in stays] == [
            ("open", "acknowledged", "user_operator"),
            ("acknowledged", "resolved", "user_auditor"),
            ("resolved", "open", "system:findings-scan"),
        ]


class TestRights:
    def test_reading(self, as_, findings: FindingsClient, warning, deal):
        for role in ("admin", "operator", "counsel", "auditor"):
            seen = as_(role)
            assert {row["id"] for row in seen.of_deal(deal)} == {row["id"] for row in findings.of_deal(deal)}
            assert (seen.finding(warning)["id"], len(seen.open_ones())) == (warning, 2)
            assert len(seen.ok("GET", f"{AUDIT}/rules")["items"]) == 13

    def test_a_dealmaker_those_of_own_deals(self, as_, findings: FindingsClient, warning, deal):
        ann, bob = as_("dealmaker", user="user_ann"), as_("dealmaker", user="user_bob")
        own = ann.deal()
        findings.scan(own)
        (of_own,) = ann.of_deal(own)
        assert ann.finding(of_own["id"])["deal_id"] == own
        bob.expect_error(404, "GET", f"{E}/deal/{own}")
        bob.expect_error(404, "GET", f"{E}/{of_own['id']}")
        ann.expect_error(404, "GET", f"{E}/deal/{deal}")
        ann.expect_error(404, "GET", f"{E}/{warning}")
        nobodys = findings.deal(owner=None)
        findings.scan(nobodys)
        assert len(bob.of_deal(nobodys)) == 1
        for method, path, body in (
            ("GET", f"{E}/open", None), ("POST", f"{AUDIT}/scan/deal/{own}", None), ("POST", f"{E}/{of_own['id']}/acknowledge", {}),
            ("POST", f"{E}/{of_own['id']}/resolve", {"note": "x"}),
        ):  # fmt: skip
            ann.expect_error(403, method, path, body)
        assert ann.summary()["total_open"] == 0

    def test_who_governs_all(self, as_, findings: FindingsClient, warning, deal):
        king = as_("King")
        assert king.finding(warning)["id"] == warning
        assert len(king.of_deal(deal)) == len(king.open_ones()) == 2
        king.expect_error(403, "POST", f"{E}/{warning}/acknowledge", {})

    def test_roles_add_up(self, as_, findings: FindingsClient, deal):
        assert len(as_("dealmaker", "counsel", user="user_both").of_deal(deal)) == 2

    def test_a_viewer_the_summary_and_the_rules(self, as_, warning, deal):
        viewer = as_("viewer")
        viewer.summary()
        viewer.ok("GET", f"{AUDIT}/rules")
        for path in (f"{E}/open", f"{E}/deal/{deal}", f"{E}/{warning}"):
            viewer.expect_error(403, "GET", path)

    def test_a_professional_nothing(self, as_):
        as_("professional").expect_error(403, "GET", f"{AUDIT}/summary")


class TestLists:
    def test_of_a_deal_newest_first_page_by_page(self, findings: FindingsClient, clock):
        deal, professional = findings.deal(), findings.professional()
        for _ in range(4):
            clock.now += timedelta(minutes=1)
            findings.task(deal, professional, due_on="2026-11-20")
            findings.scan(deal)
        rows = findings.list(f"{E}/deal/{deal}", limit="2")
        assert [row["first_seen"] for row in rows] == sorted((row["first_seen"] for row in rows), reverse=True)
        assert len({row["id"] for row in rows}) == len(rows) == 6

    def test_open_ones_newest_first(self, findings: FindingsClient, clock):
        for _ in range(3):
            clock.now += timedelta(minutes=1)
            findings.scan(findings.deal())
        rows = findings.open_ones()
        assert [row["first_seen"] for row in rows] == sorted((row["first_seen"] for row in rows), reverse=True)
        assert set(rows[0]) == {"id", "code", "severity", "status", "message", "deal_id", "subject_id", "first_seen"}

    def test_of_no_deal(self, findings: FindingsClient):
        findings.expect_error(404, "GET", f"{E}/deal/deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T")
        findings.expect_error(404, "GET", f"{E}/{UNKNOWN}")


class TestSummary:
    def test_it_counts_what_is_open(self, findings: FindingsClient, auditor: FindingsClient, project, deal, warning):
        assert findings.summary()["behind"] == 2
        project()
        summary = findings.summary()
        assert {name: summary[name] for name in ("total_open", "critical", "warning", "info", "by_code", "behind")} == {
            "total_open": 2, "critical": 1, "warning": 1, "info": 0,
            "by_code": {"MISSING_SIGNED_CONTRACT": 1, "OPEN_PROFESSIONAL_TASKS": 1}, "behind": 0,
        }  # fmt: skip
        findings.ok("POST", f"{E}/{warning}/acknowledge", {})  # a14: it counts as open
        project()
        assert (findings.summary()["total_open"], findings.summary()["behind"]) == (2, 0)
        auditor.ok("POST", f"{E}/{warning}/resolve", {"note": "x"})
        assert findings.summary()["behind"] == 1
        project()
        assert (findings.summary()["total_open"], findings.summary()["by_code"]) == (1, {"MISSING_SIGNED_CONTRACT": 1})

    def test_it_explains_itself(self, findings: FindingsClient, project, deal):
        project()
        explained = findings.ok("GET", f"{AUDIT}/summary", query={"explain": "true"})["explain"]
        assert (explained["formula"], explained["inputs"]["open"]) == ({"id": "findings.summary", "version": 1}, 2)

    def test_of_nothing(self, findings: FindingsClient):
        assert findings.summary()["total_open"] == 0


def test_an_api_key_accepts_no_risk(warning, context):
    ctx = context("auditor")
    body = FindingAcceptRequest(reason="Fine.", until=date(2026, 12, 31))
    with pytest.raises(Forbidden):
        accept_finding(replace(ctx, actor=replace(ctx.actor, kind="api_key")), warning, body)
