"""`python -m ops bootstrap-admin` and `python -m ops rotate-keys`: a stage's first person, and its next signing key."""

import os
import sys
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console

from chalicelib.foundation.runtime import Runtime
from ops import shell

app = typer.Typer()
_console = Console(highlight=False, soft_wrap=True)

PASSWORD_VARIABLE = "VALHALLA_ADMIN_PASSWORD"  # noqa: S105 - a name


def bootstrap_admin(runtime: Runtime, email: str, name: str, password: str | None = None) -> tuple[str, str]:
    """Make the first administrator of the runtime's stage; answers user id and password.

    Raises errors.Conflict where there is one, errors.Invalid for a password that doesn't do, ValueError for a wrong address.
    """
    from chalicelib.foundation.auth.bootstrap import first_administrator

    ctx = shell.context(runtime, "bootstrap")
    user, chosen = first_administrator(ctx, email, name, password)
    return user.id, chosen


@app.command("bootstrap-admin")
def bootstrap_admin_command(
    email: Annotated[str, typer.Option(help="The administrator's mail address.")],
    name: Annotated[str, typer.Option(help="Their name.")] = "Administrator",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")] = False,
) -> None:
    """Make a stage's first administrator; refuses where there is one.

    They hold operator and counsel, too. Without a password on standard input or in VALHALLA_ADMIN_PASSWORD a fresh one is
    printed, this once; it should be changed at the first sign-in.
    """
    given = sys.stdin.readline().rstrip("\r\n") if password_stdin else os.environ.get(PASSWORD_VARIABLE)
    try:
        user_id, chosen = bootstrap_admin(shell.runtime(), email, name, given or None)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--email") from None
    _console.print(f"{user_id} is the administrator of this stage.")
    if not given:
        _console.print(f"Password, shown this once: {chosen}", markup=False)


@app.command("rotate-keys")
def rotate_keys_command(
    overlap_minutes: Annotated[int, typer.Option(min=10, max=1440, help="How long the new key is published before it signs.")] = 30,
) -> None:
    """Add a signing key that signs from some minutes on, and drop those that nothing signed by them can outlive.

    The secrets are read from where the settings say, and written back there.
    """
    from chalicelib.foundation.auth.rotation import rotate

    runtime = shell.runtime()
    try:
        found = rotate(runtime.settings, runtime.clock(), timedelta(minutes=overlap_minutes))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--overlap-minutes") from None
    _console.print(f"{found.added} signs from {found.active_from:%Y-%m-%d %H:%M:%S} UTC on.")
    for kid in found.dropped:
        _console.print(f"{kid} has been dropped.")
