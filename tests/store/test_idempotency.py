"""An Idempotency-Key: first call, replay, mismatch, expiry, crash, and duplicates at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation import idempotency
from chalicelib.foundation.actor import Actor
from chalicelib.foundation.errors import Conflict, IdempotencyInProgress, IdempotencyMismatch, Unavailable
from chalicelib.foundation.idempotency import IdempotencyRecordKey, IdempotentReplay
from chalicelib.foundation.json_codec import parse
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.foundation.store.expressions import ROW_EXISTS
from chalicelib.foundation.store.store import Store
from chalicelib.packs import PACKS
from tests.conftest import SECRETS, Clock
from tests.fault_injection import Conflicts, FaultInjectingClient, LostResponses, Throttles
from tests.store.sample_entities import SampleRoot, plain_values

BODY = {"name": "lamp"}


def keyed(ctx, key="k1", body=BODY, actor="user_someone"):
    ctx.idempotency = IdempotencyRecordKey.from_request(actor, ctx.actor.roles, key, "POST", "/things", body)
    return ctx


def create(ctx) -> dict[str, Any]:
    """What a service does: the answer first, then one transaction."""
    thing = SampleRoot.new(ctx, **plain_values())
    answer = {"id": thing.id, "revision": 1}
    tx = idempotency.idempotent_transaction(ctx, answer)
    tx.create(thing)
    tx.commit()
    return answer


def made(ctx) -> int:
    answer = ctx.store.query(
        IndexName="gsi1", KeyConditionExpression="gsi1pk = :pk", ExpressionAttributeValues={":pk": {"S": "THING#north"}}
    )
    return len(answer["Items"])


def test_first_call_and_replay_are_one_round_trip_each(context):
    first = keyed(context("operator"))
    answer = create(first)
    again = keyed(context("operator"))
    with pytest.raises(IdempotentReplay) as replay:
        create(again)
    assert replay.value.body == answer
    assert (first.store.round_trips, again.store.round_trips, made(first)) == (1, 1, 1)


def test_the_same_key_with_another_body_is_a_mismatch(context):
    create(keyed(context("operator")))
    with pytest.raises(IdempotencyMismatch):
        create(keyed(context("operator"), body={"name": "desk"}))


def fingerprint(text):
    return IdempotencyRecordKey.from_request("a", frozenset(), "k", "POST", "/", parse(text)).fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "b": [{"c": 2, "d": 3}]}', '{"b":[{"d":3,"c":2}],"a":1}'),
        ('{"a": 12.50}', '{"a": 12.5}'),
        ('{"a": 100}', '{"a": 1E+2}'),
        ('{"a": -0.0}', '{"a": 0}'),
    ],
)
def test_the_order_of_fields_and_the_writing_of_numbers_make_no_other_body(one, other):
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1}', '{"a": 2}'),
        ('{"a": 1}', '{"a": true}'),
        ('{"a": 1}', '{"a": "1"}'),
        ('{"a": [1, 2]}', '{"a": [2, 1]}'),
        ('{"a": 1234567890123456789012345678901234567890.1}', '{"a": 1234567890123456789012345678901234567890.2}'),
    ],
)
def test_another_body_is_another_body(one, other):
    assert fingerprint(one) != fingerprint(other)


def test_keys_are_an_actors_own(context):
    ctx = context("operator")
    create(keyed(ctx, actor="user_one"))
    create(keyed(context("operator"), actor="user_two"))
    assert made(ctx) == 2


def test_a_day_later_the_key_is_free_though_its_row_still_stands(context, clock):
    create(keyed(context("operator")))
    clock.now += timedelta(hours=24, seconds=2)
    ctx = keyed(context("operator"))
    assert idempotency.read_or_replay(ctx, []) == {}
    create(ctx)
    assert made(ctx) == 2


def test_a_refusal_leaves_no_record(context):
    ctx = keyed(context("operator"))
    tx = idempotency.idempotent_transaction(ctx, {"id": "x"})
    tx.condition_check(SampleRoot.ID.key(SampleRoot.ID.new(ctx.now)), ROW_EXISTS, Conflict("not yet"))
    with pytest.raises(Conflict):
        tx.commit()
    create(keyed(context("operator")))


def test_read_replays_before_anything_is_decided(context):
    answer = create(keyed(context("operator")))
    ctx = keyed(context("operator"))
    with pytest.raises(IdempotentReplay) as replay:
        idempotency.read_or_replay(ctx, [SampleRoot.ID.key(answer["id"])])
    assert (replay.value.body, ctx.store.round_trips) == (answer, 1)
    without = context("operator")
    assert set(idempotency.read_or_replay(without, [SampleRoot.ID.key(answer["id"])])) == {SampleRoot.ID.key(answer["id"])}


def test_a_lost_answer_is_found_again_by_the_client_that_repeats(context):
    ctx = keyed(context("operator"))
    ctx.store = Store(FaultInjectingClient(ctx.store.client, LostResponses(times=1)), ctx.store.table, sleep=lambda _: None)
    answer = create(ctx)
    with pytest.raises(IdempotentReplay) as replay:
        create(keyed(context("operator")))
    assert replay.value.body == answer


def test_each_row_of_a_bulk_request_has_its_own_record(context):
    ctx = keyed(context("operator"))
    header = ctx.idempotency
    for row in (0, 1):
        thing = SampleRoot.new(ctx, **plain_values(count=row))
        tx = idempotency.idempotent_transaction(ctx, {"id": thing.id}, header.for_row(row))
        tx.create(thing)
        tx.commit()
    assert made(ctx) == 2


@pytest.mark.dynamodb_local
def test_sixteen_duplicates_at_once_create_one(dynamodb_local, settings):
    """Threads, so only on an engine that bears them; conflicts, throttles and lost answers on top."""
    clock = Clock()

    def client(seed):
        faulty = FaultInjectingClient(
            dynamodb_local, Conflicts(0.2, seed=seed), Throttles(0.1, seed=seed + 99), LostResponses(0.1, seed=seed + 999)
        )
        return Runtime(
            settings, packs=PACKS, dynamodb=faulty, secrets=SecretStore(settings, lambda: SECRETS), clock=clock, sleep=lambda _: None
        )

    def one(seed):
        ctx = keyed(client(seed).context(request_id=f"request-{seed}", actor=Actor(id="user_someone")))
        try:
            return "made", create(ctx)["id"]
        except IdempotentReplay as replay:
            return "replayed", replay.body["id"]

    with ThreadPoolExecutor(16) as pool:
        for round_ in range(5):
            outcomes = list(pool.map(one, range(round_ * 16, round_ * 16 + 16)))
            clock.now += timedelta(days=2)  # the next round finds the key free
            assert [kind for kind, _ in outcomes].count("made") == 1
            assert len({id for _, id in outcomes}) == 1
    assert made(client(0).context(request_id="count")) == 5


# -- in two phases


def work(ctx, during=lambda: None, thing=None) -> dict[str, Any]:
    """What a service does that works outside of the table: claim, work, then one transaction."""
    with idempotency.claimed(ctx):
        during()
        thing = thing or SampleRoot.new(ctx, **plain_values())
        answer = {"id": thing.id, "revision": 1}
        tx = idempotency.claimed_transaction(ctx, answer)
        tx.create(thing)
        tx.commit()
        return answer


def crash() -> None:
    raise KeyboardInterrupt  # nothing is tidied up, as where a process ends


def test_claimed_work_and_its_replay(context):
    first = keyed(context("operator"))
    answer = work(first)
    again = keyed(context("operator"))
    with pytest.raises(IdempotentReplay) as replay:
        work(again)
    assert replay.value.body == answer
    assert (first.store.round_trips, again.store.round_trips, made(first)) == (2, 1, 1)
    with pytest.raises(IdempotencyMismatch):
        work(keyed(context("operator"), body={"name": "desk"}))


def test_without_a_key_nothing_is_claimed(context):
    ctx = context("operator")
    work(ctx)
    assert ctx.store.round_trips == 1


def test_while_it_works_another_is_refused_and_never_works(context):
    def another() -> None:
        with pytest.raises(IdempotencyInProgress) as refusal:
            work(keyed(context("operator")))
        assert int(refusal.value.headers["Retry-After"]) > 0
        with pytest.raises(IdempotencyMismatch):
            work(keyed(context("operator"), body={"name": "desk"}))

    ctx = keyed(context("operator"))
    work(ctx, another)
    assert made(ctx) == 1


def test_refused_work_gives_its_claim_up(context):
    def refuse() -> None:
        raise Conflict("not now")

    with pytest.raises(Conflict):
        work(keyed(context("operator")), refuse)
    ctx = keyed(context("operator"))
    work(ctx)
    assert made(ctx) == 1


def test_the_claim_of_a_process_that_died_ends(context, clock):
    with pytest.raises(KeyboardInterrupt):
        work(keyed(context("operator")), crash)
    clock.now += timedelta(seconds=idempotency.CLAIM_SECONDS - 1)
    with pytest.raises(IdempotencyInProgress):
        work(keyed(context("operator")))
    clock.now += timedelta(seconds=1)
    ctx = keyed(context("operator"))
    work(ctx)
    assert made(ctx) == 1


def test_whose_claim_was_taken_has_no_effect_and_takes_nothing_away(context, clock):
    """The first is so slow that its claim ends, and a second one runs."""
    second: dict[str, Any] = {}

    def overtaken() -> None:
        clock.now += timedelta(seconds=idempotency.CLAIM_SECONDS)
        second.update(work(keyed(context("operator"))))

    first = keyed(context("operator"))
    with pytest.raises(Unavailable):
        work(first, overtaken)
    assert made(first) == 1
    with pytest.raises(IdempotentReplay) as replay:
        work(keyed(context("operator")))
    assert replay.value.body == second


def test_a_claim_whose_answer_was_lost_is_still_ours(runtime, context):
    runtime.dynamodb = FaultInjectingClient(runtime.dynamodb, LostResponses(0.5, seed=3))
    for number in range(20):
        work(keyed(context("operator"), key=f"k{number}"))
    assert made(context("operator")) == 20
