"""What a scan makes of a finding, held to a plain model over random histories of a cause, and of what people do about it."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.foundation.errors import InvalidTransition
from chalicelib.foundation.state_machine import SYSTEM
from chalicelib.packs.findings.rules import scans
from chalicelib.packs.findings.rules.issues import CRITICAL, INFO, WARNING, Cause, Issue, Rule, is_graver
from chalicelib.packs.findings.rules.statuses import ACCEPTED_RISK, ACKNOWLEDGED, COUNTED, MACHINE, OPEN, RESOLVED

START = date(2026, 11, 24)
RULES = {severity: Rule("STALE_DEAL", severity, "", lambda _facts, _today: (), ("open",)) for severity in (INFO, WARNING, CRITICAL)}


@dataclass(frozen=True)
class Known:
    """A finding as it is kept."""

    status: str
    severity: str
    fingerprint: str
    rule_version: int
    message: str
    until: date | None = None
    reopened: int = 0
    first_seen: date = START
    id: str = "find_1"


def issue(severity: str = WARNING, particulars: str = "a") -> Issue:
    return RULES[severity].issue(Cause("deal", "deal_1", particulars, (particulars,)))


def kept(found: Issue, status: str = OPEN, **more: Any) -> Known:
    return Known(status, found.severity, found.fingerprint, found.rule_version, found.message, **more)


def applied(known: Known | None, step: scans.Step | None, today: date) -> Known | None:
    """The finding after a step, as the repository writes it."""
    if step is None:
        return known
    if known is None:
        assert step.issue is not None
        return kept(step.issue, first_seen=today)
    after = known
    if step.issue is not None:
        found = step.issue
        after = replace(
            after, severity=found.severity, fingerprint=found.fingerprint, rule_version=found.rule_version, message=found.message
        )
    if step.status is None:
        return after
    reopened = known.reopened + (step.status == OPEN)
    return replace(after, status=step.status, reopened=reopened, until=None if step.status == OPEN else after.until)


EVENTS = st.one_of(
    st.tuples(st.just("scan"), st.none() | st.builds(issue, st.sampled_from([INFO, WARNING, CRITICAL]), st.sampled_from("ab"))),
    st.tuples(st.just("days"), st.integers(1, 4)),
    st.tuples(st.just("move"), st.sampled_from([ACKNOWLEDGED, RESOLVED, ACCEPTED_RISK])),
)


@settings(max_examples=300)
@given(st.lists(EVENTS, max_size=30))
def test_under_any_history(history):
    """The cause comes and goes, changes, grows; people move the finding as they may; days pass."""
    today, known, raised = START, None, 0
    for what, value in history:
        if what == "days":
            today += timedelta(days=value)
        elif what == "move":
            if known is None or known.status not in COUNTED or value == known.status:
                continue
            known = replace(known, status=value, until=today + timedelta(days=2) if value == ACCEPTED_RISK else None)
        else:
            before, step = known, scans.step(known, value, today)
            known = applied(before, step, today)
            expect(before, value, known, today)
            raised += known is not None and known.status == OPEN and (before is None or before.status not in COUNTED)
            assert scans.step(known, value, today) is None  # a second scan has nothing to do
        assert (0 if known is None else known.reopened + 1) == raised
        if known is not None and value is not None and what == "scan":
            check_system_move(before, known)


def expect(before: Known | None, found: Issue | None, after: Known | None, today: date) -> None:
    """The model: what a scan leaves, by what it found and what was there."""
    if before is None:
        assert (after is None) == (found is None)
    elif found is None:
        over = before.until is not None and before.until < today
        stays = before.status == RESOLVED or (before.status == ACCEPTED_RISK and not over)
        assert after == (before if stays else replace(before, status=RESOLVED))
    else:
        assert after is not None
        assert (after.fingerprint, after.severity, after.first_seen) == (found.fingerprint, found.severity, before.first_seen)
        accepted = (
            before.status == ACCEPTED_RISK
            and before.until is not None
            and today <= before.until
            and before.fingerprint == found.fingerprint
            and not is_graver(found.severity, before.severity)
        )
        assert after.status == (before.status if accepted or before.status in COUNTED else OPEN)


def check_system_move(before: Known | None, after: Known) -> None:
    """A scan makes no move that the table of moves hasn't for the system."""
    if before is not None and before.status != after.status:
        MACHINE.check(before.status, after.status, initiator=SYSTEM)


def test_what_people_can_reach():
    assert {state: MACHINE.allowed(state) for state in MACHINE.states} == {
        OPEN: [ACKNOWLEDGED, RESOLVED, ACCEPTED_RISK],
        ACKNOWLEDGED: [RESOLVED, ACCEPTED_RISK],
        ACCEPTED_RISK: [],
        RESOLVED: [],
    }
    with pytest.raises(InvalidTransition) as refused:
        MACHINE.check(RESOLVED, OPEN)
    assert refused.value.members["allowed"] == []


class TestSteps:
    def test_each_finding_by_itself(self):
        gone, stays, comes = issue(particulars="gone"), issue(particulars="stays"), issue(particulars="comes")
        steps = scans.steps({"1": kept(gone), "2": kept(stays)}, {"2": stays, "3": comes}, START)
        assert steps == {"1": scans.Step(RESOLVED, None), "3": scans.Step(OPEN, comes)}

    def test_less_grave_than_before(self):
        assert scans.step(kept(issue(CRITICAL)), issue(WARNING), START) == scans.Step(None, issue(WARNING))

    def test_an_accepted_risk_covers_what_was_accepted(self):
        accepted = kept(issue(), ACCEPTED_RISK, until=START)
        assert scans.step(accepted, issue(), START) is None
        assert scans.step(accepted, issue(INFO), START) == scans.Step(None, issue(INFO))
        for found, today in ((issue(CRITICAL), START), (issue(particulars="b"), START), (issue(), START + timedelta(days=1))):
            assert scans.step(accepted, found, today) == scans.Step(OPEN, found)


class TestCritical:
    def test_those_whose_risk_isnt_accepted(self):
        found = {"1": issue(CRITICAL, "a"), "2": issue(CRITICAL, "b"), "3": issue(WARNING, "c"), "4": issue(CRITICAL, "d")}
        known = {
            "1": kept(found["1"], ACCEPTED_RISK, until=START),
            "2": kept(found["2"], RESOLVED),
            "4": kept(found["4"], ACCEPTED_RISK, until=START - timedelta(days=1)),
        }
        assert list(scans.critical(found, known, START)) == ["2", "4"]
