"""What there is to deploy, read from the code: the functions, and what the stage is called."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice.utils import to_cfn_resource_name

from chalicelib.foundation.manifest import Pack, QueueConsumer, Schedule, StreamConsumer

API = "api_handler"  # Chalice's own name for the function behind the API
APP = "valhalla"


@dataclass(frozen=True)
class Function:
    """One Lambda function. `name` is Chalice's name for it, `kind` chooses its policy file, memory and timeout."""

    name: str
    kind: str
    consumer: StreamConsumer | None = None
    worker: QueueConsumer | None = None
    schedule: Schedule | None = None

    @property
    def logical_id(self) -> str:
        """Its id in the template. Chalice spells that of the API its own way."""
        return "APIHandler" if self.name == API else str(to_cfn_resource_name(self.name))

    @property
    def policy_file(self) -> str:
        """The file in `.chalice` that says what it may do."""
        return f"policy-{self.kind}.json"

    @property
    def memory_mb(self) -> int:
        """Memory is bought for the processor that comes with it: a cold start is bound by imports, and someone waits for the API."""
        return 1024 if self.name == API else 512

    @property
    def timeout_seconds(self) -> int:
        """API Gateway waits 29 seconds and no longer; scheduled work stops by itself before its time is over."""
        if self.worker:
            return self.worker.timeout_seconds
        return {"api": 29, "schedule": 300}.get(self.kind, 60)


def functions(packs: Iterable[Pack], consumers: Iterable[StreamConsumer], workers: Iterable[QueueConsumer]) -> tuple[Function, ...]:
    """Every function of the deployment: the API, one a stream consumer, one a queue, one a schedule."""
    return (
        Function(API, "api"),
        *(Function(one.name, one.name.replace("_", "-"), consumer=one) for one in consumers),
        *(Function(one.name, one.name.replace("_", "-"), worker=one) for one in workers),
        *(Function(one.name, "schedule", schedule=one) for pack in packs for one in pack.schedules),
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


def stage_config(project: Path, stage: str, deployed: Iterable[Function], revision: str, built_at: str) -> dict[str, Any]:
    """`.chalice/config.json` of the project, completed with what the code already says: names and one entry a function.

    Raises ValueError when the file has no such stage.
    """
    config: dict[str, Any] = json.loads((project / ".chalice" / "config.json").read_text())
    if stage not in config["stages"]:
        raise ValueError(f"There is no stage {stage!r} in .chalice/config.json; it has {', '.join(sorted(config['stages']))}.")
    chosen = config["stages"][stage]
    chosen["api_gateway_stage"] = stage
    chosen["environment_variables"] = {
        "VALHALLA_STAGE": stage,
        "VALHALLA_TABLE": table_name(stage),
        "VALHALLA_SECRETS": f"secretsmanager:{secret_name(stage)}",
        "VALHALLA_GIT_REVISION": revision,
        "VALHALLA_BUILT_AT": built_at,
        **chosen.get("environment_variables", {}),
    }
    chosen["lambda_functions"] = {
        one.name: {
            "iam_policy_file": one.policy_file,
            "lambda_memory_size": one.memory_mb,
            "lambda_timeout": one.timeout_seconds,
        }
        for one in deployed
    }
    return config
