"""Both readers on DynamoDB Local, which bears threads: two workers on the same records at the same moment."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.foundation import projections
from chalicelib.foundation.actor import Actor
from chalicelib.foundation.manifest import Pack, Projection
from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.functions.streams import audit, project
from chalicelib.packs.audit import writer
from ops.projections import find_drift, rebuild
from ops.trail import broken_chains
from tests.conftest import SECRETS, TABLE
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url  # noqa: F401 - fixtures
from tests.streams.chains import list_entities
from tests.streams.conftest import ALL
from tests.streams.sample_entities import SampleRoot
from tests.streams.stream_feeder import deliver, record_of, shuffled

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def local(dynamodb_local, settings, clock):  # noqa: F811
    return Runtime(settings, packs=ALL, dynamodb=dynamodb_local, secrets=SecretStore(settings, lambda: SECRETS), clock=clock)


def history(runtime, things, edits):
    """Records of things that change their group; the table holds how they end."""
    ctx = runtime.context(request_id="req", actor=Actor(id="user_ann"))
    records = []
    for place in range(things):
        thing = SampleRoot.new(ctx, group="abc"[place % 3], amount=place, holder={"name": f"Ida {place}"})
        images = [thing.to_item()]
        for edit in range(edits):
            thing = thing.with_changes(ctx, group="abc"[(place + edit) % 3], amount=place + edit, notes=f"edit {edit}")
            images.append(thing.to_item())
        if place % 5:
            runtime.dynamodb.put_item(TableName=TABLE, Item=images[-1])
        else:
            images.append(None)
        old = None
        for new in images:
            records.append(record_of(len(records) + 1, old, new))
            old = new
    return records


@pytest.mark.parametrize("fields", [projections.MAX_FIELDS, 1], ids=["aggregates whole", "aggregates in parts"])
def test_two_workers_at_the_same_moment_end_in_whole_chains_and_exact_sums(local, monkeypatch, fields):
    monkeypatch.setattr(projections, "MAX_FIELDS", fields)
    records = history(local, things=15, edits=4)
    kinds, contribute = writer.entity_resolver(ALL), ContributionRegistry(ALL)

    def work(seed):
        mine = shuffled(records, random.Random(seed))
        deliver(lambda event, context: audit(local, event, context, kinds=kinds, workers=4), mine, batch=17)
        deliver(lambda event, context: project(local, event, context, contribute), mine, batch=13)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))

    def context():
        return local.context(request_id="check", actor=Actor(id="user_aud"))

    chains = list_entities(local.store())
    assert len(chains) == 15
    assert list(broken_chains(context, chains)) == []
    scanned = local.dynamodb.scan(TableName=TABLE)["Items"]
    assert sum(row["pk"]["S"].startswith("AUD#") for row in scanned) == len(records)
    assert [row for row in scanned if row["pk"]["S"].startswith("PARK#")] == []
    assert find_drift(local.store, contribute, rounds=1) == []
    assert rebuild(local.store, contribute, local.clock()).items == 12
    assert find_drift(local.store, contribute, rounds=1) == []


def test_more_than_an_expression_takes_is_applied_once_by_many_workers(local):
    contribute = ContributionRegistry(
        [Pack("T", "t", "t", "t", projections=(Projection("thing", "tests.streams.sample_entities.by_day", ("DAYS",)),))]
    )
    ctx = local.context(request_id="req", actor=Actor(id="user_ann"))
    images = [SampleRoot.new(ctx, group="a", amount=1)]
    for amount in (4, 9):
        images.append(images[-1].with_changes(ctx, amount=amount))
    local.dynamodb.put_item(TableName=TABLE, Item=images[-1].to_item())
    records = [record_of(number, None, image.to_item()) for number, image in enumerate(images, 1)]

    def work(number):
        deliver(lambda event, context: project(local, event, context, contribute), records[number % 3 :] + records, batch=1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    rows = projections.read_aggregates(local.store(), "DAYS")
    assert set(rows.pop("all").values()) == {9}
    assert {row["count"] for row in rows.values()} == {1}
    assert find_drift(local.store, contribute, rounds=1) == []
