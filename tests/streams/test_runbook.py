"""The runbook's procedure for records that Lambda gave up on, walked through with its very commands."""

import os
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from click.testing import CliRunner

from chalicelib.foundation import outbox, outbox_requeue
from chalicelib.foundation.aws import client
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.audit.recovery import SETTLED
from ops import gaps, projections, redrive, trail
from ops.__main__ import app
from tests.streams.conftest import ALL
from tests.streams.stream_feeder import deliver
from tests.streams.test_projections import kept, recount

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


def commands(section):
    """The commands of a section, in order."""
    text = RUNBOOK.read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [line.strip() for line in text.splitlines() if re.match(r" {4,}(python -m ops|aws) ", line)]


@pytest.fixture
def run(world, settings, monkeypatch):
    """Run a command as an operator types it; its result."""
    monkeypatch.setenv("VALHALLA_STAGE", "prod")
    monkeypatch.setattr(Runtime, "from_environment", lambda environment, packs: world.runtime)
    for module in (projections, redrive, gaps):
        monkeypatch.setattr(module, "PACKS", ALL)
    for module in (trail, projections, redrive, gaps):
        monkeypatch.setattr(module._console, "width", 200)
    monkeypatch.setattr(projections.time, "sleep", lambda _: None)
    queue = client("sqs", settings).create_queue(QueueName="stream-dead-letters")["QueueUrl"]
    client("sqs", settings).send_message(QueueUrl=queue, MessageBody="a position in the stream")
    monkeypatch.setenv("STREAM_DEAD_LETTERS", queue)

    def run(line):
        words = shlex.split(os.path.expandvars(line))
        if words[0] == "aws":
            names = ["".join(word.title() for word in name.removeprefix("--").split("-")) for name in words[3::2]]
            return getattr(client(words[1], settings), words[2].replace("-", "_"))(**dict(zip(names, words[4::2], strict=True)))
        return CliRunner().invoke(typer.main.get_command(app), words[3:])

    return run


def test_what_lambda_gave_up_on_is_closed_by_the_runbooks_commands(world, clock, run, settings, monkeypatch):
    queued = []
    monkeypatch.setattr(outbox_requeue, "enqueue", lambda settings, keys: queued.extend(keys))
    changed = world.create(amount=1)
    waiting = world.create(amount=2, holder={"name": "Ida Wells"})
    gone = world.delete(world.create(amount=3))
    deliver(world.audit(), (seen := world.feed.entities()))
    deliver(world.project(), seen)
    # A day on which the consumers fail: of what is written, one change is parked, and all else is given up.
    world.edit(world.edit(changed, amount=10), amount=11)
    world.edit(world.edit(waiting, amount=20), amount=21)
    new = world.create(amount=30)
    world.purge(gone)
    ctx = world.ctx()
    tx = Transaction(ctx.store)
    mail = outbox.add_mail(tx, ctx, to="ada@example.com", subject="s", text="t")
    tx.commit()
    lost = [record for record in world.feed.entities() if record["dynamodb"]["Keys"]["pk"]["S"] == waiting.id]
    deliver(world.audit(), lost[1:])
    clock.now += SETTLED + timedelta(minutes=1)

    steps = commands("A consumer gave up on records")
    assert [line.split()[3] for line in steps[:5]] == ["redrive", "find-gaps", "find-gaps", "verify-audit", "check-projections"]
    redriven, listed, closed, verified = (run(line) for line in steps[:4])
    deliver(world.project(), world.feed.entities())  # the verification has told of a break, which is a finding
    counted = run(steps[4])
    assert redriven.exit_code == 1  # it waits for the change before
    assert listed.exit_code == 1
    assert all(id in listed.output for id in (changed.id, waiting.id, new.id, gone.id, mail.pk))
    assert (closed.exit_code, "waits" in closed.output) == (1, True)  # the removal: it was noticed only now
    assert (verified.exit_code, gone.id in verified.output, changed.id in verified.output) == (1, True, False)
    assert counted.exit_code == 0, counted.output
    assert kept(world) == recount(world)
    assert queued == [("mail", mail)]

    clock.now += SETTLED + timedelta(minutes=1)
    assert [run(line).exit_code for line in steps[2:4]] == [0, 0]
    deliver(world.project(), world.feed.entities())
    assert run(steps[4]).exit_code == 0
    assert [run(line).exit_code for line in steps[:2]] == [0, 0]
    assert world.rows("PARK#") == []
    assert "Wells" not in str(world.rows("AUD#"))

    run(steps[5])
    attributes = client("sqs", settings).get_queue_attributes(
        QueueUrl=os.environ["STREAM_DEAD_LETTERS"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert attributes["Attributes"]["ApproximateNumberOfMessages"] == "0"


def test_every_command_of_the_runbook_exists():
    from ops.__main__ import COMMANDS

    named = set(re.findall(r"python -m ops ([a-z][a-z-]+)", RUNBOOK.read_text()))
    assert named <= {command.name for command in COMMANDS}
