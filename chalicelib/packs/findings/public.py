"""The interface of this pack to other packs: the rules over a deal as it is now, and what stands of what was found.

To read what the rules look at takes the deal's partition and one batch:

    snapshot = deals.read_snapshot(ctx, deal_id)              # one round trip
    facts = findings.read_scan_facts(ctx, snapshot)           # one batch
    findings.live_issues(ctx, facts)                          # all that the rules find now
    findings.critical_issues(ctx, facts, snapshot.rows)       # those that keep a deal from being finalized: critical, risk not accepted

To ask them reads nothing.
"""

from collections.abc import Mapping

from chalicelib.foundation.context import Context
from chalicelib.foundation.observations import Observation
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.findings import repository
from chalicelib.packs.findings.repository import read_scan_facts as read_scan_facts
from chalicelib.packs.findings.repository import standing_findings as standing_findings
from chalicelib.packs.findings.rules import checks, scans
from chalicelib.packs.findings.rules.checks import MISSING_SIGNED_CONTRACT as MISSING_SIGNED_CONTRACT
from chalicelib.packs.findings.rules.checks import RULES as RULES
from chalicelib.packs.findings.rules.checks import signed_contracts as signed_contracts
from chalicelib.packs.findings.rules.checks import unacknowledged_routes as unacknowledged_routes
from chalicelib.packs.findings.rules.checks import unfinished_tasks as unfinished_tasks
from chalicelib.packs.findings.rules.facts import ScanFacts as ScanFacts
from chalicelib.packs.findings.rules.issues import CRITICAL as CRITICAL
from chalicelib.packs.findings.rules.issues import INFO as INFO
from chalicelib.packs.findings.rules.issues import SEVERITIES as SEVERITIES
from chalicelib.packs.findings.rules.issues import WARNING as WARNING
from chalicelib.packs.findings.rules.issues import Issue as Issue


def live_issues(ctx: Context, facts: ScanFacts) -> list[Issue]:
    """All that the rules find in what was read, today. Nothing is read."""
    return checks.live_issues(facts, ctx.today)


def critical_issues(ctx: Context, facts: ScanFacts, rows: Mapping[str, DynamoItem]) -> dict[str, Issue]:
    """Of these the critical ones whose risk isn't accepted, by the id of their finding, whether or not that is written yet.

    `rows` are those of the deal's partition, among which its findings are.
    """
    issues = repository.by_id(facts.deal.id, live_issues(ctx, facts))
    return scans.critical(issues, repository.findings_in(rows), ctx.today)


def add_observation(ctx: Context, tx: Transaction, observation: Observation) -> None:
    """Add to the transaction what another pack's observation changes of the findings (foundation.observations). One round trip."""
    from chalicelib.packs.findings.service import observations

    observations.add_observation(ctx, tx, observation)
