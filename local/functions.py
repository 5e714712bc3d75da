"""The process of all Lambda functions but the API: those on the stream, on the queues and on schedules.

Started by `local.runner` as `python -m local.functions COMPONENTS`, with the system's settings in its environment; its output goes to the
log, but what must not be missed goes to the terminal. It has a processor of its own, so that requests do not wait for it. Standard input is a pipe from the parent: the line `stop` makes it
finish what the stream holds; its end without that line means that the parent is gone, and ends it at once.
"""

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TextIO

from chalicelib.foundation.manifest import import_string
from local import consumers, sqs
from local.components import Components
from local.consumers import Consumer
from local.engine import EngineClient
from local.scheduler import Scheduler, Timetable
from local.workspace import Workspace

STOP = "stop\n"
DRAIN_SECONDS = 15.0
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_WATCH_SECONDS = 0.2
_SETTLE_POLL_SECONDS = 0.02
_NICENESS = 5  # requests come first where there are fewer processors than processes; what the stream holds is done all the same

logger = logging.getLogger("valhalla.local")


class Functions:
    """Everything that runs in this process. `stop` ends it in order. `tell` prints a line where it is seen."""

    def __init__(
        self, components: Components, workspace: Workspace, connect: Callable[[], EngineClient], tell: Callable[[str], None]
    ) -> None:
        self._client, self._scheduler_client = connect(), connect()
        self._tell, self._search_gaps = tell, components.search_gaps
        mappings = components.consumers()
        offsets = consumers.register(self._client, [mapping.name for mapping, _ in mappings])
        letters = workspace.directory / "dead-letters"
        self._consumers = [
            Consumer(mapping, handler, connect(), offsets[mapping.name], letters / f"{mapping.name}.jsonl", self._lost)
            for mapping, handler in mappings
        ]
        self._workers = [
            sqs.QueueWorker(consumer, handler, connect(), sqs.create_queues(self._client, consumer))
            for consumer, handler in components.queues()
        ]
        self._timetable = Timetable(components.schedules(), workspace.schedule_state, workspace.clock)
        self._scheduler = Scheduler(self._timetable, self._settle)

    def start(self) -> None:
        """Start the threads."""
        for thread in (*self._consumers, *self._workers, self._scheduler):
            thread.start()

    @property
    def failed(self) -> bool:
        """Whether one of the stream's consumers could not go on."""
        return any(consumer.failure for consumer in self._consumers)

    def _lost(self, consumer: str, first: int, last: int) -> None:
        """Tell of records that a consumer can't have any more, and search at once for what they should have done."""
        line = f"{consumer}: the stream doesn't hold the records {first} to {last} any more, which it had not read."
        logger.error(line)
        names = self._search_gaps()
        self._timetable.run_at_once(names)
        closers = f"the schedules {' and '.join(names)} find and close that now" if names else "nothing closes that by itself"
        self._tell(f"{line} What they changed may be missing on the trail and in the aggregates: {closers}. It goes on.")

    def _settle(self, stopping: threading.Event) -> None:
        """Wait until the consumers have done what the stream holds by now, DRAIN_SECONDS at most."""
        last, deadline = consumers.last_record(self._scheduler_client), time.monotonic() + DRAIN_SECONDS
        while not self._have_done(last) and time.monotonic() < deadline and not stopping.wait(_SETTLE_POLL_SECONDS):
            pass

    def _have_done(self, last: int) -> bool:
        return all(consumer.done >= last for consumer in self._consumers)

    def stop(self) -> None:
        """Let the consumers do what the stream holds, and what comes of that, within DRAIN_SECONDS."""
        deadline = time.monotonic() + DRAIN_SECONDS
        self._scheduler.stop(DRAIN_SECONDS)
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        while time.monotonic() < deadline and not self.failed:
            last = consumers.last_record(self._client)
            # What a consumer did is in the stream before its offset is: when all are at its end, nothing more comes.
            if self._have_done(last):
                break
            time.sleep(0.01)
        for consumer in self._consumers:
            consumer.stop()


def main() -> None:
    """Run until standard input says so or ends, or until a consumer fails."""
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())  # what fails is in the log
    os.nice(_NICENESS)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    logging.basicConfig(stream=sys.stdout, format=LOG_FORMAT)
    components: Components = import_string(sys.argv[1])()
    workspace = Workspace.of(os.environ)
    components.use_clock(workspace.clock)
    functions = Functions(components, workspace, lambda: EngineClient.of(os.environ), partial(_tell, terminal))
    functions.start()
    threading.Thread(target=_watch, args=(functions,), name="watch", daemon=True).start()
    if sys.stdin.readline() != STOP:
        os._exit(1)
    functions.stop()
    sys.stdout.flush()
    os._exit(int(functions.failed))  # the consumers' threads wait in their calls; there is nothing in them to lose


def _tell(terminal: TextIO, line: str) -> None:
    with contextlib.suppress(OSError):  # it may be gone; the log has the line too
        print(line, file=terminal, flush=True)


def _watch(functions: Functions) -> None:
    while not functions.failed:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
