"""What becomes of mail: SES's configuration set of the stage, the topic that it tells of bounces and complaints, and the topic's way to the queue."""

from typing import Any

Json = dict[str, Any]

CONFIGURATION_SET = "MailConfiguration"
_TOPIC = "MailEvents"


def mail_resources(stage: str, queue: str) -> Json:
    """The configuration set and the way of its events to the queue with the logical id `queue`."""
    topic, queue_arn = {"Ref": _TOPIC}, {"Fn::GetAtt": [queue, "Arn"]}
    return {
        CONFIGURATION_SET: {
            "Type": "AWS::SES::ConfigurationSet",
            "Properties": {"Name": f"valhalla-{stage}", "ReputationOptions": {"ReputationMetricsEnabled": True}},
        },
        _TOPIC: {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": f"Valhalla {stage}: mail"}},
        f"{_TOPIC}Policy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [topic],
                "PolicyDocument": _policy(
                    "ses.amazonaws.com", "sns:Publish", topic, {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
                ),
            },
        },
        "MailEventDestination": {
            "Type": "AWS::SES::ConfigurationSetEventDestination",
            "DependsOn": [f"{_TOPIC}Policy"],  # SES tries the topic at once
            "Properties": {
                "ConfigurationSetName": {"Ref": CONFIGURATION_SET},
                "EventDestination": {
                    "Name": "outbox",
                    "Enabled": True,
                    "MatchingEventTypes": ["bounce", "complaint"],
                    "SnsDestination": {"TopicARN": topic},
                },
            },
        },
        f"{_TOPIC}Subscription": {
            "Type": "AWS::SNS::Subscription",
            "DependsOn": [f"{queue}Policy"],
            "Properties": {"Protocol": "sqs", "TopicArn": topic, "Endpoint": queue_arn},
        },
        f"{queue}Policy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": queue}],
                "PolicyDocument": _policy("sns.amazonaws.com", "sqs:SendMessage", queue_arn, {"ArnEquals": {"aws:SourceArn": topic}}),
            },
        },
    }


def _policy(service: str, action: str, resource: Json, condition: Json) -> Json:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
