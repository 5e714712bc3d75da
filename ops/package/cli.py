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

from ops.package import limits
from ops.package.build import Build, PackagingError, build
from ops.package.deploy import Change, Clients, DeploymentError, deploy

app = typer.Typer(no_args_is_help=True)
_console = Console()

Stage = Annotated[str, typer.Option(help="A stage of .chalice/config.json.")]
Out = Annotated[Path | None, typer.Option(help="Where the build goes; build/<stage> by default.")]


@app.command("package")
def package_command(stage: Stage = "dev", out: Out = None) -> None:
    """Make the finished artifact and its template, and say how much of AWS's limits they use."""
    _show(_built(stage, out))


@app.command("deploy")
def deploy_command(
    stage: Stage = "dev",
    out: Out = None,
    region: Annotated[str | None, typer.Option(help="AWS region; that of the profile by default.")] = None,
    profile: Annotated[str | None, typer.Option(help="AWS profile.")] = None,
    bucket: Annotated[str | None, typer.Option(help="Bucket for code and templates; one is made by default.")] = None,
    public_url: Annotated[str | None, typer.Option(help="The URL that callers use, where it isn't API Gateway's own.")] = None,
    alarm_email: Annotated[str | None, typer.Option(help="Who is mailed when an alarm goes off.")] = None,
    throttle_rate: Annotated[int | None, typer.Option(help="Requests a second that the stage takes.")] = None,
    throttle_burst: Annotated[int | None, typer.Option(help="Requests at once that the stage takes.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Make the changes without asking.")] = False,
) -> None:
    """Package, show what would change, and bring the stage's stack to it."""
    made = _built(stage, out)
    _show(made)
    given = {
        "PublicUrl": public_url,
        "AlarmEmail": alarm_email,
        "ThrottleRate": throttle_rate,
        "ThrottleBurst": throttle_burst,
    }
    session = boto3.Session(profile_name=profile, region_name=region)
    try:
        outputs = deploy(
            session,
            stage,
            made.template,
            made.zip,
            now=datetime.now(UTC),
            bucket=bucket,
            parameters={name: str(value) for name, value in given.items() if value is not None},
            review=lambda changes: _review(changes, yes),
            say=_console.print,
        )
    except DeploymentError as error:
        _console.print(str(error), style="red", highlight=False)
        raise typer.Exit(1) from None
    for name, value in sorted(outputs.items()):
        _console.print(f"{name}: {value}", highlight=False)
    described = made.zip.with_name("environment")
    described.write_text(environment(session, outputs["APIHandlerName"]))
    _console.print(f"For the other operator commands: set -a; . {described}; set +a", highlight=False)


def environment(clients: Clients, function: str) -> str:
    """The stage's settings as lines for a shell, as its API has them: what operator commands read. No secret is among them."""
    known = clients.client("lambda").get_function_configuration(FunctionName=function)
    variables = known["Environment"]["Variables"] | {"AWS_REGION": known["FunctionArn"].split(":")[3]}
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))


def _built(stage: str, out: Path | None) -> Build:
    try:
        return build(stage, out or Path("build") / stage)
    except (PackagingError, ValueError) as error:
        _console.print(str(error), style="red", highlight=False)
        raise typer.Exit(1) from None


def _show(made: Build) -> None:
    template: dict[str, Any] = json.loads(made.template.read_text())
    table = Table("limit", "used", "of", "share", title=f"{made.zip} and {made.template}")
    for one in limits.usage(made.stage, template, made.zip):
        table.add_row(one.what, f"{one.used:,}", f"{one.allowed:,}", f"{one.share:.0%}", style="red" if one.near else "")
    _console.print(table)


_GRAVE = {"Remove", "Replace"}


def _review(changes: list[Change], yes: bool) -> bool:
    table = Table("what", "resource", "kind", "replaced", title="What changes")
    for one in changes:
        grave = one.action in _GRAVE or one.replacement == "True"
        table.add_row(one.action, one.resource, one.kind, one.replacement, style="red" if grave else "")
    _console.print(table)
    return yes or typer.confirm("Make these changes?")
