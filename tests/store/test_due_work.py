"""What is due: found page by page, claimed once, left for the next run where time runs out."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from chalicelib.foundation import due_work
from chalicelib.foundation.access import user_key
from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import commit_claim, notification_target, process_due, process_due_counters, process_due_entities
from chalicelib.foundation.errors import Unavailable, VersionConflict
from chalicelib.foundation.events import Notification
from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import DuePattern
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.references import ReferenceCounter
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs import PACKS
from tests.conftest import SECRETS, Clock

TODAY = date(2026, 11, 24)
YESTERDAY = TODAY - timedelta(days=1)


class Parcel(Entity):
    KIND = "parcel"
    ID = IdFormat("parcel", "parcel")
    REVIEWS = DuePattern("parcel-review", on="review_on")

    review_on = a.optional_date()
    reviews = a.integer()


def make(ctx: Context, count: int = 1, on: date = YESTERDAY) -> list[Parcel]:
    parcels = [Parcel.new(ctx, review_on=on, reviews=0) for _ in range(count)]
    for parcel in parcels:
        ctx.store.call("put_item", TableName=ctx.store.table, Item=parcel.to_item())
    return parcels


def notification(ctx: Context, parcel: Parcel) -> Notification:
    return Notification.for_occasion(
        ctx,
        f"{parcel.id}/review/{parcel.review_on}",
        on=parcel.review_on,
        event="sample.review",
        title="Review",
        **notification_target("parcel", parcel.id, None),
    )


def review(ctx: Context, parcel: Parcel) -> bool:
    if parcel.review_on is None or parcel.review_on > ctx.today:
        return False
    after = parcel.with_changes(ctx, review_on=parcel.review_on + timedelta(days=30), reviews=parcel.reviews + 1)
    return commit_claim(ctx, lambda tx: tx.save(after), [notification(ctx, parcel)])


def perform(ctx: Context, handle: Callable[[Context, Parcel], bool] = review) -> RunStats:
    run = RunStats()
    process_due_entities(ctx, run, Parcel.REVIEWS.until(ctx.today), Parcel, handle)
    return run


def test_everything_due_is_done_once_whatever_the_pages(context, monkeypatch):
    monkeypatch.setattr(due_work, "PAGE_SIZE", 3)
    ctx = context("operator")
    due, later = make(ctx, 7) + make(ctx, 1, TODAY), make(ctx, 2, TODAY + timedelta(days=1))
    assert perform(ctx) == RunStats(found=8, done=8)
    assert perform(ctx) == RunStats()
    assert [ctx.store.find(Parcel, parcel.id).reviews for parcel in due + later] == [1] * 8 + [0] * 2


def test_a_page_costs_two_round_trips_and_its_claims(context):
    ctx = context("operator")
    make(ctx, 5)
    before = ctx.store.round_trips
    perform(ctx)
    assert ctx.store.round_trips - before == 2 + 5


def test_what_fails_is_counted_and_left_and_the_next_has_its_turn(context):
    ctx = context("operator")
    bad, good = make(ctx, 2)

    def handle(ctx: Context, parcel: Parcel) -> bool:
        if parcel.id == bad.id:
            raise ValueError("no")
        return review(ctx, parcel)

    assert perform(ctx, handle) == RunStats(found=2, done=1, failed=1)
    assert perform(ctx) == RunStats(found=1, done=1)
    assert ctx.store.find(Parcel, good.id).reviews == 1


def test_it_stops_in_time_and_the_next_run_goes_on(context):
    ctx = context("operator")
    make(ctx, 4)
    left = iter([1.0, 1.0])
    ctx.store.remaining_seconds = lambda: next(left, 0.0)
    assert perform(ctx) == RunStats(found=2, done=2, has_more=True)
    assert perform(context("operator")) == RunStats(found=2, done=2)


def test_a_busy_store_ends_the_run(context):
    ctx = context("operator")
    make(ctx, 3)

    def handle(ctx: Context, parcel: Parcel) -> bool:
        raise Unavailable

    assert perform(ctx, handle) == RunStats(found=1, has_more=True)


def test_deleted_and_vanished_ones_are_not_handled(context):
    ctx = context("operator")
    (parcel,) = make(ctx)
    deleted = parcel.soft_deleted(ctx)
    item = deleted.to_item() | {name: {"S": value} for name, value in Parcel.REVIEWS.keys(parcel).items()}  # the index is behind
    ctx.store.call("put_item", TableName=ctx.store.table, Item=item)
    assert perform(ctx) == RunStats(found=1)


def test_a_notification_that_exists_is_not_created_again(context):
    ctx = context("operator")
    (parcel,) = make(ctx)
    assert review(ctx, parcel)
    back = ctx.store.find(Parcel, parcel.id).with_changes(ctx, review_on=YESTERDAY)
    ctx.store.save(back)
    assert perform(later := context("operator")) == RunStats(found=1)
    assert later.store.find(Parcel, parcel.id).reviews == 2


def test_a_lost_claim_is_somebody_elses(context):
    ctx = context("operator")
    (parcel,) = make(ctx)
    assert review(ctx, parcel)
    assert not review(context("operator"), parcel)
    assert ctx.store.find(Parcel, parcel.id).reviews == 1


def test_a_conflict_is_somebody_elses_too(context):
    ctx = context("operator")
    make(ctx)

    def handle(ctx: Context, parcel: Parcel) -> bool:
        raise VersionConflict

    assert perform(ctx, handle) == RunStats(found=1)


class ParcelCounter(ReferenceCounter):
    VISITS = DuePattern("parcel-visit", on="visit_on", by="pk")

    visit_on = a.optional_date()


def test_roots_whose_counters_say_what_is_due(context):
    ctx = context("operator")
    parcel, gone, later = make(ctx, 3)
    for one, day in ((parcel, TODAY), (gone, TODAY), (later, TODAY + timedelta(days=1))):
        tx = Transaction(ctx.store)
        tx.put(ParcelCounter.at(reference_counter(one.id), refs=0, opened_at=ctx.now, visit_on=day))
        tx.commit()
    ctx.store.save(gone.soft_deleted(ctx))
    seen: list[tuple[str, date | None]] = []

    def visit(ctx: Context, parcel: Parcel, counter: ParcelCounter) -> bool:
        seen.append((parcel.id, counter.visit_on))
        return True

    run, before = RunStats(), ctx.store.round_trips
    process_due_counters(ctx, run, ParcelCounter.VISITS.until(TODAY), Parcel, ParcelCounter, visit)
    assert (run, seen, ctx.store.round_trips - before) == (RunStats(found=2, done=1), [(parcel.id, TODAY)], 2)


def test_ids_of_roots_and_children():
    assert due_work.item_id({"pk": {"S": "pipe_1"}, "sk": {"S": "~"}}) == "pipe_1"
    assert due_work.item_id({"pk": {"S": "pipe_1"}, "sk": {"S": "!"}}) == "pipe_1"
    assert due_work.item_id({"pk": {"S": "pipe_1"}, "sk": {"S": "A#asgn_w1"}}) == "asgn_w1"


def test_without_keys_nothing_is_read(context):
    ctx = context("operator")
    parcels = make(ctx, 2)
    seen = []
    run = RunStats()
    process_due(ctx, run, Parcel.REVIEWS.until(ctx.today), lambda ctx, id, items: bool(seen.append((id, dict(items)))))
    assert sorted(seen) == sorted((parcel.id, {}) for parcel in parcels)
    assert run == RunStats(found=2)


def test_the_owner_is_notified_or_those_who_look_after_what_nobody_owns():
    assert notification_target("parcel", "p1", "user_1") == {
        "subject_type": "parcel", "subject_id": "p1", "for_user": "user_1", "for_role": None,
    }  # fmt: skip
    assert notification_target("parcel", "p1", None)["for_role"] == "operator"
    assert notification_target("parcel", "p1", None, "counsel")["for_role"] == "counsel"


@pytest.mark.dynamodb_local
def test_eight_runs_at_once_do_everything_exactly_once(dynamodb_local, settings):
    def ctx(number: int) -> Context:
        secrets = SecretStore(settings, lambda: SECRETS)
        runtime = Runtime(settings, packs=PACKS, dynamodb=dynamodb_local, secrets=secrets, clock=Clock(), sleep=lambda _: None)
        return runtime.context(request_id=f"run-{number}", actor=system_actor("reviews"))

    parcels = make(ctx(99), 12)
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(perform, map(ctx, range(8))))
    assert sum(run.done for run in runs) == 12
    assert not any(run.failed for run in runs)
    assert [ctx(100).store.find(Parcel, parcel.id).reviews for parcel in parcels] == [1] * 12


def user_row(ctx, id, **values):
    ctx.store.put_values(user_key(id), values)


def raised(ctx, *notifications):
    assert commit_claim(ctx, lambda tx: None, notifications)
    found = [ctx.store.find(Notification, notification.id) for notification in notifications]
    return [(event.for_user, event.for_role) for event in found]


def notification_for(ctx, key, owner):
    target = notification_target("parcel", "parcel_1", owner)
    return Notification.for_occasion(ctx, key, on=TODAY, event="sample.review", title=key, **target)


def test_a_notification_for_somebody_who_left_is_for_the_operators_too(context):
    ctx = context()
    user_row(ctx, "user_left", is_active=False)
    user_row(ctx, "user_deleted", is_active=True, deleted_at=ctx.now)
    user_row(ctx, "user_here", is_active=True)
    owners = ["user_left", "user_left", "user_deleted", "user_here", "user_here", "oidc:elsewhere", None]
    found = raised(ctx, *(notification_for(ctx, f"{number}", owner) for number, owner in enumerate(owners)))
    left = [("user_left", "operator"), ("user_left", "operator"), ("user_deleted", "operator")]
    assert found == [*left, ("user_here", None), ("user_here", None), ("oidc:elsewhere", None), (None, "operator")]


def test_that_somebody_left_costs_one_more_round_trip_once_a_run(context):
    ctx = context()
    user_row(ctx, "user_left", is_active=False)
    before = ctx.store.round_trips
    commit_claim(ctx, lambda tx: None, [notification_for(ctx, "first", "user_left")])
    assert ctx.store.round_trips - before == 2
    commit_claim(ctx, lambda tx: None, [notification_for(ctx, "second", "user_left")])
    assert ctx.store.round_trips - before == 3


def test_a_claim_that_another_run_won_stays_lost_whoever_left(context):
    ctx = context()
    user_row(ctx, "user_left", is_active=False)
    (parcel,) = make(ctx)
    ctx.store.save(parcel.with_changes(ctx, reviews=1))
    event = notification_for(ctx, "late", "user_left")
    assert not commit_claim(ctx, lambda tx: tx.save(parcel.with_changes(ctx, reviews=2)), [event])
    assert ctx.store.find(Notification, event.id) is None


def test_an_event_that_exists_is_not_written_again_for_who_left(context):
    ctx = context()
    user_row(ctx, "user_left", is_active=False)
    event = notification_for(ctx, "once", "user_left")
    assert commit_claim(ctx, lambda tx: None, [event])
    (parcel,), later_run = make(ctx), context()
    again = notification_for(later_run, "once", "user_left")
    assert not commit_claim(later_run, lambda tx: tx.save(parcel.with_changes(later_run, reviews=1)), [again])
    assert ctx.store.find(Parcel, parcel.id).reviews == 1
