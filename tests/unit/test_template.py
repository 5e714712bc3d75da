"""The template: that it says what the code says, and that it fits."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chalice.cli.factory import CLIFactory
from chalice.deploy.validate import validate_configuration

from chalicelib.foundation.environment import setting_fields
from chalicelib.foundation.errors import PROBLEM_TYPES
from chalicelib.foundation.http.routing import Router
from chalicelib.foundation.manifest import FileFolder, Pack, Schedule, import_string
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store.table import INDEXES, TTL_ATTRIBUTE, table_definition
from chalicelib.packs import PACKS
from ops.package import inventory, policies, quotas, storage, template
from ops.package.build import PROJECT, PackagingError, copy_project, deployed_functions, finish_template
from tests.roles_of_functions import is_allowed

FUNCTIONS = deployed_functions()
CONSUMERS = [entry for entry in FUNCTIONS if entry.consumer]
WORKERS = [entry for entry in FUNCTIONS if entry.queue_consumer]
SCHEDULED = [entry for entry in FUNCTIONS if entry.schedule]
STAGES = sorted(json.loads((PROJECT / ".chalice" / "config.json").read_text())["stages"])


@pytest.fixture(scope="session")
def finished(built: Any) -> dict[str, Any]:
    return json.loads(built.template.read_text())


@pytest.fixture(scope="session")
def expanded(finished: dict[str, Any]) -> dict[str, Any]:
    return quotas.expand_template(finished)


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == kind}


# --- limits ----------------------------------------------------------------------------------------------------------


def test_limits_of_aws_are_far(built: Any, finished: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    used = quotas.usage("dev", finished, built.zip_file)
    lines = [f"  {entry.name:36} {entry.used:>12,} of {entry.allowed:>12,}  {entry.share:4.0%}" for entry in used]
    with capsys.disabled():
        sys.stdout.write("\n".join(["", "How much of AWS's limits the stack uses:", *lines, ""]))
    assert [entry for entry in used if entry.is_near_limit] == []


def test_a_build_near_a_limit_is_noticed() -> None:
    assert quotas.QuotaUsage("resources", 400, 500).is_near_limit
    assert not quotas.QuotaUsage("resources", 399, 500).is_near_limit


def test_a_table_feeds_no_more_than_two_readers(expanded: dict[str, Any]) -> None:
    stream = {"Fn::GetAtt": ["Table", "StreamArn"]}
    mappings = of_type(expanded, "AWS::Lambda::EventSourceMapping").values()
    assert 1 <= len([resource for resource in mappings if resource["Properties"]["EventSourceArn"] == stream]) == len(CONSUMERS) <= 2


def test_names_are_unique_and_short() -> None:
    names = [entry.name for entry in FUNCTIONS]
    assert len(names) == len(set(names)) == len({entry.logical_id for entry in FUNCTIONS})


def test_every_path_has_one_parameter_a_node_and_no_trailing_slash() -> None:
    routes = Router()
    for pack in PACKS:
        for endpoint in pack.endpoints:
            routes.add(endpoint.path, endpoint.method)  # asserts both
            assert endpoint.path == "/" or not endpoint.path.endswith("/")
            assert len(endpoint.path) <= 250


# --- what Chalice says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
def test_chalice_finds_the_configuration_valid(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CHALICE_CLI_MODE", "true")
    config = inventory.stage_config(PROJECT, stage, FUNCTIONS, "abc", "2026-01-01T00:00:00Z")
    copy_project(PROJECT, tmp_path / "project", config)
    known = CLIFactory(str(tmp_path / "project"), environ={}).create_config_obj(stage)
    validate_configuration(known)
    assert {entry.name for entry in FUNCTIONS} - {inventory.API_HANDLER} == {source.name for source in known.chalice_app.event_sources}


@pytest.mark.parametrize("stage", STAGES)
def test_the_environment_is_complete_and_text(stage: str) -> None:
    config = inventory.stage_config(PROJECT, stage, FUNCTIONS, "abc", "2026-01-01T00:00:00Z")
    environment = config["environment_variables"] | config["stages"][stage]["environment_variables"]
    assert [name for name, value in environment.items() if not isinstance(value, str)] == []
    settings = Settings.from_environment({**environment, "AWS_REGION": "us-west-2"})  # raises where one is missing or wrong
    assert (settings.stage, settings.table) == (stage, inventory.table_name(stage))
    declared = [Settings, *(pack.settings for pack in PACKS if pack.settings)]
    known = {entry.metadata["env"] for declaration in declared for entry in setting_fields(declaration)}
    assert {name for name in environment if name.startswith("VALHALLA_")} <= known


def test_production_shows_nothing_of_itself() -> None:
    environment = json.loads((PROJECT / ".chalice" / "config.json").read_text())["stages"]["prod"]["environment_variables"]
    assert environment["VALHALLA_DEBUG_ENDPOINTS"] == environment["VALHALLA_COUNT_CAPACITY"] == "false"


def test_a_stage_that_is_not_configured_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no stage 'nowhere'.*dev, prod"):
        inventory.stage_config(PROJECT, "nowhere", FUNCTIONS, "abc", "")


def test_stream_consumers_and_they_alone_have_reserved_concurrency(expanded: dict[str, Any]) -> None:
    reserved = {"Fn::If": ["ConcurrencyIsReserved", {"Ref": "ConsumerConcurrency"}, {"Ref": "AWS::NoValue"}]}
    consumers = {entry.logical_id for entry in FUNCTIONS if entry.consumer}
    for name, function in of_type(expanded, "AWS::Lambda::Function").items():
        assert function["Properties"].get("ReservedConcurrentExecutions") == (reserved if name in consumers else None), name
    most = max(entry.consumer.parallelization for entry in FUNCTIONS if entry.consumer)
    assert expanded["Parameters"]["ConsumerConcurrency"]["Default"] >= most, "one shard alone can use as many"


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
    resource = finished["Resources"]["Table"]["Properties"]
    definition = table_definition(inventory.table_name("dev"))
    stream = definition.pop("StreamSpecification")
    assert {key: resource[key] for key in definition} == definition
    assert resource["StreamSpecification"] == {"StreamViewType": stream["StreamViewType"]} == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert resource["BillingMode"] == "PAY_PER_REQUEST"
    assert resource["TimeToLiveSpecification"] == {"AttributeName": TTL_ATTRIBUTE, "Enabled": True}
    assert resource["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert resource["SSESpecification"] == {"SSEEnabled": True}
    assert resource["DeletionProtectionEnabled"] is True
    assert finished["Resources"]["Table"]["DeletionPolicy"] == finished["Resources"]["Table"]["UpdateReplacePolicy"] == "Retain"


ENTITIES = [(kind, path) for pack in PACKS for kind, path in pack.entities.items()]


@pytest.mark.parametrize(("kind", "path"), ENTITIES, ids=[kind for kind, _ in ENTITIES])
def test_every_entity_lies_on_the_tables_indexes(kind: str, path: str, finished: dict[str, Any]) -> None:
    resource = finished["Resources"]["Table"]["Properties"]
    attributes = {entry["AttributeName"] for entry in resource["AttributeDefinitions"]}
    deployed = {entry["IndexName"]: {key["AttributeName"] for key in entry["KeySchema"]} for entry in resource["GlobalSecondaryIndexes"]}
    assert set(deployed) == set(INDEXES)
    entity = import_string(path)
    used = {name for name in entity.get_attributes() if name in attributes or name.removesuffix("pk").removesuffix("sk") in deployed}
    assert {"pk", "sk"} <= used <= attributes
    assert set().union(*deployed.values()) | {"pk", "sk"} == attributes


# --- functions: streams and schedules --------------------------------------------------------------------------------


def test_there_is_a_function_for_each_consumer_and_schedule_and_the_api(expanded: dict[str, Any]) -> None:
    handlers = {name: resource["Properties"]["Handler"] for name, resource in of_type(expanded, "AWS::Lambda::Function").items()}
    declared = {entry.logical_id: entry.consumer.function for entry in CONSUMERS if entry.consumer}
    declared |= {entry.logical_id: entry.queue_consumer.function for entry in WORKERS if entry.queue_consumer}
    declared |= {entry.logical_id: entry.schedule.function for entry in SCHEDULED if entry.schedule}
    assert handlers == {**declared, "APIHandler": "app.app"}
    for handler in declared.values():
        assert callable(import_string(handler))


@pytest.mark.parametrize("entry", CONSUMERS, ids=lambda entry: entry.name)
def test_a_stream_mapping_loses_nothing(entry: inventory.DeployedFunction, expanded: dict[str, Any]) -> None:
    assert entry.consumer
    mappings = of_type(expanded, "AWS::Lambda::EventSourceMapping").values()
    (resource,) = [found["Properties"] for found in mappings if found["Properties"]["FunctionName"] == {"Ref": entry.logical_id}]
    assert resource["EventSourceArn"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
    assert resource["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert resource["BisectBatchOnFunctionError"] is True
    assert resource["MaximumRetryAttempts"] == entry.consumer.retries == -1  # by age, not by count
    assert 60 <= resource["MaximumRecordAgeInSeconds"] == entry.consumer.max_age_seconds < 24 * 3600  # a stream keeps a day
    assert resource["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["StreamDeadLetters", "Arn"]}
    assert resource["StartingPosition"] == "TRIM_HORIZON"
    assert (resource["BatchSize"], resource["MaximumBatchingWindowInSeconds"]) == (entry.consumer.batch_size, entry.consumer.window_seconds)
    assert resource["ParallelizationFactor"] == entry.consumer.parallelization
    assert [json.loads(found["Pattern"]) for found in resource["FilterCriteria"]["Filters"]] == list(entry.consumer.filters)
    assert resource["FilterCriteria"]["Filters"]


@pytest.mark.parametrize("entry", CONSUMERS, ids=lambda entry: entry.name)
def test_filters_are_positive(entry: inventory.DeployedFunction) -> None:
    assert entry.consumer
    for word in ("anything-but", '"exists": false', "$or", "equals-ignore-case"):
        assert word not in json.dumps(entry.consumer.filters)


@pytest.mark.parametrize("entry", WORKERS, ids=lambda entry: entry.name)
def test_a_worker_gets_what_its_queue_brings(entry: inventory.DeployedFunction, expanded: dict[str, Any]) -> None:
    assert entry.queue_consumer
    name = template.queue_id(entry.queue_consumer)
    mappings = of_type(expanded, "AWS::Lambda::EventSourceMapping").values()
    (resource,) = [found["Properties"] for found in mappings if found["Properties"]["FunctionName"] == {"Ref": entry.logical_id}]
    assert resource["EventSourceArn"] == {"Fn::GetAtt": [name, "Arn"]}
    assert resource["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert resource["BatchSize"] == entry.queue_consumer.batch_size
    queue = expanded["Resources"][name]["Properties"]
    assert queue["VisibilityTimeout"] == entry.queue_consumer.visibility_seconds >= 6 * entry.timeout_seconds  # or AWS brings it twice
    assert queue["RedrivePolicy"]["maxReceiveCount"] == entry.queue_consumer.max_receives >= 5
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [f"{name}DeadLetters", "Arn"]}
    for function in of_type(expanded, "AWS::Lambda::Function").values():
        assert function["Properties"]["Environment"]["Variables"][f"VALHALLA_{entry.queue_consumer.queue.upper()}_QUEUE"] == {"Ref": name}


@pytest.mark.parametrize("entry", SCHEDULED, ids=lambda entry: entry.name)
def test_a_schedule_runs_and_its_failure_is_seen(entry: inventory.DeployedFunction, expanded: dict[str, Any]) -> None:
    assert entry.schedule
    rules = of_type(expanded, "AWS::Events::Rule").values()
    (rule,) = [
        resource["Properties"]
        for resource in rules
        if resource["Properties"]["Targets"][0]["Arn"] == {"Fn::GetAtt": [entry.logical_id, "Arn"]}
    ]
    assert rule["ScheduleExpression"] == entry.schedule.expression
    assert rule["Description"] == entry.schedule.summary
    invokes = of_type(expanded, "AWS::Lambda::EventInvokeConfig").values()
    (invoke,) = [resource["Properties"] for resource in invokes if resource["Properties"]["FunctionName"] == {"Ref": entry.logical_id}]
    assert invoke["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]}
    assert f"{entry.logical_id}Alarm" in expanded["Resources"]


def test_functions_have_time_memory_and_logs(expanded: dict[str, Any]) -> None:
    functions = of_type(expanded, "AWS::Lambda::Function")
    assert functions["APIHandler"]["Properties"]["Timeout"] == 29  # API Gateway waits no longer
    logs = of_type(expanded, "AWS::Logs::LogGroup").values()
    named = {json.dumps(resource["Properties"]["LogGroupName"]) for resource in logs}
    for name, resource in functions.items():
        assert resource["Properties"]["MemorySize"] >= 512
        assert resource["Properties"]["Runtime"] == "python3.11"
        assert resource["Properties"]["Architectures"] == ["x86_64"]
        assert json.dumps({"Fn::Sub": f"/aws/lambda/${{{name}}}"}) in named
    assert {resource["Properties"]["RetentionInDays"] for resource in logs} == {14}


# --- the API ---------------------------------------------------------------------------------------------------------


def test_the_gateway_passes_everything(finished: dict[str, Any]) -> None:
    api = finished["Resources"]["RestAPI"]["Properties"]
    assert set(api["DefinitionBody"]["paths"]) == {"/", "/{proxy+}"}
    for verbs in api["DefinitionBody"]["paths"].values():
        assert set(verbs) == {"get", "head", "options", "post", "put", "patch", "delete"}
        assert {resource["x-amazon-apigateway-integration"]["type"] for resource in verbs.values()} == {"aws_proxy"}
    assert api["EndpointConfiguration"] == "REGIONAL"
    assert api["MinimumCompressionSize"] == 1024
    (throttle,) = api["MethodSettings"]
    assert throttle["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert throttle["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}
    variables = finished["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert variables["VALHALLA_THROTTLE_RATE"] == {"Ref": "ThrottleRate"}, "a caller's share follows the stage's throttle"


def test_there_is_one_stage_of_the_api(expanded: dict[str, Any]) -> None:
    assert {resource["Properties"]["StageName"] for resource in of_type(expanded, "AWS::ApiGateway::Stage").values()} == {"dev"}
    assert not [resource for resource in of_type(expanded, "AWS::ApiGateway::Deployment").values() if "StageName" in resource["Properties"]]


@pytest.mark.parametrize(("name", "resource"), template.gateway_responses().items())
def test_the_gateway_refuses_in_our_words(name: str, resource: dict[str, Any]) -> None:
    body = json.loads(resource["responseTemplates"]["application/json"])
    kind = PROBLEM_TYPES[body["type"].removeprefix("/problems/")]
    assert (body["status"], body["title"], resource["statusCode"]) == (kind.status, kind.title, str(kind.status))
    assert body["request_id"] == "$context.requestId"
    assert body["detail"]
    headers = {key.removeprefix("gatewayresponse.header."): value for key, value in resource["responseParameters"].items()}
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
    for resource in alarms.values():
        assert resource["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert resource["Properties"]["TreatMissingData"] == "notBreaching"
    watched = {(resource["Properties"]["Namespace"], resource["Properties"]["MetricName"]) for resource in alarms.values()}
    assert {
        ("AWS/ApiGateway", "5XXError"),
        ("AWS/ApiGateway", "Latency"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/DynamoDB", "WriteThrottleEvents"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    } <= watched
    ages = [resource["Properties"] for resource in alarms.values() if resource["Properties"]["MetricName"] == "IteratorAge"]
    assert [age["Threshold"] for age in ages] == [3_600_000] * len(CONSUMERS)
    assert len(ages) == len(CONSUMERS)


def test_the_throttles_of_each_index_have_an_alarm(expanded: dict[str, Any]) -> None:
    alarms = [resource["Properties"] for resource in of_type(expanded, "AWS::CloudWatch::Alarm").values()]
    watched = {
        (dimension["Value"], alarm["MetricName"])
        for alarm in alarms
        for dimension in alarm["Dimensions"]
        if dimension["Name"] == "GlobalSecondaryIndexName"
    }
    assert watched == {(index, f"{action}ThrottleEvents") for index in INDEXES for action in ("Read", "Write")}


def test_the_gateway_logs_each_request_and_nothing_of_the_caller(expanded: dict[str, Any]) -> None:
    (stage,) = of_type(expanded, "AWS::ApiGateway::Stage").values()
    logging = stage["Properties"]["AccessLogSetting"]
    assert logging["DestinationArn"] == {"Fn::GetAtt": ["ApiAccessLogGroup", "Arn"]}
    variables = set(json.loads(logging["Format"]).values())
    assert {"$context.requestId", "$context.status", "$context.responseLatency", "$context.error.responseType"} <= variables
    telling = ("path", "identity", "authorizer", "domainName", "$input", "header", "querystring", "error.message")
    assert [one for one in variables for word in telling if word in one and one != "$context.resourcePath"] == []
    assert "ApiAccount" in expanded["Resources"]["RestAPI"]["DependsOn"]
    assert expanded["Resources"]["ApiAccount"]["DeletionPolicy"] == "Retain"


def test_every_queue_of_dead_letters_has_an_alarm(expanded: dict[str, Any]) -> None:
    dead = [name for name in of_type(expanded, "AWS::SQS::Queue") if name.endswith("DeadLetters")]
    assert dead
    assert {f"{name}Alarm" for name in dead} <= set(of_type(expanded, "AWS::CloudWatch::Alarm"))


COUNTED = [(entry, "Parked") for entry in CONSUMERS] + [(entry, "ChainBroken") for entry in CONSUMERS if entry.name == "audit_stream"]
COUNTED += [(entry, "MailFailed") for entry in WORKERS] + [(entry, "ScheduleFailures") for entry in SCHEDULED]


@pytest.mark.parametrize(("entry", "field"), COUNTED, ids=[f"{entry.name}-{field}" for entry, field in COUNTED])
def test_what_functions_count_in_their_logs_raises_an_alarm(
    entry: inventory.DeployedFunction, field: str, expanded: dict[str, Any]
) -> None:
    counter = expanded["Resources"][f"{entry.logical_id}{field}Metric"]["Properties"]
    alarm = expanded["Resources"][f"{entry.logical_id}{field}Alarm"]["Properties"]
    group = expanded["Resources"][counter["LogGroupName"]["Ref"]]
    assert group["Properties"]["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{{entry.logical_id}}}"}
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
    watched = {resource["Properties"]["MetricName"] for resource in of_type(expanded, "AWS::CloudWatch::Alarm").values()}
    assert {name for name in watched if not any(name.endswith(field) for _, field in COUNTED)} <= shown


# --- what each function may do ---------------------------------------------------------------------------------------

POLICIES = {entry.policy_file.removeprefix("policy-").removesuffix(".json"): policies.policy(entry) for entry in FUNCTIONS}
SCHEDULES = [entry.name for entry in SCHEDULED]
TABLE, TABLE_INDEXES = {"Fn::GetAtt": ["Table", "Arn"]}, {"Fn::Sub": "${Table.Arn}/index/*"}


def statements(name: str) -> list[dict[str, Any]]:
    return POLICIES[name]["Statement"]


def allowed(name: str, action: str) -> list[Any]:
    """The resources on which a policy allows an action."""
    given = [entry for entry in statements(name) if entry["Effect"] == "Allow"]
    return [where for entry in given if action in entry["Action"] for where in entry["Resource"]]


def may_write(name: str, key: str) -> set[str]:
    """What a policy lets its function do to a partition."""
    return {action for action in ("PutItem", "UpdateItem", "DeleteItem") if is_allowed(POLICIES[name], action, key)}


def test_each_function_has_the_policy_of_its_kind_or_schedule(expanded: dict[str, Any]) -> None:
    for entry in FUNCTIONS:
        role = expanded["Resources"][entry.logical_id]["Properties"]["Role"]["Fn::GetAtt"][0]
        (given,) = expanded["Resources"][role]["Properties"]["Policies"]
        assert given["PolicyDocument"] == policies.policy(entry)


def test_policies_are_narrow() -> None:
    for name in POLICIES:
        for entry in statements(name):
            assert "*" not in entry["Resource"], name
            if entry["Effect"] == "Allow":
                assert [may for may in entry["Action"] if may.endswith("*")] == [], name
                assert [may for may in entry["Action"] if may in {"dynamodb:CreateTable", "dynamodb:DeleteTable"}] == []


def test_nobody_may_scan_but_the_schedule_that_looks_for_gaps() -> None:
    assert {name for name in POLICIES if allowed(name, "dynamodb:Scan")} == {"stream-gaps"}
    assert allowed("stream-gaps", "dynamodb:Scan") == [TABLE]


# The worker behind a queue keeps to the rows that it was sent for; all others read the whole table.
WHOLE = [name for name in POLICIES if name != "outbox-worker"]


@pytest.mark.parametrize("name", WHOLE)
def test_each_may_read_the_table_and_its_indexes(name: str) -> None:
    for action in ("GetItem", "BatchGetItem", "Query", "ConditionCheckItem"):
        assert allowed(name, f"dynamodb:{action}") == [TABLE, TABLE_INDEXES]
    for action in ("PutItem", "UpdateItem", "DeleteItem"):
        assert allowed(name, f"dynamodb:{action}") == [TABLE]


@pytest.mark.parametrize("name", POLICIES)
def test_each_may_write_its_logs_and_no_others(name: str) -> None:
    (logs,) = allowed(name, "logs:PutLogEvents")
    assert logs == allowed(name, "logs:CreateLogStream")[0]
    assert logs["Fn::Sub"].endswith(":log-group:/aws/lambda/${AWS::StackName}-*")


@pytest.mark.parametrize("name", WHOLE)
def test_the_trail_can_only_be_appended_to(name: str) -> None:
    (denied,) = [entry for entry in statements(name) if entry["Effect"] == "Deny"]
    assert denied["Condition"]["ForAnyValue:StringLike"]["dynamodb:LeadingKeys"][0] == "AUD#*"
    assert {"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} <= set(denied["Action"])
    assert may_write(name, "AUD#pipe_1") == ({"PutItem"} if name in {"audit-stream", "stream-gaps"} else set())


@pytest.mark.parametrize("name", WHOLE)
def test_seals_are_written_by_their_schedule_alone(name: str) -> None:
    for key in ("SEAL", "SEAL#2026-11-24"):
        assert bool(may_write(name, key)) == (name == "trail-seal")


@pytest.mark.parametrize("name", [*SCHEDULES, "audit-stream", "projection-stream"])
def test_what_works_by_itself_writes_only_partitions_of_its_own(name: str) -> None:
    """Neither users, keys, limits, configuration nor the answers to repeated requests."""
    (writing,) = [entry for entry in statements(name) if entry["Sid"] == "WriteTable"]
    assert "*" not in writing["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    forbidden = ["UNIQ#email#x", "IDEM#x", "CFG", "RATE#x", "CODE#x", "KEYUSED#x", "RUN#other"]
    forbidden += [] if name == "ops-retention" else ["user_01", "key_01"]
    assert [key for key in forbidden if may_write(name, key)] == []


def test_roles_follow_from_what_packs_declare() -> None:
    assert may_write("wholesale-follow-ups", "pipe_01")
    assert may_write("wholesale-follow-ups", "evt_01")
    assert may_write("wholesale-follow-ups", "RUN#wholesale-follow-ups")
    assert not may_write("wholesale-follow-ups", "buyer_01")
    assert may_write("holdings-close", "SNAP#2026-01-01")
    assert not may_write("holdings-close", "pipe_01")
    assert may_write("projection-stream", "BOARD")
    assert may_write("projection-stream", "buyer_01")
    assert not may_write("projection-stream", "pipe_01")
    assert not may_write("audit-stream", "pipe_01")
    assert may_write("ops-retention", "user_01")
    assert may_write("outbox-requeue", "MAIL#1")
    assert not may_write("outbox-requeue", "pipe_01")


def test_the_worker_of_the_outbox_sees_mail_and_who_has_opted_out() -> None:
    bare = policies.policy(WORKERS[0], [])["Statement"]  # of a system in which no pack hears what becomes of mail
    may, see = [entry for entry in bare if any(action.startswith("dynamodb:") for action in entry["Action"])]
    assert may["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["MAIL", "MAIL#*"]}}
    assert set(may["Action"]) == {"dynamodb:GetItem", "dynamodb:UpdateItem"}
    assert see["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SUPPRESS", "SUPPRESS#*"]}}
    assert see["Action"] == ["dynamodb:GetItem"]
    outbox = [{"Fn::GetAtt": ["Outbox", "Arn"]}]
    assert allowed("outbox-worker", "sqs:ReceiveMessage") == allowed("outbox-worker", "sqs:DeleteMessage") == outbox
    assert {name for name in POLICIES if allowed(name, "ses:SendEmail")} == {"outbox-worker"}


def test_mail_is_handed_over_by_the_keeper_of_the_trail_what_was_forgotten_by_its_schedule_and_the_next_part_of_work_by_the_worker() -> (
    None
):
    outbox = {"Fn::GetAtt": ["Outbox", "Arn"]}
    assert {name for name in POLICIES if outbox in allowed(name, "sqs:SendMessage")} == {"audit-stream", "outbox-requeue", "outbox-worker"}


def test_the_worker_of_the_outbox_changes_what_it_works_on_and_nothing_of_the_trail() -> None:
    assert may_write("outbox-worker", "exp_01")
    for key in ("AUD#pipe_1", "SEAL", "PERSON#user_1", "user_01", "pipe_01"):
        assert not may_write("outbox-worker", key) or any(pack.mail_events for pack in PACKS), key


@pytest.mark.parametrize("entry", CONSUMERS, ids=lambda entry: entry.name)
def test_a_consumer_may_follow_the_stream_and_send_dead_letters(entry: inventory.DeployedFunction) -> None:
    name = entry.kind
    for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"):
        assert allowed(name, f"dynamodb:{action}") == [{"Fn::Sub": "${Table.Arn}/stream/*"}]
    assert {"Fn::GetAtt": ["StreamDeadLetters", "Arn"]} in allowed(name, "sqs:SendMessage")


def test_secrets_are_read_by_those_who_sign_or_seal() -> None:
    readers = {name for name in POLICIES if allowed(name, "secretsmanager:GetSecretValue")}
    assert readers - {"outbox-worker"} == {"api", "audit-stream", *SCHEDULES}
    assert ("outbox-worker" in readers) == any(pack.mail_events for pack in PACKS), "who hears what becomes of mail may have to sign a link"
    assert not [name for name in POLICIES if allowed(name, "secretsmanager:PutSecretValue")]


# --- files, seals, mail -----------------------------------------------------------------------------------------------

LETTERS = Pack(
    "T",
    "letters",
    "Letters",
    "tests",
    entities={"pipeline": next(pack.entities["pipeline"] for pack in PACKS if "pipeline" in pack.entities)},
    key_prefixes=("LETTERS",),
    mail_events={"pipe": "tests.nowhere"},
    files=(FileFolder("letters"), FileFolder("copies", written_by="outbox-worker", days=7)),
)
FILES, SEALS = {"Fn::GetAtt": ["Files", "Arn"]}, {"Fn::GetAtt": ["Seals", "Arn"]}


def of_letters(entry: inventory.DeployedFunction) -> dict[str, list[Any]]:
    """The resources by action that a function may use in a system of letters alone."""
    found: dict[str, list[Any]] = {}
    for statement in policies.policy(entry, [LETTERS])["Statement"]:
        if statement["Effect"] == "Allow":
            for action in statement["Action"]:
                found.setdefault(action, []).extend(statement["Resource"])
    return found


def folder(name: str) -> dict[str, str]:
    return {"Fn::Sub": f"${{Files.Arn}}/{name}/*"}


def test_each_writes_only_the_folders_of_its_own() -> None:
    api, worker = of_letters(FUNCTIONS[0]), of_letters(WORKERS[0])
    assert api["s3:PutObject"] == [folder("letters")]
    assert api["s3:GetObject"] == api["s3:GetObjectVersion"] == [folder("letters"), folder("copies")]
    assert worker["s3:PutObject"] == worker["s3:GetObject"] == [folder("copies")]
    assert api["s3:ListBucket"] == worker["s3:ListBucket"] == [FILES]  # without it, what is missing is forbidden
    for entry in FUNCTIONS:
        given = of_letters(entry) if not entry.schedule else {}
        assert {action for action in given if action.startswith("s3:Delete") or "Bypass" in action or "Acl" in action} == set()
        assert entry in (FUNCTIONS[0], *WORKERS) or not [action for action in given if action.startswith("s3:")]


def test_only_a_schedule_that_seals_writes_under_lock_and_nobody_opens_it() -> None:
    schedule = Schedule("letters-seal", "rate(1 day)", "tests.nowhere", "Seals", seals=True)
    sealing = replace(LETTERS, schedules=(schedule,))
    given = policies.policy(inventory.DeployedFunction("letters-seal", "schedule", schedule=schedule), [sealing])["Statement"]
    of_bucket = {action for entry in given for action in entry["Action"] if action.startswith("s3:")}
    assert of_bucket == {"s3:GetObject", "s3:PutObject", "s3:PutObjectRetention", "s3:ListBucket"}
    assert {str(where) for entry in given if entry["Sid"].startswith("Se") for where in entry["Resource"] if "Seals" in str(where)} == {
        str({"Fn::Sub": "${Seals.Arn}/*"}),
        str(SEALS),
    }
    declared = {one.name for pack in PACKS for one in pack.schedules if one.seals}
    assert {name for name in POLICIES if allowed(name, "s3:PutObjectRetention")} == declared
    assert not [name for name in POLICIES if allowed(name, "s3:BypassGovernanceRetention") or allowed(name, "s3:DeleteObjectVersion")]


def test_who_hears_what_becomes_of_mail_changes_things_of_its_packs() -> None:
    given = policies.policy(WORKERS[0], [LETTERS])
    for key in ("pipe_01", "LETTERS", "evt_01", "MAIL#1", "LINK#1"):
        assert is_allowed(given, "UpdateItem", key), key
        assert is_allowed(given, "PutItem", key), key
    for key in ("user_01", "buyer_01", "AUD#pipe_01", "CFG", "RATE#x", "CODE#x"):
        assert not is_allowed(given, "PutItem", key), key


def test_the_bucket_of_files_is_private_and_keeps_every_version(finished: dict[str, Any]) -> None:
    for name in ("Files", "Seals"):
        bucket = finished["Resources"][name]
        assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["Properties"]["PublicAccessBlockConfiguration"]) == 4
        assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
        assert "AES256" in str(bucket["Properties"]["BucketEncryption"])
        (refused,) = finished["Resources"][f"{name}Policy"]["Properties"]["PolicyDocument"]["Statement"]
        assert (refused["Effect"], refused["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (cors,) = finished["Resources"]["Files"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert cors["AllowedOrigins"] == ["http://localhost:3000", "http://localhost:5173"]
    assert cors["AllowedMethods"] == ["GET", "HEAD", "PUT"]
    for function in of_type(finished, "AWS::Serverless::Function").values():
        variables = function["Properties"]["Environment"]["Variables"]
        assert (variables["VALHALLA_FILES_BUCKET"], variables["VALHALLA_SEALS_BUCKET"]) == ({"Ref": "Files"}, {"Ref": "Seals"})


def test_what_is_kept_for_some_days_is_removed_and_no_version_of_a_document() -> None:
    rules = storage.bucket_resources([LETTERS], [])["Files"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert "CorsConfiguration" not in storage.bucket_resources([LETTERS], [])["Files"]["Properties"]
    ending = {rule["Prefix"]: rule for rule in rules if "ExpirationInDays" in rule or "NoncurrentVersionExpiration" in rule}
    assert {prefix: rule["ExpirationInDays"] for prefix, rule in ending.items()} == {"copies/": 7}
    assert {"AbortIncompleteMultipartUpload", "ExpiredObjectDeleteMarker"} <= {name for rule in rules for name in rule}


def test_a_prefix_of_files_belongs_to_one_pack() -> None:
    prefixes = [one.prefix for pack in PACKS for one in pack.files]
    assert len(prefixes) == len(set(prefixes))
    assert all(prefix.isascii() and "/" not in prefix for prefix in prefixes)


def test_what_is_sealed_is_locked_for_years(finished: dict[str, Any]) -> None:
    bucket = finished["Resources"]["Seals"]["Properties"]
    assert bucket["ObjectLockEnabled"] is True
    retention = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention == {"Mode": "COMPLIANCE", "Days": {"Ref": "SealRetentionDays"}}
    assert finished["Parameters"]["SealRetentionDays"]["Default"] >= 3650


def test_what_becomes_of_mail_reaches_the_outbox(expanded: dict[str, Any]) -> None:
    resources = expanded["Resources"]
    destination = resources["MailEventDestination"]["Properties"]
    assert destination["ConfigurationSetName"] == {"Ref": "MailConfiguration"}
    assert destination["EventDestination"]["MatchingEventTypes"] == ["bounce", "complaint"]
    assert destination["EventDestination"]["SnsDestination"] == {"TopicARN": {"Ref": "MailEvents"}}
    subscription = resources["MailEventsSubscription"]["Properties"]
    assert subscription == {"Protocol": "sqs", "TopicArn": {"Ref": "MailEvents"}, "Endpoint": {"Fn::GetAtt": ["Outbox", "Arn"]}}
    for name, service, action in (
        ("MailEventsPolicy", "ses.amazonaws.com", "sns:Publish"),
        ("OutboxPolicy", "sns.amazonaws.com", "sqs:SendMessage"),
    ):
        (statement,) = resources[name]["Properties"]["PolicyDocument"]["Statement"]
        assert (statement["Principal"], statement["Action"]) == ({"Service": service}, action)
        assert statement["Condition"], "this stage's own, and nobody else's"
    for function in of_type(expanded, "AWS::Lambda::Function").values():
        variables = function["Properties"]["Environment"]["Variables"]
        assert variables["VALHALLA_MAIL_CONFIGURATION_SET"] == {"Ref": "MailConfiguration"}
    identities, sets = allowed("outbox-worker", "ses:SendEmail")
    assert identities["Fn::Sub"].endswith(":identity/*")
    assert sets["Fn::Sub"].endswith(":configuration-set/${MailConfiguration}")
