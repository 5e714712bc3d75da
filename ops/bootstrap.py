"""`python -m ops bootstrap-admin` and `python -m ops rotate-keys`: a stage's first administrator, and its next signing key."""

import os
import sys
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console

from chalicelib.foundation.runtime import Runtime
from ops import cli

app = typer.Typer()
_console = Console(highlight=False, soft_wrap=True)

PASSWORD_VARIABLE = "VALHALLA_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable


def bootstrap_admin(runtime: Runtime, email: str, name: str, password: str | None = None) -> tuple[str, str]:
    """Create the first administrator of the runtime's stage; returns user id and password.

    Raises errors.Conflict where there is one, errors.Invalid for a password that is not accepted, ValueError for an invalid address.
    """
    from chalicelib.foundation.auth.bootstrap import create_first_admin

    ctx = cli.context(runtime, "bootstrap")
    user, initial_password = create_first_admin(ctx, email, name, password)
    return user.id, initial_password


@app.command("bootstrap-admin")
def bootstrap_admin_command(
    email: Annotated[str, typer.Option(help="The administrator's mail address.")],
    name: Annotated[str, typer.Option(help="Their name.")] = "Administrator",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")] = False,
) -> None:
    """Create a stage's first administrator; fails where there is one.

    They also have the roles operator and counsel. Without a password on standard input or in VALHALLA_ADMIN_PASSWORD, one is
    generated and printed once; it should be changed at the first sign-in.
    """
    requested = sys.stdin.readline().rstrip("\r\n") if password_stdin else os.environ.get(PASSWORD_VARIABLE)
    try:
        user_id, initial_password = bootstrap_admin(cli.runtime(), email, name, requested or None)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--email") from None
    _console.print(f"{user_id} is the administrator of this stage.")
    if not requested:
        _console.print(f"Password, shown this once: {initial_password}", markup=False)


@app.command("rotate-keys")
def rotate_keys_command(
    overlap_minutes: Annotated[int, typer.Option(min=10, max=1440, help="How long the new key is published before it signs.")] = 30,
    seal_key: Annotated[bool, typer.Option("--seal-key", help="Add a key that seals the trail, too; earlier ones stay.")] = False,
) -> None:
    """Add a signing key that becomes active after the overlap, and remove those whose tokens have all expired.

    A stage without a key that seals the trail gets its first one, which is active at once.

    The secrets are read from, and written back to, the location in the settings.
    """
    from chalicelib.foundation.auth.key_rotation import rotate

    runtime = cli.runtime()
    try:
        rotation = rotate(runtime.settings, runtime.clock(), timedelta(minutes=overlap_minutes), seal_key=seal_key)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--overlap-minutes") from None
    _console.print(f"{rotation.added} signs from {rotation.active_from:%Y-%m-%d %H:%M:%S} UTC on.")
    if rotation.added_seal_key:
        _console.print(f"{rotation.added_seal_key} is a new key that seals the trail.")
    for kid in rotation.dropped:
        _console.print(f"{kid} has been dropped.")
