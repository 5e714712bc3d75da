"""The process of all Lambda functions but the API: those on the stream, on the queues and on schedules.

Started by `local.runner` as `python -m local.functions COMPONENTS`, with the system's settings in its environment; its output goes to the
log. It has a processor of its own, so that requests do not wait for it. Standard input is a pipe from the parent: the line `stop` makes it
finish what the stream holds; its end without that line means that the parent is gone, and ends it at once.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable

from chalicelib.foundation.manifest import import_string
from local import consumers, sqs
from local.components import Components
from local.consumers import Consumer
from local.engine import EngineClient
from local.scheduler import Scheduler
from local.workspace import Workspace

STOP = "stop\n"
DRAIN_SECONDS = 15.0
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_WATCH_SECONDS = 0.2
_NICENESS = 5  # requests come first where there are fewer processors than processes; what the stream holds is done all the same


class Functions:
    """Everything that runs in this process. `stop` ends it in order."""

    def __init__(self, components: Components, workspace: Workspace, connect: Callable[[], EngineClient]) -> None:
        self._client = connect()
        mappings = components.consumers()
        offsets = consumers.register(self._client, [mapping.name for mapping, _ in mappings])
        letters = workspace.directory / "dead-letters"
        self._consumers = [
            Consumer(mapping, handler, connect(), offsets[mapping.name], letters / f"{mapping.name}.jsonl") for mapping, handler in mappings
        ]
        self._workers = [
            sqs.QueueWorker(consumer, handler, connect(), sqs.create_queues(self._client, consumer))
            for consumer, handler in components.queues()
        ]
        self._scheduler = Scheduler(components.schedules(), workspace.schedule_state)

    def start(self) -> None:
        """Start the threads."""
        for thread in (*self._consumers, *self._workers, self._scheduler):
            thread.start()

    @property
    def failed(self) -> bool:
        """Whether one of the stream's consumers could not go on."""
        return any(consumer.failure for consumer in self._consumers)

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
            if all(consumer.done >= last for consumer in self._consumers):
                break
            time.sleep(0.01)
        for consumer in self._consumers:
            consumer.stop()


def main() -> None:
    """Run until standard input says so or ends, or until a consumer fails."""
    os.nice(_NICENESS)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    logging.basicConfig(stream=sys.stdout, format=LOG_FORMAT)
    components: Components = import_string(sys.argv[1])()
    functions = Functions(components, Workspace.of(os.environ), lambda: EngineClient.of(os.environ))
    functions.start()
    threading.Thread(target=_watch, args=(functions,), name="watch", daemon=True).start()
    if sys.stdin.readline() != STOP:
        os._exit(1)
    functions.stop()
    sys.stdout.flush()
    os._exit(int(functions.failed))  # the consumers' threads wait in their calls; there is nothing in them to lose


def _watch(functions: Functions) -> None:
    while not functions.failed:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
