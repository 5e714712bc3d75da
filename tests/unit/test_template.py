"""The template: that it says what the code says, and that it fits."""

import json
import sys
from collections.abc import Iterator
from dataclasses import fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from chalice.cli.factory import CLIFactory
from chalice.deploy.validate import validate_configuration

from chalicelib.foundation.errors import KINDS
from chalicelib.foundation.http.routing import Routes
from chalicelib.foundation.manifest import load
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store.table import INDEXES, TTL_ATTRIBUTE, table_definition
from chalicelib.packs import PACKS
from ops.package import facts, limits, template
from ops.package.build import PROJECT, PackagingError, deployed_functions, finish_template, stage_project

FUNCTIONS = deployed_functions()
CONSUMERS = [one for one in FUNCTIONS if one.consumer]
WORKERS = [one for one in FUNCTIONS if one.worker]
SCHEDULED = [one for one in FUNCTIONS if one.schedule]
STAGES = sorted(json.loads((PROJECT / ".chalice" / "config.json").read_text())["stages"])


@pytest.fixture(scope="session")
def finished(built: Any) -> dict[str, Any]:
    return json.loads(built.template.read_text())


@pytest.fixture(scope="session")
def expanded(finished: dict[str, Any]) -> dict[str, Any]:
    return limits.expanded(finished)


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: said for name, said in template["Resources"].items() if said["Type"] == kind}


# --- limits ----------------------------------------------------------------------------------------------------------


def test_limits_of_aws_are_far(built: Any, finished: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    used = limits.usage("dev", finished, built.zip)
    lines = [f"  {one.what:36} {one.used:>12,} of {one.allowed:>12,}  {one.share:4.0%}" for one in used]
    with capsys.disabled():
        sys.stdout.write("\n".join(["", "How much of AWS's limits the stack uses:", *lines, ""]))
    assert [one for one in used if one.near] == []


def test_a_build_near_a_limit_is_noticed() -> None:
    assert limits.Usage("resources", 400, 500).near
    assert not limits.Usage("resources", 399, 500).near


def test_a_table_feeds_no_more_than_two_readers(expanded: dict[str, Any]) -> None:
    stream = {"Fn::GetAtt": ["Table", "StreamArn"]}
    mappings = of_type(expanded, "AWS::Lambda::EventSourceMapping").values()
    assert 1 <= len([said for said in mappings if said["Properties"]["EventSourceArn"] == stream]) == len(CONSUMERS) <= 2


def test_names_are_unique_and_short() -> None:
    names = [one.name for one in FUNCTIONS]
    assert len(names) == len(set(names)) == len({one.logical_id for one in FUNCTIONS})


def test_every_path_has_one_parameter_a_node_and_no_trailing_slash() -> None:
    routes = Routes()
    for pack in PACKS:
        for endpoint in pack.endpoints:
            routes.add(endpoint.path, endpoint.method)  # asserts both
            assert endpoint.path == "/" or not endpoint.path.endswith("/")
            assert len(endpoint.path) <= 250


# --- what Chalice says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
def test_chalice_finds_the_configuration_valid(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    config = facts.stage_config(PROJECT, stage, FUNCTIONS, "abc", "2026-01-01T00:00:00Z")
    stage_project(PROJECT, tmp_path / "project", config)
    known = CLIFactory(str(tmp_path / "project"), environ={}).create_config_obj(stage)
    validate_configuration(known)
    assert {one.name for one in FUNCTIONS} - {facts.API} == {source.name for source in known.chalice_app.event_sources}


@pytest.mark.parametrize("stage", STAGES)
def test_the_environment_is_complete_and_text(stage: str) -> None:
    config = facts.stage_config(PROJECT, stage, FUNCTIONS, "abc", "2026-01-01T00:00:00Z")
    environment = config["environment_variables"] | config["stages"][stage]["environment_variables"]
    assert [name for name, value in environment.items() if not isinstance(value, str)] == []
    settings = Settings.from_environment({**environment, "AWS_REGION": "us-west-2"})  # raises where one is missing or wrong
    assert (settings.stage, settings.table) == (stage, facts.table_name(stage))
    known = {one.metadata["env"] for one in fields(Settings)}
    assert {name for name in environment if name.startswith("VALHALLA_")} <= known


def test_production_shows_nothing_of_itself() -> None:
    environment = json.loads((PROJECT / ".chalice" / "config.json").read_text())["stages"]["prod"]["environment_variables"]
    assert environment["VALHALLA_DEBUG_ENDPOINTS"] == environment["VALHALLA_COUNT_CAPACITY"] == "false"


def test_a_stage_that_is_not_configured_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no stage 'nowhere'.*dev, prod"):
        facts.stage_config(PROJECT, "nowhere", FUNCTIONS, "abc", "")


def test_what_is_merged_lands_on_what_chalice_made() -> None:
    with pytest.raises(PackagingError, match="Misspelt"):
        finish_template({"Resources": {"Misspelt": {"Properties": {}}, "RestAPI": {"Type": "AWS::Serverless::Api"}}})


def test_every_reference_names_something(expanded: dict[str, Any]) -> None:
    known = set(expanded["Resources"]) | set(expanded["Parameters"])
    assert {name for name in references(expanded["Resources"]) if not name.startswith("AWS::")} <= known


def references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        if set(value) == {"Ref"}:
            yield value["Ref"]
        elif set(value) == {"Fn::GetAtt"}:
            where = value["Fn::GetAtt"]
            yield where[0] if isinstance(where, list) else where.split(".")[0]
        elif set(value) == {"Fn::Sub"}:
            text, own = value["Fn::Sub"] if isinstance(value["Fn::Sub"], list) else (value["Fn::Sub"], {})
            yield from (name.split(".")[0] for name in substituted(text) if name not in own)
            yield from references(list(own.values()))
        else:
            for item in value.values():
                yield from references(item)


def substituted(text: str) -> Iterator[str]:
    for part in text.split("${")[1:]:
        yield part.split("}")[0]


# --- the table -------------------------------------------------------------------------------------------------------


def test_the_table_is_the_stores_own(finished: dict[str, Any]) -> None:
    said = finished["Resources"]["Table"]["Properties"]
    definition = table_definition(facts.table_name("dev"))
    stream = definition.pop("StreamSpecification")
    assert {key: said[key] for key in definition} == definition
    assert said["StreamSpecification"] == {"StreamViewType": stream["StreamViewType"]} == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert said["BillingMode"] == "PAY_PER_REQUEST"
    assert said["TimeToLiveSpecification"] == {"AttributeName": TTL_ATTRIBUTE, "Enabled": True}
    assert said["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert said["SSESpecification"] == {"SSEEnabled": True}
    assert said["DeletionProtectionEnabled"] is True
    assert finished["Resources"]["Table"]["DeletionPolicy"] == finished["Resources"]["Table"]["UpdateReplacePolicy"] == "Retain"


ENTITIES = [(kind, path) for pack in PACKS for kind, path in pack.entities.items()]


@pytest.mark.parametrize(("kind", "path"), ENTITIES, ids=[kind for kind, _ in ENTITIES])
def test_every_entity_lies_on_the_tables_indexes(kind: str, path: str, finished: dict[str, Any]) -> None:
    said = finished["Resources"]["Table"]["Properties"]
    attributes = {one["AttributeName"] for one in said["AttributeDefinitions"]}
    deployed = {one["IndexName"]: {key["AttributeName"] for key in one["KeySchema"]} for one in said["GlobalSecondaryIndexes"]}
    assert set(deployed) == set(INDEXES)
    entity = load(path)
    used = {name for name in entity.get_attributes() if name in attributes or name.removesuffix("pk").removesuffix("sk") in deployed}
    assert {"pk", "sk"} <= used <= attributes
    assert set().union(*deployed.values()) | {"pk", "sk"} == attributes


# --- functions: streams and schedules --------------------------------------------------------------------------------


def test_there_is_a_function_for_each_consumer_and_schedule_and_the_api(expanded: dict[str, Any]) -> None:
    handlers = {name: said["Properties"]["Handler"] for name, said in of_type(expanded, "AWS::Lambda::Function").items()}
    declared = {one.logical_id: one.consumer.function for one in CONSUMERS if one.consumer}
    declared |= {one.logical_id: one.worker.function for one in WORKERS if one.worker}
    declared |= {one.logical_id: one.schedule.function for one in SCHEDULED if one.schedule}
    assert handlers == {**declared, "APIHandler": "app.app"}
    for handler in declared.values():
        assert callable(load(handler))


@pytest.mark.parametrize("one", CONSUMERS, ids=lambda one: one.name)
def test_a_stream_mapping_loses_nothing(one: facts.Function, expanded: dict[str, Any]) -> None:
    assert one.consumer
    mappings = of_type(expanded, "AWS::Lambda::EventSourceMapping").values()
    (said,) = [found["Properties"] for found in mappings if found["Properties"]["FunctionName"] == {"Ref": one.logical_id}]
    assert said["EventSourceArn"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
    assert said["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert said["BisectBatchOnFunctionError"] is True
    assert said["MaximumRetryAttempts"] == one.consumer.retries > 0
    assert 60 <= said["MaximumRecordAgeInSeconds"] == one.consumer.max_age_seconds < 24 * 3600  # a stream keeps a day
    assert said["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["StreamDeadLetters", "Arn"]}
    assert said["StartingPosition"] == "TRIM_HORIZON"
    assert (said["BatchSize"], said["MaximumBatchingWindowInSeconds"]) == (one.consumer.batch_size, one.consumer.window_seconds)
    assert said["ParallelizationFactor"] == one.consumer.parallelization
    assert [json.loads(found["Pattern"]) for found in said["FilterCriteria"]["Filters"]] == list(one.consumer.filters)
    assert said["FilterCriteria"]["Filters"]


@pytest.mark.parametrize("one", CONSUMERS, ids=lambda one: one.name)
def test_filters_are_positive(one: facts.Function) -> None:
    assert one.consumer
    for word in ("anything-but", '"exists": false', "$or", "equals-ignore-case"):
        assert word not in json.dumps(one.consumer.filters)


@pytest.mark.parametrize("one", WORKERS, ids=lambda one: one.name)
def test_a_worker_gets_what_its_queue_brings(one: facts.Function, expanded: dict[str, Any]) -> None:
    assert one.worker
    name = template.queue_id(one.worker)
    mappings = of_type(expanded, "AWS::Lambda::EventSourceMapping").values()
    (said,) = [found["Properties"] for found in mappings if found["Properties"]["FunctionName"] == {"Ref": one.logical_id}]
    assert said["EventSourceArn"] == {"Fn::GetAtt": [name, "Arn"]}
    assert said["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert said["BatchSize"] == one.worker.batch_size
    queue = expanded["Resources"][name]["Properties"]
    assert queue["VisibilityTimeout"] == one.worker.visibility_seconds >= 6 * one.timeout_seconds  # or AWS brings it twice
    assert queue["RedrivePolicy"]["maxReceiveCount"] == one.worker.max_receives >= 5
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [f"{name}DeadLetters", "Arn"]}
    for function in of_type(expanded, "AWS::Lambda::Function").values():
        assert function["Properties"]["Environment"]["Variables"][f"VALHALLA_{one.worker.queue.upper()}_QUEUE"] == {"Ref": name}


@pytest.mark.parametrize("one", SCHEDULED, ids=lambda one: one.name)
def test_a_schedule_runs_and_its_failure_is_seen(one: facts.Function, expanded: dict[str, Any]) -> None:
    assert one.schedule
    rules = of_type(expanded, "AWS::Events::Rule").values()
    (rule,) = [said["Properties"] for said in rules if said["Properties"]["Targets"][0]["Arn"] == {"Fn::GetAtt": [one.logical_id, "Arn"]}]
    assert rule["ScheduleExpression"] == one.schedule.expression
    assert rule["Description"] == one.schedule.summary
    invokes = of_type(expanded, "AWS::Lambda::EventInvokeConfig").values()
    (invoke,) = [said["Properties"] for said in invokes if said["Properties"]["FunctionName"] == {"Ref": one.logical_id}]
    assert invoke["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]}
    assert f"{one.logical_id}Alarm" in expanded["Resources"]


def test_functions_have_time_memory_and_logs(expanded: dict[str, Any]) -> None:
    functions = of_type(expanded, "AWS::Lambda::Function")
    assert functions["APIHandler"]["Properties"]["Timeout"] == 29  # API Gateway waits no longer
    logs = of_type(expanded, "AWS::Logs::LogGroup").values()
    named = {json.dumps(said["Properties"]["LogGroupName"]) for said in logs}
    for name, said in functions.items():
        assert said["Properties"]["MemorySize"] >= 512
        assert said["Properties"]["Runtime"] == "python3.11"
        assert said["Properties"]["Architectures"] == ["x86_64"]
        assert json.dumps({"Fn::Sub": f"/aws/lambda/${{{name}}}"}) in named
    assert {said["Properties"]["RetentionInDays"] for said in logs} == {14}


# --- the API ---------------------------------------------------------------------------------------------------------


def test_the_gateway_passes_everything(finished: dict[str, Any]) -> None:
    api = finished["Resources"]["RestAPI"]["Properties"]
    assert set(api["DefinitionBody"]["paths"]) == {"/", "/{proxy+}"}
    for verbs in api["DefinitionBody"]["paths"].values():
        assert set(verbs) == {"get", "head", "options", "post", "put", "patch", "delete"}
        assert {said["x-amazon-apigateway-integration"]["type"] for said in verbs.values()} == {"aws_proxy"}
    assert api["EndpointConfiguration"] == "REGIONAL"
    assert api["MinimumCompressionSize"] == 1024
    (throttle,) = api["MethodSettings"]
    assert throttle["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert throttle["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}


def test_there_is_one_stage_of_the_api(expanded: dict[str, Any]) -> None:
    assert {said["Properties"]["StageName"] for said in of_type(expanded, "AWS::ApiGateway::Stage").values()} == {"dev"}
    assert not [said for said in of_type(expanded, "AWS::ApiGateway::Deployment").values() if "StageName" in said["Properties"]]


@pytest.mark.parametrize(("name", "said"), template.gateway_responses().items())
def test_the_gateway_refuses_in_our_words(name: str, said: dict[str, Any]) -> None:
    body = json.loads(said["responseTemplates"]["application/json"])
    kind = KINDS[body["type"].removeprefix("/problems/")]
    assert (body["status"], body["title"], said["statusCode"]) == (kind.status, kind.title, str(kind.status))
    assert body["request_id"] == "$context.requestId"
    assert body["detail"]
    headers = {key.removeprefix("gatewayresponse.header."): value for key, value in said["responseParameters"].items()}
    assert headers["Content-Type"] == "'application/problem+json'"
    assert headers["Cache-Control"] == "'no-store'"
    assert {"Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"} <= set(headers)
    assert "Access-Control-Allow-Credentials" not in headers
    assert headers["X-Request-ID"] == headers["X-Correlation-ID"] == "context.requestId"
    assert ("Retry-After" in headers) == (kind.status in {429, 503})


def test_what_the_gateway_can_refuse_is_covered() -> None:
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "THROTTLED", "REQUEST_TOO_LARGE", "MISSING_AUTHENTICATION_TOKEN", "INTEGRATION_TIMEOUT"} <= set(
        template.gateway_responses()
    )


# --- what watches it -------------------------------------------------------------------------------------------------


def test_alarms_reach_somebody(expanded: dict[str, Any]) -> None:
    alarms = of_type(expanded, "AWS::CloudWatch::Alarm")
    for said in alarms.values():
        assert said["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert said["Properties"]["TreatMissingData"] == "notBreaching"
    watched = {(said["Properties"]["Namespace"], said["Properties"]["MetricName"]) for said in alarms.values()}
    assert {
        ("AWS/ApiGateway", "5XXError"),
        ("AWS/ApiGateway", "Latency"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/DynamoDB", "WriteThrottleEvents"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    } <= watched
    ages = [said["Properties"] for said in alarms.values() if said["Properties"]["MetricName"] == "IteratorAge"]
    assert [age["Threshold"] for age in ages] == [3_600_000] * len(CONSUMERS)
    assert len(ages) == len(CONSUMERS)


def test_every_queue_of_dead_letters_has_an_alarm(expanded: dict[str, Any]) -> None:
    dead = [name for name in of_type(expanded, "AWS::SQS::Queue") if name.endswith("DeadLetters")]
    assert dead
    assert {f"{name}Alarm" for name in dead} <= set(of_type(expanded, "AWS::CloudWatch::Alarm"))


COUNTED = [(one, "Parked") for one in CONSUMERS] + [(one, "ChainBroken") for one in CONSUMERS if one.name == "audit_stream"]
COUNTED += [(one, "MailFailed") for one in WORKERS] + [(one, "ScheduleFailures") for one in SCHEDULED]


@pytest.mark.parametrize(("one", "field"), COUNTED, ids=[f"{one.name}-{field}" for one, field in COUNTED])
def test_what_functions_count_in_their_logs_raises_an_alarm(one: facts.Function, field: str, expanded: dict[str, Any]) -> None:
    counter = expanded["Resources"][f"{one.logical_id}{field}Metric"]["Properties"]
    alarm = expanded["Resources"][f"{one.logical_id}{field}Alarm"]["Properties"]
    group = expanded["Resources"][counter["LogGroupName"]["Ref"]]
    assert group["Properties"]["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{{one.logical_id}}}"}
    (counted,) = counter["MetricTransformations"]
    assert counter["FilterPattern"] == f"{{ $.{field} > 0 }}"
    assert (alarm["Namespace"], alarm["MetricName"]) == (counted["MetricNamespace"], counted["MetricName"])
    assert counted["MetricNamespace"] == "Valhalla/dev"
    assert counted["MetricValue"] == f"$.{field}"


def test_what_alarms_count_is_what_the_code_says() -> None:
    """A field that was renamed in the code would leave its alarm silent for ever."""
    code = "\n".join(path.read_text() for path in (PROJECT / "chalicelib").rglob("*.py"))
    assert [field for _, field in COUNTED if f'"{field}":' not in code] == []


def test_the_dashboard_shows_what_the_alarms_watch(expanded: dict[str, Any]) -> None:
    (board,) = of_type(expanded, "AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(board["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    shown = {metric[1] for widget in widgets for metric in widget["properties"]["metrics"]}
    watched = {said["Properties"]["MetricName"] for said in of_type(expanded, "AWS::CloudWatch::Alarm").values()}
    assert {name for name in watched if not any(name.endswith(field) for _, field in COUNTED)} <= shown


# --- what each function may do ---------------------------------------------------------------------------------------

POLICIES = sorted((PROJECT / ".chalice").glob("policy-*.json"))


def statements(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["Statement"]


def allowed(path: Path, action: str) -> list[Any]:
    """The resources on which a policy allows an action."""
    given = [one for one in statements(path) if one["Effect"] == "Allow"]
    return [where for one in given if any(fnmatchcase(action, may) for may in one["Action"]) for where in one["Resource"]]


def test_there_is_one_policy_a_kind_of_function() -> None:
    assert {path.name for path in POLICIES} == {one.policy_file for one in FUNCTIONS} | {"policy-schedule.json"}


def test_policies_are_narrow() -> None:
    for path in POLICIES:
        for one in statements(path):
            assert "*" not in one["Resource"], path
            if one["Effect"] == "Allow":
                assert [may for may in one["Action"] if may.endswith("*")] == [], path
                assert [may for may in one["Action"] if may in {"dynamodb:Scan", "dynamodb:CreateTable", "dynamodb:DeleteTable"}] == []


# The worker behind a queue keeps to the rows that it was sent for; all others work with the whole table.
WHOLE = [path for path in POLICIES if path.stem != "policy-outbox-worker"]


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_each_may_use_the_table_and_its_indexes(path: Path) -> None:
    table, indexes = {"Fn::GetAtt": ["Table", "Arn"]}, {"Fn::Sub": "${Table.Arn}/index/*"}
    for action in ("GetItem", "BatchGetItem", "Query", "ConditionCheckItem"):
        assert allowed(path, f"dynamodb:{action}") == [table, indexes]
    for action in ("PutItem", "UpdateItem", "DeleteItem"):
        assert allowed(path, f"dynamodb:{action}") == [table]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_each_may_write_its_logs_and_no_others(path: Path) -> None:
    (logs,) = allowed(path, "logs:PutLogEvents")
    assert logs == allowed(path, "logs:CreateLogStream")[0]
    assert logs["Fn::Sub"].endswith(":log-group:/aws/lambda/${AWS::StackName}-*")


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_the_trail_can_only_be_appended_to(path: Path) -> None:
    (denied,) = [one for one in statements(path) if one["Effect"] == "Deny"]
    assert denied["Condition"] == {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": ["AUD#*"]}}
    assert {"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} <= set(denied["Action"])
    assert ("dynamodb:PutItem" in denied["Action"]) == (path.stem != "policy-audit-stream")


def test_the_worker_of_the_outbox_sees_mail_alone() -> None:
    path = PROJECT / ".chalice" / "policy-outbox-worker.json"
    (may,) = [one for one in statements(path) if any(action.startswith("dynamodb:") for action in one["Action"])]
    assert may["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["MAIL#*"]}}
    assert set(may["Action"]) == {"dynamodb:GetItem", "dynamodb:UpdateItem"}
    assert allowed(path, "ses:SendEmail")
    assert allowed(path, "sqs:ReceiveMessage") == allowed(path, "sqs:DeleteMessage") == [{"Fn::GetAtt": ["Outbox", "Arn"]}]
    assert {path.stem for path in POLICIES if allowed(path, "ses:SendEmail")} == {"policy-outbox-worker"}


def test_only_the_keeper_of_the_trail_hands_over_mail() -> None:
    outbox = {"Fn::GetAtt": ["Outbox", "Arn"]}
    assert {path.stem for path in POLICIES if outbox in allowed(path, "sqs:SendMessage")} == {"policy-audit-stream"}


@pytest.mark.parametrize("one", CONSUMERS, ids=lambda one: one.name)
def test_a_consumer_may_follow_the_stream_and_send_dead_letters(one: facts.Function) -> None:
    path = PROJECT / ".chalice" / one.policy_file
    for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"):
        assert allowed(path, f"dynamodb:{action}") == [{"Fn::Sub": "${Table.Arn}/stream/*"}]
    assert {"Fn::GetAtt": ["StreamDeadLetters", "Arn"]} in allowed(path, "sqs:SendMessage")


def test_secrets_are_read_by_those_who_sign_or_seal() -> None:
    readers = {path.stem for path in POLICIES if allowed(path, "secretsmanager:GetSecretValue")}
    assert readers == {"policy-api", "policy-audit-stream", "policy-schedule"}
    assert not [path for path in POLICIES if allowed(path, "secretsmanager:PutSecretValue")]
