"""`python -m local`: run the whole system here; `tick NAME`: run one schedule of it now; `clock`: show its time, or move it ahead."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.components import Components
    from local.workspace import Workspace

_CLOCK = """The time of the system that runs here. It is kept with its data, and goes forward only. It is moved a day at a time: each schedule
that falls due on the day runs once, at the last time that it does, in order, when the stream and the queues are idle (15 seconds are waited
at most). Each run's record is a line of JSON. Sessions and tokens end by this time, as in life; .local/admin-token is a new one."""
COMPONENTS = "local.wiring.real_components"  # tests put smaller ones here


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Run Valhalla on this machine. PORT chooses the port (8000).")
    commands = parser.add_subparsers(dest="command")
    tick = commands.add_parser("tick", help="run one schedule of the running system now")
    tick.add_argument("schedule", help="the schedule's name, as the start page lists it")
    clock = commands.add_parser("clock", help="show the time of the system here, or move it ahead", description=_CLOCK)
    where = clock.add_mutually_exclusive_group()
    where.add_argument("--ahead", metavar="3d", help="move it by that: weeks, days, hours, minutes (2w, 3d, 12h, 90m, 1d12h)")
    where.add_argument(
        "--to", metavar="2027-01-31T09:00", help="move it to that instant: UTC, or with an offset; a day alone is its midnight"
    )
    clock.add_argument(
        "--at-once", action="store_true", help="go there in one step, and run late what fell due; alone: run now what is due by now"
    )
    chosen = parser.parse_args(arguments)
    # Only this package's own dependencies can be missing here: say how to get them instead of where it failed.
    try:
        import waitress  # noqa: F401
    except ModuleNotFoundError:
        return _fail("The dependencies are not installed in this Python; `make run` installs them and starts the system.")
    if chosen.command == "tick":
        return _tick(chosen.schedule)
    if chosen.command == "clock":
        return _clock(chosen.ahead, chosen.to, at_once=chosen.at_once)
    return _run()


def _run() -> int:
    from chalicelib.foundation.environment import SettingsError
    from local.engine import EngineError
    from local.runner import Runner, StartError
    from local.workspace import AlreadyRunningError, Workspace

    port = os.environ.get("PORT") or "8000"
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        return _fail(f"PORT must be a number from 1 to 65535, not {port!r}.")
    terminal = sys.stdout

    def print_line(text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone; ending in order matters more
            print(text, file=terminal, flush=True)

    try:
        Runner(COMPONENTS, Workspace.of(os.environ), int(port), print_line).run()
    except AlreadyRunningError as error:
        return _fail(f"It already runs from this folder ({error}).")
    except (StartError, EngineError, SettingsError) as error:
        return _fail(str(error))
    return 0


def _tick(name: str) -> int:
    from local import scheduler
    from local.workspace import Workspace

    workspace = Workspace.of(os.environ)
    if not workspace.running or not workspace.environment_file.exists():
        return _fail("Nothing runs here: start it with `make run`, then tick.")
    schedules = {schedule.name: schedule for schedule in _running_components(workspace).schedules()}
    if name not in schedules:
        return _fail(f"There is no schedule {name!r}; there are: {', '.join(sorted(schedules)) or 'none'}.")
    with workspace.log.open("a") as log, contextlib.redirect_stdout(log):
        result = scheduler.run(schedules[name], workspace.clock())
    print(json.dumps(result, default=str, indent=1))
    return 0


def _clock(ahead: str | None, to: str | None, *, at_once: bool) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.foundation.errors import Problem
    from local import clock_command
    from local.clock import ClockFileError
    from local.engine import EngineError
    from local.workspace import Workspace

    workspace = Workspace.of(os.environ)
    try:
        if ahead is None and to is None and not at_once:
            print(workspace.clock.shown())
            return 0
        if not workspace.running or not workspace.environment_file.exists():
            return _fail("Nothing runs here: start it with `make run`, then move its time.")
        clock_command.goal(workspace.clock, ahead, to)  # what can't be is told before anything else
        clock_command.move(workspace, _running_components(workspace), ahead, to, at_once=at_once)
    except (clock_command.MoveError, ClockFileError) as error:
        return _fail(str(error))
    except (EngineError, Problem, BotoCoreError, ClientError) as error:
        return _fail(f"The system here ended, or refuses: {error}")
    except KeyboardInterrupt:
        return _fail(f"Interrupted. It is {workspace.clock.shown()}.")
    print(f"It is {workspace.clock.shown()}.", file=sys.stderr)
    return 0


def _running_components(workspace: "Workspace") -> "Components":
    """The components of the system that runs here, with its settings and its time."""
    from chalicelib.foundation.manifest import import_string

    workspace.apply_environment(workspace.read_environment())
    components: Components = import_string(COMPONENTS)()
    components.use_clock(workspace.clock)
    return components


def _fail(line: str) -> int:
    print(line, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.exit(main())
