"""What a verification finds is told to auditors, and to the pack that keeps what others observe."""

from datetime import timedelta

import pytest

from chalicelib.foundation import observations
from chalicelib.packs.audit import sealing
from tests.conftest import TABLE
from tests.packs.audit.test_sealing import Days
from tests.packs.deals.deals_client import DealsClient
from tests.streams.stream_feeder import deliver


@pytest.fixture
def observed(monkeypatch):
    """What was observed, in its order."""
    found = []
    monkeypatch.setattr(observations, "report", lambda ctx, observation: found.append(observation))
    return found


@pytest.fixture
def trail(world, clock, run_work, client_as, monkeypatch):
    monkeypatch.setattr(sealing, "LOOK_BACK", timedelta(days=2))
    return Days(world, clock, run_work, client_as)


def test_a_broken_chain_is_raised_and_a_whole_check_ends_it(trail, client_as, observed):
    deal = DealsClient(client_as("operator")).deal()
    deliver(trail.world.audit(), trail.world.feed.entities())
    (row,) = trail.rows(deal)
    trail.world.table.put_item(TableName=TABLE, Item=row | {"hash": {"S": "0" * 64}})
    assert client_as("auditor")("GET", f"/audit/verify/{deal}").json()["valid"] is False
    (broken,) = observed
    assert (broken.code, broken.subject_type, broken.subject_id, broken.root_id, broken.stands) == (
        "CHAIN_BROKEN",
        "deal",
        deal,
        deal,
        True,
    )
    assert broken.message == "Its trail is broken at 1: mutated: its hash isn't that of its content."
    assert trail.alarms() == ["trail.chain_broken"]
    trail.world.table.put_item(TableName=TABLE, Item=row)
    assert client_as("auditor")("GET", f"/audit/verify/{deal}").json()["valid"] is True
    assert (observed[1].subject_id, observed[1].root_id, observed[1].stands) == (deal, deal, False)


def test_what_has_no_trail_at_all_is_raised_too(trail, client_as, observed):
    deal = DealsClient(client_as("operator")).deal()
    trail.clock.now += timedelta(minutes=6)
    assert client_as("auditor")("GET", f"/audit/verify/{deal}").json()["first_break"]["seq"] == 1
    assert [(one.subject_type, one.root_id, one.stands) for one in observed] == [("deal", deal, True)]


def test_a_day_that_is_not_as_it_was_sealed_is_raised_and_ended(trail, observed):
    (id,) = trail.record()
    trail.next_day()
    trail.seal()
    (row,) = trail.rows(id)
    trail.world.table.delete_item(TableName=TABLE, Key={"pk": row["pk"], "sk": row["sk"]})
    trail.verify()
    trail.world.table.put_item(TableName=TABLE, Item=row)
    trail.verify()
    assert [(one.subject_type, one.subject_id, one.root_id, one.stands) for one in observed] == [
        ("trail", "2026-11-24", None, True),
        ("trail", "2026-11-24", None, False),
    ]
