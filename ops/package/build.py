"""Build the artifact and its template from the source tree."""

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib.foundation.store.table import table_definition
from ops.package import artifact, inventory, policies, template

PROJECT = Path(__file__).resolve().parents[2]
_CACHE = PROJECT / ".cache" / "site-packages"


@dataclass(frozen=True)
class Build:
    """The files of a build: the zip and its template."""

    stage: str
    zip_file: Path
    template: Path


class PackagingError(Exception):
    """Chalice could not package; the message holds its output."""


def deployed_functions() -> tuple[inventory.DeployedFunction, ...]:
    """The functions of this project, from its manifests."""
    from chalicelib.functions.registration import QUEUE_CONSUMERS
    from chalicelib.functions.schedules import SCHEDULES
    from chalicelib.functions.streams import CONSUMERS

    return inventory.functions(SCHEDULES, CONSUMERS, QUEUE_CONSUMERS)


def build(stage: str, out: Path, project: Path = PROJECT) -> Build:
    """Package, merge and finish into `out`: `deployment.zip` and `template.json`."""
    packaged = chalice_package(stage, out / "packaged", project)
    result = Build(stage, out / "deployment.zip", out / "template.json")
    artifact.finish(packaged / "deployment.zip", result.zip_file)
    finished = finish_template(json.loads((packaged / "sam.json").read_text()))
    result.template.write_text(json.dumps(finished, separators=(",", ":"), sort_keys=True))
    return result


def chalice_package(stage: str, out: Path, project: Path = PROJECT) -> Path:
    """`chalice package` with the generated template merged in, from a clean copy of what is deployed.

    The copy holds only app.py, chalicelib and .chalice, without bytecode or temporary files.
    """
    functions = deployed_functions()
    revision, built_at = source_revision(project)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        copy_project(project, copy, inventory.stage_config(project, stage, functions, revision, built_at))
        merge = Path(folder) / "merge.json"
        definition = table_definition(inventory.table_name(stage))
        log_days, origins = inventory.log_retention_days(project, stage), inventory.browser_origins(project, stage)
        merge.write_text(json.dumps(template.merge_template(stage, functions, definition, log_days, origins)))
        run_chalice(copy, ["package", "--stage", stage, "--merge-template", str(merge), str(out.resolve())])
    return out


def copy_project(project: Path, copy: Path, config: dict[str, Any]) -> None:
    """Copy what is deployed, with this configuration and the policies of the functions' roles."""
    copy.mkdir(parents=True)
    for name in ("app.py", "requirements.txt"):
        shutil.copy(project / name, copy / name)
    without = shutil.ignore_patterns("__pycache__", "*.pyc", "deployments", "deployed")
    shutil.copytree(project / "chalicelib", copy / "chalicelib", ignore=without)
    shutil.copytree(project / ".chalice", copy / ".chalice", ignore=without)
    (copy / ".chalice" / "config.json").write_text(json.dumps(config, indent=1))
    for function in deployed_functions():
        (copy / ".chalice" / function.policy_file).write_text(json.dumps(policies.policy(function), indent=1))


def run_chalice(project: Path, arguments: list[str]) -> None:
    """Run Chalice on a project. Raises PackagingError with its output, also where it only warns of a missing dependency."""
    environment = {**_ENVIRONMENT, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "ops.package.chalice_package", str(_CACHE), "--project-dir", str(project), *arguments]
    completed = subprocess.run(
        command, cwd=project, env=_inherited_environment() | environment, capture_output=True, text=True, check=False
    )
    output = completed.stdout + completed.stderr
    if completed.returncode or "Could not install dependencies" in output:
        raise PackagingError(output)


# Packaging makes no call to AWS; the region only determines the names of service principals.
_ENVIRONMENT = {"AWS_DEFAULT_REGION": "us-west-2", "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "1"}


def _inherited_environment() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VALHALLA_", "PYTHON"))}


def source_revision(project: Path) -> tuple[str, str]:
    """The commit and its time. Not the present time: the same source builds the same artifact."""
    completed = subprocess.run(["git", "log", "-1", "--format=%h %ct"], cwd=project, capture_output=True, text=True, check=False)
    if completed.returncode:
        return "unknown", "unknown"
    revision, seconds = completed.stdout.split()
    return revision, datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def finish_template(packaged: dict[str, Any]) -> dict[str, Any]:
    """Chalice's merged template with every path of the API handed to the app.

    Raises PackagingError where something was merged into a resource that Chalice didn't create: a function that app.py
    doesn't register, or that Chalice names differently.
    """
    if unknown := sorted(name for name, resource in packaged["Resources"].items() if "Type" not in resource):
        raise PackagingError(f"The template refers to {', '.join(unknown)}, which Chalice doesn't know.")
    body = packaged["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    return {
        **packaged,
        "Resources": {
            **packaged["Resources"],
            "RestAPI": {
                **packaged["Resources"]["RestAPI"],
                "Properties": {
                    **packaged["Resources"]["RestAPI"]["Properties"],
                    "DefinitionBody": {**body, "paths": template.proxy_paths(), "definitions": {}},
                },
            },
        },
    }
