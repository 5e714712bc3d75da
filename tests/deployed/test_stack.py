"""What CloudFormation made of the template, and what API Gateway answers by itself."""

import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.settings import Settings
from ops.package.build import deployed_functions
from ops.package.cli import stage_environment
from ops.package.deploy import deploy, stack_parameter
from tests.deployed.conftest import STAGE, HttpApiClient, Stack
from tests.deployed.emulator import REGION, as_the_emulator_reads_it

pytestmark = pytest.mark.deployed


def test_every_resource_is_there(stack: Stack) -> None:
    events = stack.emulator.client("cloudformation").describe_stacks(StackName=f"valhalla-{STAGE}")["Stacks"][0]
    assert events["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    assert set(stack.template["Resources"]) <= set(stack.resources) | {"AlarmMail"}  # nobody is mailed here


def test_deploying_the_same_again_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    import json

    lines: list[str] = []
    template = tmp_path / "template.json"
    template.write_text(json.dumps(as_the_emulator_reads_it(stack.template)))
    before = stack.secrets
    again = deploy(stack.emulator, STAGE, template, stack.build.zip_file, now=datetime.now(UTC), print_line=lines.append)
    assert again == stack.outputs
    assert any("nothing to do" in line for line in lines)
    assert stack.secrets == before  # keys that are in use are never replaced


def test_the_app_knows_its_own_address(stack: Stack) -> None:
    assert stack.settings.public_url == stack.outputs["EndpointURL"].rstrip("/")
    assert stack_parameter(stack.emulator, f"valhalla-{STAGE}", "PublicUrl") == stack.settings.public_url


def test_the_operators_shell_gets_the_stages_settings(stack: Stack) -> None:
    lines = dict(line.split("=", 1) for line in stage_environment(stack.emulator, stack.outputs["APIHandlerName"]).splitlines())
    assert lines["VALHALLA_TABLE"] == stack.outputs["TableName"]
    assert lines["AWS_REGION"] == REGION
    settings = Settings.from_environment({name: shlex.split(value)[0] if value else "" for name, value in lines.items()})
    assert settings == stack.settings


def test_the_table_is_as_the_store_wants_it(stack: Stack) -> None:
    table = stack.emulator.client("dynamodb").describe_table(TableName=stack.outputs["TableName"])["Table"]
    properties = stack.template["Resources"]["Table"]["Properties"]
    assert table["KeySchema"] == properties["KeySchema"]
    assert [item["IndexName"] for item in table["GlobalSecondaryIndexes"]] == [
        item["IndexName"] for item in properties["GlobalSecondaryIndexes"]
    ]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"] is True


def test_functions_carry_their_settings(stack: Stack) -> None:
    functions = stack.emulator.client("lambda")
    for function in deployed_functions():
        configuration = functions.get_function_configuration(FunctionName=stack.resources[function.logical_id])
        assert configuration["Environment"]["Variables"]["VALHALLA_TABLE"] == stack.outputs["TableName"]
        assert configuration["Runtime"] == "python3.11"


def test_a_verb_of_no_endpoint_is_refused_by_the_gateway_in_our_words(anonymous: HttpApiClient) -> None:
    response = anonymous("TRACE", "/health/live")
    assert response.status == 405
    assert response.json()["type"] == "/problems/method-not-allowed"
    assert response.json()["request_id"]
    assert response.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(("method", "path"), [("GET", "/no/such/address"), ("GET", "/health/live/more"), ("GET", "/%2e%2e/etc")])
def test_an_unknown_path_reaches_the_app(anonymous: HttpApiClient, method: str, path: str) -> None:
    response = anonymous(method, path)
    assert (response.status, response.json()["type"]) == (404, "/problems/not-found")


def test_a_wrong_verb_says_what_is_allowed(anonymous: HttpApiClient) -> None:
    response = anonymous("DELETE", "/health/live")
    assert response.status == 405
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


def test_head_answers_as_get_without_a_body(anonymous: HttpApiClient) -> None:
    response = anonymous("HEAD", "/health/live")
    assert (response.status, response.text) == (200, "")


def test_preflight_knows_every_allowed_origin(anonymous: HttpApiClient, stack: Stack) -> None:
    assert len(stack.settings.cors_origins) > 1
    for origin in stack.settings.cors_origins:
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        response = anonymous("OPTIONS", "/health/live", headers=asked)
        assert response.headers["access-control-allow-origin"] == origin
    stranger = anonymous("OPTIONS", "/health/live", headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"})
    assert "access-control-allow-origin" not in stranger.headers


def test_health_is_ready(anonymous: HttpApiClient, eventually: Callable[..., Any]) -> None:
    response = eventually(lambda: anonymous("GET", "/health/ready"), lambda result: result.status == 200)
    assert response.status == 200, response.text


def test_each_schedule_has_its_rule(stack: Stack) -> None:
    events = stack.emulator.client("events")
    rules = {rule["Name"]: rule for rule in events.list_rules()["Rules"]}
    for function in deployed_functions():
        if not function.schedule:
            continue
        arn = stack.emulator.client("lambda").get_function_configuration(FunctionName=stack.resources[function.logical_id])["FunctionArn"]
        (rule,) = [rule for name, rule in rules.items() if arn in [to["Arn"] for to in events.list_targets_by_rule(Rule=name)["Targets"]]]
        assert (rule["State"], rule["ScheduleExpression"]) == ("ENABLED", function.schedule.expression)
