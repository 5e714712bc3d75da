"""What time does: contracts expire, and deadlines, renewals and ends are told, once each, however the schedule runs."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.packs.contracts import schedules
from chalicelib.packs.contracts.service import terms
from tests.packs.contracts.contracts_client import ANN, C, ContractsClient, events, gate, kept, sent

KINDS = tuple(f"contracts.{kind}" for kind in ("expired", "notice_due", "ending", "renewed", "ended"))
HASH = "a" * 64


@pytest.fixture
def run(run_work: Any) -> Any:
    return lambda context=None: run_work(schedules.terms, context)


@pytest.fixture
def told(runtime: Any) -> Any:
    return lambda: [(event.event.removeprefix("contracts."), str(event.due_on)) for event in events(runtime, *KINDS)]


def at(clock: Any, day: str, hour: int = 13) -> None:
    clock.now = datetime.fromisoformat(f"{day}T{hour:02}:00:00").replace(tzinfo=UTC)


def signed(contracts: ContractsClient, counsel: ContractsClient, **body: Any) -> str:
    id = sent(contracts, counsel, **{"parties": [], **body})
    counsel.move(id, "signed", document_sha256=HASH)
    return id


YEARLY = {"effective_on": "2024-08-29", "term_months": 12, "notice_months": 2, "auto_renew": True}


def test_v63_day_by_day(contracts: ContractsClient, counsel, clock, run, told, runtime):
    at(clock, "2026-05-20")
    id = signed(contracts, counsel, **YEARLY)
    seen = []
    for month, days in ((5, range(21, 32)), (6, range(1, 31)), (7, range(1, 32)), (8, range(1, 32))):
        for day in days:
            at(clock, f"2026-{month:02}-{day:02}")
            before = len(told())
            run()
            run()
            seen += [(f"{month:02}-{day:02}", *one) for one in told()[before:]]
    assert seen == [
        ("05-29", "notice_due", "2026-06-28"),
        ("06-21", "notice_due", "2026-06-28"),
        ("08-29", "renewed", "2026-08-29"),
    ]
    first = events(runtime, "contracts.notice_due")[0]
    assert (first.for_user, first.data["days_left"], first.data["late"], first.data["renews"]) == ("user_operator", 30, False, True)
    assert kept(runtime, id).updated_by == "system:contracts-terms"


def test_signed_late_the_first_run_tells_the_nearest(contracts: ContractsClient, counsel, clock, run, told, runtime):
    at(clock, "2026-06-10", 20)
    signed(contracts, counsel, **YEARLY)
    at(clock, "2026-06-11")
    run()
    (event,) = events(runtime, "contracts.notice_due")
    assert (event.data["late"], event.data["days_left"], event.data["skipped"]) == (True, 17, [])


def test_the_end_of_what_doesnt_renew(contracts: ContractsClient, counsel, clock, run, told):
    id = signed(contracts, counsel, expires_on="2026-12-31")
    for day in ("2026-11-30", "2026-12-01", "2026-12-24", "2026-12-31"):
        at(clock, day)
        run()
    assert told() == [("ending", "2026-12-31")] * 2
    assert contracts.read(id)["in_force"] is True
    at(clock, "2027-01-01", 9)
    seen = contracts.read(id)
    assert (seen["status"], seen["in_force"], seen["ended_on"]) == ("signed", False, "2026-12-31")
    run()
    assert told()[2:] == [("ended", "2026-12-31")]
    at(clock, "2028-01-01")
    assert run()["found"] == 0


def test_it_is_the_firms_day(contracts: ContractsClient, counsel, clock, run, told, runtime):
    id = sent(contracts, counsel, sign_by="2026-12-10")
    clock.now = datetime(2026, 12, 11, 7, 59, tzinfo=UTC)  # still the 10th in Los Angeles
    run()
    assert contracts.read(id)["status"] == "sent"
    clock.now = datetime(2026, 12, 11, 8, 0, tzinfo=UTC)
    run()
    assert contracts.read(id)["status"] == "expired"
    assert told() == [("expired", "2026-12-10")]


def test_what_isnt_signed_in_time_expires(contracts: ContractsClient, counsel, clock, run, told, runtime):
    deal = contracts.deal()
    id = sent(contracts, counsel, deal, parties=[ANN], sign_by="2026-12-10")
    assert gate(runtime, deal)["contracts"]
    ver = gate(runtime, deal)["ver"]
    at(clock, "2026-12-14")
    run()
    run()
    seen = contracts.read(id)
    assert (seen["status"], seen["status_entered_by"], seen["version"]) == ("expired", "system:contracts-terms", 3)
    assert (gate(runtime, deal).get("contracts"), gate(runtime, deal)["ver"]) == (None, ver + 1)
    assert told() == [("expired", "2026-12-10")]
    assert contracts.move(id, "archived")["status"] == "archived"


def test_what_was_signed_recalled_or_moved_doesnt_expire(contracts: ContractsClient, counsel, clock, run, told):
    first, second = (sent(contracts, counsel, parties=[], sign_by="2026-12-10") for _ in range(2))
    counsel.move(first, "signed", document_sha256=HASH)
    contracts.move(second, "draft", reason="recalled")
    at(clock, "2026-12-14")
    run()
    assert told() == []


def test_what_is_terminated_is_told_no_more(contracts: ContractsClient, counsel, clock, run, told):
    id = signed(contracts, counsel, expires_on="2026-12-31")
    counsel.move(id, "terminated", reason="mutual")
    at(clock, "2027-01-31")
    assert run()["found"] == 0


def test_with_little_time_the_next_run_goes_on(contracts: ContractsClient, counsel, clock, run, told):
    deal = contracts.deal()
    ids = [sent(contracts, counsel, deal, sign_by="2026-12-01") for _ in range(4)]
    at(clock, "2026-12-02")
    looks = iter([100_000] * 3 + [0] * 1000)
    hurried = run(SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: next(looks)))
    assert (hurried["more"], hurried["done"] < 4) == (True, True)
    assert hurried["done"] + run()["done"] == 4
    assert {contracts.read(id)["status"] for id in ids} == {"expired"}


def test_an_index_that_is_behind(contracts: ContractsClient, counsel, clock, run, runtime):
    id = sent(contracts, counsel, sign_by="2026-12-01")
    at(clock, "2026-12-02")
    ctx = runtime.context(request_id="r")
    seen = ctx.store.batch_get(terms._keys(id))
    run()
    assert terms._handle(ctx, id, seen) is False  # claimed by another
    assert terms._handle(ctx, id, ctx.store.batch_get(terms._keys(id))) is False
    assert terms._handle(ctx, id, {}) is False


def test_it_costs_two_calls_a_page_and_one_a_contract(contracts: ContractsClient, counsel, clock, runtime):
    from chalicelib.foundation.schedules import RunStats

    deal = contracts.deal()
    for _ in range(3):
        sent(contracts, counsel, deal, sign_by="2026-12-01")
    at(clock, "2026-12-02")
    ctx, stats = runtime.context(request_id="r"), RunStats()
    schedules.terms(ctx, stats)
    assert (stats.done, ctx.store.round_trips) == (3, 2 + 3)


def test_a_contract_that_ends_satisfies_no_more(contracts: ContractsClient, counsel, clock, runtime):
    from chalicelib.foundation.subjects import SubjectRegistry

    id = signed(contracts, counsel, effective_on="2026-08-29", term_months=24)
    registry = SubjectRegistry(runtime.packs)
    at(clock, "2028-08-28")
    assert registry.load(runtime.context(request_id="r"), id).facts["in_force"] is True
    at(clock, "2028-08-29")
    facts = registry.load(runtime.context(request_id="r"), id).facts
    assert (facts["in_force"], str(facts["ended_on"]), facts["status"]) == (False, "2028-08-28", "signed")
    assert contracts.list(f"{C}/by-status", status="signed")
