"""The close of a day: after the firm's day has ended, when the totals have caught up, the same as the summary of the day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.dates import business_date, start_of_day
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.holdings import schedules
from chalicelib.packs.holdings.rules import snapshots
from chalicelib.packs.holdings.schemas import HoldingCreate, HoldingsSummaryQuery, SnapshotQuery, ValuationCreate
from chalicelib.packs.holdings.service import holdings, reports, valuations
from chalicelib.packs.holdings.service import snapshots as snapshots_service
from tests import moto_tables
from tests.conftest import TABLE
from tests.packs.holdings.holdings_client import HoldingsClient

ZONES = ["America/Los_Angeles", "UTC", "Pacific/Auckland", "Pacific/Kiritimati", "Asia/Kathmandu", "Pacific/Pago_Pago", "Europe/Berlin"]
# Los Angeles, Berlin and Auckland change their clocks on these days, each into and out of summer time.
CHANGES = [date(2026, 3, 8), date(2026, 11, 1), date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2026, 9, 27)]
days = st.sampled_from(CHANGES) | st.dates(date(2026, 1, 2), date(2027, 12, 30))


def context(holdings_client):
    return holdings_client.runtime.context(request_id=f"req-{holdings_client.clock.now}", actor=system_actor("test"))


def run_close(holdings_client):
    run = RunStats()
    schedules.close(context(holdings_client), run)
    return run


def close_of(holdings_client, day):
    return snapshots_service.get(context(holdings_client), day.isoformat(), SnapshotQuery())


@given(st.sampled_from(ZONES), days)
@hypothesis_settings(deadline=None)
def test_a_day_is_closed_once_it_has_ended_here_and_in_utc(zone, day):
    end = max(start_of_day(day + timedelta(days=1), zone), datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC))
    assert snapshots.closed_day(end - timedelta(seconds=1), zone) == day - timedelta(days=1)
    assert snapshots.closed_day(end, zone) == day
    assert business_date(end, zone) > day
    assert snapshots.may_wait(day, end, zone)
    assert not snapshots.may_wait(day, end + timedelta(days=1, hours=1), zone)


@given(zone=st.sampled_from(ZONES), day=days, minutes=st.lists(st.integers(-600, 2040), min_size=1, max_size=4, unique=True))
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_close_of_a_day_is_its_summary(client_as, runtime, clock, zone, day, minutes):
    moto_tables.create_table(runtime.dynamodb, runtime.settings.region, TABLE)
    runtime.settings = replace(runtime.settings, firm_time_zone=zone)
    firm = HoldingsClient(client_as, runtime, clock)
    begin = start_of_day(day, zone)
    clock.now = begin - timedelta(hours=11)
    id = holdings.create(context(firm), HoldingCreate(asset_type="cash", value_estimate=1, currency="EUR"))["id"]
    firm.process_stream()
    hours = [begin + timedelta(hours=hour, minutes=10) for hour in range(-11, 52)]
    entries = {begin + timedelta(minutes=minute): number for number, minute in enumerate(minutes, 2)}
    for at in sorted([*hours, *entries]):
        clock.now = at
        if number := entries.get(at):
            valuations.create_valuation(context(firm), id, ValuationCreate(value=number))
            firm.process_stream()
        else:
            run_close(firm)
    for closed in (day - timedelta(days=1), day):
        close, summary = close_of(firm, closed), reports.get_summary(context(firm), HoldingsSummaryQuery(as_of=closed))
        assert {name: close[name] for name in ("unconverted", "count", "as_of")} == {
            name: summary[name] for name in ("unconverted", "count", "as_of")
        }
        assert close["created_at"] >= start_of_day(closed + timedelta(days=1), zone).isoformat()[:16]
        assert close["pending_changes"] == 0
    last = max((at for at in entries if business_date(at, zone) <= day), default=None)
    assert close_of(firm, day)["unconverted"] == {"EUR": Decimal(entries[last] if last else 1)}


def test_a_close_waits_for_the_totals_and_comes_with_a_later_run(holdings_client):
    holdings_client.set_day("2026-11-24")
    holdings_client.create(value_estimate=100)
    holdings_client.set_day("2026-11-25", hour=9)
    run = run_close(holdings_client)
    assert (run.found, run.done, run.failed, run.has_more) == (1, 0, 0, True)
    holdings_client.set_day("2026-11-25", hour=10)
    holdings_client.process_stream()
    assert run_close(holdings_client) == RunStats(found=1, done=1)
    close = close_of(holdings_client, date(2026, 11, 24))
    assert (close["total_value"], close["pending_changes"]) == (100, 0)


def test_a_close_waits_for_a_day_and_then_says_what_it_lacks(holdings_client):
    holdings_client.set_day("2026-11-24")
    holdings_client.create(value_estimate=100)
    holdings_client.process_stream()
    one = holdings_client.create(value_estimate=7)
    holdings_client.edit(one, value_estimate=8, effective_on="2026-11-24")
    holdings_client.set_day("2026-11-26", hour=7)
    assert run_close(holdings_client).done == 0
    holdings_client.set_day("2026-11-26", hour=9)
    run = run_close(holdings_client)
    assert (run.found, run.done, run.has_more) == (2, 1, True)
    close = close_of(holdings_client, date(2026, 11, 24))
    assert (close["total_value"], close["pending_changes"]) == (100, 2)
    holdings_client.process_stream()
    assert run_close(holdings_client).done == 1
    assert close_of(holdings_client, date(2026, 11, 25))["total_value"] == 108
    answer = holdings_client.admin("POST", "/holdings/snapshots", {"date": "2026-11-24", "reason": "the totals were late"})
    assert (answer.json()["total_value"], answer.json()["pending_changes"]) == (108, 0)


@pytest.mark.parametrize(("hour", "day"), [(7, "2026-11-24"), (9, "2026-11-25")])
def test_a_snapshot_by_hand_is_of_the_firms_day_and_says_what_it_lacks(holdings_client, hour, day):
    holdings_client.set_day("2026-11-25", hour=hour)
    holdings_client.create(value_estimate=100)
    answer = holdings_client.admin("POST", "/holdings/snapshots", {})
    assert (answer.json()["date"], answer.json()["pending_changes"]) == (day, 1)


def test_the_day_of_the_first_entry_is_the_firms(holdings_client):
    holdings_client.set_day("2026-11-25", hour=2)  # still the 24th in Los Angeles
    holdings_client.create(value_estimate=100)
    holdings_client.process_stream()
    holdings_client.set_day("2026-11-25", hour=9)
    assert run_close(holdings_client).done == 1
    assert close_of(holdings_client, date(2026, 11, 24))["total_value"] == 100
