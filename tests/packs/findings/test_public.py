"""What finalization reads of a deal, and asks the rules: one batch, and nothing more."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.foundation.ids import ItemKey
from chalicelib.packs.deals import public as deals
from chalicelib.packs.findings import public
from tests.packs.dispositions.dispositions_client import DispositionsClient
from tests.packs.findings.findings_client import FindingsClient
from tests.packs.retainers.retainers_client import RetainersClient


@pytest.fixture
def read(context: Any) -> Any:
    def read(deal: str) -> tuple[public.ScanFacts, int]:
        """What was read of a deal, and the round trips besides those of its partition."""
        ctx = context("operator")
        snapshot = deals.read_snapshot(ctx, deal)
        before = ctx.store.round_trips
        return public.read_scan_facts(ctx, snapshot), ctx.store.round_trips - before

    return read


def test_of_a_deal_alone_nothing_is_read(findings: FindingsClient, read):
    facts, trips = read(findings.deal())
    assert (trips, facts.pipeline, list(facts.assignments), list(facts.professionals), facts.items) == (0, None, [], [], {})
    assert facts.deal.facts["status"] == "open"


def test_a_deal_with_all_that_it_touches(findings: FindingsClient, client_as, read, project):
    offers, retainers = DispositionsClient(client_as("operator")), RetainersClient(client_as("operator"))
    pipeline, professional = offers.pipeline(), findings.professional(licenses=[licence("2026-01-31"), licence("2026-10-31")])
    other = findings.professional()
    retainers.log(overrun := retainers.retainer(professional, monthly_hours_included=2), 3)
    retainers.log(retainers.retainer(other, monthly_hours_included=2), 2)
    project()
    deal = findings.deal(kind="wholesale", pipeline_id=pipeline, professional_ids=[professional, other])
    facts, trips = read(deal)
    assert trips == 1
    assert facts.pipeline is not None
    assert facts.pipeline.facts["value"] == Decimal(118000)
    assert [(one.id, one.facts["licensed_until"]) for one in facts.professionals] == [(professional, {"wa": "2026-10-31"}), (other, {})]
    assert [(one.id, one.professional_id) for one in facts.overrun_retainers] == [(overrun, professional)]
    assert ItemKey(pipeline, "~") in facts.items

    first = offers.offer(pipeline, offers.buyer())
    facts, trips = read(deal)
    assert (trips, [(one.id, one.facts["value"]) for one in facts.assignments]) == (2, [(first, Decimal(131000))])
    offers.ok("POST", f"/dispo/assignments/{first}/fallout", {"reason": "seller"})
    facts, trips = read(deal)
    assert (trips, list(facts.assignments)) == (1, [])


def licence(expires_on: str) -> dict[str, str]:
    return {"kind": "bar", "number": "1", "jurisdiction": "WA", "expires_on": expires_on}


def test_the_last_day_on_which_somebody_did_something(findings: FindingsClient, clock, read, run_work):
    from chalicelib.packs.tasks import schedules

    at = lambda day: setattr(clock, "now", datetime.fromisoformat(f"{day}T18:00:00").replace(tzinfo=UTC))  # noqa: E731
    at("2026-11-01")
    pipeline = str(findings.ok("POST", "/wholesale", {"lead_source": "web"})["id"])
    deal = findings.deal(pipeline_id=pipeline)
    at("2026-11-02")
    findings.task(deal, due_on="2026-11-03")
    at("2026-11-10")
    run_work(schedules.overdue)
    assert read(deal)[0].active_on.isoformat() == "2026-11-02"  # what the system does isn't work on the deal
    at("2026-11-12")
    findings.ok("POST", f"/wholesale/{pipeline}/activities", {"event_type": "call"})
    assert read(deal)[0].active_on.isoformat() == "2026-11-12"
    at("2026-11-14")
    findings.ok("PATCH", f"/wholesale/{pipeline}", {"notes": "x"})
    assert read(deal)[0].active_on.isoformat() == "2026-11-14"


def test_the_rules_over_what_was_read(findings: FindingsClient, context, read):
    deal = findings.deal()
    findings.task(deal, due_on="2026-11-23")
    facts, _ = read(deal)
    ctx = context("operator")
    issues = public.live_issues(ctx, facts)
    assert [issue.code for issue in issues] == ["MISSING_SIGNED_CONTRACT", "OPEN_PROFESSIONAL_TASKS", "TASK_OVERDUE"]
    critical = public.critical_issues(ctx, facts, {})
    assert [issue.code for issue in critical.values()] == [public.MISSING_SIGNED_CONTRACT]
