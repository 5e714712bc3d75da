"""`python -m ops package` and `python -m ops deploy`."""

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import boto3
import typer
from rich.console import Console
from rich.table import Table

from ops.package import quotas
from ops.package.build import Build, PackagingError, build
from ops.package.deploy import Change, Clients, DeploymentError, deploy

app = typer.Typer(no_args_is_help=True)
_console = Console()

Stage = Annotated[str, typer.Option(help="A stage of .chalice/config.json.")]
Out = Annotated[Path | None, typer.Option(help="Folder of the build; build/<stage> by default.")]


@app.command("package")
def package_command(stage: Stage = "dev", out: Out = None) -> None:
    """Build the artifact and its template, and print how much of AWS's quotas they use."""
    _print_usage(_build_or_exit(stage, out))


@app.command("deploy")
def deploy_command(
    stage: Stage = "dev",
    out: Out = None,
    region: Annotated[str | None, typer.Option(help="AWS region; that of the profile by default.")] = None,
    profile: Annotated[str | None, typer.Option(help="AWS profile.")] = None,
    bucket: Annotated[str | None, typer.Option(help="Bucket for code and templates; created by default.")] = None,
    public_url: Annotated[str | None, typer.Option(help="The public URL, where it isn't API Gateway's own.")] = None,
    alarm_email: Annotated[str | None, typer.Option(help="Mail address for alarms.")] = None,
    throttle_rate: Annotated[int | None, typer.Option(help="Requests per second that the stage accepts.")] = None,
    throttle_burst: Annotated[int | None, typer.Option(help="Burst of requests that the stage accepts.")] = None,
    consumer_concurrency: Annotated[int | None, typer.Option(help="Runs at once of each stream consumer; 0 reserves none.")] = None,
    seal_retention_days: Annotated[
        int | None, typer.Option(help="Days for which a seal of the trail can't be removed, by nobody; 3650 by default.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Deploy without confirmation.")] = False,
) -> None:
    """Package, show the changes, and deploy the stage's stack."""
    built = _build_or_exit(stage, out)
    _print_usage(built)
    parameters = {
        "PublicUrl": public_url,
        "AlarmEmail": alarm_email,
        "ThrottleRate": throttle_rate,
        "ThrottleBurst": throttle_burst,
        "ConsumerConcurrency": consumer_concurrency,
        "SealRetentionDays": seal_retention_days,
    }
    session = boto3.Session(profile_name=profile, region_name=region)
    try:
        outputs = deploy(
            session,
            stage,
            built.template,
            built.zip_file,
            now=datetime.now(UTC),
            bucket=bucket,
            parameters={name: str(value) for name, value in parameters.items() if value is not None},
            review=lambda changes: _confirm_changes(changes, yes),
            print_line=_console.print,
        )
    except DeploymentError as error:
        _console.print(str(error), style="red", highlight=False)
        raise typer.Exit(1) from None
    for name, value in sorted(outputs.items()):
        _console.print(f"{name}: {value}", highlight=False)
    environment_file = built.zip_file.with_name("environment")
    environment_file.write_text(stage_environment(session, outputs["APIHandlerName"]))
    _console.print(f"For the other operator commands: set -a; . {environment_file}; set +a", highlight=False)


def stage_environment(clients: Clients, function: str) -> str:
    """The settings of the stage's API function as shell assignments, for operator commands. They hold no secret."""
    configuration = clients.client("lambda").get_function_configuration(FunctionName=function)
    variables = configuration["Environment"]["Variables"] | {"AWS_REGION": configuration["FunctionArn"].split(":")[3]}
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))


def _build_or_exit(stage: str, out: Path | None) -> Build:
    try:
        return build(stage, out or Path("build") / stage)
    except (PackagingError, ValueError) as error:
        _console.print(str(error), style="red", highlight=False)
        raise typer.Exit(1) from None


def _print_usage(built: Build) -> None:
    template: dict[str, Any] = json.loads(built.template.read_text())
    table = Table("limit", "used", "of", "share", title=f"{built.zip_file} and {built.template}")
    for quota in quotas.usage(built.stage, template, built.zip_file):
        table.add_row(quota.name, f"{quota.used:,}", f"{quota.allowed:,}", f"{quota.share:.0%}", style="red" if quota.is_near_limit else "")
    _console.print(table)


_DESTRUCTIVE = {"Remove", "Replace"}


def _confirm_changes(changes: list[Change], yes: bool) -> bool:
    table = Table("action", "resource", "type", "replaced", title="Changes")
    for change in changes:
        destructive = change.action in _DESTRUCTIVE or change.replacement == "True"
        table.add_row(change.action, change.resource, change.kind, change.replacement, style="red" if destructive else "")
    _console.print(table)
    return yes or typer.confirm("Deploy these changes?")
