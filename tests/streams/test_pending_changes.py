"""Summaries say that they are behind, from the change until the aggregates hold it, whatever happens to its record."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from chalicelib.foundation import pending_changes as pending
from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.functions.streams import project
from chalicelib.packs import PACKS
from chalicelib.packs.audit.recovery import SETTLED
from ops.gaps import find_gaps
from ops.redrive import redrive_projection
from tests.conftest import TABLE
from tests.fault_injection import FaultInjectingClient, Throttles
from tests.roles_of_functions import AsRole, policy_of
from tests.streams.stream_feeder import deliver

NUMBERS = {"arv_estimate": 250000, "repair_estimate": 35000, "assignment_fee_target": 15000}


@pytest.fixture
def firm(world, client_as):
    """An operator's client, and what reads of the table show."""
    call = client_as("operator")

    def ok(method, path, body=None):
        answer = call(method, path, body)
        assert answer.status < 300, answer.text
        return answer.json() if answer.text else None

    def behind():
        return len(pending.pending_changes(world.runtime.store(), "pipeline"))

    def deliver_all(runtime=None):
        contributions = ContributionRegistry(PACKS)
        return deliver(lambda event, context: project(runtime or world.runtime, event, context, contributions), world.feed.entities())

    return SimpleNamespace(ok=ok, behind=behind, deliver=deliver_all, board=lambda: ok("GET", "/wholesale/board"), world=world)


def lead(firm, **values):
    return firm.ok("POST", "/wholesale", {**NUMBERS, **values})["id"]


def test_a_board_is_behind_until_the_change_is_applied(firm):
    id = lead(firm)
    assert (firm.board()["behind"], firm.board()["stages"]["lead"]["count"]) == (1, 0)
    firm.deliver()
    assert (firm.board()["behind"], firm.board()["stages"]["lead"]["count"]) == (0, 1)
    firm.ok("PATCH", f"/wholesale/{id}", {"arv_estimate": 300000})
    assert firm.board()["behind"] == 1
    firm.ok("POST", f"/wholesale/{id}/stage", {"stage": "dead", "reason": "price"})
    assert firm.board()["behind"] == firm.ok("GET", "/wholesale/funnel")["behind"] == 2
    firm.deliver()
    assert firm.board()["behind"] == firm.ok("GET", "/wholesale/funnel")["behind"] == 0


def test_a_change_that_moves_no_aggregate_is_not_pending(firm):
    id = lead(firm)
    firm.deliver()
    for change in ({"notes": "called"}, {"tags": ["a"]}, {"owner": None}):
        firm.ok("PATCH", f"/wholesale/{id}", change)
        assert firm.behind() == 0, change


def test_a_deletion_is_pending_until_it_is_applied(firm):
    id = lead(firm)
    firm.deliver()
    firm.ok("DELETE", f"/wholesale/{id}")
    assert (firm.board()["behind"], firm.board()["stages"]["lead"]["count"]) == (1, 1)
    firm.deliver()
    assert (firm.board()["behind"], firm.board()["stages"]["lead"]["count"]) == (0, 0)


def test_each_row_of_a_bulk_request_is_pending(firm):
    firm.ok("POST", "/wholesale/bulk", {"items": [dict(NUMBERS) for _ in range(30)]})
    assert firm.board()["behind"] == 30
    firm.deliver()
    assert (firm.board()["behind"], firm.board()["stages"]["lead"]["count"]) == (0, 30)


def test_a_hundred_stand_for_more(firm):
    tx = Transaction(firm.world.runtime.store())
    for number in range(100):
        tx.put_values(pending.marker_key("pipeline", f"pipe_{number}", 1), {"at": firm.world.ctx().now})
    tx.commit()
    lead(firm)
    assert firm.board()["behind"] == 100


def test_summaries_of_other_packs_say_it_too(firm):
    assert firm.ok("GET", "/holdings/summary")["complete"]
    firm.ok("POST", "/holdings", {"asset_type": "cash", "value_estimate": 5, "currency": "USD"})
    summary = firm.ok("GET", "/holdings/summary")
    assert (summary["total_value"], summary["complete"], summary["behind"]) == (0, False, 1)
    figures = firm.ok("GET", "/holdings/performance")
    assert (figures["complete"], figures["behind"]) == (False, 1)
    pipeline = lead(firm, stage="under_contract", offer_price=110000, contract_price=118000)
    buyer = firm.ok("POST", "/dispo/buyers", {"name": "Ann Adams"})["id"]
    firm.ok("POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": buyer, "assignment_price": 131000})
    assert firm.ok("GET", "/dispo/summary")["behind"] == 1
    firm.deliver()
    summary = firm.ok("GET", "/holdings/summary")
    assert (summary["total_value"], summary["complete"], summary["behind"]) == (5, True, 0)
    assert firm.ok("GET", "/dispo/summary")["behind"] == firm.ok("GET", "/holdings/performance")["behind"] == 0


def test_a_parked_change_keeps_the_board_from_being_complete(firm, monkeypatch):
    id = lead(firm)
    with monkeypatch.context() as broken:
        broken.setattr("chalicelib.packs.wholesale.projections.compute_pricing", lambda _: 1 / 0)
        firm.deliver()
    lead(firm)
    firm.deliver()
    assert (firm.board()["behind"], firm.board()["stages"]["lead"]["count"]) == (1, 1)
    redrive_projection(firm.world.ctx, ContributionRegistry(PACKS), id)
    assert (firm.board()["behind"], firm.board()["stages"]["lead"]["count"]) == (0, 2)


def test_a_lost_change_stays_pending_until_its_gap_is_closed(firm, clock):
    lead(firm)
    firm.world.feed.entities()
    clock.now += SETTLED + timedelta(minutes=1)
    find_gaps(firm.world.ctx, firm.world.contributions, firm.world.kinds, close=False)
    assert firm.behind() == 1
    find_gaps(firm.world.ctx, firm.world.contributions, firm.world.kinds, close=True)
    assert (firm.board()["behind"], firm.board()["stages"]["lead"]["count"]) == (0, 1)


def test_a_marker_that_no_consumer_has_seen_is_removed_once_the_change_is_applied(firm, clock):
    id = lead(firm)
    firm.world.feed.entities()  # the first record is lost; the next one brings the whole contribution
    firm.ok("PATCH", f"/wholesale/{id}", {"arv_estimate": 300000})
    firm.deliver()
    assert firm.behind() == 1
    clock.now += SETTLED + timedelta(minutes=1)
    find_gaps(firm.world.ctx, firm.world.contributions, firm.world.kinds, close=True)
    assert firm.behind() == 0


def test_a_consumer_that_dies_before_it_removes_the_markers_is_repeated(firm):
    lead(firm)
    runtime = firm.world.runtime
    runtime.dynamodb = FaultInjectingClient(firm.world.table, Throttles(only=frozenset({"batch_write_item"})))
    failed = project(runtime, {"Records": (records := firm.world.feed.entities())}, None, ContributionRegistry(PACKS))
    assert failed["batchItemFailures"]
    runtime.dynamodb = firm.world.table
    assert firm.behind() == 1
    deliver(lambda event, context: project(runtime, event, context, ContributionRegistry(PACKS)), records)
    assert (firm.board()["behind"], firm.board()["stages"]["lead"]["count"]) == (0, 1)


def test_the_consumers_role_removes_markers_and_nothing_else(firm):
    lead(firm)
    firm.world.runtime.dynamodb = AsRole(firm.world.table, policy_of("projection_stream"))
    firm.deliver()
    firm.world.runtime.dynamodb = firm.world.table
    assert firm.behind() == 0
    with pytest.raises(Exception, match="BatchWriteItem"):
        AsRole(firm.world.table, policy_of("projection_stream")).batch_write_item(
            RequestItems={TABLE: [{"DeleteRequest": {"Key": {"pk": {"S": "pipe_1"}, "sk": {"S": "~"}}}}]}
        )


def test_the_markers_are_read_before_the_aggregates(firm, monkeypatch):
    """A change that is applied between the two reads is in the figures: it may count as pending, but never be missing in both."""
    lead(firm)
    read = pending.pending_changes
    seen = []

    def read_then_apply(store, kind):
        found = read(store, kind)
        seen.append(len(found))
        firm.deliver()
        return found

    monkeypatch.setattr("chalicelib.packs.wholesale.service.reports.pending_changes", read_then_apply)
    board = firm.board()
    assert (seen, board["behind"], board["stages"]["lead"]["count"]) == ([1], 1, 1)
