"""Requests and answers of findings."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.foundation.explanations import Explained
from chalicelib.packs.findings.rules.checks import RULES
from chalicelib.packs.findings.rules.issues import SEVERITIES
from chalicelib.packs.findings.rules.statuses import STATUSES

Code = Annotated[str, t.OneOf(tuple(rule.code for rule in RULES), "FindingCode")]
Severity = Annotated[str, t.OneOf(SEVERITIES, "FindingSeverity")]
Status = Annotated[str, t.OneOf(STATUSES, "FindingStatus")]
Words = Annotated[t.Notes, Field(min_length=1)]
DecisionId = Annotated[t.Text, Field(min_length=1, max_length=200)]


class FindingAcknowledgeRequest(t.RequestBody):
    """That somebody has seen a finding and is at it."""

    model_config = t.body_example({"note": "The seller signs on Friday."})

    note: t.Notes | None = None


class FindingResolveRequest(t.RequestBody):
    """That a finding is over, and why. The next scan that sees its cause opens it again."""

    model_config = t.body_example({"note": "The report has arrived by mail."})

    note: Words


class FindingAcceptRequest(t.RequestBody):
    """That the risk is accepted for a time."""

    model_config = t.body_example({"reason": "The buyer knows of it, and buys as is.", "until": "2026-12-31"})

    reason: Words
    until: t.BusinessDate = Field(description="The last day for which it is accepted: from today on, 180 days ahead at the most.")
    decision_id: DecisionId | None = Field(
        None,
        description="The decision that allows it: a standing approval or override for `accept_risk` on the deal. A critical one needs it.",
    )


# -- answers


class FindingView(t.ResourceView):
    """A finding. `last_seen` of one that stands is when its deal was last scanned; `reopened` counts how often its cause came back."""

    deal_id: str | None
    code: Code
    severity: Severity
    message: str
    subject_type: str
    subject_id: str
    professional_id: str | None
    fingerprint: str
    rule_version: int
    status: Status
    is_resolved: bool
    first_seen: t.TimestampText
    last_seen: t.TimestampText
    reopened: int
    acknowledged_by: str | None
    resolved_at: t.TimestampText | None
    resolved_by: str | None
    note: str | None
    reason: str | None
    until: t.DateText | None
    decision_id: str | None


class OpenFindingSummary(TypedDict):
    """A finding in a list."""

    id: str
    code: Code
    severity: Severity
    status: Status
    message: str
    deal_id: str | None
    subject_id: str
    first_seen: t.TimestampText


class ScanEvent(TypedDict):
    """A finding that stands on the deal."""

    id: str
    code: Code
    severity: Severity
    message: str
    status: Status


class ScanChecklist(TypedDict):
    """What of a deal's checklist the rules tell."""

    has_signed_contract: bool
    no_unsigned_contracts: bool
    all_required_docs_acknowledged: bool
    all_professional_tasks_done: bool
    no_open_critical_finding: bool


class ScanView(TypedDict):
    """What a scan has found: the findings that are open or acknowledged, the gravest first."""

    deal_id: str
    issues_found: int
    checklist: ScanChecklist
    events: list[ScanEvent]


class FindingCountsView(Explained):
    """How many findings are open or acknowledged."""

    total_open: int
    critical: int
    warning: int
    info: int
    by_code: dict[str, int]
    as_of: t.TimestampText
    behind: t.PendingCount


class RuleView(TypedDict):
    """A rule: what it checks, how grave it is where that doesn't hold, and which edition of it this is."""

    code: Code
    severity: Severity
    version: int
    checks: str


class RuleListView(TypedDict):
    """All rules."""

    items: list[RuleView]
