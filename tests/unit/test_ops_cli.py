"""The operator's shell: its commands, the stage they act on, and one line where they fail."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ops import cli
from ops.__main__ import COMMANDS, app
from tests.conftest import SECRETS

ROOT = Path(__file__).parent.parent.parent
RUN = CliRunner()


def ops(*arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VALHALLA_")}
    return subprocess.run(
        [sys.executable, "-m", "ops", *arguments], cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False
    )


def modules_with_commands():
    for path in sorted((ROOT / "ops").rglob("*.py")):
        if "\n@app.command(" in path.read_text():
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_the_list_of_commands_is_what_the_modules_have():
    found = {(name, module) for module in modules_with_commands() for name in typer.main.get_group(import_module(module).app).commands}
    assert found == {(command.name, command.module) for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help_and_acts_on_a_stage(command):
    response = RUN.invoke(app, [command.name, "--help"])
    assert response.exit_code == 0
    assert ("--stage" in response.output) == (command.name not in ("openapi", "access-patterns")), (
        "the description is the same for all of them"
    )


def test_the_description_is_written_without_a_stage(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("VALHALLA_")]:
        monkeypatch.delenv(name)
    out = tmp_path / "deep" / "openapi.json"
    response = RUN.invoke(app, ["openapi", "--out", str(out)])
    assert response.exit_code == 0, response.output
    assert json.loads(out.read_text())["openapi"] == "3.1.0"


def test_help_lists_every_command_and_imports_none_of_them():
    program = (
        "import sys; from ops.__main__ import app, COMMANDS\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([one.module for one in COMMANDS if one.module in sys.modules], 'boto3' in sys.modules, file=sys.stderr)"
    )
    response = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert response.stderr.strip() == "[] False"
    assert all(command.name in response.stdout for command in COMMANDS)


def test_a_command_that_is_not_there_is_not_offered():
    group = typer.Typer(cls=cli.command_group((cli.Command("ghost", "ops.no_such_module", "Not here."), COMMANDS[0])))
    group.callback()(lambda: None)
    assert "ghost" not in RUN.invoke(group, ["--help"]).output
    assert RUN.invoke(group, ["ghost"]).exit_code == 2


def test_an_unknown_command_is_refused():
    assert RUN.invoke(app, ["bogus"]).exit_code == 2


# -- stages


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        ((), {}, "Nothing runs here: start it with `make run`, or name a deployed stage by the environment."),
        (("--stage", "prod"), {}, "The environment doesn't describe the stage prod: its deployment wrote build/prod/environment"),
        (("--stage", "prod"), {"VALHALLA_STAGE": "dev"}, "The environment describes the stage dev, not prod."),
        ((), {"VALHALLA_STAGE": "dev"}, "VALHALLA_TABLE is not set: the DynamoDB table's name."),
    ],
)
def test_a_stage_that_cannot_be_acted_on_is_one_line(tmp_path, arguments, environment, says):
    response = ops("check", *arguments, VALHALLA_LOCAL=str(tmp_path), **environment)
    assert response.returncode == 1
    assert response.stderr.startswith(says)
    assert len(response.stderr.splitlines()) == 1
    assert response.stdout == ""


def test_an_unreachable_stage_is_told_and_not_traced(tmp_path):
    (tmp_path / "secrets.json").write_text(SECRETS)
    environment = {
        "VALHALLA_STAGE": "dev",
        "VALHALLA_TABLE": "nowhere",
        "VALHALLA_SECRETS": f"file:{tmp_path}/secrets.json",
        "VALHALLA_AWS_ENDPOINT": "http://127.0.0.1:9",
        "AWS_REGION": "us-east-1",
    }
    response = ops("export", str(tmp_path / "out"), **environment)
    assert response.returncode == 1
    assert len(response.stderr.splitlines()) == 1
    assert "127.0.0.1:9" in response.stderr


def test_the_local_stage_is_entered_by_what_the_local_run_published(tmp_path, monkeypatch):
    from local.workspace import Workspace

    for name in [name for name in os.environ if name.startswith("VALHALLA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    home = Workspace(tmp_path)
    with home.lock("a test"):
        home.write_environment({"VALHALLA_STAGE": "local", "VALHALLA_TABLE": "there"})
        cli.use_stage(None, {"VALHALLA_LOCAL": str(tmp_path)})
    assert (os.environ["VALHALLA_STAGE"], os.environ["VALHALLA_TABLE"]) == ("local", "there")
    with pytest.raises(cli.StageError, match="Nothing runs here"):
        cli.use_stage("local", {"VALHALLA_LOCAL": str(tmp_path)})


@pytest.mark.parametrize(("stage", "days"), [("local", 3), ("dev", 0)])
def test_the_local_stage_alone_has_a_time_that_was_moved(stage, days, tmp_path, monkeypatch):
    settings = {"STAGE": stage, "TABLE": "there", "SECRETS": "file:/dev/null", "LOCAL": str(tmp_path)}
    for name, value in settings.items():
        monkeypatch.setenv(f"VALHALLA_{name}", value)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    (tmp_path / "clock-ahead").write_text(str(3 * 86_400))
    ahead = cli.runtime().context(request_id="r").now - datetime.now(UTC)
    assert abs(ahead - timedelta(days=days)) < timedelta(seconds=30)


def test_a_deployed_stage_is_the_one_that_the_environment_describes():
    cli.use_stage(None, {"VALHALLA_STAGE": "prod"})
    cli.use_stage("prod", {"VALHALLA_STAGE": "prod"})


# -- check


@pytest.fixture
def checked(runtime, monkeypatch):
    """`checked()`: the command's answer on the test's own stage."""
    monkeypatch.setattr(cli, "runtime", lambda: runtime)
    monkeypatch.setenv("VALHALLA_STAGE", "test")
    monkeypatch.setenv("COLUMNS", "200")
    from chalicelib.foundation.system import readiness

    monkeypatch.setattr(readiness, "_cached", {})
    return lambda: RUN.invoke(app, ["check"])


def test_check_says_that_all_is_well(checked):
    response = checked()
    assert response.exit_code == 0, response.output
    assert "W System Completion Metadata" in response.output
    assert "degraded" not in response.output


def test_check_fails_where_something_is_wrong(checked, dynamodb, settings):
    dynamodb.update_table(
        TableName=settings.table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "gsi3"}}], AttributeDefinitions=[]
    )
    response = checked()
    assert response.exit_code == 1
    assert "not active: gsi3" in response.output


def test_check_fails_without_a_table(checked, dynamodb, settings):
    dynamodb.delete_table(TableName=settings.table)
    assert checked().exit_code == 1
