"""Holdings on the engine that bears threads: thousands through the real reader of the stream, and many at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from chalicelib.foundation.context import system
from chalicelib.foundation.ids import ulid
from chalicelib.foundation.projections import Contributions
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.schedules import Run
from chalicelib.foundation.secrets import SecretStore
from chalicelib.functions.streams import project
from chalicelib.packs import PACKS
from chalicelib.packs.holdings.entities import Year, packed
from chalicelib.packs.holdings.rules import fx
from chalicelib.packs.holdings.rules.summary import summarize
from chalicelib.packs.holdings.schedules import close_days
from chalicelib.packs.holdings.schemas import HoldingCreate, HoldingPatch, ValuationCreate
from chalicelib.packs.holdings.service import entries, history, holdings, snapshots, totals
from tests.conftest import SECRETS
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url  # noqa: F401 - fixtures
from tests.streams.feed import deliver, record_of
from tests.streams.test_holdings import DAY, RATES, movements, plainly, random_holdings

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def local(dynamodb_local, settings, clock):  # noqa: F811
    return Runtime(settings, dynamodb=dynamodb_local, secrets=SecretStore(settings, lambda: SECRETS), clock=clock)


def ctx(runtime, name="x"):
    return runtime.context(request_id=f"req-{name}-{ulid(runtime.clock())}", actor=system("test"))


def at_once(count, call):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_thousands_through_the_real_reader_are_exact_to_the_cent_and_cost_no_more_to_read(local):
    contribute = Contributions(PACKS)
    found = list(random_holdings(3_000, seed=8))
    records, units = [], []
    for number, one in enumerate(found):
        rows = [packed(movement) for movement in movements(*one)]
        id = Year.id_of(f"hold_{ulid(local.clock())}", DAY.year)
        year = Year.fresh(ctx(local), id=id, holding_id=f"hold_{number}", year=DAY.year, movements=rows)
        records.append(record_of(number + 1, None, year.to_item()))
    for part in (records[:300], records[300:]):
        deliver(lambda event, context: project(local, event, context, contribute), part)
        looking = ctx(local)
        looking.store.count_capacity = True
        sums = totals.sums_on(looking, local.clock().date())
        units.append((looking.store.read_units, looking.store.round_trips))
    owned, dollars = plainly(found)
    summary = summarize(sums, fx.Rates([("EUR", DAY, RATES)]), "USD", DAY)
    assert {name: line.amount for name, line in summary.by_currency.items()} == owned
    assert (summary.total_value, summary.count) == (dollars, 3_000)
    assert totals.sums_on(ctx(local), DAY) == sums
    assert totals.sums_on(ctx(local), DAY - timedelta(days=1)) == {}
    assert units[0] == units[1]


def test_two_closes_at_once_are_one_close_a_day(local, clock):
    holdings.create(ctx(local), HoldingCreate(asset_type="cash", value_estimate=5))
    clock.now += timedelta(days=4)

    def work(number):
        run = Run()
        close_days(ctx(local, str(number)), run)
        return run

    runs = at_once(4, work)
    assert sum(run.done for run in runs) == 4
    assert sum(run.failed for run in runs) == 0
    answer = snapshots.list_page(ctx(local), _all())
    assert [(item["date"], item["version"]) for item in answer["items"]] == [(f"2026-11-{day}", 1) for day in (27, 26, 25, 24)]


def _all():
    from chalicelib.packs.holdings.schemas import SnapshotsQuery

    return SnapshotsQuery()


def test_intraday_and_corrections_at_once_are_one_each(local, clock):
    from chalicelib.packs.holdings.schemas import SnapshotCreate

    holdings.create(ctx(local), HoldingCreate(asset_type="cash", value_estimate=5))
    made = at_once(6, lambda number: snapshots.take(ctx(local, str(number)), SnapshotCreate()))
    assert sum(new for _, new in made) == 1
    assert len({view["id"] for view, _ in made}) == 1


def test_writers_of_one_holding_lose_nothing(local):
    id = holdings.create(ctx(local), HoldingCreate(asset_type="cash", value_estimate=100))["id"]

    def write(number):
        if number % 2:
            entries.value(ctx(local, str(number)), id, ValuationCreate(value=number))
        else:
            holdings.edit(ctx(local, str(number)), id, HoldingPatch(ownership_pct=10 * number + 10))

    at_once(6, write)
    known = history.read(ctx(local), id)
    assert (known.holding.revision, len(known.valuations), len(known.dated)) == (7, 4, 4)
    assert len({one.recorded for one in (*known.valuations[1:], *known.dated[1:])}) == 6
    newest = max(known.valuations, key=lambda one: one.recorded)
    assert known.holding.value_estimate == newest.value
    (year,) = known.years
    last = max(known.dated, key=lambda one: one.recorded)
    assert known.holding.ownership_pct == last.changed["share"]
    assert year.movements[0]["owned"] == known.holding.owned_value
