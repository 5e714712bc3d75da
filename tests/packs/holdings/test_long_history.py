"""A value a day for a year: the totals stay right, a valuation costs the same on each day, and what was stored before goes on."""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from math import ceil

import pytest

from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.manifest import Pack, Projection
from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.functions.streams import audit, project
from chalicelib.packs.holdings import repository
from chalicelib.packs.holdings.entities import Holding, HoldingMovements, HoldingYear, decode_movement, now_key, reversible_key_part
from chalicelib.packs.holdings.rules.aggregates import contribution
from chalicelib.packs.holdings.schemas import HoldingCreate, HoldingPatch, HoldingsSummaryQuery, ValuationCreate
from chalicelib.packs.holdings.service import holdings, reports, valuations
from ops.projections import find_drift, rebuild
from tests.conftest import TABLE
from tests.fault_injection import FaultInjectingClient
from tests.streams.stream_feeder import deliver, record_of

FIRST = date(2025, 11, 25)
DAYS = 365
EARLY = FIRST + timedelta(days=3)


class CapacityMeter:
    """What calls cost by the size of the rows: 1 KB a write unit (two in a transaction), 4 KB a read unit."""

    def __init__(self, client):
        self.client, self.reads, self.writes = client, 0, 0

    def __call__(self, operation, arguments, send):
        answer = send(arguments)
        if operation == "transact_write_items":
            self.writes += sum(2 * ceil(self._size(action) / 1024) for action in arguments["TransactItems"])
        elif operation in ("put_item", "update_item", "delete_item"):
            self.writes += ceil(self._size({"Put": arguments}) / 1024)
        else:
            found = [answer.get("Item"), *answer.get("Items", ()), *answer.get("Responses", {}).get(TABLE, ())]
            self.reads += ceil(len(json.dumps([row for row in found if row])) / 4096)
        return answer

    def _size(self, action):
        (body,) = action.values()
        key = body.get("Key") or {name: body["Item"][name] for name in ("pk", "sk")}
        return len(json.dumps(self.client.get_item(TableName=TABLE, Key=key).get("Item", {})))


class LongHistory:
    def __init__(self, holdings_client):
        self.client, self.runtime, self.clock = holdings_client, holdings_client.runtime, holdings_client.clock
        self.set_day(0)
        body = HoldingCreate(asset_type="equity", label="Quoted", value_estimate=1000, entity_name="Holdco")
        self.id = holdings.create(self.ctx(), body)["id"]
        self.consume()

    def ctx(self):
        return self.runtime.context(request_id=f"req-{self.clock.now}", actor=system_actor("test"))

    def set_day(self, number):
        self.clock.now = datetime.combine(FIRST + timedelta(days=number), datetime.min.time(), UTC) + timedelta(hours=18)

    def consume(self):
        records = self.client.feed.entities()
        deliver(lambda event, context: project(self.runtime, event, context, self.client.contributions), records)
        deliver(lambda event, context: audit(self.runtime, event, context, workers=1), records)

    def value(self, number):
        """Value it, after midnight. Read and write units, and bytes of the trail, of the request and of both consumers."""
        self.set_day(number)
        meter = CapacityMeter(self.runtime.dynamodb)
        plain, self.runtime.dynamodb = self.runtime.dynamodb, FaultInjectingClient(self.runtime.dynamodb, meter)
        valuations.create_valuation(self.ctx(), self.id, ValuationCreate(value=1000 + number))
        self.consume()
        self.runtime.dynamodb = plain
        return meter

    def edit(self, **values):
        holdings.edit(self.ctx(), self.id, HoldingPatch(**values))
        self.consume()

    def total(self, day=None):
        return reports.get_summary(self.ctx(), HoldingsSummaryQuery(as_of=day))["total_value"]

    def trail_bytes(self, at):
        return sum(len(row["body"]["S"]) for row in self._rows("AUD#") if json.loads(row["body"]["S"])["at"].startswith(at))

    def _rows(self, prefix):
        pages = self.runtime.dynamodb.get_paginator("scan").paginate(TableName=TABLE)
        return [row for page in pages for row in page["Items"] if row["pk"]["S"].startswith(prefix)]


@pytest.fixture
def long_history(holdings_client):
    return LongHistory(holdings_client)


def test_a_share_from_an_early_day_on_after_a_year_of_daily_values(long_history):
    found = long_history
    meters = {number: found.value(number) for number in range(1, DAYS)}
    # What a valuation reads and writes, its records in the trail and its totals included, is the same on the tenth day and on the last.
    assert meters[360].writes <= meters[10].writes + 2
    assert meters[360].reads <= meters[10].reads + 1
    assert max(meter.writes for meter in meters.values()) <= 32
    days = [(FIRST + timedelta(days=number)).isoformat() for number in (10, 360)]
    first, last = map(found.trail_bytes, days)
    assert max(first, last) <= 2048
    assert found.total() == 1364
    found.edit(ownership_pct=50, effective_on=EARLY)
    assert (found.total(), found.total(EARLY), found.total(EARLY - timedelta(days=1))) == (682, 501.5, 1002)
    contribute = found.client.contributions
    assert find_drift(found.runtime.store, contribute) == []
    assert rebuild(found.runtime.store, contribute, found.clock()).refused == {}
    assert (found.total(), found.total(EARLY)) == (682, 501.5)
    assert found._rows("PARK#") == []
    holdings.delete(found.ctx(), found.id)
    found.consume()
    assert (found.total(), found.total(EARLY)) == (0, 0)
    assert rebuild(found.runtime.store, contribute, found.clock()).refused == {}
    assert (found.total(), found.total(EARLY)) == (0, 0)


def test_a_value_for_a_day_after_all_others_is_what_the_whole_history_says(long_history, monkeypatch):
    found = long_history
    found.value(1)
    found.edit(liability=100, ownership_pct=40, entity_name="Other", effective_on=FIRST + timedelta(days=1))
    found.value(5)
    monkeypatch.setattr(repository, "read", None)  # not asked for
    found.value(6)
    monkeypatch.undo()
    found.value(6)  # another one for the same day
    whole = repository.read(found.ctx(), found.id)
    assert repository.days_of(whole.history)[-1] == whole.holding.last_entry_on == FIRST + timedelta(days=6)
    stored = found.runtime.store().query_all(HoldingMovements.children_of(found.id))
    rows = [decode_movement(row) for entry in map(HoldingMovements.from_item, stored) for row in entry.movements]
    assert repository.difference(rows, repository.movements(whole.history)) == []


# -- what was stored before: the movements of a year in one row, the totals of a year in one row


def by_year(image):
    """What a year contributed when the totals had a row a year."""
    now, months = contribution(decode_movement(row) for row in image["movements"])
    years = defaultdict(dict)
    for (month, group), numbers in months.items():
        key = "#".join([month[:4], group.dimension, reversible_key_part(group.group), group.currency])
        years["HOLDINGS", key] |= numbers
    return {now_key(group): dict(numbers) for group, numbers in now.items()} | years


@pytest.fixture
def older(long_history):
    """The same history as it was stored before: no row of movements, no day of the last entry, years projected into years."""
    found = long_history
    for number in (1, 2, 40):
        found.value(number)
    client = found.runtime.dynamodb
    moves = repository.movements(repository.read(found.ctx(), found.id).history)
    for row in client.scan(TableName=TABLE)["Items"]:
        if row["pk"]["S"].partition("#")[0] in ("SEEN", "HOLDINGS") or row["sk"]["S"].startswith("A#"):
            client.delete_item(TableName=TABLE, Key={"pk": row["pk"], "sk": row["sk"]})
    client.update_item(TableName=TABLE, Key={"pk": {"S": found.id}, "sk": {"S": "~"}}, UpdateExpression="REMOVE last_entry_on")
    registry = ContributionRegistry(
        [Pack("T", "t", "t", "t", projections=(Projection("holding_year", f"{__name__}.by_year", ("HOLDINGS",)),))]
    )
    for year in sorted({move.day.year for move in moves}):
        rows = [repository.encode_movement(move) for move in moves if move.day.year == year]
        id = HoldingYear.ID.new(datetime(year, 1, 1, tzinfo=UTC), parent=found.id)
        item = HoldingYear.new(found.ctx(), id=id, holding_id=found.id, year=year, movements=rows).to_item()
        client.put_item(TableName=TABLE, Item=item)
        deliver(lambda event, context: project(found.runtime, event, context, registry), [record_of(1, None, item)])
    found.client.feed.take()
    return found


def test_what_was_stored_by_years_goes_on(older):
    assert (older.total(), older.total(FIRST + timedelta(days=1)), older.total(FIRST - timedelta(days=1))) == (1040, 1001, 0)
    older.value(41)
    assert older.ctx().store.require(Holding, older.id).last_entry_on == FIRST + timedelta(days=41)
    older.edit(ownership_pct=50, effective_on=FIRST + timedelta(days=1))
    expected = [520.5, 520, 500.5, 1000]
    asked = [FIRST + timedelta(days=number) for number in (41, 40, 1, 0)]
    assert [older.total(day) for day in asked] == expected
    assert reports.first_holding_day(older.ctx()) == FIRST
    contribute = older.client.contributions
    rebuild(older.runtime.store, contribute, older.clock())
    assert [older.total(day) for day in asked] == expected
    assert all(row["sk"]["S"][:5] in ("now#e", "now#j", "now#a", "2025-", "2026-") for row in older._rows("HOLDINGS"))


def test_what_was_stored_by_years_can_be_deleted(older):
    holdings.delete(older.ctx(), older.id)
    older.consume()
    assert [older.total(FIRST + timedelta(days=number)) for number in (40, 1)] == [0, 0]
    assert reports.first_holding_day(older.ctx()) is None
