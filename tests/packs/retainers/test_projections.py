"""Capacity and forecast are exact, whatever the stream does, and are rebuilt to the same."""

import random
from typing import Any

import pytest

from chalicelib.foundation.projections import read_aggregates
from chalicelib.packs.retainers import public
from chalicelib.packs.scorecards import public as scorecards
from ops.projections import rebuild
from tests.fault_injection import Conflicts, FaultInjectingClient, Throttles, Unprocessed
from tests.packs.retainers.retainers_client import RETAINERS, RetainersClient, at
from tests.streams.schedules import disturbed
from tests.streams.stream_feeder import deliver
from tests.streams.test_projections import kept, recount


def forecast(retainers: RetainersClient) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in retainers.ok("GET", f"{RETAINERS}/forecast")["items"]]


class TestForecast:
    def test_of_the_next_three_months(self, retainers, project):
        retainers.retainer(starts_on="2026-10-31", renewal_date="2027-01-31", auto_renew=True, term_months=12, uplift_pct=10)
        retainers.retainer(renewal_date="2027-01-01", currency="EUR", monthly_fee=100.5, monthly_hours_included=10.5)
        paused = retainers.retainer(term_months=12)
        retainers.move(paused, "pause", reason="budget")
        retainers.retainer(status="draft")
        project()
        assert forecast(retainers) == [
            ("2026-12", "EUR", 10.5, 100.5),
            ("2026-12", "USD", 40, 3000),
            ("2027-01", "USD", 40, 3300),
            ("2027-02", "USD", 40, 3300),
        ]

    def test_it_goes_with_the_months(self, retainers, project, clock, run):
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2027-03-01")
        project()
        assert [row[0] for row in forecast(retainers)] == ["2026-12", "2027-01", "2027-02"]
        clock.now = at("2026-12-15T12:00:00Z")
        assert [row[0] for row in forecast(retainers)] == ["2027-01", "2027-02"]
        run()
        project()
        assert [row[0] for row in forecast(retainers)] == ["2027-01", "2027-02"]
        retainers.patch(id, monthly_fee=1000)
        retainers.move(id, "cancel", reason="ended", effective_on="2027-02-14")
        project()
        assert forecast(retainers) == [("2027-01", "USD", 40, 1000), ("2027-02", "USD", 20, 500)]

    def test_one_that_begins_later(self, retainers, project):
        retainers.retainer(starts_on="2027-01-16", renewal_date="2027-02-01", auto_renew=True)
        project()
        assert forecast(retainers) == [("2027-01", "USD", 20.65, 1548.39), ("2027-02", "USD", 40, 3000)]

    def test_it_explains_itself(self, retainers, project):
        retainers.retainer(term_months=12)
        project()
        explained = retainers.ok("GET", f"{RETAINERS}/forecast", query={"explain": "true"})["explain"]
        assert explained["inputs"]["2026-12"] == {"minutes:USD": 2400, "fees:USD": 3000}


class TestCapacity:
    def test_what_is_left_of_active_ones(self, retainers, project, context):
        first, second = retainers.professional(), retainers.professional()
        id, other = retainers.retainer(first), retainers.retainer(first, monthly_hours_included=10)
        retainers.log(id, 4)
        retainers.log(other, 12)
        idle = retainers.retainer(second)
        retainers.move(idle, "pause", reason="budget")
        retainers.retainer(second, starts_on="2027-01-01")
        project()
        assert capacity(context, first, second) == {first: (36 - 2) * 60, second: None}
        used_up = retainers.professional()
        retainers.log(retainers.retainer(used_up), 40)
        project()
        assert capacity(context, used_up) == {used_up: 0}

    def test_which_are_overrun(self, retainers, project, context):
        professional = retainers.professional()
        overrun, other = (retainers.retainer(professional, monthly_hours_included=10) for _ in range(2))
        entry = retainers.log(overrun, 12)["entry_id"]
        retainers.log(other, 10)
        project()
        assert overrun_ones(context, professional) == [overrun]
        retainers.reverse(overrun, entry)
        project()
        assert overrun_ones(context, professional) == []


def overrun_ones(context: Any, professional: str) -> list[str]:
    partition, row = public.overrun_row(professional)
    fields = read_aggregates(context("operator").store, partition).get(row, {})
    return [id for id, count in fields.items() if count > 0]


def capacity(context: Any, *professionals: str) -> dict[str, int | None]:
    sums = scorecards.read_sums(context("operator"), dict.fromkeys(professionals, "lawyer"))
    return {id: public.minutes_left(sums[id].own) for id in professionals}


def history(retainers: RetainersClient, clock: Any, run: Any) -> list[str]:
    """Hours, a month's end, a pause, an early renewal, a cancellation; the professionals."""
    professionals = [retainers.professional(f"P{number}") for number in range(3)]
    first = retainers.retainer(
        professionals[0], starts_on="2026-10-31", renewal_date="2027-01-31", rollover={"mode": "full"}, auto_renew=True
    )
    second = retainers.retainer(professionals[1], term_months=12)
    third = retainers.retainer(professionals[2], term_months=6, currency="EUR")
    for id in (first, second, third):
        retainers.log(id, 3)
    entry = retainers.log(first, 2)["entry_id"]
    retainers.reverse(first, entry)
    retainers.move(second, "pause", reason="budget")
    clock.now = at("2026-12-05T12:00:00Z")
    run()
    retainers.move(second, "activate")
    retainers.log(second, 1)
    retainers.move(third, "renew")
    retainers.move(third, "cancel", reason="ended", effective_on="2027-02-01")
    retainers.patch(first, monthly_fee=3100)
    return professionals


def shown(retainers: RetainersClient, context: Any, professionals: list[str]) -> Any:
    return forecast(retainers), capacity(context, *professionals)


@pytest.mark.parametrize("seed", range(4))
def test_under_any_schedule(world, client_as, clock, run, context, seed):
    retainers, chance = RetainersClient(client_as("operator")), random.Random(seed)
    professionals = history(retainers, clock, run)
    stream, late = disturbed(world.feed.entities(), chance)
    world.runtime.dynamodb = FaultInjectingClient(
        world.table, Throttles(0.2, seed=seed), Conflicts(0.2, seed=seed), Unprocessed(0.2, seed=seed)
    )
    for records in (stream, late):
        deliver(world.project(), records, batch=chance.randrange(1, 20), attempts=2000)
    world.runtime.dynamodb = world.table
    assert kept(world) == recount(world)
    assert None not in shown(retainers, context, professionals)[1].values()


def test_rebuilt_to_the_same(world, client_as, clock, run, context):
    retainers = RetainersClient(client_as("operator"))
    professionals = history(retainers, clock, run)
    deliver(world.project(), world.feed.entities())
    before = shown(retainers, context, professionals)
    built = rebuild(world.runtime.store, world.contributions, clock.now)
    assert (built.generation, built.refused) == (2, {})
    assert shown(retainers, context, professionals) == before
