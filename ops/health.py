"""`python -m ops check`: readiness and the status of every pack."""

from typing import NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Problem
from ops import cli

app = typer.Typer()


class CheckResult(NamedTuple):
    """The result of one check. `ok` is None for a pack that isn't built yet."""

    name: str
    ok: bool | None
    detail: str


@app.command("check")
def check_command() -> None:
    """Check readiness and every pack's status. Exit status 1 on failure."""
    runtime = cli.runtime()
    results = run_checks(cli.context(runtime, "check"))
    console = Console()
    table = Table("check", "result", title=f"The stage {runtime.settings.stage}, table {runtime.settings.table}")
    for result in results:
        table.add_row(result.name, result.detail, style={True: "green", False: "red", None: "dim"}[result.ok])
    console.print(table)
    if any(result.ok is False for result in results):
        raise typer.Exit(1)


def run_checks(ctx: Context) -> list[CheckResult]:
    """The checks of GET /health/ready and GET /system/status."""
    from chalicelib.foundation.system.readiness import readiness_checks
    from chalicelib.packs.status.probes import DEGRADED, PENDING, pack_statuses

    results = [CheckResult(name, state == "ok", state) for name, state in readiness_checks(ctx).items()]
    try:
        packs = pack_statuses(ctx).value
    except Problem as problem:
        return [*results, CheckResult("packs", False, problem.detail)]
    for pack in packs:
        ok = None if pack["status"] == PENDING else pack["status"] != DEGRADED
        detail = f"{pack['status']}: {pack['why']}" if pack["why"] else pack["status"]
        results.append(CheckResult(f"{pack['id']} {pack['name']}", ok, detail))
    return results
