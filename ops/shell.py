"""The operator's shell: which commands there are, which stage they act on, and how they fail: in one line.

A command's module is imported when that command runs, so `--help` is quick. Every command takes `--stage`: the local run's
settings lie in its folder, those of a deployed stage come from the environment.
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

from chalicelib.foundation.context import Context, system
from chalicelib.foundation.runtime import Runtime

LOCAL = "local"


class StageError(Exception):
    """The stage can't be acted on; the message is the one line that says why."""


@dataclass(frozen=True)
class Command:
    """A command: its name, the module whose `app` (a Typer) has it, and what it does in a line."""

    name: str
    module: str
    summary: str

    @property
    def here(self) -> bool:
        """Whether its module is part of this checkout."""
        return find_spec(self.module) is not None

    def load(self) -> Any:
        """The real command, which takes `--stage` too unless it has one of its own."""
        command: Any = typer.main.get_group(import_module(self.module).app).commands[self.name]
        if all(parameter.name != "stage" for parameter in command.params):
            command.params.append(_stage_option())
        return command


def _stage_option() -> Any:
    """The option, as Typer makes one; it is handled first and the command itself never sees it."""
    holder = typer.Typer()

    @holder.command()
    def only(
        stage: Annotated[
            str | None,
            typer.Option(
                help="The stage to act on: local, or the deployed one that the environment describes. The environment's by default, else local.",
                callback=_entered,
                is_eager=True,
                expose_value=False,
            ),
        ] = None,
    ) -> None: ...

    return typer.main.get_command(holder).params[0]


def _entered(value: str | None) -> None:
    enter(value, os.environ)


def enter(stage: str | None, environment: Mapping[str, str]) -> None:
    """Make `stage` the one that the environment describes. Raises StageError where that can't be."""
    described = environment.get("VALHALLA_STAGE")
    wanted = stage or described or LOCAL
    if wanted == described:
        return
    if wanted != LOCAL:
        raise StageError(
            f"The environment describes the stage {described}, not {wanted}."
            if described
            else f"The environment doesn't describe the stage {wanted}: its deployment wrote build/{wanted}/environment (docs/runbook.md)."
        )
    from local.home import Home

    home = Home.of(environment)
    if not home.running or not home.environment_file.exists():
        raise StageError("Nothing runs here: start it with `make run`, or name a deployed stage by the environment.")
    home.enter(home.published())


def runtime() -> Runtime:
    """The runtime of the stage that was entered; raises SettingsError."""
    return Runtime.from_environment(os.environ)


def context(of: Runtime, job: str) -> Context:
    """A context for work that an operator does from a shell, e.g. as system:export."""
    return of.context(request_id=f"{job}-{uuid4()}", actor=system(job))


class Lazy(TyperCommand):
    """Stands for a command in the help; the real one is loaded when it runs."""

    def __init__(self, command: Command) -> None:
        super().__init__(name=command.name, help=command.summary)
        self.command = command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the real command: from here on it is the real one that is asked."""
        return self.command.load().make_context(info_name, args, parent=parent, **extra)


def group(commands: tuple[Command, ...]) -> type[TyperGroup]:
    """The class of a group of these commands, as far as their modules are here."""

    class Commands(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
            return [command.name for command in commands if command.here]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
            return next((Lazy(command) for command in commands if command.name == cmd_name and command.here), None)

    return Commands


@contextmanager
def failing_in_one_line() -> Iterator[None]:
    """What an operator can do something about ends in one line on standard error and exit status 1, not in a trace."""
    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.foundation.errors import Problem
    from chalicelib.foundation.settings import SettingsError

    try:
        yield
    except (StageError, SettingsError, Problem, BotoCoreError, ClientError) as error:
        from rich.console import Console

        Console(stderr=True, highlight=False, soft_wrap=True).print(str(error), style="red", markup=False)
        sys.exit(1)
