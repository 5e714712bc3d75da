"""The functions to deploy, read from the code, and the physical names of a stage."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice.utils import to_cfn_resource_name

from chalicelib.foundation.manifest import QueueConsumer, Schedule, StreamConsumer

API_HANDLER = "api_handler"  # Chalice's own name for the function behind the API
APP = "valhalla"


@dataclass(frozen=True)
class DeployedFunction:
    """One Lambda function. `name` is Chalice's name for it, `kind` chooses its policy, memory and timeout."""

    name: str
    kind: str
    consumer: StreamConsumer | None = None
    queue_consumer: QueueConsumer | None = None
    schedule: Schedule | None = None

    @property
    def logical_id(self) -> str:
        """Its id in the template. Chalice has its own for the API."""
        return "APIHandler" if self.name == API_HANDLER else str(to_cfn_resource_name(self.name))

    @property
    def policy_file(self) -> str:
        """The file with its IAM policy, which the build writes to `.chalice`: one a kind, and one a schedule."""
        return f"policy-{self.schedule.name if self.schedule else self.kind}.json"

    @property
    def memory_mb(self) -> int:
        """Memory also determines processor speed: a cold start is bound by imports, and callers wait for the API."""
        return 1024 if self.name == API_HANDLER else 512

    @property
    def timeout_seconds(self) -> int:
        """API Gateway waits for 29 seconds; scheduled work stops before its timeout."""
        if self.queue_consumer:
            return self.queue_consumer.timeout_seconds
        return {"api": 29, "schedule": 300}.get(self.kind, 60)


def functions(
    schedules: Iterable[Schedule], consumers: Iterable[StreamConsumer], queue_consumers: Iterable[QueueConsumer]
) -> tuple[DeployedFunction, ...]:
    """Every function of the deployment: the API, one per stream consumer, one per queue, one per schedule."""
    return (
        DeployedFunction(API_HANDLER, "api"),
        *(DeployedFunction(source.name, source.name.replace("_", "-"), consumer=source) for source in consumers),
        *(DeployedFunction(source.name, source.name.replace("_", "-"), queue_consumer=source) for source in queue_consumers),
        *(DeployedFunction(source.name, "schedule", schedule=source) for source in schedules),
    )


def table_name(stage: str) -> str:
    """The physical name of a stage's table."""
    return f"{APP}-{stage}"


def secret_name(stage: str) -> str:
    """The name of a stage's secret in Secrets Manager."""
    return f"{APP}/{stage}"


def stack_name(stage: str) -> str:
    """The name of a stage's CloudFormation stack."""
    return f"{APP}-{stage}"


def log_retention_days(project: Path, stage: str) -> int:
    """How many days a stage keeps its logs."""
    config = json.loads((project / ".chalice" / "config.json").read_text())
    return int(config["stages"][stage]["log_retention_in_days"])


def browser_origins(project: Path, stage: str) -> tuple[str, ...]:
    """The origins that a stage lets browsers call from."""
    config = json.loads((project / ".chalice" / "config.json").read_text())
    value = config["stages"][stage].get("environment_variables", {}).get("VALHALLA_CORS_ORIGINS", "")
    return tuple(origin.strip() for origin in value.split(",") if origin.strip())


def stage_config(project: Path, stage: str, deployed: Iterable[DeployedFunction], revision: str, built_at: str) -> dict[str, Any]:
    """`.chalice/config.json` of the project, completed with names and one entry per function from the code.

    Raises ValueError when the file has no such stage.
    """
    config: dict[str, Any] = json.loads((project / ".chalice" / "config.json").read_text())
    if stage not in config["stages"]:
        raise ValueError(f"There is no stage {stage!r} in .chalice/config.json; it has {', '.join(sorted(config['stages']))}.")
    stage_settings = config["stages"][stage]
    stage_settings["api_gateway_stage"] = stage
    stage_settings["environment_variables"] = {
        "VALHALLA_STAGE": stage,
        "VALHALLA_TABLE": table_name(stage),
        "VALHALLA_SECRETS": f"secretsmanager:{secret_name(stage)}",
        "VALHALLA_GIT_REVISION": revision,
        "VALHALLA_BUILT_AT": built_at,
        **stage_settings.get("environment_variables", {}),
    }
    stage_settings["lambda_functions"] = {
        function.name: {
            "iam_policy_file": function.policy_file,
            "lambda_memory_size": function.memory_mb,
            "lambda_timeout": function.timeout_seconds,
        }
        for function in deployed
    }
    return config
