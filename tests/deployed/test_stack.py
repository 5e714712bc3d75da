"""What CloudFormation made of the template, and what API Gateway answers by itself."""

import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.settings import Settings
from ops.package.build import deployed_functions
from ops.package.cli import environment
from ops.package.deploy import deploy, parameter
from tests.deployed.conftest import STAGE, HttpCaller, Stack
from tests.deployed.emulator import REGION, as_the_emulator_reads_it

pytestmark = pytest.mark.deployed


def test_every_resource_is_there(stack: Stack) -> None:
    events = stack.emulator.client("cloudformation").describe_stacks(StackName=f"valhalla-{STAGE}")["Stacks"][0]
    assert events["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    assert set(stack.template["Resources"]) <= set(stack.resources) | {"AlarmMail"}  # nobody is mailed here


def test_deploying_the_same_again_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    import json

    said: list[str] = []
    template = tmp_path / "template.json"
    template.write_text(json.dumps(as_the_emulator_reads_it(stack.template)))
    before = stack.secrets
    again = deploy(stack.emulator, STAGE, template, stack.build.zip, now=datetime.now(UTC), say=said.append)
    assert again == stack.outputs
    assert any("nothing to do" in line for line in said)
    assert stack.secrets == before  # keys that are in use are never replaced


def test_the_app_knows_its_own_address(stack: Stack) -> None:
    assert stack.settings.public_url == stack.outputs["EndpointURL"].rstrip("/")
    assert parameter(stack.emulator, f"valhalla-{STAGE}", "PublicUrl") == stack.settings.public_url


def test_the_operators_shell_gets_the_stages_settings(stack: Stack) -> None:
    lines = dict(line.split("=", 1) for line in environment(stack.emulator, stack.outputs["APIHandlerName"]).splitlines())
    assert lines["VALHALLA_TABLE"] == stack.outputs["TableName"]
    assert lines["AWS_REGION"] == REGION
    settings = Settings.from_environment({name: shlex.split(value)[0] if value else "" for name, value in lines.items()})
    assert settings == stack.settings


def test_the_table_is_as_the_store_wants_it(stack: Stack) -> None:
    table = stack.emulator.client("dynamodb").describe_table(TableName=stack.outputs["TableName"])["Table"]
    said = stack.template["Resources"]["Table"]["Properties"]
    assert table["KeySchema"] == said["KeySchema"]
    assert [one["IndexName"] for one in table["GlobalSecondaryIndexes"]] == [one["IndexName"] for one in said["GlobalSecondaryIndexes"]]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"] is True


def test_functions_carry_their_settings(stack: Stack) -> None:
    functions = stack.emulator.client("lambda")
    for one in deployed_functions():
        known = functions.get_function_configuration(FunctionName=stack.resources[one.logical_id])
        assert known["Environment"]["Variables"]["VALHALLA_TABLE"] == stack.outputs["TableName"]
        assert known["Runtime"] == "python3.11"


def test_a_verb_of_no_endpoint_is_refused_by_the_gateway_in_our_words(nobody: HttpCaller) -> None:
    answer = nobody("TRACE", "/health/live")
    assert answer.status == 405
    assert answer.json()["type"] == "/problems/method-not-allowed"
    assert answer.json()["request_id"]
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(("method", "path"), [("GET", "/no/such/address"), ("GET", "/health/live/more"), ("GET", "/%2e%2e/etc")])
def test_an_unknown_path_reaches_the_app(nobody: HttpCaller, method: str, path: str) -> None:
    answer = nobody(method, path)
    assert (answer.status, answer.json()["type"]) == (404, "/problems/not-found")


def test_a_wrong_verb_says_what_is_allowed(nobody: HttpCaller) -> None:
    answer = nobody("DELETE", "/health/live")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


def test_head_answers_as_get_without_a_body(nobody: HttpCaller) -> None:
    answer = nobody("HEAD", "/health/live")
    assert (answer.status, answer.text) == (200, "")


def test_preflight_knows_every_allowed_origin(nobody: HttpCaller, stack: Stack) -> None:
    assert len(stack.settings.cors_origins) > 1
    for origin in stack.settings.cors_origins:
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        answer = nobody("OPTIONS", "/health/live", headers=asked)
        assert answer.headers["access-control-allow-origin"] == origin
    stranger = nobody("OPTIONS", "/health/live", headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"})
    assert "access-control-allow-origin" not in stranger.headers


def test_health_is_ready(nobody: HttpCaller, seen: Callable[..., Any]) -> None:
    answer = seen(lambda: nobody("GET", "/health/ready"), lambda found: found.status == 200)
    assert answer.status == 200, answer.text


def test_each_schedule_has_its_rule(stack: Stack) -> None:
    events = stack.emulator.client("events")
    rules = {rule["Name"]: rule for rule in events.list_rules()["Rules"]}
    for one in deployed_functions():
        if not one.schedule:
            continue
        arn = stack.emulator.client("lambda").get_function_configuration(FunctionName=stack.resources[one.logical_id])["FunctionArn"]
        (rule,) = [rule for name, rule in rules.items() if arn in [to["Arn"] for to in events.list_targets_by_rule(Rule=name)["Targets"]]]
        assert (rule["State"], rule["ScheduleExpression"]) == ("ENABLED", one.schedule.expression)
