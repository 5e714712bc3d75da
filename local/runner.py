"""The system as a whole: what is started in which order, and how it ends without losing anything."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from chalicelib.foundation.manifest import QueueConsumer, Schedule, StreamConsumer
from chalicelib.foundation.secret_store import new_secrets
from local import server, sqs, stream_recorder
from local.consumers import Consumer, Handler
from local.engine import Engine, EngineClient, EngineError
from local.gateway import App
from local.journal import Journal
from local.mail import Mailbox
from local.scheduler import Scheduler
from local.workspace import TABLE, Workspace

_DRAIN_SECONDS = 15.0
_LARGEST_LOG = 10_000_000

logger = logging.getLogger("valhalla.local")


class StartError(Exception):
    """It can't start; the message is the one line that says why."""


@dataclass(frozen=True)
class Components:
    """What the local run is made of.

    `prepare(workspace, after_kill)` runs on the finished table before anything is served: administrator, token, mail sender, and what
    has to be looked after when the last run was killed.
    """

    table: dict[str, Any]  # CreateTable's arguments
    ttl_attribute: str
    app: Callable[[], App]
    consumers: Callable[[], list[tuple[StreamConsumer, Handler]]]
    queues: Callable[[], list[tuple[QueueConsumer, Handler]]]
    schedules: Callable[[], list[Schedule]]
    prepare: Callable[[Workspace, bool], None]


@dataclass
class Runner:
    """One run of the system from one home."""

    components: Components
    workspace: Workspace
    port: int
    print_line: Callable[[str], None]
    failure: str = ""
    _consumers: list[Consumer] = field(default_factory=list)
    _ending: bool = False

    def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP, then end in order. Raises StartError or AlreadyRunningError."""
        with ExitStack() as stack:
            stack.enter_context(self.workspace.lock(f"process {os.getpid()}, http://127.0.0.1:{self.port}"))
            stack.enter_context(_signals())
            try:
                reserved = server.reserve_port(self.port)
            except server.PortTakenError:
                raise StartError(f"Port {self.port} is in use. Choose another one: PORT=8001 make run") from None
            stack.callback(reserved.close)
            self._run_on(stack, reserved)
        if self.failure:
            raise StartError(self.failure)

    def _run_on(self, stack: ExitStack, reserved: Any) -> None:
        engine = Engine(self.workspace.directory)
        stack.callback(engine.stop)
        client = EngineClient(engine.port)
        stack.callback(client.close)
        workers = [(consumer, handler, sqs.create_queues(client, consumer)) for consumer, handler in self.components.queues()]
        settings = self.workspace.settings(engine.url, self.port)
        settings |= {f"VALHALLA_{consumer.queue.upper()}_QUEUE": url for consumer, _, url in workers}
        self.workspace.apply_environment(settings)
        if not self.workspace.secrets.exists():
            self.workspace.write_private(self.workspace.secrets, new_secrets(datetime.now(UTC)))
        journal = Journal(self.workspace.directory / "journal")
        stack.callback(journal.close)
        self._make_table(client, journal)
        replayed = stream_recorder.replay(client, TABLE, journal)
        if replayed:
            self.print_line(f"The last run ended without warning; {replayed} changes were put back.")

        # From here on every change is journalled, those of `prepare` too.
        recorder = stream_recorder.StreamRecorder(client=client, table=TABLE, journal=journal, offsets=self._offsets, save=engine.save)
        dead_letters = self.workspace.directory / "dead-letters"
        self._consumers = [
            Consumer(mapping, handler, journal, dead_letters / f"{mapping.name}.jsonl", recorder.wake)
            for mapping, handler in self.components.consumers()
        ]
        recorder.start()
        stack.callback(self._save, recorder, journal, engine)
        self.components.prepare(self.workspace, replayed > 0)
        app = self.components.app()
        stack.enter_context(self._log())
        for queue_consumer, handler, url in workers:
            worker = sqs.QueueWorker(queue_consumer, handler, EngineClient(engine.port), url, recorder.wake)
            worker.start()
            stack.callback(worker.stop)
        for consumer in self._consumers:
            consumer.start()
        stack.callback(self._drain, recorder, journal)
        mailbox = Mailbox(EngineClient(engine.port), self.workspace.mail)
        mailbox.start()
        stack.callback(mailbox.stop)
        schedules = self.components.schedules()
        scheduler = Scheduler(schedules, self.workspace.directory / "clock.json", recorder.wake)
        scheduler.start()
        stack.callback(scheduler.stop, _DRAIN_SECONDS)
        threading.Thread(target=self._watch, args=(engine, recorder), name="watch", daemon=True).start()
        api = server.ApiServer(app, reserved, recorder.wake)
        self.workspace.write_environment(settings)
        self.print_line(self._page(engine, scheduler, schedules))
        api.serve()
        self._ending = True
        self.print_line("Ending: finishing what is under way ...")
        api.stop()

    def _make_table(self, client: EngineClient, journal: Journal) -> None:
        definition = self.components.table | {"TableName": TABLE}
        try:
            table = client.call("DynamoDB_20120810.DescribeTable", {"TableName": TABLE})["Table"]
        except EngineError as error:
            if "ResourceNotFound" not in str(error):
                raise
            if journal.saved:
                raise StartError(
                    f"The data in {self.workspace.directory}/state can't be read; move that folder away to begin anew."
                ) from None
            client.call("DynamoDB_20120810.CreateTable", definition)
            ttl = {"Enabled": True, "AttributeName": self.components.ttl_attribute}
            client.call("DynamoDB_20120810.UpdateTimeToLive", {"TableName": TABLE, "TimeToLiveSpecification": ttl})
            return
        if _shape(table) != _shape(definition):
            raise StartError(
                f"The table in {self.workspace.directory} has other indexes than this version's; move that folder away to begin anew."
            )

    def _offsets(self) -> dict[str, int]:
        return {consumer.mapping.name: consumer.done for consumer in self._consumers}

    @contextmanager
    def _log(self) -> Iterator[None]:
        """The application's lines go to a file: the terminal keeps the page."""
        path = self.workspace.log
        mode = "w" if path.exists() and path.stat().st_size > _LARGEST_LOG else "a"
        with path.open(mode, buffering=1) as log:
            handler = logging.StreamHandler(log)
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
            root = logging.getLogger()
            root.addHandler(handler)
            with redirect_stdout(log):
                yield
            root.removeHandler(handler)

    def _watch(self, engine: Engine, recorder: stream_recorder.StreamRecorder) -> None:
        """End everything when a part of it has ended by itself."""
        failure: Exception | None = None
        while engine.alive and failure is None and not self._ending:
            time.sleep(0.5)
            failure = recorder.failure or next((consumer.failure for consumer in self._consumers if consumer.failure), None)
        if not self._ending:
            what = f"A part of it failed ({failure})" if engine.alive else "The embedded engine ended by itself"
            self.failure = f"{what}; the logs in {self.workspace.directory} say more. Start again: the journal brings the data back."
            os.kill(os.getpid(), signal.SIGTERM)

    def _drain(self, recorder: stream_recorder.StreamRecorder, journal: Journal) -> None:
        """Let the consumers do what the stream holds, and what comes of that."""
        ends = time.monotonic() + _DRAIN_SECONDS
        while time.monotonic() < ends and recorder.failure is None:
            last, looks = journal.last, recorder.polls
            recorder.wake()
            while recorder.polls < looks + 2 and recorder.failure is None and time.monotonic() < ends:
                time.sleep(0.005)
                recorder.wake()
            if journal.last == last and all(consumer.idle for consumer in self._consumers):
                break
        for consumer in self._consumers:
            consumer.stop()

    def _save(self, recorder: stream_recorder.StreamRecorder, journal: Journal, engine: Engine) -> None:
        recorder.stop()
        if recorder.failure is None and stream_recorder.checkpoint(journal, engine.save):
            self.print_line("Saved. Goodbye.")
        else:
            self.print_line("It could not save; the next start puts back what the journal holds.")

    def _page(self, engine: Engine, scheduler: Scheduler, schedules: list[Schedule]) -> str:
        url, folder = f"http://127.0.0.1:{self.port}", _relative(self.workspace.directory)
        lines = [
            "",
            "  Valhalla is ready.",
            "",
            f"  API             {url}",
            f"  Documentation   {url}/docs   {url}/redoc   {url}/openapi.json",
            f"  Health          {url}/health/ready",
            f'  Administrator   {folder}/admin-token   curl -H "Authorization: Bearer $(cat {folder}/admin-token)" {url}/auth/me',
            f"  Mail sent       {folder}/mail/",
            f"  Log             {folder}/valhalla.log",
            f"  AWS engine      {engine.url}   (table {TABLE}; settings for other shells in {folder}/environment)",
        ]
        if schedules:
            lines += ["", "  Schedules (UTC); run one now with: python -m local tick NAME"]
            width = max(len(schedule.name) for schedule in schedules)
            lines += [
                f"    {schedule.name:{width}}  {schedule.expression:26}  next {scheduler.due[schedule.name]:%Y-%m-%d %H:%M}"
                for schedule in schedules
            ]
        return "\n".join([*lines, "", "  Ctrl-C ends all of it; the data stays.", ""])


def _relative(path: Path) -> Path:
    """A path as a person here would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _shape(table: dict[str, Any]) -> Any:
    """The part of a table definition that decides how items are found."""
    indexes = {
        index["IndexName"]: (index["KeySchema"], sorted(index["Projection"].get("NonKeyAttributes", ())))
        for index in table.get("GlobalSecondaryIndexes") or ()
    }
    return table["KeySchema"], indexes


@contextmanager
def _signals() -> Iterator[None]:
    """The first signal unwinds in order; one more, when a second has passed, ends at once: the journal has everything.

    Sooner it is the same Ctrl-C again: a wrapper may pass on what the terminal sent to all of the group already.
    """
    first: float | None = None

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal first
        if first is None:
            first = time.monotonic()
            raise SystemExit(0)
        if time.monotonic() - first > 1.0:
            os._exit(130)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
