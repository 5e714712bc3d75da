"""The timeline of a deal: what was changed of it, of what belongs to it and of its pipeline, without values and without a reading of the trail."""

from datetime import timedelta

import pytest

from chalicelib.packs.audit.records import changed_fields
from chalicelib.packs.audit.recovery import SETTLED
from ops.gaps import find_gaps
from tests.packs.deals.deals_client import DealsClient
from tests.streams.stream_feeder import deliver


@pytest.fixture
def work(client_as):
    return DealsClient(client_as("operator"))


@pytest.fixture
def recorded(world, clock):
    """Bring what was written onto the trail, and let a minute pass."""

    def bring():
        deliver(world.audit(), world.feed.entities())
        clock.now += timedelta(minutes=1)

    return bring


def timeline(client, deal, **query):
    response = client("GET", f"/deals/{deal}/timeline", query=query)
    assert response.status == 200, response.text
    return response.json()


@pytest.fixture
def deal(work, recorded):
    """A deal with a pipeline and a task, each changed after a minute."""
    pipeline = work.pipeline()
    recorded()
    deal = work.deal(kind="wholesale", pipeline_id=pipeline, external_ref="17")
    recorded()
    work.ok("POST", "/pros/tasks", {"title": "Order title", "professional_id": work.professional(), "deal_id": deal})
    recorded()
    work.ok("PATCH", f"/wholesale/{pipeline}", {"notes": "Called.", "property": {"sqft": 1950}})
    recorded()
    work.change(deal, title="1203 Pine St", notes="Two offers", parties=[{"name": "Ada Byron", "side": "ours"}])
    recorded()
    return deal


def test_newest_first_over_the_deal_what_belongs_to_it_and_its_pipeline(client_as, deal):
    items = timeline(client_as("viewer"), deal)["items"]
    assert [(one["kind"], one["action"]) for one in items] == [
        ("deal", "updated"),
        ("pipeline", "updated"),
        ("task", "created"),
        ("pipeline", "updated"),  # it has a deal now
        ("deal", "created"),
        ("pipeline", "created"),
    ]
    assert items[0] == {
        "at": "2026-11-24T18:04:00.000Z",
        "entity_id": deal,
        "kind": "deal",
        "seq": 2,
        "action": "updated",
        "actor": "user_operator",
        "fields": ["notes", "parties", "title"],
    }
    assert [one["at"] for one in items] == sorted((one["at"] for one in items), reverse=True)
    assert {"notes", "property.sqft"} <= set(items[1]["fields"])


def test_it_shows_no_values_and_is_no_reading_of_the_trail(client_as, deal, world):
    assert "Byron" not in str(timeline(client_as("viewer"), deal))
    assert world.rows("look_") == []


def test_it_is_paged(client_as, deal):
    whole = timeline(client_as("viewer"), deal)["items"]
    found, cursor = [], None
    while True:
        page = timeline(client_as("viewer"), deal, limit="2", **({"cursor": cursor} if cursor else {}))
        found += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == whole


def test_a_deal_is_named_by_its_reference_too(client_as, deal):
    assert timeline(client_as("viewer"), "17") == timeline(client_as("viewer"), deal)


def test_a_deal_without_a_pipeline(client_as, work, recorded):
    deal = work.deal()
    recorded()
    assert [one["seq"] for one in timeline(client_as("viewer"), deal)["items"]] == [1]


def test_who_may_not_read_deals_sees_no_timeline(client_as, deal):
    assert client_as("professional")("GET", f"/deals/{deal}/timeline").status in (403, 404)
    assert client_as("viewer")("GET", "/deals/deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T/timeline").status == 404


def test_round_trips(client_as, deal, work, recorded, round_trips):
    timeline(client_as("viewer"), deal)
    assert round_trips() == 3  # the deal, its own changes, and those of its pipeline
    plain = work.deal()
    recorded()
    timeline(client_as("viewer"), plain)
    assert round_trips() == 2


def test_recovered_records_are_on_it_too(client_as, world, work, clock, recorded):
    deal = work.deal()
    world.feed.entities()  # the stream loses it
    clock.now += SETTLED + timedelta(minutes=1)
    find_gaps(world.ctx, world.contributions, world.kinds, close=True)
    assert [(one["seq"], one["action"]) for one in timeline(client_as("viewer"), deal)["items"]] == [(1, "created")]


def test_records_of_other_entities_are_in_no_such_index(world, work, recorded):
    work.professional()
    recorded()
    assert not [row for row in world.rows("AUD#pro_") if "gsi4pk" in row]


def test_very_many_fields_are_named_by_what_they_are_in():
    assert changed_fields(["b", "a.x", "a.y"]) == ["a.x", "a.y", "b"]
    many = [f"parts.{number}" for number in range(100)]
    assert changed_fields([*many, "title"]) == ["parts", "title"]
