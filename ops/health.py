"""`python -m ops check`: is a stage well?"""

from typing import NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Problem
from ops import shell

app = typer.Typer()


class Finding(NamedTuple):
    """One thing that was looked at. `ok` is None where there is nothing to say yet: a pack that isn't built."""

    what: str
    ok: bool | None
    says: str


@app.command("check")
def check_command() -> None:
    """Say whether a stage is well: readiness and every pack's status. Exit status 1 where it isn't."""
    runtime = shell.runtime()
    findings = look(shell.context(runtime, "check"))
    console = Console()
    table = Table("what", "is", title=f"The stage {runtime.settings.stage}, table {runtime.settings.table}")
    for one in findings:
        table.add_row(one.what, one.says, style={True: "green", False: "red", None: "dim"}[one.ok])
    console.print(table)
    if any(one.ok is False for one in findings):
        raise typer.Exit(1)


def look(ctx: Context) -> list[Finding]:
    """What GET /health/ready and GET /system/status look at, from here."""
    from chalicelib.foundation.system.readiness import checks
    from chalicelib.packs.status.probes import DEGRADED, PENDING, pack_states

    findings = [Finding(name, state == "ok", state) for name, state in checks(ctx).items()]
    try:
        packs = pack_states(ctx).value
    except Problem as problem:
        return [*findings, Finding("packs", False, problem.detail)]
    for pack in packs:
        ok = None if pack["status"] == PENDING else pack["status"] != DEGRADED
        says = f"{pack['status']}: {pack['why']}" if pack["why"] else pack["status"]
        findings.append(Finding(f"{pack['id']} {pack['name']}", ok, says))
    return findings
