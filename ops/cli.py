"""Shared parts of the operator commands: loading, the stage that they act on, and errors in one line.

A command's module is imported when that command runs, so `--help` is quick. Every command takes `--stage`: the settings of a
local run are read from its folder, those of a deployed stage from the environment.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any
from uuid import uuid4

import typer
from typer.core import TyperCommand, TyperGroup

from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.retry_policy import COMMANDS
from chalicelib.packs import PACKS

LOCAL = "local"


class StageError(Exception):
    """The stage can't be used; the message says why in one line."""


@dataclass(frozen=True)
class Command:
    """A command: its name, the module whose `app` (a Typer) defines it, and a summary in one line."""

    name: str
    module: str
    summary: str

    @property
    def is_available(self) -> bool:
        """Whether its module exists."""
        return find_spec(self.module) is not None

    def load(self) -> Any:
        """The real command, with `--stage` added unless it has its own."""
        command: Any = typer.main.get_group(import_module(self.module).app).commands[self.name]
        if all(parameter.name != "stage" for parameter in command.params):
            command.params.append(_stage_option())
        return command


def _stage_option() -> Any:
    """The option as Typer builds it; it is handled first and not passed to the command."""
    parent = typer.Typer()

    @parent.command()
    def command(
        stage: Annotated[
            str | None,
            typer.Option(
                help="The stage to act on: local, or the deployed one that the environment describes. The environment's by default, else local.",
                callback=_use_stage_option,
                is_eager=True,
                expose_value=False,
            ),
        ] = None,
    ) -> None: ...

    return typer.main.get_command(parent).params[0]


def _use_stage_option(value: str | None) -> None:
    use_stage(value, os.environ)


def use_stage(stage: str | None, environment: Mapping[str, str]) -> None:
    """Make the environment describe `stage`. Raises StageError where that is not possible."""
    described = environment.get("VALHALLA_STAGE")
    target = stage or described or LOCAL
    if target == described:
        return
    if target != LOCAL:
        raise StageError(
            f"The environment describes the stage {described}, not {target}."
            if described
            else f"The environment doesn't describe the stage {target}: its deployment wrote build/{target}/environment (docs/runbook.md)."
        )
    from local.workspace import Workspace

    home = Workspace.of(environment)
    if not home.running or not home.environment_file.exists():
        raise StageError("Nothing runs here: start it with `make run`, or name a deployed stage by the environment.")
    home.apply_environment(home.read_environment())


def runtime() -> Runtime:
    """The runtime of the stage in use, whose time the local one may have moved; raises SettingsError."""
    found = Runtime.from_environment(os.environ, PACKS)
    if found.settings.stage == LOCAL:
        from local.workspace import Workspace

        found.clock = Workspace.of(os.environ).clock
    found.retry_by(COMMANDS)
    return found


def context(stage_runtime: Runtime, job: str) -> Context:
    """A context for an operator command, with an actor such as system:export."""
    return stage_runtime.context(request_id=f"{job}-{uuid4()}", actor=system_actor(job))


class LazyCommand(TyperCommand):
    """A placeholder in the help; the real command is loaded when it runs."""

    def __init__(self, command: Command) -> None:
        super().__init__(name=command.name, help=command.summary)
        self.command = command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the real command, which then runs instead of this one."""
        return self.command.load().make_context(info_name, args, parent=parent, **extra)


def command_group(commands: tuple[Command, ...]) -> type[TyperGroup]:
    """The class of a group of these commands, without those whose modules are not installed."""

    class Commands(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
            return [command.name for command in commands if command.is_available]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
            return next((LazyCommand(command) for command in commands if command.name == cmd_name and command.is_available), None)

    return Commands


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print errors that an operator can resolve in one line on standard error and exit with status 1, without a traceback."""
    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.foundation.environment import SettingsError
    from chalicelib.foundation.errors import Problem

    try:
        yield
    except (StageError, SettingsError, Problem, BotoCoreError, ClientError) as error:
        from rich.console import Console

        Console(stderr=True, highlight=False, soft_wrap=True).print(str(error), style="red", markup=False)
        sys.exit(1)
