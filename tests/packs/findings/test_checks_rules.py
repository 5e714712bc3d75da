"""Each rule by itself: what it finds, what it leaves out, and in which statuses of a deal it looks."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from chalicelib.packs.findings.rules import checks
from chalicelib.packs.findings.rules.checks import BY_CODE, RULES
from chalicelib.packs.findings.rules.facts import OverrunRetainer, StandingFinding
from chalicelib.packs.findings.rules.issues import CRITICAL, WARNING, Cause, fingerprint
from tests.packs.findings.sample_facts import (
    DEAL,
    TODAY,
    assignment,
    certificate,
    contract,
    decision,
    facts,
    item,
    pipeline,
    professional,
    route,
    task,
)

SIGNED = contract()
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


def found(code, read, today=TODAY):
    """What a rule finds: the subjects."""
    return [(issue.subject_type, issue.subject_id) for issue in BY_CODE[code].issues(read, today)]


def codes(read, today=TODAY):
    return [issue.code for issue in checks.live_issues(read, today)]


def test_the_rules_are_those_of_the_list():
    assert {rule.code: rule.severity for rule in RULES} == {
        "MISSING_SIGNED_CONTRACT": CRITICAL,
        "UNAPPROVED_FINALIZATION": CRITICAL,
        "CHAIN_BROKEN": CRITICAL,
        **dict.fromkeys(
            (
                "DOCS_NOT_ACKNOWLEDGED", "OPEN_PROFESSIONAL_TASKS", "STALE_DEAL", "CONTRACT_EXPIRED", "TASK_OVERDUE", "ITEM_OVERDUE",
                "RETAINER_OVERRUN", "LICENSE_EXPIRED", "ASSIGNMENT_BELOW_CONTRACT", "SELF_APPROVAL",
            ),
            WARNING,
        ),
    }  # fmt: skip
    assert all(rule.version == 1 and rule.checks.endswith(".") for rule in RULES)


def test_nothing_is_wrong_with_a_sound_deal():
    sound = facts(
        SIGNED,
        route(status="acknowledged", contract_id="ctr_1", document_sha256=SIGNED.facts["document_sha256"]),
        task(status="done", due_on=YESTERDAY),
        item(status="done", due_on=YESTERDAY),
        pipeline=pipeline(),
        assignments=[assignment()],
        professionals=[professional(WA="2026-11-24")],
    )
    assert codes(sound) == []


class TestContracts:
    @pytest.mark.parametrize("status", ["draft", "under_review", "approved", "sent", "declined", "expired", "terminated", "archived"])
    def test_none_is_signed(self, status):
        assert found("MISSING_SIGNED_CONTRACT", facts(contract(status=status, in_force=False))) == [("deal", DEAL)]

    def test_one_signed_is_enough(self):
        assert found("MISSING_SIGNED_CONTRACT", facts(contract(status="draft", in_force=False), contract("ctr_2"))) == []

    def test_the_older_message(self):
        (issue,) = checks.live_issues(facts(), TODAY)
        assert (issue.code, issue.severity, issue.message) == ("MISSING_SIGNED_CONTRACT", CRITICAL, "Deal has no signed contract.")

    def test_d21_the_term_ends_with_its_last_day(self):
        """In force on 2026-08-28, over on 08-29."""
        last = date(2026, 8, 28)
        assert codes(facts(contract(ended_on=None), active_on=last), last) == []
        ended = facts(contract(in_force=False, ended_on=last), active_on=last)
        assert codes(ended, date(2026, 8, 29)) == ["MISSING_SIGNED_CONTRACT", "CONTRACT_EXPIRED"]
        assert found("CONTRACT_EXPIRED", ended, date(2026, 8, 29)) == [("contract", "ctr_1")]

    def test_one_that_hasnt_begun_has_not_expired(self):
        assert found("CONTRACT_EXPIRED", facts(contract(in_force=False, ended_on=None))) == []

    def test_a_terminated_one_has_not_expired(self):
        assert found("CONTRACT_EXPIRED", facts(contract(status="terminated", in_force=False, ended_on=YESTERDAY))) == []

    def test_of_a_finalized_deal_the_term_may_end(self):
        ended = facts(contract(in_force=False, ended_on=YESTERDAY), status="finalized")
        assert codes(ended) == []
        assert codes(facts(status="finalized")) == ["MISSING_SIGNED_CONTRACT"]

    def test_ones_own_approval(self):
        assert found("SELF_APPROVAL", facts(contract(self_approved=True), contract("ctr_2"))) == [("contract", "ctr_1")]


class TestDocuments:
    @pytest.mark.parametrize(
        ("status", "blocks"), [("sent", True), ("opened", True), ("bounced", True), ("acknowledged", False), ("recalled", False)]
    )
    def test_d26_three_acknowledged_and_one_more(self, status, blocks):
        routes = [route(f"doc_{number}", status="acknowledged") for number in range(3)]
        assert found("DOCS_NOT_ACKNOWLEDGED", facts(*routes, route("doc_9", status=status))) == ([("deal", DEAL)] if blocks else [])

    def test_d26_an_acknowledgement_is_of_its_document(self):
        acknowledged = route(status="acknowledged", contract_id="ctr_1", document_sha256="a" * 64)
        assert found("DOCS_NOT_ACKNOWLEDGED", facts(SIGNED, acknowledged)) == []
        assert found("DOCS_NOT_ACKNOWLEDGED", facts(contract(document_sha256="b" * 64), acknowledged)) == [("deal", DEAL)]
        assert found("DOCS_NOT_ACKNOWLEDGED", facts(acknowledged)) == []  # the contract is gone: the document stays what it was


class TestTasksAndItems:
    @pytest.mark.parametrize(
        ("status", "open_"), [("open", True), ("in_progress", True), ("blocked", True), ("done", False), ("cancelled", False)]
    )
    def test_d28_three_done_and_one_more(self, status, open_):
        tasks = [task(f"task_{number}", status="done") for number in range(3)]
        assert found("OPEN_PROFESSIONAL_TASKS", facts(*tasks, task("task_9", status=status))) == ([("deal", DEAL)] if open_ else [])

    @pytest.mark.parametrize(("due_on", "overdue"), [(YESTERDAY, True), (TODAY, False), (TOMORROW, False), (None, False)])
    def test_past_its_day(self, due_on, overdue):
        late = facts(
            task(due_on=due_on), task("task_2", status="done", due_on=due_on), item(due_on=due_on), item("item_2", status="waived")
        )
        assert found("TASK_OVERDUE", late) == ([("task", "task_1")] if overdue else [])
        assert found("ITEM_OVERDUE", late) == ([("item", "item_1")] if overdue else [])

    def test_it_says_whose_task_it_is(self):
        (issue,) = BY_CODE["TASK_OVERDUE"].issues(facts(task(due_on="2026-11-20")), TODAY)
        assert (issue.professional_id, issue.message) == ("pro_1", "The task was due on 2026-11-20.")


class TestWhatItTouches:
    def test_a14_stale_after_30_days(self):
        assert found("STALE_DEAL", facts(active_on=TODAY - timedelta(days=29))) == []
        assert found("STALE_DEAL", facts(active_on=TODAY - timedelta(days=30))) == [("deal", DEAL)]

    def test_overrun_retainers(self):
        overrun = facts(overrun_retainers=[OverrunRetainer("ret_1", "pro_1"), OverrunRetainer("ret_2", "pro_1")])
        assert found("RETAINER_OVERRUN", overrun) == [("retainer", "ret_1"), ("retainer", "ret_2")]

    def test_a_licence_holds_through_its_last_day(self):
        assert found("LICENSE_EXPIRED", facts(professionals=[professional(WA="2026-11-24")])) == []
        assert found("LICENSE_EXPIRED", facts(professionals=[professional()])) == []
        expired = facts(professionals=[professional("pro_1", WA="2026-11-23", OR="2027-01-01"), professional("pro_2", WA="2027-01-01")])
        assert found("LICENSE_EXPIRED", expired) == [("professional", "pro_1")]

    def test_a_finding_on_a_professional_names_nobody(self):
        (issue,) = BY_CODE["LICENSE_EXPIRED"].issues(facts(professionals=[professional(WA="2026-01-01")]), TODAY)
        assert issue.message == "A licence of the professional has expired."

    @pytest.mark.parametrize(("price", "below"), [("117999.99", True), ("118000.00", False), ("131000", False)])
    @pytest.mark.parametrize("status", ["offered", "assigned"])
    def test_d12_below_the_contract_price(self, status, price, below):
        read = facts(pipeline=pipeline(), assignments=[assignment(status=status, value=Decimal(price))])
        assert found("ASSIGNMENT_BELOW_CONTRACT", read) == ([("assignment", "asgn_1")] if below else [])

    def test_what_is_over_or_unpriced_is_below_nothing(self):
        over = assignment(status="fallout", value=Decimal(1))
        assert found("ASSIGNMENT_BELOW_CONTRACT", facts(pipeline=pipeline(), assignments=[over, assignment("asgn_2", value=None)])) == []
        assert found("ASSIGNMENT_BELOW_CONTRACT", facts(pipeline=pipeline(value=None), assignments=[assignment()])) == []
        assert found("ASSIGNMENT_BELOW_CONTRACT", facts(assignments=[assignment()])) == []


class TestFinalization:
    TWO = (decision(), decision("dec_2", role="Queen"))

    def check(self, *children):
        return found("UNAPPROVED_FINALIZATION", facts(*children, status="finalized"))

    def test_the_decisions_meet_the_policies(self):
        assert self.check(certificate(), *self.TWO) == []
        assert self.check(certificate(decisions=[])) == []

    def test_they_dont(self):
        assert self.check(certificate(policies_met=False), *self.TWO) == [("certificate", "cert_1")]

    @pytest.mark.parametrize(
        "second",
        [
            None,
            decision("dec_3", role="Queen"),
            decision("dec_2", role="Tyr"),
            decision("dec_2", role="Queen", requested_action="sign"),
            decision("dec_2", role="Queen", action="deny"),
        ],
    )
    def test_they_arent_what_the_certificate_says(self, second):
        children = [decision(), *([second] if second else [])]
        assert self.check(certificate(), *children) == [("certificate", "cert_1")]

    def test_a_superseded_one_is_over(self):
        assert self.check(certificate(policies_met=False, superseded={"at": "2026-11-20"})) == []


class TestChains:
    BROKEN = StandingFinding("find_1", "CHAIN_BROKEN", CRITICAL, "open", "The chain is broken.", "task", "task_1", "f" * 64)

    def test_what_was_found_stands(self):
        assert found("CHAIN_BROKEN", facts(standing=[self.BROKEN])) == [("task", "task_1")]
        assert found("CHAIN_BROKEN", facts(standing=[replace(self.BROKEN, code="STALE_DEAL")])) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_cancelled_deal_has_no_findings_but_of_the_trail(rule):
    bad = facts(task(due_on=YESTERDAY), status="cancelled", active_on=date(2026, 1, 1), standing=[TestChains.BROKEN])
    assert found(rule.code, bad) == ([("task", "task_1")] if rule.code == "CHAIN_BROKEN" else [])


def test_a_fingerprint_is_of_the_cause():
    cause = Cause("task", "task_1", "The task was due on 2026-11-20.", ("2026-11-20",))
    same = replace(cause, message="Another wording.")
    others = [replace(cause, subject_id="task_2"), replace(cause, particulars=("2026-11-21",)), replace(cause, particulars=())]
    assert fingerprint("TASK_OVERDUE", cause) == fingerprint("TASK_OVERDUE", same)
    assert len({fingerprint("TASK_OVERDUE", one) for one in (cause, *others)} | {fingerprint("ITEM_OVERDUE", cause)}) == 5
