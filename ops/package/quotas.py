"""How much of AWS's quotas a build uses. The limits are AWS's published defaults; few of them can be raised."""

import json
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from ops.package.inventory import stack_name

NEAR_LIMIT = 0.8  # share of a limit that is too much: the next pack must still fit


@dataclass(frozen=True)
class QuotaUsage:
    """One limit and how much of it is used."""

    name: str
    used: int
    allowed: int

    @property
    def share(self) -> float:
        """The used fraction of the limit; 1 is all of it."""
        return self.used / self.allowed

    @property
    def is_near_limit(self) -> bool:
        """Whether the next pack may not fit."""
        return self.share >= NEAR_LIMIT


def expand_template(template: Mapping[str, Any], region: str = "us-west-2") -> dict[str, Any]:
    """The template with its SAM shorthand expanded, as CloudFormation sees it."""
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=region))
    expanded: dict[str, Any] = translator.translate(_with_code_in_s3(template), parameter_values=_defaults(template, region))
    return expanded


def _defaults(template: Mapping[str, Any], region: str) -> dict[str, Any]:
    return {"AWS::Region": region} | {
        name: parameter["Default"] for name, parameter in template.get("Parameters", {}).items() if "Default" in parameter
    }


def _with_code_in_s3(template: Mapping[str, Any]) -> dict[str, Any]:
    """A copy whose code is in S3: SAM refuses a local file, which only an upload replaces."""
    copy: dict[str, Any] = json.loads(json.dumps(template))
    for resource in copy["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    return copy


def usage(stage: str, template: Mapping[str, Any], zip_: Path) -> tuple[QuotaUsage, ...]:
    """Every limit that the system may reach as it grows, and how much of it this build uses."""
    compact = len(json.dumps(template, separators=(",", ":")).encode())
    expanded = expand_template(template)
    resources: Mapping[str, Any] = expanded["Resources"]
    functions = [resource for resource in resources.values() if resource["Type"] == "AWS::Lambda::Function"]
    with zipfile.ZipFile(zip_) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    return (
        QuotaUsage("template, bytes, uploaded", compact, 1_000_000),
        QuotaUsage("resources of the stack", len(resources), 500),
        QuotaUsage("parameters", len(expanded.get("Parameters", {})), 200),
        QuotaUsage("outputs (and exports)", len(expanded.get("Outputs", {})), 200),
        QuotaUsage("API Gateway resources", len(template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]), 300),
        QuotaUsage("widgets of the dashboard", _widgets(template), 500),
        QuotaUsage("EventBridge rules", sum(resource["Type"] == "AWS::Events::Rule" for resource in resources.values()), 300),
        QuotaUsage("longest logical id", max(map(len, resources)), 255),
        QuotaUsage(
            "longest stack and function name",
            max(_function_name_length(stage, name) for name in resources if resources[name]["Type"] == "AWS::Lambda::Function"),
            50,
        ),
        QuotaUsage("largest environment, bytes", max(_environment_size(function) for function in functions), 4096),
        QuotaUsage("largest role policy, characters", max(_policy_sizes(resources)), 10_240),
        QuotaUsage("indexes of the table", len(resources["Table"]["Properties"].get("GlobalSecondaryIndexes", [])), 20),
        QuotaUsage("filters of a stream mapping", max((len(filters) for filters in _filters(resources)), default=0), 5),
        QuotaUsage(
            "longest filter, characters",
            max((len(entry["Pattern"]) for filters in _filters(resources) for entry in filters), default=0),
            4096,
        ),
        QuotaUsage("code, bytes, unpacked", unpacked, 250 * 1024 * 1024),
        QuotaUsage("code, bytes, zipped", zip_.stat().st_size, 50 * 1024 * 1024),
    )


def _widgets(template: Mapping[str, Any]) -> int:
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return len(json.loads(body)["widgets"])


def _function_name_length(stage: str, logical_id: str) -> int:
    """CloudFormation names a function by these and 14 characters of its own, and truncates it to 64 in all."""
    return len(f"{stack_name(stage)}-{logical_id}")


def _environment_size(function: Mapping[str, Any]) -> int:
    variables = function["Properties"].get("Environment", {}).get("Variables", {})
    return sum(len(name) + len(value if isinstance(value, str) else json.dumps(value)) for name, value in variables.items())


def _policy_sizes(resources: Mapping[str, Any]) -> list[int]:
    roles = [role for role in resources.values() if role["Type"] == "AWS::IAM::Role"]
    return [sum(len(json.dumps(policy["PolicyDocument"])) for policy in role["Properties"].get("Policies", [])) for role in roles]


def _filters(resources: Mapping[str, Any]) -> list[list[dict[str, str]]]:
    mappings = [resource["Properties"] for resource in resources.values() if resource["Type"] == "AWS::Lambda::EventSourceMapping"]
    return [mapping["FilterCriteria"]["Filters"] for mapping in mappings if "FilterCriteria" in mapping]
