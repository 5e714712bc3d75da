"""The part of the template that `chalice package` can't generate, built from the code and merged into its template.

The table comes from the store's own definition, stream mappings and schedules from the declarations next to each handler, so
nothing here needs to be kept consistent by hand.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalice.utils import to_cfn_resource_name

from chalicelib.foundation.errors import PROBLEM_TYPES
from chalicelib.foundation.http.responses import PROBLEM_JSON, SECURITY_HEADERS
from chalicelib.foundation.manifest import Pack, QueueConsumer, StreamConsumer
from chalicelib.foundation.store.table import INDEXES, TTL_ATTRIBUTE
from chalicelib.functions.outbox import OUTBOX_WORKER
from chalicelib.packs import PACKS
from ops.package import mail, storage
from ops.package.inventory import DeployedFunction, secret_name

Json = dict[str, Any]

_FOURTEEN_DAYS = 1209600
_FIVE_MINUTES = 300
_HOUR_MS = 3_600_000


def ref(name: str) -> Json:
    """CloudFormation's reference to a resource or parameter."""
    return {"Ref": name}


def get_att(name: str, attribute: str) -> Json:
    """CloudFormation's reference to an attribute of a resource."""
    return {"Fn::GetAtt": [name, attribute]}


def merge_template(
    stage: str,
    deployed: Iterable[DeployedFunction],
    table: Mapping[str, Any],
    log_days: int,
    origins: Sequence[str] = (),
    packs: Iterable[Pack] = PACKS,
) -> Json:
    """The whole template to merge. `table` holds the arguments of DynamoDB's CreateTable; access logs are kept for `log_days`; from `origins`
    a browser may put and get files.
    """
    functions = tuple(deployed)
    consumers = [function for function in functions if function.consumer]
    queue_consumers = [function.queue_consumer for function in functions if function.queue_consumer]
    schedule_functions = [function for function in functions if function.schedule]
    dead_letters = _DEAD_LETTERS | {
        f"{queue_id(consumer)}DeadLetters": f"Messages that {consumer.name} gave up on are waiting." for consumer in queue_consumers
    }
    resources: Json = {
        "Table": table_resource(table),
        "Secrets": _secret(stage),
        **{name: _queue() for name in dead_letters},
        **{queue_id(consumer): _work_queue(consumer) for consumer in queue_consumers},
        **storage.bucket_resources(packs, origins),
        **mail.mail_resources(stage, queue_id(OUTBOX_WORKER)),
        "AlarmTopic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": f"Valhalla {stage}"}},
        "AlarmMail": {
            "Type": "AWS::SNS::Subscription",
            "Condition": "AlarmsAreMailed",
            "Properties": {"Protocol": "email", "TopicArn": ref("AlarmTopic"), "Endpoint": ref("AlarmEmail")},
        },
        "RestAPI": _rest_api(stage),
        **_access_logs(log_days),
        # Chalice names the API's log group after a function that isn't in its own template.
        "ApiHandlerLogGroup": {"Properties": {"LogGroupName": {"Fn::Sub": "/aws/lambda/${APIHandler}"}}},
        "Dashboard": _dashboard(stage, functions, [*dead_letters, *map(queue_id, queue_consumers)]),
    }
    variables: Json = {
        "VALHALLA_PUBLIC_URL": ref("PublicUrl"),
        "VALHALLA_THROTTLE_RATE": ref("ThrottleRate"),
        "VALHALLA_MAIL_CONFIGURATION_SET": ref(mail.CONFIGURATION_SET),
        **storage.BUCKETS,
        **{f"VALHALLA_{consumer.queue.upper()}_QUEUE": ref(queue_id(consumer)) for consumer in queue_consumers},
    }
    for function in functions:
        resources[function.logical_id] = {"Properties": _function_properties(function, variables)}
    resources |= _alarms(
        stage, consumers, [*schedule_functions, *(function for function in functions if function.queue_consumer)], dead_letters
    )
    resources |= _log_metric_alarms(stage, functions)
    return {
        "Parameters": {
            "PublicUrl": _string_parameter("The URL under which callers reach the API, without a slash at its end."),
            "AlarmEmail": _string_parameter("Who is mailed when an alarm goes off; empty for nobody."),
            "ThrottleRate": {"Type": "Number", "Default": 100, "Description": "Requests a second that the stage takes."},
            "ThrottleBurst": {"Type": "Number", "Default": 200, "Description": "Requests at once that the stage takes."},
            "ConsumerConcurrency": {
                "Type": "Number",
                "Default": 5,
                "MinValue": 0,
                "Description": "Runs at once of each stream consumer, reserved for it and no more; 0 in an account that has too few to reserve.",
            },
            "SealRetentionDays": storage.SEAL_RETENTION,
        },
        "Conditions": {
            "AlarmsAreMailed": {"Fn::Not": [{"Fn::Equals": [ref("AlarmEmail"), ""]}]},
            "ConcurrencyIsReserved": {"Fn::Not": [{"Fn::Equals": [ref("ConsumerConcurrency"), "0"]}]},
        },
        "Resources": resources,
        "Outputs": {
            "TableName": {"Value": ref("Table")},
            "SecretName": {"Value": secret_name(stage)},
            "FilesBucket": {"Value": ref(storage.FILES)},
            "SealsBucket": {"Value": ref(storage.SEALS)},
            **{f"{name}Url": {"Value": ref(name)} for name in dead_letters},
        },
    }


def table_resource(definition: Mapping[str, Any]) -> Json:
    """The table, from the arguments of CreateTable, with recovery, protection and TTL added."""
    stream = definition["StreamSpecification"]["StreamViewType"]  # implies that the stream is enabled
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            **definition,
            "StreamSpecification": {"StreamViewType": stream},
            "TimeToLiveSpecification": {"AttributeName": TTL_ATTRIBUTE, "Enabled": True},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "SSESpecification": {"SSEEnabled": True},
            "DeletionProtectionEnabled": True,
        },
    }


def _secret(stage: str) -> Json:
    # Without a value: the first deployment writes one, and no later deployment changes it.
    return {
        "Type": "AWS::SecretsManager::Secret",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {"Name": secret_name(stage), "Description": "Keys that sign tokens and cursors."},
    }


def _queue() -> Json:
    return {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": _FOURTEEN_DAYS, "SqsManagedSseEnabled": True}}


def queue_id(worker: QueueConsumer) -> str:
    """The logical id of a worker's queue."""
    return str(to_cfn_resource_name(worker.queue))


def _work_queue(worker: QueueConsumer) -> Json:
    queue = _queue()
    queue["Properties"] |= {
        "VisibilityTimeout": worker.visibility_seconds,
        "RedrivePolicy": {
            "deadLetterTargetArn": get_att(f"{queue_id(worker)}DeadLetters", "Arn"),
            "maxReceiveCount": worker.max_receives,
        },
    }
    return queue


def _string_parameter(description: str) -> Json:
    return {"Type": "String", "Default": "", "Description": description}


def _function_properties(function: DeployedFunction, variables: Json) -> Json:
    properties: Json = {"Environment": {"Variables": variables}}
    if function.consumer:
        event = f"{function.logical_id}DynamodbEventSource"
        properties["Events"] = {event: {"Properties": event_source_mapping(function.consumer)}}
        properties["Description"] = function.consumer.summary
        # Traffic on the API can't take them away, and a backlog can't take the table's throughput.
        reserved = ["ConcurrencyIsReserved", ref("ConsumerConcurrency"), ref("AWS::NoValue")]
        properties["ReservedConcurrentExecutions"] = {"Fn::If": reserved}
    if function.queue_consumer:
        source = {
            "Queue": get_att(queue_id(function.queue_consumer), "Arn"),
            "BatchSize": function.queue_consumer.batch_size,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }
        properties["Events"] = {f"{function.logical_id}SqsEventSource": {"Properties": source}}
        properties["Description"] = function.queue_consumer.summary
    if function.schedule:
        properties["Events"] = {f"{function.logical_id}Event": {"Properties": {"Description": function.schedule.summary}}}
        properties["Description"] = function.schedule.summary
        properties["EventInvokeConfig"] = {
            "MaximumRetryAttempts": 2,
            "MaximumEventAgeInSeconds": 3600,
            "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": get_att("ScheduleDeadLetters", "Arn")}},
        }
    return properties


def event_source_mapping(consumer: StreamConsumer) -> Json:
    """The event source mapping of a stream consumer.

    It begins at the trim horizon: a mapping takes minutes to become active, and concurrent writes must not be lost. Reading a
    record twice is harmless, since both consumers are idempotent.
    """
    return {
        "Stream": get_att("Table", "StreamArn"),
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": consumer.batch_size,
        "MaximumBatchingWindowInSeconds": consumer.window_seconds,
        "FilterCriteria": {"Filters": [{"Pattern": json.dumps(pattern, separators=(",", ":"))} for pattern in consumer.filters]},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": consumer.retries,
        "MaximumRecordAgeInSeconds": consumer.max_age_seconds,
        "ParallelizationFactor": consumer.parallelization,
        "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": get_att("StreamDeadLetters", "Arn")}},
    }


# --- the API ---------------------------------------------------------------------------------------------------------


# What the gateway logs of a request, also of one that never reached the app: nothing of the caller, neither path, query nor headers, in
# which ids, addresses and tokens stand. The app's own line has the same request id, the route and the actor.
_ACCESS_LOG = {
    "request_id": "requestId",
    "at": "requestTimeEpoch",
    "method": "httpMethod",
    "resource": "resourcePath",
    "status": "status",
    "bytes": "responseLength",
    "ms": "responseLatency",
    "integration_ms": "integration.latency",
    "integration_status": "integration.status",
    "refused_as": "error.responseType",
}


def _access_logs(days: int) -> Json:
    """The log group of the gateway's access logs, and the right to write it, which belongs to the whole account: it stays with no stack."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    managed = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"}
    return {
        "ApiAccessLogGroup": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": {"Fn::Sub": "/aws/apigateway/${AWS::StackName}"}, "RetentionInDays": days},
        },
        "ApiLogRole": {
            "Type": "AWS::IAM::Role",
            "DeletionPolicy": "Retain",
            "Properties": {"AssumeRolePolicyDocument": trust, "ManagedPolicyArns": [managed]},
        },
        "ApiAccount": {
            "Type": "AWS::ApiGateway::Account",
            "DeletionPolicy": "Retain",
            "Properties": {"CloudWatchRoleArn": get_att("ApiLogRole", "Arn")},
        },
    }


def _rest_api(stage: str) -> Json:
    return {
        "DependsOn": ["ApiAccount"],  # a stage can't log before its account may
        "Properties": {
            "DefinitionBody": {
                "info": {"title": f"valhalla-{stage}"},  # the API's name, a dimension of its metrics
                "x-amazon-apigateway-gateway-responses": gateway_responses(),
                # Of every type, since the gateway else decides by Accept whether the bytes of a PDF go out as bytes or in base64.
                "x-amazon-apigateway-binary-media-types": ["*/*"],
            },
            "AccessLogSetting": {
                "DestinationArn": get_att("ApiAccessLogGroup", "Arn"),
                "Format": json.dumps({name: f"$context.{variable}" for name, variable in _ACCESS_LOG.items()}, separators=(",", ":")),
            },
            "OpenApiVersion": "2.0",  # without it SAM creates a second stage, named "Stage"
            "MethodSettings": [
                {
                    "HttpMethod": "*",
                    "ResourcePath": "/*",
                    "MetricsEnabled": True,
                    "ThrottlingRateLimit": ref("ThrottleRate"),
                    "ThrottlingBurstLimit": ref("ThrottleBurst"),
                }
            ],
        },
    }


_HEADERS = {
    **SECURITY_HEADERS,
    "Content-Type": PROBLEM_JSON,
    "Cache-Control": "no-store",
    # The gateway's own errors hold no personal data, so any origin may read them. They are never sent with credentials.
    "Access-Control-Allow-Origin": "*",
}
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_RETRY = {"Retry-After": "1"}
# API Gateway's own errors as problem types. Every path reaches the app, so a missing authentication token only means a method
# that no endpoint accepts.
_GATEWAY_PROBLEMS: dict[str, tuple[str, str, dict[str, str]]] = {
    "DEFAULT_4XX": ("bad-request", "The gateway could not read this request.", {}),
    "DEFAULT_5XX": ("internal", "The gateway could not answer.", {}),
    "ACCESS_DENIED": ("forbidden", "The gateway refused this request.", {}),
    "API_CONFIGURATION_ERROR": ("internal", "The gateway could not answer.", {}),
    "BAD_REQUEST_BODY": ("bad-request", "The gateway could not read this body.", {}),
    "BAD_REQUEST_PARAMETERS": ("bad-request", "The gateway could not read these parameters.", {}),
    "INTEGRATION_FAILURE": ("unavailable", "The service did not answer.", _RETRY),
    "INTEGRATION_TIMEOUT": ("unavailable", "The service did not answer in time.", _RETRY),
    "MISSING_AUTHENTICATION_TOKEN": ("method-not-allowed", "No address takes this verb.", {"Allow": ", ".join(_METHODS)}),
    "QUOTA_EXCEEDED": ("rate-limited", "The quota is used up.", {"Retry-After": "60"}),
    "REQUEST_TOO_LARGE": ("too-large", "A request may carry 10 MB at most here, and 1 MB in all but a few endpoints.", {}),
    "RESOURCE_NOT_FOUND": ("not-found", "No such resource.", {}),
    "THROTTLED": ("rate-limited", "Too many requests reach this stage.", _RETRY),
    "UNSUPPORTED_MEDIA_TYPE": ("unsupported-media-type", "Send application/json.", {}),
    "WAF_FILTERED": ("forbidden", "The gateway refused this request.", {}),
}


def gateway_responses() -> Json:
    """API Gateway's own errors as problem documents, in the form of its OpenAPI extension.

    They are part of the API's body, so that a change of them makes a new deployment; as separate resources it wouldn't.
    """
    return {name: _gateway_response(*problem) for name, problem in _GATEWAY_PROBLEMS.items()}


def _gateway_response(kind: str, detail: str, headers: Mapping[str, str]) -> Json:
    problem_type = PROBLEM_TYPES[kind]
    body = json.dumps(
        {
            "type": f"/problems/{kind}",
            "title": problem_type.title,
            "status": problem_type.status,
            "detail": detail,
            "request_id": "$context.requestId",
        }
    )
    return {
        "statusCode": str(problem_type.status),
        "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in {**_HEADERS, **headers}.items()}
        | {f"gatewayresponse.header.{name}": "context.requestId" for name in ("X-Request-ID", "X-Correlation-ID")},
        "responseTemplates": {"application/json": body},
    }


def proxy_paths() -> Json:
    """The paths of the deployed API: the root and everything below it, each method passed to the app unchanged.

    The app matches paths itself, so that 404, 405, HEAD and preflight requests are handled in the same way everywhere.
    """
    integration = {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "passthroughBehavior": "when_no_match",
        "uri": {
            "Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${APIHandler.Arn}/invocations"
        },
    }
    operations: Json = {
        method.lower(): {"responses": {"200": {"description": "as the app answers"}}, "x-amazon-apigateway-integration": integration}
        for method in _METHODS
    }
    proxy_parameter = {"name": "proxy", "in": "path", "required": True, "type": "string"}
    return {
        "/": operations,
        "/{proxy+}": {method: {**operation, "parameters": [proxy_parameter]} for method, operation in operations.items()},
    }


# --- monitoring -------------------------------------------------------------------------------------------------


def _alarms(stage: str, consumers: list[DeployedFunction], others: list[DeployedFunction], dead_letters: Mapping[str, str]) -> Json:
    api = {"ApiName": f"valhalla-{stage}", "Stage": stage}
    handler = {"FunctionName": ref("APIHandler")}
    alarms: Json = {
        "ApiErrorsAlarm": _alarm("The API answers with 5xx.", "AWS/ApiGateway", "5XXError", api, over=5),
        "ApiLatencyAlarm": _alarm(
            "One request in a hundred takes longer than 3 seconds.", "AWS/ApiGateway", "Latency", api, over=3000, statistic="p99", periods=3
        ),
        "ApiThrottlesAlarm": _alarm("Lambda turns requests away.", "AWS/Lambda", "Throttles", handler, over=0),
        "TableReadThrottlesAlarm": _alarm("The table turns reads away.", "AWS/DynamoDB", "ReadThrottleEvents", _TABLE, over=10),
        "TableWriteThrottlesAlarm": _alarm("The table turns writes away.", "AWS/DynamoDB", "WriteThrottleEvents", _TABLE, over=10),
    }
    for index in INDEXES:
        dimensions = {**_TABLE, "GlobalSecondaryIndexName": index}
        for action, verb in (("Read", "reads"), ("Write", "writes")):
            description = f"The index {index} turns {verb} away."
            alarms[f"{index.title()}{action}ThrottlesAlarm"] = _alarm(
                description, "AWS/DynamoDB", f"{action}ThrottleEvents", dimensions, over=10
            )
    for queue, description in dead_letters.items():
        alarms[f"{queue}Alarm"] = _alarm(
            description,
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": get_att(queue, "QueueName")},
            over=0,
            statistic="Maximum",
        )
    for function in consumers:
        dimensions = {"FunctionName": ref(function.logical_id)}
        alarms[f"{function.logical_id}AgeAlarm"] = _alarm(
            f"{function.name} is an hour behind the table.", "AWS/Lambda", "IteratorAge", dimensions, over=_HOUR_MS, statistic="Maximum"
        )
        alarms[f"{function.logical_id}ErrorsAlarm"] = _alarm(
            f"{function.name} fails.", "AWS/Lambda", "Errors", dimensions, over=0, periods=3
        )
    for function in others:
        alarms[f"{function.logical_id}Alarm"] = _alarm(
            f"{function.name} failed.", "AWS/Lambda", "Errors", {"FunctionName": ref(function.logical_id)}, over=0
        )
    return alarms


_TABLE = {"TableName": ref("Table")}
_DEAD_LETTERS = {
    "StreamDeadLetters": "A stream consumer gave up on records: python -m ops find-gaps finds what they left open.",
    "ScheduleDeadLetters": "A scheduled run failed for good.",
}


# Counters in log lines that need an alarm, by kind of function. The lines are metrics already, but for all stages of an
# account together; a metric filter on a function's own logs makes an alarm specific to its stage.
_PARKED = {"Parked": "{} parked a record that it can't do; it waits to be redriven."}
_LOG_METRICS = {
    "audit-stream": {**_PARKED, "ChainBroken": "{} found another record where it was to write one: somebody else wrote to the trail."},
    "projection-stream": _PARKED,
    "outbox-worker": {"MailFailed": "{} could not send mail."},
    "schedule": {"ScheduleFailures": "{} failed, or left items undone."},
}


def _log_metric_alarms(stage: str, functions: Iterable[DeployedFunction]) -> Json:
    """A metric filter on the function's logs and an alarm on it, for each counter."""
    resources: Json = {}
    for function in functions:
        for field, description in _LOG_METRICS.get(function.kind, {}).items():
            name = f"{function.logical_id}{field}"
            transformation = {"MetricNamespace": f"Valhalla/{stage}", "MetricName": name, "MetricValue": f"$.{field}", "DefaultValue": 0}
            resources[f"{name}Metric"] = {
                "Type": "AWS::Logs::MetricFilter",
                "Properties": {
                    "LogGroupName": ref(f"{function.logical_id}LogGroup"),
                    "FilterPattern": f"{{ $.{field} > 0 }}",
                    "MetricTransformations": [transformation],
                },
            }
            resources[f"{name}Alarm"] = _alarm(description.format(function.name), f"Valhalla/{stage}", name, {}, over=0)
    return resources


def _alarm(
    description: str, namespace: str, metric: str, dimensions: Json, *, over: float, statistic: str = "Sum", periods: int = 1
) -> Json:
    plain = statistic in {"Sum", "Maximum"}
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": description,
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            ("Statistic" if plain else "ExtendedStatistic"): statistic,
            "Period": _FIVE_MINUTES,
            "EvaluationPeriods": periods,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": over,
            "TreatMissingData": "notBreaching",
            "AlarmActions": [ref("AlarmTopic")],
            "OKActions": [ref("AlarmTopic")],
        },
    }


def _dashboard(stage: str, functions: tuple[DeployedFunction, ...], queues: list[str]) -> Json:
    api = ["ApiName", f"valhalla-{stage}", "Stage", stage]
    ids = [function.logical_id for function in functions]
    streams = [function.logical_id for function in functions if function.consumer]
    scheduled = [function.logical_id for function in functions if function.schedule]
    charts: list[tuple[str, str, list[list[str]]]] = [
        ("Requests and errors", "Sum", [["AWS/ApiGateway", name, *api] for name in ("Count", "4XXError", "5XXError")]),
        ("Latency, p99 (ms)", "p99", [["AWS/ApiGateway", name, *api] for name in ("Latency", "IntegrationLatency")]),
        ("Functions: errors", "Sum", [["AWS/Lambda", "Errors", "FunctionName", f"${{{name}}}"] for name in ids]),
        ("Functions: throttles", "Sum", [["AWS/Lambda", "Throttles", "FunctionName", f"${{{name}}}"] for name in ids]),
        ("Streams: how far behind (ms)", "Maximum", [["AWS/Lambda", "IteratorAge", "FunctionName", f"${{{name}}}"] for name in streams]),
        ("Schedules: duration (ms)", "Maximum", [["AWS/Lambda", "Duration", "FunctionName", f"${{{name}}}"] for name in scheduled]),
        (
            "Table: consumed capacity",
            "Sum",
            [["AWS/DynamoDB", f"Consumed{action}CapacityUnits", "TableName", "${Table}"] for action in ("Read", "Write")],
        ),
        (
            "Table and indexes: throttles",
            "Sum",
            [
                ["AWS/DynamoDB", f"{action}ThrottleEvents", "TableName", "${Table}", *index]
                for index in ([], *(["GlobalSecondaryIndexName", name] for name in INDEXES))
                for action in ("Read", "Write")
            ],
        ),
        (
            "Queues and dead letters",
            "Maximum",
            [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", f"${{{queue}.QueueName}}"] for queue in queues],
        ),
    ]
    widgets = [
        {
            "type": "metric",
            "x": 8 * (index % 3),
            "y": 6 * (index // 3),
            "width": 8,
            "height": 6,
            "properties": {
                "title": title,
                "stat": stat,
                "period": 300,
                "region": "${AWS::Region}",
                "view": "timeSeries",
                "metrics": metrics,
            },
        }
        for index, (title, stat, metrics) in enumerate(chart for chart in charts if chart[2])
    ]
    body = json.dumps({"widgets": widgets}, separators=(",", ":"))
    return {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardName": f"valhalla-{stage}", "DashboardBody": {"Fn::Sub": body}}}
