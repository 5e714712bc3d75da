"""One command from the source tree to a finished artifact and template."""

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
from ops.package import artifact, facts, template

PROJECT = Path(__file__).resolve().parents[2]
_CACHE = PROJECT / ".cache" / "site-packages"


@dataclass(frozen=True)
class Build:
    """What a build made: the zip and its template."""

    stage: str
    zip: Path
    template: Path


class PackagingError(Exception):
    """Chalice could not package; the message holds what it said."""


def deployed_functions() -> tuple[facts.Function, ...]:
    """The functions of this project, from its manifests."""
    from chalicelib.functions.registration import QUEUE_CONSUMERS
    from chalicelib.functions.streams import CONSUMERS
    from chalicelib.packs import PACKS

    return facts.functions(PACKS, CONSUMERS, QUEUE_CONSUMERS)


def build(stage: str, out: Path, project: Path = PROJECT) -> Build:
    """Package, merge and finish into `out`: `deployment.zip` and `template.json`."""
    packaged = chalice_package(stage, out / "packaged", project)
    made = Build(stage, out / "deployment.zip", out / "template.json")
    artifact.finish(packaged / "deployment.zip", made.zip)
    finished = finish_template(json.loads((packaged / "sam.json").read_text()))
    made.template.write_text(json.dumps(finished, separators=(",", ":"), sort_keys=True))
    return made


def chalice_package(stage: str, out: Path, project: Path = PROJECT) -> Path:
    """`chalice package` with the generated template merged in, from a clean copy of what is deployed.

    The copy holds app.py, chalicelib and .chalice alone: no bytecode, no tool's leftovers, nothing half written elsewhere.
    """
    functions = deployed_functions()
    revision, built_at = source_revision(project)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        stage_project(project, copy, facts.stage_config(project, stage, functions, revision, built_at))
        merge = Path(folder) / "merge.json"
        definition = table_definition(facts.table_name(stage))
        merge.write_text(json.dumps(template.merge_template(stage, functions, definition)))
        run_chalice(copy, ["package", "--stage", stage, "--merge-template", str(merge), str(out.resolve())])
    return out


def stage_project(project: Path, copy: Path, config: dict[str, Any]) -> None:
    """Copy what is deployed, with this configuration."""
    copy.mkdir(parents=True)
    for name in ("app.py", "requirements.txt"):
        shutil.copy(project / name, copy / name)
    without = shutil.ignore_patterns("__pycache__", "*.pyc", "deployments", "deployed")
    shutil.copytree(project / "chalicelib", copy / "chalicelib", ignore=without)
    shutil.copytree(project / ".chalice", copy / ".chalice", ignore=without)
    (copy / ".chalice" / "config.json").write_text(json.dumps(config, indent=1))


def run_chalice(project: Path, arguments: list[str]) -> None:
    """Run Chalice on a project. Raises PackagingError with its words, also where it would only have warned."""
    environment = {**_ENVIRONMENT, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "ops.package.chalice_package", str(_CACHE), "--project-dir", str(project), *arguments]
    done = subprocess.run(command, cwd=project, env=_inherited() | environment, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode or "Could not install dependencies" in said:
        raise PackagingError(said)


# Packaging asks nothing of AWS; the region only settles the names of service principals.
_ENVIRONMENT = {"AWS_DEFAULT_REGION": "us-west-2", "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "1"}


def _inherited() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VALHALLA_", "PYTHON"))}


def source_revision(project: Path) -> tuple[str, str]:
    """The commit that is built and when it was made. Not the present time: the same source makes the same artifact."""
    done = subprocess.run(["git", "log", "-1", "--format=%h %ct"], cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        return "unknown", "unknown"
    revision, seconds = done.stdout.split()
    return revision, datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def finish_template(packaged: dict[str, Any]) -> dict[str, Any]:
    """Chalice's merged template with every path of the API handed to the app.

    Raises PackagingError where something was merged into a resource that Chalice didn't make: a function that app.py
    doesn't register, or a name that Chalice spells otherwise.
    """
    if astray := sorted(name for name, said in packaged["Resources"].items() if "Type" not in said):
        raise PackagingError(f"The template says something of {', '.join(astray)}, which Chalice doesn't know.")
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
