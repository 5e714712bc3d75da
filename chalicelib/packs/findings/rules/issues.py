"""What a rule finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from chalicelib.foundation.canonical_json import Numbers, content_hash
from chalicelib.packs.findings.rules.facts import ScanFacts

SEVERITIES = INFO, WARNING, CRITICAL = ("info", "warning", "critical")  # in their order


@dataclass(frozen=True)
class Cause:
    """Something that is wrong, and with what. `particulars` tell this cause from another one of the same rule and subject.

    The message goes into lists and the trail, so it names nobody.
    """

    subject_type: str
    subject_id: str
    message: str
    particulars: tuple[str | None, ...] = ()
    professional_id: str | None = None


@dataclass(frozen=True)
class Issue:
    """A cause as a rule has found it. Its `fingerprint` changes with the cause's particulars."""

    code: str
    severity: str
    rule_version: int
    subject_type: str
    subject_id: str
    message: str
    fingerprint: str
    professional_id: str | None = None


@dataclass(frozen=True)
class Rule:
    """What is checked of a deal in one of `statuses`, and how grave it is where it doesn't hold. A change of what it says raises `version`."""

    code: str
    severity: str
    checks: str
    find: Callable[[ScanFacts, date], Iterable[Cause]]
    statuses: tuple[str, ...]
    version: int = 1

    def issues(self, facts: ScanFacts, today: date) -> list[Issue]:
        """What it finds."""
        return [self.issue(cause) for cause in self.find(facts, today)] if facts.deal.facts["status"] in self.statuses else []

    def issue(self, cause: Cause) -> Issue:
        """The issue of a cause."""
        return Issue(
            self.code,
            self.severity,
            self.version,
            cause.subject_type,
            cause.subject_id,
            cause.message,
            fingerprint(self.code, cause),
            cause.professional_id,
        )


def fingerprint(code: str, cause: Cause) -> str:
    """SHA-256 of what was found, by which a cause is known again."""
    return content_hash({"code": code, "subject_id": cause.subject_id, "particulars": list(cause.particulars)}, Numbers.EXACT)


def is_graver(severity: str, than: str) -> bool:
    """Whether a severity is above another."""
    return SEVERITIES.index(severity) > SEVERITIES.index(than)
