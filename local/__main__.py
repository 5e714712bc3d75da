"""`python -m local`: run the whole system here. `python -m local tick NAME`: run one schedule of it now."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

COMPONENTS = "local.wiring.real_components"  # tests put smaller ones here


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Run Valhalla on this machine. PORT chooses the port (8000).")
    commands = parser.add_subparsers(dest="command")
    tick = commands.add_parser("tick", help="run one schedule of the running system now")
    tick.add_argument("schedule", help="the schedule's name, as the start page lists it")
    chosen = parser.parse_args(arguments)
    # Only this package's own dependencies can be missing here: say how to get them instead of where it failed.
    try:
        import waitress  # noqa: F401
    except ModuleNotFoundError:
        return _fail("The dependencies are not installed in this Python; `make run` installs them and starts the system.")
    return _tick(chosen.schedule) if chosen.command == "tick" else _run()


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
    from chalicelib.foundation.manifest import import_string
    from local import scheduler
    from local.workspace import Workspace

    workspace = Workspace.of(os.environ)
    if not workspace.running or not workspace.environment_file.exists():
        return _fail("Nothing runs here: start it with `make run`, then tick.")
    workspace.apply_environment(workspace.read_environment())
    schedules = {schedule.name: schedule for schedule in import_string(COMPONENTS)().schedules()}
    if name not in schedules:
        return _fail(f"There is no schedule {name!r}; there are: {', '.join(sorted(schedules)) or 'none'}.")
    with workspace.log.open("a") as log, contextlib.redirect_stdout(log):
        result = scheduler.run(schedules[name], datetime.now(UTC))
    print(json.dumps(result, default=str, indent=1))
    return 0


def _fail(line: str) -> int:
    print(line, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.exit(main())
