"""What `chalice package` can't say, generated from the code and merged into its template.

The table comes from the store's own definition, stream mappings and schedules from what stands beside each handler.
There is nothing here to keep in step by hand.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from chalice.utils import to_cfn_resource_name

from chalicelib.foundation.errors import KINDS
from chalicelib.foundation.http.answers import PROBLEM_JSON, SECURITY_HEADERS
from chalicelib.foundation.manifest import QueueConsumer, StreamConsumer
from chalicelib.foundation.store.table import TTL_ATTRIBUTE
from ops.package.facts import Function, secret_name

Json = dict[str, Any]

_FOURTEEN_DAYS = 1209600
_FIVE_MINUTES = 300
_HOUR_MS = 3_600_000


def ref(name: str) -> Json:
    """CloudFormation's reference to a resource or parameter."""
    return {"Ref": name}


def attribute(name: str, what: str) -> Json:
    """CloudFormation's reference to an attribute of a resource."""
    return {"Fn::GetAtt": [name, what]}


def merge_template(stage: str, deployed: Iterable[Function], table: Mapping[str, Any]) -> Json:
    """All of it. `table` holds the arguments of DynamoDB's CreateTable."""
    functions = tuple(deployed)
    consumers = [one for one in functions if one.consumer]
    workers = [one.worker for one in functions if one.worker]
    scheduled = [one for one in functions if one.schedule]
    dead_letters = _DEAD_LETTERS | {f"{queue_id(one)}DeadLetters": f"What {one.name} gave up on is waiting." for one in workers}
    resources: Json = {
        "Table": table_resource(table),
        "Secrets": _secret(stage),
        **{name: _queue() for name in dead_letters},
        **{queue_id(one): _work_queue(one) for one in workers},
        "AlarmTopic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": f"Valhalla {stage}"}},
        "AlarmMail": {
            "Type": "AWS::SNS::Subscription",
            "Condition": "AlarmsAreMailed",
            "Properties": {"Protocol": "email", "TopicArn": ref("AlarmTopic"), "Endpoint": ref("AlarmEmail")},
        },
        "RestAPI": _rest_api(stage),
        # Chalice names the API's log group after a function that isn't in its own template.
        "ApiHandlerLogGroup": {"Properties": {"LogGroupName": {"Fn::Sub": "/aws/lambda/${APIHandler}"}}},
        "Dashboard": _dashboard(stage, functions, [*dead_letters, *(queue_id(one) for one in workers)]),
    }
    queues = {f"VALHALLA_{one.queue.upper()}_QUEUE": ref(queue_id(one)) for one in workers}
    for one in functions:
        resources[one.logical_id] = {"Properties": _function_properties(one, queues)}
    resources |= _alarms(stage, consumers, [*scheduled, *(one for one in functions if one.worker)], dead_letters)
    resources |= _counted(stage, functions)
    return {
        "Parameters": {
            "PublicUrl": _text("The URL under which callers reach the API, without a slash at its end."),
            "AlarmEmail": _text("Who is mailed when an alarm goes off; empty for nobody."),
            "ThrottleRate": {"Type": "Number", "Default": 100, "Description": "Requests a second that the stage takes."},
            "ThrottleBurst": {"Type": "Number", "Default": 200, "Description": "Requests at once that the stage takes."},
        },
        "Conditions": {"AlarmsAreMailed": {"Fn::Not": [{"Fn::Equals": [ref("AlarmEmail"), ""]}]}},
        "Resources": resources,
        "Outputs": {
            "TableName": {"Value": ref("Table")},
            "SecretName": {"Value": secret_name(stage)},
            **{f"{name}Url": {"Value": ref(name)} for name in dead_letters},
        },
    }


def table_resource(definition: Mapping[str, Any]) -> Json:
    """The table, from the arguments of CreateTable; what they can't say (recovery, protection, TTL) is added."""
    stream = definition["StreamSpecification"]["StreamViewType"]  # CloudFormation takes that it is enabled from there
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
    # Without a value: the first deployment writes one that only this account ever sees, and no later one touches it.
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
    said = _queue()
    said["Properties"] |= {
        "VisibilityTimeout": worker.visibility_seconds,
        "RedrivePolicy": {
            "deadLetterTargetArn": attribute(f"{queue_id(worker)}DeadLetters", "Arn"),
            "maxReceiveCount": worker.max_receives,
        },
    }
    return said


def _text(about: str) -> Json:
    return {"Type": "String", "Default": "", "Description": about}


def _function_properties(one: Function, queues: Json) -> Json:
    properties: Json = {"Environment": {"Variables": {"VALHALLA_PUBLIC_URL": ref("PublicUrl"), **queues}}}
    if one.consumer:
        event = f"{one.logical_id}DynamodbEventSource"
        properties["Events"] = {event: {"Properties": mapping(one.consumer)}}
        properties["Description"] = one.consumer.summary
    if one.worker:
        source = {
            "Queue": attribute(queue_id(one.worker), "Arn"),
            "BatchSize": one.worker.batch_size,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }
        properties["Events"] = {f"{one.logical_id}SqsEventSource": {"Properties": source}}
        properties["Description"] = one.worker.summary
    if one.schedule:
        properties["Events"] = {f"{one.logical_id}Event": {"Properties": {"Description": one.schedule.summary}}}
        properties["Description"] = one.schedule.summary
        properties["EventInvokeConfig"] = {
            "MaximumRetryAttempts": 2,
            "MaximumEventAgeInSeconds": 3600,
            "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": attribute("ScheduleDeadLetters", "Arn")}},
        }
    return properties


def mapping(consumer: StreamConsumer) -> Json:
    """The event source mapping of a stream consumer.

    It begins at the trim horizon: a mapping takes minutes to come alive, and what is written meanwhile must not be lost.
    Reading a record twice is harmless, both consumers being exact under replay.
    """
    return {
        "Stream": attribute("Table", "StreamArn"),
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": consumer.batch_size,
        "MaximumBatchingWindowInSeconds": consumer.window_seconds,
        "FilterCriteria": {"Filters": [{"Pattern": json.dumps(one, separators=(",", ":"))} for one in consumer.filters]},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": consumer.retries,
        "MaximumRecordAgeInSeconds": consumer.max_age_seconds,
        "ParallelizationFactor": consumer.parallelization,
        "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": attribute("StreamDeadLetters", "Arn")}},
    }


# --- the API ---------------------------------------------------------------------------------------------------------


def _rest_api(stage: str) -> Json:
    return {
        "Properties": {
            "DefinitionBody": {
                "info": {"title": f"valhalla-{stage}"},  # the API's name, by which its metrics are told apart
                "x-amazon-apigateway-gateway-responses": gateway_responses(),
            },
            "OpenApiVersion": "2.0",  # without it the shorthand makes a second stage, named "Stage"
            "MethodSettings": [
                {
                    "HttpMethod": "*",
                    "ResourcePath": "/*",
                    "MetricsEnabled": True,
                    "ThrottlingRateLimit": ref("ThrottleRate"),
                    "ThrottlingBurstLimit": ref("ThrottleBurst"),
                }
            ],
        }
    }


_HEADERS = {
    **SECURITY_HEADERS,
    "Content-Type": PROBLEM_JSON,
    "Cache-Control": "no-store",
    # What the gateway itself refuses says nothing of anyone, so any page may read why. It is never sent with credentials.
    "Access-Control-Allow-Origin": "*",
}
_VERBS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_RETRY = {"Retry-After": "1"}
# What API Gateway refuses by itself, as one of our kinds. Every path reaches the app, so that the gateway only ever
# misses a token where the verb is one that no endpoint takes.
_GATEWAY_KINDS: dict[str, tuple[str, str, dict[str, str]]] = {
    "DEFAULT_4XX": ("bad-request", "The gateway could not read this request.", {}),
    "DEFAULT_5XX": ("internal", "The gateway could not answer.", {}),
    "ACCESS_DENIED": ("forbidden", "The gateway refused this request.", {}),
    "API_CONFIGURATION_ERROR": ("internal", "The gateway could not answer.", {}),
    "BAD_REQUEST_BODY": ("bad-request", "The gateway could not read this body.", {}),
    "BAD_REQUEST_PARAMETERS": ("bad-request", "The gateway could not read these parameters.", {}),
    "INTEGRATION_FAILURE": ("unavailable", "The service did not answer.", _RETRY),
    "INTEGRATION_TIMEOUT": ("unavailable", "The service did not answer in time.", _RETRY),
    "MISSING_AUTHENTICATION_TOKEN": ("method-not-allowed", "No address takes this verb.", {"Allow": ", ".join(_VERBS)}),
    "QUOTA_EXCEEDED": ("rate-limited", "The quota is used up.", {"Retry-After": "60"}),
    "REQUEST_TOO_LARGE": ("too-large", "A request may carry 10 MB at most here, and 1 MB in all but a few endpoints.", {}),
    "RESOURCE_NOT_FOUND": ("not-found", "No such resource.", {}),
    "THROTTLED": ("rate-limited", "Too many requests reach this stage.", _RETRY),
    "UNSUPPORTED_MEDIA_TYPE": ("unsupported-media-type", "Send application/json.", {}),
    "WAF_FILTERED": ("forbidden", "The gateway refused this request.", {}),
}


def gateway_responses() -> Json:
    """What API Gateway answers by itself, in the problems' own shape, as its extension to OpenAPI has it.

    They stand in the API's body, so that a change of theirs makes a new deployment; as resources of their own it wouldn't.
    """
    return {name: _gateway_response(*said) for name, said in _GATEWAY_KINDS.items()}


def _gateway_response(kind: str, detail: str, headers: Mapping[str, str]) -> Json:
    known = KINDS[kind]
    body = json.dumps(
        {"type": f"/problems/{kind}", "title": known.title, "status": known.status, "detail": detail, "request_id": "$context.requestId"}
    )
    return {
        "statusCode": str(known.status),
        "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in {**_HEADERS, **headers}.items()}
        | {f"gatewayresponse.header.{name}": "context.requestId" for name in ("X-Request-ID", "X-Correlation-ID")},
        "responseTemplates": {"application/json": body},
    }


def proxy_paths() -> Json:
    """The paths of the finished API: the root and everything below it, each verb handed to the app as it came.

    The app matches paths itself, so that 404, 405, HEAD and preflight are the same here as anywhere else.
    """
    integration = {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "passthroughBehavior": "when_no_match",
        "uri": {
            "Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${APIHandler.Arn}/invocations"
        },
    }
    verbs: Json = {
        verb.lower(): {"responses": {"200": {"description": "as the app answers"}}, "x-amazon-apigateway-integration": integration}
        for verb in _VERBS
    }
    rest = {"name": "proxy", "in": "path", "required": True, "type": "string"}
    return {"/": verbs, "/{proxy+}": {verb: {**said, "parameters": [rest]} for verb, said in verbs.items()}}


# --- what watches it -------------------------------------------------------------------------------------------------


def _alarms(stage: str, consumers: list[Function], others: list[Function], dead_letters: Mapping[str, str]) -> Json:
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
    for queue, what in dead_letters.items():
        alarms[f"{queue}Alarm"] = _alarm(
            what, "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": attribute(queue, "QueueName")}, over=0, statistic="Maximum"
        )
    for one in consumers:
        dimensions = {"FunctionName": ref(one.logical_id)}
        alarms[f"{one.logical_id}AgeAlarm"] = _alarm(
            f"{one.name} is an hour behind the table.", "AWS/Lambda", "IteratorAge", dimensions, over=_HOUR_MS, statistic="Maximum"
        )
        alarms[f"{one.logical_id}ErrorsAlarm"] = _alarm(f"{one.name} fails.", "AWS/Lambda", "Errors", dimensions, over=0, periods=3)
    for one in others:
        alarms[f"{one.logical_id}Alarm"] = _alarm(
            f"{one.name} failed.", "AWS/Lambda", "Errors", {"FunctionName": ref(one.logical_id)}, over=0
        )
    return alarms


_TABLE = {"TableName": ref("Table")}
_DEAD_LETTERS = {
    "StreamDeadLetters": "Records that a stream consumer gave up on are waiting to be redriven.",
    "ScheduleDeadLetters": "A scheduled run failed for good.",
}


# What functions count in their log lines and a person should know of, by kind of function. The lines are metrics already,
# but of all stages of an account together; counted again from its own logs, an alarm is its stage's own.
_PARKED = {"Parked": "{} parked a record that it can't do; it waits to be redriven."}
_COUNTED = {
    "audit-stream": {**_PARKED, "ChainBroken": "{} found another record where it was to write one: somebody else wrote to the trail."},
    "projection-stream": _PARKED,
    "outbox-worker": {"MailFailed": "{} could not send mail."},
    "schedule": {"ScheduleFailures": "{} failed, or left items undone."},
}


def _counted(stage: str, functions: Iterable[Function]) -> Json:
    """A metric filter on the function's logs and an alarm on it, for each thing that is counted there."""
    resources: Json = {}
    for one in functions:
        for field, about in _COUNTED.get(one.kind, {}).items():
            name = f"{one.logical_id}{field}"
            counted = {"MetricNamespace": f"Valhalla/{stage}", "MetricName": name, "MetricValue": f"$.{field}", "DefaultValue": 0}
            resources[f"{name}Metric"] = {
                "Type": "AWS::Logs::MetricFilter",
                "Properties": {
                    "LogGroupName": ref(f"{one.logical_id}LogGroup"),
                    "FilterPattern": f"{{ $.{field} > 0 }}",
                    "MetricTransformations": [counted],
                },
            }
            resources[f"{name}Alarm"] = _alarm(about.format(one.name), f"Valhalla/{stage}", name, {}, over=0)
    return resources


def _alarm(about: str, namespace: str, metric: str, dimensions: Json, *, over: float, statistic: str = "Sum", periods: int = 1) -> Json:
    plain = statistic in {"Sum", "Maximum"}
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": about,
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


def _dashboard(stage: str, functions: tuple[Function, ...], queues: list[str]) -> Json:
    api = ["ApiName", f"valhalla-{stage}", "Stage", stage]
    ids = [one.logical_id for one in functions]
    streams = [one.logical_id for one in functions if one.consumer]
    scheduled = [one.logical_id for one in functions if one.schedule]
    charts: list[tuple[str, str, list[list[str]]]] = [
        ("Requests and errors", "Sum", [["AWS/ApiGateway", name, *api] for name in ("Count", "4XXError", "5XXError")]),
        ("Latency, p99 (ms)", "p99", [["AWS/ApiGateway", name, *api] for name in ("Latency", "IntegrationLatency")]),
        ("Functions: errors", "Sum", [["AWS/Lambda", "Errors", "FunctionName", f"${{{one}}}"] for one in ids]),
        ("Functions: throttles", "Sum", [["AWS/Lambda", "Throttles", "FunctionName", f"${{{one}}}"] for one in ids]),
        ("Streams: how far behind (ms)", "Maximum", [["AWS/Lambda", "IteratorAge", "FunctionName", f"${{{one}}}"] for one in streams]),
        ("Schedules: duration (ms)", "Maximum", [["AWS/Lambda", "Duration", "FunctionName", f"${{{one}}}"] for one in scheduled]),
        (
            "Table: consumed capacity",
            "Sum",
            [["AWS/DynamoDB", f"Consumed{one}CapacityUnits", "TableName", "${Table}"] for one in ("Read", "Write")],
        ),
        (
            "Table: throttles",
            "Sum",
            [["AWS/DynamoDB", f"{one}ThrottleEvents", "TableName", "${Table}"] for one in ("Read", "Write")],
        ),
        (
            "Queues and dead letters",
            "Maximum",
            [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", f"${{{one}.QueueName}}"] for one in queues],
        ),
    ]
    widgets = [
        {
            "type": "metric",
            "x": 8 * (at % 3),
            "y": 6 * (at // 3),
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
        for at, (title, stat, metrics) in enumerate(chart for chart in charts if chart[2])
    ]
    body = json.dumps({"widgets": widgets}, separators=(",", ":"))
    return {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardName": f"valhalla-{stage}", "DashboardBody": {"Fn::Sub": body}}}
