"""`python -m local`: run the whole system here. `python -m local tick NAME`: run one schedule of it now."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


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
    from chalicelib.foundation.settings import SettingsError
    from local.engine import EngineError
    from local.home import AlreadyRunningError, Home
    from local.parts import real_parts
    from local.system import StartError, System

    given = os.environ.get("PORT") or "8000"
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= 65535:
        return _fail(f"PORT must be a number from 1 to 65535, not {given!r}.")
    terminal = sys.stdout

    def say(text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone; ending in order matters more
            print(text, file=terminal, flush=True)

    try:
        System(real_parts(), Home.of(os.environ), int(given), say).run()
    except AlreadyRunningError as error:
        return _fail(f"It already runs from this folder ({error}).")
    except (StartError, EngineError, SettingsError) as error:
        return _fail(str(error))
    return 0


def _tick(name: str) -> int:
    from local import clock
    from local.home import Home
    from local.parts import real_parts

    home = Home.of(os.environ)
    if not home.running or not home.environment_file.exists():
        return _fail("Nothing runs here: start it with `make run`, then tick.")
    home.enter(home.published())
    schedules = {schedule.name: schedule for schedule in real_parts().schedules()}
    if name not in schedules:
        return _fail(f"There is no schedule {name!r}; there are: {', '.join(sorted(schedules)) or 'none'}.")
    with home.log.open("a") as log, contextlib.redirect_stdout(log):
        result = clock.run(schedules[name], datetime.now(UTC))
    print(json.dumps(result, default=str, indent=1))
    return 0


def _fail(line: str) -> int:
    print(line, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.exit(main())
