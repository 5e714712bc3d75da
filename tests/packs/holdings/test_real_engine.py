"""Holdings on the engine that bears threads: hundreds through the real reader of the stream, and many at once."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal

import pytest

from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.foundation.ids import ulid
from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.functions.streams import project
from chalicelib.packs import PACKS
from chalicelib.packs.holdings import repository, schedules
from chalicelib.packs.holdings.entities import HoldingMovements, decode_movement, encode_movement
from chalicelib.packs.holdings.rules import fx_rates, positions
from chalicelib.packs.holdings.rules.summary import summarize
from chalicelib.packs.holdings.schemas import FlowCreate, HoldingCreate, HoldingPatch, SnapshotCreate, SnapshotListQuery, ValuationCreate
from chalicelib.packs.holdings.service import flows, holdings, reports, snapshots, valuations
from ops.projections import find_drift
from tests.conftest import SECRETS
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url  # noqa: F401 - fixtures
from tests.packs.holdings.test_projections import DAY, RATES, movements, plainly, random_holdings
from tests.streams.schedules import disturbed
from tests.streams.stream_feeder import deliver, record_of

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def local(dynamodb_local, settings, clock):  # noqa: F811
    return Runtime(settings, packs=PACKS, dynamodb=dynamodb_local, secrets=SecretStore(settings, lambda: SECRETS), clock=clock)


def ctx(runtime, name="x"):
    return runtime.context(request_id=f"req-{name}-{ulid(runtime.clock())}", actor=system_actor("test"))


def at_once(count, call):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_hundreds_through_the_real_reader_are_exact_to_the_cent_and_cost_no_more_to_read(local):
    contribute = ContributionRegistry(PACKS)
    found = list(random_holdings(400, seed=8))
    records, units = [], []
    for number, one in enumerate(found):
        rows = [encode_movement(movement) for movement in movements(*one)]
        id = HoldingMovements.ID.new(local.clock(), parent=f"hold_{ulid(local.clock())}")
        moves = HoldingMovements.new(ctx(local), id=id, holding_id=f"hold_{number}", movements=rows)
        records.append(record_of(number + 1, None, moves.to_item()))
    for part in (records[:40], records[40:]):
        deliver(lambda event, context: project(local, event, context, contribute), part)
        looking = ctx(local)
        looking.store.count_capacity = True
        sums = reports.totals_on_day(looking, local.clock().date())
        units.append((looking.store.read_units, looking.store.round_trips))
    owned, dollars = plainly(found)
    summary = summarize(sums, fx_rates.Rates([("EUR", DAY, RATES)]), "USD", DAY)
    assert {name: line.amount for name, line in summary.by_currency.items()} == owned
    assert (summary.total_value, summary.count) == (dollars, 400)
    assert reports.totals_on_day(ctx(local), DAY) == sums
    assert reports.totals_on_day(ctx(local), DAY - timedelta(days=1)) == {}
    assert units[0] == units[1]


def test_two_closes_at_once_are_one_close_a_day(local, clock):
    id = holdings.create(ctx(local), HoldingCreate(asset_type="cash", value_estimate=5))["id"]
    moves = [record_of(1, None, row) for row in local.store().query_all(HoldingMovements.children_of(id))]
    deliver(lambda event, context: project(local, event, context, ContributionRegistry(PACKS)), moves)
    clock.now += timedelta(days=4)

    def work(number):
        run = RunStats()
        schedules.close(ctx(local, str(number)), run)
        return run

    runs = at_once(4, work)
    assert sum(run.done for run in runs) == 4
    assert sum(run.failed for run in runs) == 0
    answer = snapshots.list_snapshots(ctx(local), SnapshotListQuery())
    assert [(item["date"], item["version"]) for item in answer["items"]] == [(f"2026-11-{day}", 1) for day in (27, 26, 25, 24)]


def test_intraday_and_corrections_at_once_are_one_each(local, clock):
    holdings.create(ctx(local), HoldingCreate(asset_type="cash", value_estimate=5))
    made = at_once(6, lambda number: snapshots.create_snapshot(ctx(local, str(number)), SnapshotCreate()))
    assert sum(new for _, new in made) == 1
    assert len({view["id"] for view, _ in made}) == 1


def test_writers_of_one_holding_lose_nothing(local):
    id = holdings.create(ctx(local), HoldingCreate(asset_type="cash", value_estimate=100))["id"]

    def write(number):
        if number % 2:
            valuations.create_valuation(ctx(local, str(number)), id, ValuationCreate(value=number))
        else:
            holdings.edit(ctx(local, str(number)), id, HoldingPatch(ownership_pct=10 * number + 10))

    at_once(6, write)
    known = repository.read(ctx(local), id)
    assert (known.holding.revision, len(known.valuations), len(known.changes)) == (7, 4, 4)
    assert len({one.recorded for one in (*known.valuations[1:], *known.changes[1:])}) == 6
    newest = max(known.valuations, key=lambda one: one.recorded)
    assert known.holding.value_estimate == newest.value
    last = max(known.changes, key=lambda one: one.recorded)
    assert known.holding.ownership_pct == last.changed["share"]
    stored = list(map(HoldingMovements.from_item, local.store().query_all(HoldingMovements.children_of(id))))
    assert sum(decode_movement(row).owned for one in stored for row in one.movements) == known.holding.owned_value


# -- any history, whatever the stream does

FIRST, TODAY = date(2025, 11, 1), date(2026, 11, 24)


class Tape:
    """Holdings that live at random, and the records that the table's stream has of their movements."""

    def __init__(self, runtime, seed):
        self.runtime, self.chance = runtime, random.Random(seed)
        self.made, self.records, self._images = {}, [], {}

    def act(self):
        place = self.chance.randrange(3)
        if place not in self.made:
            currency = ["USD", "CAD", "JPY"][place]
            body = {"asset_type": "property", "value_estimate": self.chance.randrange(10**6), "acquired_on": FIRST, "currency": currency}
            self.made[place] = holdings.create(ctx(self.runtime), HoldingCreate(**body))["id"]
            self._look(self.made[place])
        id = self.made[place]
        on = TODAY - timedelta(days=self.chance.randrange(388))
        what = self.chance.choice(["value", "flow", "delete", "liability", "share", "active", "group", "gone", "back", "start", "currency"])
        with suppress(Conflict, ValidationFailed):
            self._do(id, what, on)
        self._look(id)
        if what == "delete":
            del self.made[place]

    def _do(self, id, what, on):
        amount = Decimal(self.chance.randrange(1, 10**6))
        if what == "value":
            valuations.create_valuation(ctx(self.runtime), id, ValuationCreate(value=-amount, as_of=on))
        elif what == "flow":
            flows.create_flow(ctx(self.runtime), id, FlowCreate(amount=amount, on=on, kind=self.chance.choice(sorted(positions.SIGNS))))
        elif what == "delete":
            holdings.delete(ctx(self.runtime), id)
        else:
            body = {
                "liability": {"liability": amount, "effective_on": on},
                "share": {"ownership_pct": Decimal(self.chance.randrange(101)), "effective_on": on},
                "active": {"is_active": self.chance.random() < 0.5, "effective_on": on},
                "group": {"jurisdiction": self.chance.choice(["a", "b", None]), "effective_on": on},
                "gone": {"disposed_on": on, "proceeds": amount},
                "back": {"disposed_on": None, "proceeds": None},
                "start": {"acquired_on": FIRST + timedelta(days=self.chance.randrange(100))},
                "currency": {"currency": self.chance.choice(["USD", "EUR"]), "value_estimate": amount, "liability": 5},
            }[what]
            holdings.edit(ctx(self.runtime), id, HoldingPatch(**body))

    def _look(self, id):
        condition = "pk = :pk AND begins_with(sk, :movements)"
        values = {":pk": {"S": id}, ":movements": {"S": "A#"}}
        store = self.runtime.store()
        for row in store.query(KeyConditionExpression=condition, ExpressionAttributeValues=values, ConsistentRead=True)["Items"]:
            old = self._images.get(row["sk"]["S"])
            if old != row:
                self.records.append(record_of(len(self.records) + 1, old, row))
                self._images[row["sk"]["S"]] = row

    def by_looking(self, day):
        """The sums of a day by looking at every holding's own history."""
        found = {}
        for id in self.made.values():
            at = positions.position(repository.read(ctx(self.runtime), id).history, day)
            for dimension in ("asset_type", "jurisdiction", "entity") if at else ():
                cell = reports.GroupKey(dimension, getattr(at.groups, dimension), at.currency)
                so_far = found.get(cell, reports.GroupTotals())
                found[cell] = reports.GroupTotals(so_far.owned + (at.owned or 0), so_far.count + 1, so_far.unvalued + (at.owned is None))
        return found


@pytest.mark.parametrize("seed", range(6))
def test_any_day_is_what_the_holdings_say_whatever_the_stream_does(local, seed):
    tape = Tape(local, seed)
    for _ in range(25):
        tape.act()
    stream, late = disturbed(tape.records, random.Random(seed))
    contribute = ContributionRegistry(PACKS)
    for records in (stream, late):
        deliver(lambda event, context: project(local, event, context, contribute), records, batch=7)
    for day in (FIRST - timedelta(days=1), FIRST, date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 1), TODAY):
        assert reports.totals_on_day(ctx(local), day) == tape.by_looking(day)
    assert find_drift(local.store, contribute) == []
    began = reports.first_holding_day(ctx(local))
    assert began is None or tape.by_looking(began - timedelta(days=1)) == {}
