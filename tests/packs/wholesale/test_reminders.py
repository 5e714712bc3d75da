"""Quiet pipelines: the list, the follow-ups, the alarms before a contract's dates."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.foundation import due_work
from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.events import Notification
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.wholesale import repository, schedules
from chalicelib.packs.wholesale.entities import Pipeline, PipelineActivityState
from chalicelib.packs.wholesale.service.deadline_reminders import raise_reminders
from chalicelib.packs.wholesale.service.follow_ups import raise_follow_up

MORNING = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # ten in the morning where the firm is


@pytest.fixture(autouse=True)
def _start(clock: Any) -> None:
    clock.now = MORNING


@pytest.fixture
def operator(client_as: Any) -> Any:
    return client_as("operator")


@pytest.fixture
def daily(run_work: Any) -> Any:
    """Run a schedule now, as its clock does; the run's record."""
    return lambda work=schedules.follow_ups, context=None: run_work(work, context)


@pytest.fixture
def events(runtime: Any) -> Any:
    """The events so far, oldest occasion first."""

    def read() -> list[Notification]:
        items = runtime.dynamodb.scan(TableName=runtime.settings.table)["Items"]
        found = [Notification.from_item(raw) for raw in items if raw.get("kind", {}).get("S") == "event"]
        return sorted(found, key=lambda event: event.id)

    return read


@pytest.fixture
def job(runtime: Any) -> Any:
    return lambda: runtime.context(request_id=uuid4().hex, actor=system_actor("test"))


def create(operator: Any, **body: Any) -> str:
    response = operator("POST", "/wholesale", body)
    assert response.status == 201, response.text
    return response.json()["id"]


def days(events: Any) -> list[int]:
    return [event.data["days"] for event in events()]


class TestStale:
    def stale(self, operator: Any, **query: str) -> list[tuple[str, int]]:
        response = operator("GET", "/wholesale/stale", query=query)
        assert response.status == 200, response.text
        return [(item["id"], item["quiet_days"]) for item in response.json()["items"]]

    def test_open_pipelines_without_activity_longest_inactive_first(self, operator, clock, round_trips):
        first = create(operator)
        clock.now += timedelta(days=2)
        second = create(operator)
        clock.now += timedelta(days=6)
        assert self.stale(operator) == [(first, 8)]
        clock.now += timedelta(days=1)
        assert self.stale(operator) == [(first, 9), (second, 7)]
        assert round_trips() == 2
        assert self.stale(operator, days="9") == [(first, 9)]
        assert self.stale(operator, days="10") == []
        item = operator("GET", "/wholesale/stale").json()["items"][0]
        assert (item["quiet_since"], item["stage"], item["owner"]) == ("2026-03-02", "lead", "user_operator")

    @pytest.mark.parametrize("what", ["activity", "stage"])
    def test_activity_ends_a_quiet_period_and_edits_do_not(self, operator, clock, what):
        id = create(operator)
        clock.now += timedelta(days=8)
        operator("PATCH", f"/wholesale/{id}", {"notes": "x"})
        assert self.stale(operator) == [(id, 8)]
        if what == "activity":
            operator("POST", f"/wholesale/{id}/activities", {"event_type": "call"})
        else:
            operator("POST", f"/wholesale/{id}/stage", {"stage": "offer_made", "price": 1})
        assert self.stale(operator) == []
        clock.now += timedelta(days=7)
        assert self.stale(operator) == [(id, 7)]

    def test_a_past_activity_counts_from_its_day(self, operator, clock):
        id = create(operator)
        clock.now += timedelta(days=20)
        operator("POST", f"/wholesale/{id}/activities", {"event_type": "call", "occurred_at": "2026-03-12T18:00:00Z"})
        assert self.stale(operator) == [(id, 10)]
        operator("POST", f"/wholesale/{id}/activities", {"event_type": "call", "occurred_at": "2026-03-05T18:00:00Z"})
        assert self.stale(operator) == [(id, 10)]

    def test_pipelines_on_hold_dead_or_deleted_are_left_out(self, operator, clock):
        on_hold, dead, deleted = (create(operator) for _ in range(3))
        operator("PATCH", f"/wholesale/{on_hold}", {"on_hold": True})
        operator("POST", f"/wholesale/{dead}/stage", {"stage": "dead", "reason": "price"})
        operator("DELETE", f"/wholesale/{deleted}")
        clock.now += timedelta(days=30)
        operator("POST", f"/wholesale/{dead}/activities", {"event_type": "note"})
        clock.now += timedelta(days=30)
        assert self.stale(operator) == []
        operator("POST", f"/wholesale/{dead}/stage", {"stage": "lead", "next_action": {"what": "Call"}})
        assert self.stale(operator) == []
        clock.now += timedelta(days=7)
        assert self.stale(operator) == [(dead, 7)]

    def test_putting_on_hold_is_no_activity(self, operator, clock):
        id = create(operator)
        clock.now += timedelta(days=10)
        operator("PATCH", f"/wholesale/{id}", {"on_hold": True})
        clock.now += timedelta(days=3)
        operator("PATCH", f"/wholesale/{id}", {"on_hold": False})
        assert self.stale(operator) == [(id, 13)]

    def test_an_activity_during_a_hold_counts(self, operator, clock):
        id = create(operator, on_hold=True)
        clock.now += timedelta(days=10)
        operator("POST", f"/wholesale/{id}/activities", {"event_type": "call"})
        clock.now += timedelta(days=8)
        assert self.stale(operator) == []
        operator("PATCH", f"/wholesale/{id}", {"on_hold": False})
        assert self.stale(operator) == [(id, 8)]

    def test_it_is_paginated(self, operator, clock):
        ids = []
        for _ in range(3):
            ids.append(create(operator))
            clock.now += timedelta(days=1)
        clock.now += timedelta(days=10)
        first = operator("GET", "/wholesale/stale", query={"limit": "2"}).json()
        second = operator("GET", "/wholesale/stale", query={"limit": "2", "cursor": first["next_cursor"]}).json()
        assert [item["id"] for item in first["items"] + second["items"]] == ids
        assert second["next_cursor"] is None
        assert operator("GET", "/wholesale/stale", query={"days": "8", "cursor": first["next_cursor"]}).status == 400

    def test_the_quietest_is_first_by_activity_or_stage(self, operator, clock):
        moved, called, untouched = (create(operator) for _ in range(3))
        clock.now += timedelta(days=3)
        operator("POST", f"/wholesale/{called}/activities", {"event_type": "call"})
        clock.now += timedelta(days=2)
        operator("POST", f"/wholesale/{moved}/stage", {"stage": "offer_made", "price": 1})
        clock.now += timedelta(days=10)
        assert self.stale(operator) == [(untouched, 15), (called, 12), (moved, 10)]

    def test_a_past_activity_does_not_undo_a_later_change_of_stage(self, operator, clock):
        id = create(operator)
        clock.now += timedelta(days=20)
        operator("POST", f"/wholesale/{id}/stage", {"stage": "offer_made", "price": 1})
        clock.now += timedelta(days=8)
        operator("POST", f"/wholesale/{id}/activities", {"event_type": "call", "occurred_at": "2026-03-12T18:00:00Z"})
        assert self.stale(operator) == [(id, 8)]

    @pytest.mark.parametrize("seed", range(4))
    def test_every_page_is_full_and_all_pages_are_the_list(self, operator, clock, seed):
        random, quiet_since = Random(seed), {}
        for _ in range(7):
            quiet_since[create(operator)] = clock.now
        for _ in range(14):
            clock.now += timedelta(days=random.randint(0, 3))
            id = random.choice(list(quiet_since))
            stage = operator("GET", f"/wholesale/{id}").json()["stage"]
            action = random.choice(["activity", "stage", "edit"])
            if action == "activity":
                operator("POST", f"/wholesale/{id}/activities", {"event_type": "call"})
            elif action == "edit":
                operator("PATCH", f"/wholesale/{id}", {"notes": str(clock.now)})
            else:
                body = {"stage": "offer_made", "price": 1} if stage == "lead" else {"stage": "lead", "note": "Too dear"}
                assert operator("POST", f"/wholesale/{id}/stage", body).status == 200
            if action != "edit":
                quiet_since[id] = clock.now
        clock.now += timedelta(days=4)
        expected = [
            id for id in sorted(quiet_since, key=lambda id: (quiet_since[id].date(), id)) if (clock.now - quiet_since[id]).days >= 7
        ]
        pages: list[list[str]] = []
        query = {"limit": "2"}
        while query.get("cursor", "") is not None:
            page = operator("GET", "/wholesale/stale", query=query).json()
            pages.append([item["id"] for item in page["items"]])
            query["cursor"] = page["next_cursor"]
        assert pages == [expected[start : start + 2] for start in range(0, len(expected), 2)] or (expected, pages) == ([], [[]])

    def test_a_row_from_before_changes_of_stage_counted_is_set_right_by_the_daily_run(self, operator, daily, clock, runtime):
        moved = create(operator)
        clock.now += timedelta(minutes=1)
        other = create(operator)
        before = runtime.store().get_item(reference_counter(moved))
        clock.now += timedelta(days=5)
        operator("POST", f"/wholesale/{moved}/stage", {"stage": "offer_made", "price": 1})
        runtime.dynamodb.put_item(TableName=runtime.settings.table, Item=before)
        clock.now += timedelta(days=6)
        assert self.stale(operator) == [(other, 11)]
        daily()
        clock.now += timedelta(days=4)
        assert self.stale(operator) == [(other, 15), (moved, 10)]

    def test_contacts_are_masked(self, operator, client_as, clock):
        create(operator, seller={"name": "Ada"})
        clock.now += timedelta(days=8)
        assert client_as("viewer")("GET", "/wholesale/stale").json()["items"][0]["seller_name"] == "•••"

    @pytest.mark.parametrize("query", [{"days": "0"}, {"days": "-1"}, {"days": "x"}, {"days": "99999"}])
    def test_invalid_days_are_rejected(self, operator, query):
        assert operator("GET", "/wholesale/stale", query=query).status == 422


class TestFollowUps:
    def test_one_follow_up_a_week_in_a_quiet_period(self, operator, daily, events, clock):
        id = create(operator, property={"address": {"line1": "1201 Pine Street", "city": "Seattle"}})
        for day in range(1, 22):
            clock.now = MORNING + timedelta(days=day)
            daily()
            daily()  # twice is once
            assert len(events()) == day // 7
        assert days(events) == [7, 14, 21]
        event = events()[0]
        assert (event.event, event.subject_type, event.subject_id, event.for_user) == (
            "wholesale.follow_up",
            "pipeline",
            id,
            "user_operator",
        )
        assert (event.title, event.due_on) == ("Quiet for 7 days: 1201 Pine Street, Seattle", date(2026, 3, 9))

    def test_the_run_saves_its_record(self, operator, daily, clock):
        create(operator)
        clock.now += timedelta(days=7)
        record = daily()
        assert (record["found"], record["done"], record["failed"], record["more"]) == (1, 1, 0, False)
        assert daily()["found"] == 0

    def test_after_missed_runs_only_the_latest_is_raised(self, operator, daily, events, clock):
        create(operator)
        clock.now += timedelta(days=23)
        daily()
        assert days(events) == [21]
        clock.now += timedelta(days=5)
        daily()
        assert days(events) == [21, 28]

    @pytest.mark.parametrize("what", ["activity", "stage"])
    def test_activity_begins_a_new_quiet_period(self, operator, daily, events, clock, what):
        id = create(operator)
        clock.now += timedelta(days=7)
        daily()
        clock.now += timedelta(days=3)
        if what == "activity":
            operator("POST", f"/wholesale/{id}/activities", {"event_type": "call"})
        else:
            operator("POST", f"/wholesale/{id}/stage", {"stage": "offer_made", "price": 1})
        for day in range(1, 8):
            clock.now += timedelta(days=1)
            daily()
            assert len(events()) == (2 if day == 7 else 1)
        assert [event.data["quiet_since"] for event in events()] == ["2026-03-02", "2026-03-12"]

    def test_operators_are_notified_of_pipelines_without_owner(self, operator, daily, events, clock):
        create(operator, owner=None)
        clock.now += timedelta(days=7)
        daily()
        assert (events()[0].for_user, events()[0].for_role) == (None, "operator")

    def test_unwatched_pipelines_raise_no_follow_up(self, operator, daily, events, clock):
        on_hold, dead, deleted = (create(operator) for _ in range(3))
        operator("PATCH", f"/wholesale/{on_hold}", {"on_hold": True})
        operator("POST", f"/wholesale/{dead}/stage", {"stage": "dead", "reason": "price"})
        operator("DELETE", f"/wholesale/{deleted}")
        clock.now += timedelta(days=30)
        assert daily()["found"] == 0
        assert events() == []

    def test_a_hold_delays_a_quiet_period_without_ending_it(self, operator, daily, events, clock):
        id = create(operator)
        clock.now += timedelta(days=7)
        daily()
        operator("PATCH", f"/wholesale/{id}", {"on_hold": True})
        clock.now += timedelta(days=16)
        daily()
        assert days(events) == [7]
        operator("PATCH", f"/wholesale/{id}", {"on_hold": False})
        daily()
        daily()
        assert days(events) == [7, 21]

    def test_days_are_business_dates(self, operator, daily, events, clock):
        clock.now = datetime(2026, 3, 2, 7, 59, tzinfo=UTC)  # still the first of March there
        create(operator)
        clock.now = datetime(2026, 3, 8, 7, 59, tzinfo=UTC)
        daily()
        assert events() == []
        clock.now = datetime(2026, 3, 8, 8, 1, tzinfo=UTC)
        daily()
        assert days(events) == [7]

    def test_concurrent_runs_raise_once(self, operator, job, events, clock):
        id = create(operator)
        clock.now += timedelta(days=7)
        one, other = job(), job()
        keys = [Pipeline.ID.key(id), reference_counter(id)]
        seen, seen_too = one.store.batch_get(keys), other.store.batch_get(keys)
        assert raise_follow_up(one, id, seen) is True
        assert raise_follow_up(other, id, seen_too) is False
        assert days(events) == [7]

    def test_an_activity_between_read_and_claim_wins(self, operator, job, events, clock):
        id = create(operator)
        clock.now += timedelta(days=7)
        ctx = job()
        seen = ctx.store.batch_get([Pipeline.ID.key(id), reference_counter(id)])
        operator("POST", f"/wholesale/{id}/activities", {"event_type": "call"})
        assert raise_follow_up(ctx, id, seen) is False
        assert events() == []

    def test_one_that_died_between_read_and_claim_raises_nothing(self, operator, job, events, clock):
        id = create(operator)
        clock.now += timedelta(days=7)
        ctx = job()
        seen = ctx.store.batch_get([Pipeline.ID.key(id), reference_counter(id)])
        operator("POST", f"/wholesale/{id}/stage", {"stage": "dead", "reason": "price"})
        assert raise_follow_up(ctx, id, seen) is False
        assert events() == []
        raw = ctx.store.get_item(reference_counter(id))
        assert "gsi3pk" not in raw

    def test_a_crash_between_two_claims_neither_loses_nor_repeats(self, operator, daily, events, clock, runtime, monkeypatch):
        for _ in range(3):
            create(operator)
        clock.now += timedelta(days=7)
        call, count = runtime.dynamodb.transact_write_items, iter(range(9))

        def dying(**arguments: Any) -> Any:
            if next(count) == 1:
                raise KeyboardInterrupt
            return call(**arguments)

        monkeypatch.setattr(runtime.dynamodb, "transact_write_items", dying)
        with pytest.raises(KeyboardInterrupt):
            daily()
        assert len(events()) == 1
        daily()
        assert len(events()) == 3
        assert len({event.subject_id for event in events()}) == 3

    def test_a_failing_item_does_not_stop_the_run(self, operator, daily, events, clock, runtime):
        ids = [create(operator) for _ in range(3)]
        key = {"pk": {"S": ids[0]}, "sk": {"S": "!"}}
        runtime.dynamodb.update_item(
            TableName=runtime.settings.table,
            Key=key,
            UpdateExpression="SET last_day = :x",
            ExpressionAttributeValues={":x": {"S": "never"}},
        )
        clock.now += timedelta(days=7)
        record = daily()
        assert (record["found"], record["done"], record["failed"]) == (3, 2, 1)
        assert len(events()) == 2

    def test_it_stops_before_the_timeout_and_the_next_run_continues(self, operator, daily, events, clock):
        for _ in range(3):
            create(operator)
        clock.now += timedelta(days=7)
        left = iter([60_000] * 2 + [9_000] * 99)  # of which ten seconds are kept back
        hasty = SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: next(left))
        record = daily(context=hasty)
        assert (record["more"], len(events())) == (True, 2)
        assert daily()["done"] == 1
        assert len(events()) == 3

    def test_more_than_one_page_is_processed(self, operator, daily, events, clock, monkeypatch):
        monkeypatch.setattr(due_work, "PAGE_SIZE", 2)
        for _ in range(5):
            create(operator)
        clock.now += timedelta(days=7)
        assert daily()["done"] == 5

    def test_a_lagging_index_raises_nothing_twice(self, operator, daily, job, events, clock):
        id = create(operator)
        clock.now += timedelta(days=7)
        daily()
        ctx = job()
        fresh = ctx.store.batch_get([Pipeline.ID.key(id), reference_counter(id)])
        assert raise_follow_up(ctx, id, fresh) is False
        assert days(events) == [7]

    def test_an_existing_event_does_not_block_the_claim(self, operator, daily, job, events, clock, runtime):
        id = create(operator)
        clock.now += timedelta(days=7)
        daily()
        state = PipelineActivityState.from_item(job().store.get_item(reference_counter(id)))
        forgotten = state.with_values(raised_since=None, raised_days=None, follow_up_on=date(2026, 3, 9))
        runtime.dynamodb.put_item(TableName=runtime.settings.table, Item=forgotten.to_item())
        record = daily()
        assert (record["found"], record["done"], record["failed"]) == (1, 0, 0)
        assert daily()["found"] == 0
        assert days(events) == [7]


class TestContractAlarms:
    @pytest.fixture
    def alarm(self, daily: Any) -> Any:
        return lambda: daily(schedules.contract_alarms)

    @pytest.fixture
    def contract(self, operator: Any) -> Any:
        def make(**dates: str) -> str:
            return create(operator, stage="under_contract", contract_price=118000, **dates)

        return make

    def run_until(self, clock: Any, alarm: Any, last: str) -> None:
        while clock.now.date() <= date.fromisoformat(last):
            alarm()
            clock.now += timedelta(days=1)

    def raised(self, events: Any) -> list[tuple[str, str, int, bool]]:
        found = [(event.event, event.created_at.date().isoformat(), event.data["days_left"], event.data["late"]) for event in events()]
        return sorted(found, key=lambda one: one[1:3])

    def test_before_closing(self, contract, alarm, events, clock):
        contract(closes_on="2026-03-20")
        self.run_until(clock, alarm, "2026-03-25")
        assert [event[1:] for event in self.raised(events)] == [
            ("2026-03-06", 14, False),
            ("2026-03-13", 7, False),
            ("2026-03-17", 3, False),
            ("2026-03-20", 0, False),
        ]
        assert {event.event for event in events()} == {"wholesale.closing"}

    def test_a_date_entered_late_is_raised_at_once(self, contract, alarm, events, clock):
        clock.now = datetime(2026, 3, 12, 18, tzinfo=UTC)
        contract(closes_on="2026-03-20")
        self.run_until(clock, alarm, "2026-03-25")
        assert [event[1:] for event in self.raised(events)] == [
            ("2026-03-12", 14, True),
            ("2026-03-13", 7, False),
            ("2026-03-17", 3, False),
            ("2026-03-20", 0, False),
        ]
        titles = [event.title.partition(":")[0] for event in sorted(events(), key=lambda event: event.created_at)]
        assert titles == ["Closing is in 8 days", "Closing is in 7 days", "Closing is in 3 days", "Closing is today"]

    def test_earnest_money_is_raised_daily_until_paid(self, operator, contract, alarm, events, clock):
        id = contract(earnest_money_due_on="2026-03-05")
        self.run_until(clock, alarm, "2026-03-07")
        operator("PATCH", f"/wholesale/{id}", {"earnest_money_paid_on": "2026-03-07"})
        self.run_until(clock, alarm, "2026-03-12")
        assert [event[1:3] for event in self.raised(events)] == [
            ("2026-03-03", 2),
            ("2026-03-04", 1),
            ("2026-03-05", 0),
            ("2026-03-06", -1),
            ("2026-03-07", -2),
        ]
        titles = [event.title.partition(":")[0] for event in sorted(events(), key=lambda event: event.created_at)]
        assert titles == [
            "Earnest money is due in 2 days",
            "Earnest money is due tomorrow",
            "Earnest money is due today",
            "Earnest money is 1 day overdue",
            "Earnest money is 2 days overdue",
        ]

    def test_inspection_reminders_end_when_cleared(self, operator, contract, alarm, events, clock):
        id = contract(inspection_ends_on="2026-03-12")
        self.run_until(clock, alarm, "2026-03-08")
        operator("PATCH", f"/wholesale/{id}", {"inspection_cleared_on": "2026-03-08"})
        self.run_until(clock, alarm, "2026-03-15")
        assert [event[2] for event in self.raised(events)] == [7]

    def test_a_moved_date_has_new_reminders(self, operator, contract, alarm, events, clock):
        id = contract(closes_on="2026-03-20")
        self.run_until(clock, alarm, "2026-03-13")
        operator("PATCH", f"/wholesale/{id}", {"closes_on": "2026-04-10"})
        self.run_until(clock, alarm, "2026-04-12")
        assert [event[1:3] for event in self.raised(events)][2:] == [
            ("2026-03-27", 14),
            ("2026-04-03", 7),
            ("2026-04-07", 3),
            ("2026-04-10", 0),
        ]

    def test_moved_away_and_back_raises_nothing_twice(self, operator, contract, alarm, events, clock):
        id = contract(closes_on="2026-03-20")
        self.run_until(clock, alarm, "2026-03-13")
        for day in ("2026-04-10", "2026-03-20"):
            operator("PATCH", f"/wholesale/{id}", {"closes_on": day})
        self.run_until(clock, alarm, "2026-03-18")
        assert [event[2] for event in self.raised(events)] == [14, 7, 3]

    @pytest.mark.parametrize("body", [{"stage": "dead", "reason": "price"}, {"stage": "offer_made", "note": "x", "price": 1}])
    def test_no_reminders_after_the_contract_is_lost(self, operator, contract, alarm, events, body):
        id = contract(closes_on="2026-03-03", inspection_ends_on="2026-03-03", earnest_money_due_on="2026-03-03")
        assert operator("POST", f"/wholesale/{id}/stage", body).status == 200
        assert alarm()["found"] == 0
        assert events() == []

    def test_no_reminders_before_the_contract(self, operator, alarm, events):
        create(operator, closes_on="2026-03-03")
        assert alarm()["found"] == 0

    def test_repeated_and_concurrent_runs_raise_once(self, contract, alarm, job, events):
        id = contract(closes_on="2026-03-03", inspection_ends_on="2026-03-03")
        one, other = job(), job()
        key = Pipeline.ID.key(id)
        seen, seen_too = one.store.batch_get([key]), other.store.batch_get([key])
        assert raise_reminders(one, parse_live(Pipeline, seen[key])) is True
        assert raise_reminders(other, parse_live(Pipeline, seen_too[key])) is False
        assert alarm()["found"] == 0
        assert sorted(event.event for event in events()) == ["wholesale.closing", "wholesale.inspection"]

    def test_an_edit_between_read_and_claim_is_not_lost(self, operator, contract, alarm, job, events):
        id = contract(closes_on="2026-03-03")
        ctx = job()
        seen = ctx.store.batch_get([Pipeline.ID.key(id)])
        operator("PATCH", f"/wholesale/{id}", {"notes": "kept"})
        assert raise_reminders(ctx, parse_live(Pipeline, seen[Pipeline.ID.key(id)])) is False
        assert alarm()["done"] == 1
        assert operator("GET", f"/wholesale/{id}").json()["notes"] == "kept"
        assert len(events()) == 1

    def test_a_claim_names_the_job(self, operator, contract, alarm):
        id = contract(closes_on="2026-03-03")
        alarm()
        assert operator("GET", f"/wholesale/{id}").json()["updated_by"] == "system:wholesale-contract-alarms"


def test_only_a_claim_removes_the_due_key(operator, job, clock):
    """A run that finds no time at all leaves everything for the next."""
    create(operator)
    clock.now += timedelta(days=7)
    ctx, run = job(), RunStats()
    ctx.store.remaining_seconds = lambda: 0
    repository.process_follow_ups(ctx, run, raise_follow_up)
    assert (run.found, run.has_more) == (0, True)
