"""Findings as answers."""

from collections.abc import Iterable

from chalicelib.foundation.presentation import present
from chalicelib.packs.findings import repository
from chalicelib.packs.findings.entities import Finding, LastScan
from chalicelib.packs.findings.rules import checks
from chalicelib.packs.findings.rules.facts import ScanFacts
from chalicelib.packs.findings.rules.issues import CRITICAL, SEVERITIES
from chalicelib.packs.findings.schemas import FindingView, ScanEvent, ScanView

_ORDER = {rule.code: place for place, rule in enumerate(checks.RULES)}
_UNSIGNED = ("draft", "under_review", "approved", "sent")


def finding_view(finding: Finding, last_scan: LastScan | None) -> FindingView:
    """A finding."""
    return present(FindingView, finding, last_seen=repository.last_seen(finding, last_scan))


def scan_view(facts: ScanFacts, findings: Iterable[Finding]) -> ScanView:
    """What a scan has found of a deal with these findings, those that are over among them."""
    counted = sorted((finding for finding in findings if finding.is_counted), key=_gravest_first)
    return {
        "deal_id": facts.deal.id,
        "issues_found": len(counted),
        "checklist": {
            "has_signed_contract": bool(checks.signed_contracts(facts)),
            "no_unsigned_contracts": not any(one.facts["status"] in _UNSIGNED for one in facts.of_type("contract")),
            "all_required_docs_acknowledged": not checks.unacknowledged_routes(facts),
            "all_professional_tasks_done": not checks.unfinished_tasks(facts),
            # A missing signed contract is the first key's.
            "no_open_critical_finding": not any(
                finding.severity == CRITICAL and finding.code != checks.MISSING_SIGNED_CONTRACT for finding in counted
            ),
        },
        "events": [present(ScanEvent, finding) for finding in counted],
    }


def _gravest_first(finding: Finding) -> tuple[int, int, str]:
    return -SEVERITIES.index(finding.severity), _ORDER.get(finding.code, len(_ORDER)), finding.subject_id
