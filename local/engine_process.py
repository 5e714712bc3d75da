"""The emulator's own process: ministack on a socket that it is handed, tied to its parent's life.

Started by `local.engine` as `python -m local.engine_process FD`. Standard input is the line to the parent: `save` writes the
state to disk and answers `saved` or `failed`; its end means that the parent is gone, however it went, and ends this process
at once, unsaved, so that what the journal holds and what the state holds can't disagree.
"""

import asyncio
import os
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from local import quick_query


def main() -> None:
    """Serve until the parent's end of standard input closes."""
    # The line to the parent is ours alone; whatever else prints goes where the log goes.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    quick_query.install()
    asyncio.run(_serve(int(sys.argv[1]), answers))


async def _serve(listening: int, answers: TextIO) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{listening}"]
    config.keep_alive_timeout = 3600
    config.loglevel = "ERROR"
    loop = asyncio.get_running_loop()
    threading.Thread(target=_handle_commands, args=(loop, answers), name="line to the parent", daemon=True).start()
    await serve(app, config, shutdown_trigger=asyncio.Event().wait)


def _handle_commands(loop: asyncio.AbstractEventLoop, answers: TextIO) -> None:
    for line in sys.stdin:
        if line.strip() == "save":
            # On the loop's thread nothing else runs meanwhile: what is saved is one moment's state.
            loop.call_soon_threadsafe(_save, answers)
    os._exit(0)


def _save(answers: TextIO) -> None:
    from ministack.app import _build_persistence_save_dict
    from ministack.core.persistence import STATE_DIR, save_all

    before = time.time_ns()
    save_all(_build_persistence_save_dict())
    files = list(Path(STATE_DIR).glob("*.json"))
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    table = Path(STATE_DIR) / "dynamodb.json"
    # ministack logs a failed write and goes on; the file's age tells.
    fresh = table in files and table.stat().st_mtime_ns >= before - 1_000_000_000
    answers.write("saved\n" if fresh else "failed\n")


if __name__ == "__main__":
    main()
