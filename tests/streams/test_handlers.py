"""The handlers as Lambda has them: imported alone, filtered, and deaf to what doesn't concern them."""

import json
import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

import chalicelib
from chalicelib.foundation.manifest import import_string
from chalicelib.foundation.store.entity import Entity
from chalicelib.functions.streams import _KINDS, CONSUMERS
from chalicelib.packs import PACKS
from tests.roles_of_functions import AsRole, policy_of
from tests.streams.conftest import ALL
from tests.streams.stream_feeder import deliver

_ENVIRONMENT = {
    "VALHALLA_STAGE": "test",
    "VALHALLA_TABLE": "nowhere",
    "VALHALLA_SECRETS": "file:/dev/null",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
}
_ALONE = """
import json, sys
from chalicelib.functions import streams
before = set(sys.modules)
answer = streams.{handler}({{"Records": []}}, None)
print(json.dumps([answer, sorted(before), sorted(set(sys.modules) - before)]))
"""


def alone(handler):
    found = subprocess.run(
        [sys.executable, "-c", _ALONE.format(handler=handler)], env=_ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return json.loads(found.stdout)


@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda one: one.name)
def test_each_handler_stands_on_its_own(consumer):
    answer, before, later = alone(consumer.function.rpartition(".")[2])
    assert answer == {"batchItemFailures": []}
    heavy = ("pydantic", "chalice", "chalicelib.foundation.http", "boto3", "jwt", "app", "typer", "moto")
    loaded = [name for name in before + later if name in heavy or name.startswith(tuple(f"{one}." for one in heavy))]
    assert loaded == []
    assert not any(name.startswith("cryptography") for name in before)


def test_the_aggregates_reader_needs_no_cryptography():
    _, before, later = alone("projection_stream")
    assert not any(name.startswith(("cryptography", "chalicelib.packs.audit.")) for name in before + later)


@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda one: one.name)
def test_filters_are_equality_only_and_within_lambdas_limits(consumer):
    def leaves(pattern):
        for value in pattern.values():
            if isinstance(value, dict):
                yield from leaves(value)
            else:
                yield value

    assert 1 <= len(consumer.filters) <= 5
    for pattern in consumer.filters:
        assert len(json.dumps(pattern)) < 4096
        assert all(isinstance(leaf, list) and leaf and all(isinstance(one, str) for one in leaf) for leaf in leaves(pattern))
    assert import_string(consumer.function)
    assert consumer.batch_size <= 60


def test_a_kind_with_a_projection_is_let_through():
    assert "pipeline" in _KINDS


def test_every_entity_is_declared_by_a_pack():
    """Of a kind that no manifest has nobody could say what is secret in it: its changes would be parked."""
    walked = {module.name for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib.")}
    for name in walked:
        import_module(name)

    def kinds(entity):
        for one in entity.__subclasses__():
            if one.KIND and one.__module__ in walked:  # another test may have left a class of a module that is gone
                yield one.KIND, f"{one.__module__}.{one.__qualname__}"
            yield from kinds(one)

    declared = {kind: path for pack in PACKS for kind, path in pack.entities.items()}
    assert dict(kinds(Entity)) == declared


def test_each_consumer_needs_no_more_than_its_role(world):
    """Everything that a consumer may come to do: append, park, resume, raise an alarm, count, remove."""
    thing = world.create(holder={"name": "Ida"}, notes="x")
    for notes in ("y", "poison", "z"):
        thing = world.edit(thing, notes=notes)
    world.purge(world.delete(thing))
    seen = world.feed.entities()
    malformed, forged = (json.loads(json.dumps(record)) for record in seen[:2])
    del malformed["dynamodb"]["NewImage"]["revision"]
    forged["dynamodb"]["NewImage"]["group"] = {"S": "forged"}
    client = world.runtime.dynamodb
    for name, handler in (("audit_stream", world.audit()), ("projection_stream", world.project())):
        world.runtime.dynamodb = AsRole(client, policy_of(name, ALL))
        deliver(handler, [seen[1], seen[0], *seen[2:4], malformed, *seen[4:], forged])
    world.runtime.dynamodb = client
    assert world.rows("PARK#audit#")
    assert world.rows("evt_")
    assert world.rows("SEEN#")
