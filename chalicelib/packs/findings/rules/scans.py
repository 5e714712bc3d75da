"""What a scan does with what was found before, given what is found now."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple, Protocol

from chalicelib.packs.findings.rules.issues import CRITICAL, Issue, is_graver
from chalicelib.packs.findings.rules.statuses import ACCEPTED_RISK, COUNTED, OPEN, RESOLVED


class Known(Protocol):
    """A finding as it is kept."""

    @property
    def id(self) -> str:
        """Its id, which follows from what it names."""

    @property
    def status(self) -> str:
        """Its status."""

    @property
    def severity(self) -> str:
        """Its severity when it was last found."""

    @property
    def fingerprint(self) -> str:
        """What was found."""

    @property
    def rule_version(self) -> int:
        """The version of the rule that found it."""

    @property
    def message(self) -> str:
        """What it says."""

    @property
    def until(self) -> date | None:
        """The last day of an accepted risk."""


class Step(NamedTuple):
    """What becomes of one finding: the status that it enters (None: it stays as it is), and the issue as it was found now, if it was."""

    status: str | None
    issue: Issue | None

    @property
    def is_raising(self) -> bool:
        """Whether it is raised: found for the first time, or again."""
        return self.status == OPEN


def step(known: Known | None, issue: Issue | None, today: date) -> Step | None:
    """What becomes of a finding when `issue` is found, or (None) nothing of the kind; None where nothing changes."""
    if known is None:
        return Step(OPEN, issue) if issue else None
    if issue is None:
        return Step(RESOLVED, None) if known.status in COUNTED or is_over(known, today) else None
    if known.status == RESOLVED or (known.status == ACCEPTED_RISK and not holds(known, issue, today)):
        return Step(OPEN, issue)
    was = (known.severity, known.fingerprint, known.rule_version, known.message)
    return None if was == (issue.severity, issue.fingerprint, issue.rule_version, issue.message) else Step(None, issue)


def steps(known: Mapping[str, Known], issues: Mapping[str, Issue], today: date) -> dict[str, Step]:
    """What a scan changes, by finding: of those that are `known` and of the `issues` that are there now."""
    changes = {id: step(known.get(id), issues.get(id), today) for id in (*known, *(id for id in issues if id not in known))}
    return {id: change for id, change in changes.items() if change is not None}


def is_over(known: Known, today: date) -> bool:
    """Whether the risk was accepted until a day that has passed."""
    return known.status == ACCEPTED_RISK and known.until is not None and known.until < today


def holds(known: Known, issue: Issue, today: date) -> bool:
    """Whether an accepted risk covers what is found now: it isn't over, not graver, and the cause is the one that was accepted."""
    is_accepted = known.status == ACCEPTED_RISK and not is_over(known, today)
    return is_accepted and not is_graver(issue.severity, known.severity) and issue.fingerprint == known.fingerprint


def critical(issues: Mapping[str, Issue], known: Mapping[str, Known], today: date) -> dict[str, Issue]:
    """The critical issues, but those whose risk is accepted."""
    return {
        id: issue
        for id, issue in issues.items()
        if issue.severity == CRITICAL and not ((finding := known.get(id)) is not None and holds(finding, issue, today))
    }
