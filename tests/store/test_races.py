"""Races, on the engine that bears threads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from chalicelib.foundation.actor import Actor
from chalicelib.foundation.errors import Conflict, NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.foundation.store import keys, references
from chalicelib.foundation.store.expressions import ROW_ABSENT
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs import PACKS
from tests.conftest import SECRETS, Clock
from tests.fault_injection import Conflicts, FaultInjectingClient
from tests.store.sample_entities import SampleChild, SampleRoot, plain_values

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def racer(dynamodb_local, settings):
    """`racer(n)`: a context of its own for thread number n, with conflicts at 20 %. It really waits after them: else all meet again at once."""
    clock = Clock()

    def make(number):
        client = FaultInjectingClient(dynamodb_local, Conflicts(0.2, seed=number))
        runtime = Runtime(settings, packs=PACKS, dynamodb=client, secrets=SecretStore(settings, lambda: SECRETS), clock=clock)
        return runtime.context(request_id=f"racer-{number}", actor=Actor(id=f"user_{number}"))

    return make


def race(count, run):
    barrier = threading.Barrier(count)

    def start(number):
        barrier.wait()
        return run(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


def test_a_reference_and_a_deletion_never_both_win(racer):
    """Round after round: eight create a reference while one deletes. Either it stands with its references, or it is gone with none."""
    for round_ in range(12):
        ctx = racer(round_ * 100)
        thing = SampleRoot.new(ctx, **plain_values())
        tx = Transaction(ctx.store)
        tx.create(thing)
        references.add_counter(tx, thing.id, ctx.now)
        tx.commit()

        def run(number, thing=thing, round_=round_):
            ctx = racer(round_ * 100 + number + 1)
            tx = Transaction(ctx.store)
            try:
                if number == 0:
                    tx.save(thing.soft_deleted(ctx))
                    references.close_if_unreferenced(tx, SampleRoot.ID, thing.id, ctx.now)
                else:
                    references.add_reference(tx, SampleRoot.ID, thing.id)
                    tx.create(SampleChild.new(ctx, id=SampleChild.ID.new(ctx.now, thing.id), name=str(number)))
                tx.commit()
            except (Conflict, NotFound):
                return False
            return True

        deleted, *referred = race(9, run)
        assert deleted != any(referred), "gone with references, or refused without any"
        gate = ctx.store.get_item(keys.reference_counter(thing.id))
        parts = ctx.store.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :p)",
            ExpressionAttributeValues={":pk": {"S": thing.id}, ":p": {"S": "P#"}},
            ConsistentRead=True,
        )["Items"]
        assert int(gate["refs"]["N"]) == len(parts) == sum(referred)
        assert ("closed" in gate) == deleted


def test_sixteen_writers_of_one_row_lose_nothing(racer):
    thing = SampleRoot.new(racer(0), **plain_values(count=0, price=Decimal("0.00")))
    racer(0).store.call("put_item", TableName=racer(0).store.table, Item=thing.to_item())

    def run(number):
        for turn in range(3):
            ctx = racer(1000 + number * 10 + turn)

            def step(ctx=ctx):
                found = ctx.store.find(SampleRoot, thing.id)
                ctx.store.save(found.with_changes(ctx, count=found.count + 1, price=found.price + Decimal("0.01")))

            ctx.store.retry_on_conflict(step)

    race(16, run)
    found = racer(0).store.find(SampleRoot, thing.id)
    assert (found.count, found.price, found.revision) == (48, Decimal("0.48"), 49)


def test_a_unique_value_has_one_owner(racer):
    def run(number):
        ctx = racer(2000 + number)
        thing = SampleRoot.new(ctx, **plain_values())
        tx = Transaction(ctx.store)
        tx.create(thing)
        guard = {"owner": thing.id, "request_id": ctx.request_id}
        tx.put_values(keys.unique_guard("name", "lamp"), guard, ROW_ABSENT, Conflict("taken"))
        try:
            tx.commit()
        except Conflict:
            return None
        return thing.id

    winners = [id for id in race(16, run) if id]
    assert len(winners) == 1
    assert racer(0).store.get_item(keys.unique_guard("name", "lamp"))["owner"]["S"] == winners[0]


def test_counters_are_exact(racer):
    def run(number):
        for turn in range(5):
            tx = Transaction(racer(3000 + number * 10 + turn).store)
            tx.update(ItemKey("COUNT", "C"), add={"n": 1})
            tx.put_values(ItemKey(f"ROW#{number}", str(turn)), {"n": turn}, ROW_ABSENT)
            tx.commit()

    race(16, run)
    assert racer(0).store.get_item(ItemKey("COUNT", "C"))["n"] == {"N": "80"}
