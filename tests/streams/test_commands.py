"""The operator's commands, as they are typed."""

import json

import pytest
import typer
from click.testing import CliRunner

from chalicelib.foundation.runtime import Runtime
from ops import cli, projections, redrive, trail
from tests.conftest import TABLE
from tests.streams.conftest import ALL
from tests.streams.stream_feeder import deliver


@pytest.fixture
def run(world, monkeypatch):
    monkeypatch.setattr(cli, "use_stage", lambda *_: None)
    monkeypatch.setattr(Runtime, "from_environment", lambda environment, packs: world.runtime)
    for module in (projections, redrive):
        monkeypatch.setattr(module, "PACKS", ALL)

    for module in (trail, projections, redrive):
        monkeypatch.setattr(module._console, "width", 200)  # whatever the terminal is

    def command(module, *arguments):
        return CliRunner().invoke(typer.main.get_group(module.app), list(arguments))

    return command


def test_verify_audit_names_what_is_broken(world, run):
    one, two = world.create(), world.create()
    deliver(world.audit(), world.feed.entities())
    done = run(trail, "verify-audit")
    assert (done.exit_code, "2 chains are valid" in done.output) == (0, True)
    (row,) = world.rows(f"AUD#{two.id}")
    world.table.put_item(TableName=TABLE, Item=row | {"body": {"S": row["body"]["S"].replace("user_ann", "user_eve")}})
    done = run(trail, "verify-audit")
    assert done.exit_code == 1
    assert "mutated" in done.output
    assert two.id in done.output
    assert one.id not in done.output
    assert run(trail, "verify-audit", one.id).exit_code == 0


def test_erase_subject_asks_first(world, run):
    thing = world.create(holder={"name": "Ida"})
    deliver(world.audit(), world.feed.entities())
    assert run(trail, "erase-subject", thing.id).exit_code == 1
    assert "key" in world.rows("PERSON#")[0]
    assert run(trail, "erase-subject", "--yes", thing.id).exit_code == 0
    assert "key" not in world.rows("PERSON#")[0]
    assert [row["access"]["S"] for row in world.rows("look_")] == ["erased"]


def test_redrive_says_what_stays(world, run):
    world.edit(world.create(), group="b")
    one, two = world.feed.entities()
    deliver(world.audit(), [two])
    done = run(redrive, "redrive")
    assert done.exit_code == 1
    assert "its predecessor is missing" in done.output
    bad = json.loads(json.dumps(one))
    del bad["dynamodb"]["NewImage"]["revision"]
    world.project()({"Records": [bad]}, None)
    deliver(world.audit(), [one])
    done = run(redrive, "redrive")
    assert done.exit_code == 1
    assert "projection" in done.output
    world.table.delete_item(TableName=TABLE, Key={name: world.rows("PARK#")[0][name] for name in ("pk", "sk")})
    assert run(redrive, "redrive").exit_code == 0


def test_check_and_rebuild(world, run):
    world.create(amount=5)
    bad = world.create(amount=1)
    late = world.feed.entities()
    done = run(projections, "check-projections", "--pause", "0")
    assert done.exit_code == 1
    assert "GROUPS" in done.output
    done = run(projections, "rebuild-projections", "--settle", "0")
    assert (done.exit_code, "Generation 2 holds 2 items" in done.output) == (0, True)
    assert run(projections, "check-projections", "--pause", "0").exit_code == 0
    deliver(world.project(), late)
    assert run(projections, "check-projections", "--pause", "0").exit_code == 0
    world.edit(bad, notes="poison")
    done = run(projections, "rebuild-projections", "--settle", "0")
    assert done.exit_code == 1
    assert bad.id in done.output
