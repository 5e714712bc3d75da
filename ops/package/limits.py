"""How much of AWS's limits a build uses. The figures are AWS's published defaults; few of them can be raised."""

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

from ops.package.facts import stack_name

NEAR = 0.8  # of a limit is too near: the next pack must still fit


@dataclass(frozen=True)
class Usage:
    """One limit and what is used of it."""

    what: str
    used: int
    allowed: int

    @property
    def share(self) -> float:
        """The part of the limit that is used; 1 is all of it."""
        return self.used / self.allowed

    @property
    def near(self) -> bool:
        """Whether the next pack may not fit."""
        return self.share >= NEAR


def expanded(template: Mapping[str, Any], region: str = "us-west-2") -> dict[str, Any]:
    """The template as CloudFormation sees it, its serverless shorthand written out."""
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=region))
    written: dict[str, Any] = translator.translate(_with_plain_code(template), parameter_values=_defaults(template, region))
    return written


def _defaults(template: Mapping[str, Any], region: str) -> dict[str, Any]:
    return {"AWS::Region": region} | {name: said["Default"] for name, said in template.get("Parameters", {}).items() if "Default" in said}


def _with_plain_code(template: Mapping[str, Any]) -> dict[str, Any]:
    """A copy whose code lies in a bucket: the shorthand refuses a local file, which only an upload replaces."""
    copy: dict[str, Any] = json.loads(json.dumps(template))
    for said in copy["Resources"].values():
        if said["Type"] == "AWS::Serverless::Function":
            said["Properties"]["CodeUri"] = "s3://bucket/key"
    return copy


def usage(stage: str, template: Mapping[str, Any], zip_: Path) -> tuple[Usage, ...]:
    """Every limit that grows with the system, and how much of it this build uses."""
    compact = len(json.dumps(template, separators=(",", ":")).encode())
    written = expanded(template)
    resources: Mapping[str, Any] = written["Resources"]
    functions = [said for said in resources.values() if said["Type"] == "AWS::Lambda::Function"]
    with zipfile.ZipFile(zip_) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    return (
        Usage("template, bytes, uploaded", compact, 1_000_000),
        Usage("resources of the stack", len(resources), 500),
        Usage("parameters", len(written.get("Parameters", {})), 200),
        Usage("outputs (and exports)", len(written.get("Outputs", {})), 200),
        Usage("API Gateway resources", len(template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]), 300),
        Usage("widgets of the dashboard", _widgets(template), 500),
        Usage("EventBridge rules", sum(said["Type"] == "AWS::Events::Rule" for said in resources.values()), 300),
        Usage("longest logical id", max(map(len, resources)), 255),
        Usage(
            "longest stack and function name",
            max(_function_name(stage, one) for one in resources if resources[one]["Type"] == "AWS::Lambda::Function"),
            50,
        ),
        Usage("largest environment, bytes", max(_environment(one) for one in functions), 4096),
        Usage("largest role policy, characters", max(_policy_sizes(resources)), 10_240),
        Usage("indexes of the table", len(resources["Table"]["Properties"].get("GlobalSecondaryIndexes", [])), 20),
        Usage("filters of a stream mapping", max((len(one) for one in _filters(resources)), default=0), 5),
        Usage("longest filter, characters", max((len(said["Pattern"]) for one in _filters(resources) for said in one), default=0), 4096),
        Usage("code, bytes, unpacked", unpacked, 250 * 1024 * 1024),
        Usage("code, bytes, zipped", zip_.stat().st_size, 50 * 1024 * 1024),
    )


def _widgets(template: Mapping[str, Any]) -> int:
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return len(json.loads(body)["widgets"])


def _function_name(stage: str, logical_id: str) -> int:
    """CloudFormation names a function by these and 14 characters of its own, and cuts what is longer than 64 in all."""
    return len(f"{stack_name(stage)}-{logical_id}")


def _environment(function: Mapping[str, Any]) -> int:
    variables = function["Properties"].get("Environment", {}).get("Variables", {})
    return sum(len(name) + len(value if isinstance(value, str) else json.dumps(value)) for name, value in variables.items())


def _policy_sizes(resources: Mapping[str, Any]) -> list[int]:
    roles = [said for said in resources.values() if said["Type"] == "AWS::IAM::Role"]
    return [sum(len(json.dumps(one["PolicyDocument"])) for one in said["Properties"].get("Policies", [])) for said in roles]


def _filters(resources: Mapping[str, Any]) -> list[list[dict[str, str]]]:
    mappings = [said["Properties"] for said in resources.values() if said["Type"] == "AWS::Lambda::EventSourceMapping"]
    return [one["FilterCriteria"]["Filters"] for one in mappings if "FilterCriteria" in one]
