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
from chalicelib.foundation.secrets import new_secrets
from local import queues, server, tap
from local.clock import Clock
from local.consumers import Consumer, Handler
from local.engine import Engine, EngineError, EngineLine
from local.gateway import App
from local.home import TABLE, Home
from local.journal import Journal
from local.mail import Mailbox

_DRAIN_SECONDS = 15.0
_LARGEST_LOG = 10_000_000

logger = logging.getLogger("valhalla.local")


class StartError(Exception):
    """It can't start; the message is the one line that says why."""


@dataclass(frozen=True)
class Parts:
    """What the local run is made of.

    `prepare(home, after_kill)` runs on the finished table before anything is served: administrator, token, mail sender, and what
    has to be looked after when the last run was killed.
    """

    table: dict[str, Any]  # CreateTable's arguments
    ttl_attribute: str
    app: Callable[[], App]
    consumers: Callable[[], list[tuple[StreamConsumer, Handler]]]
    queues: Callable[[], list[tuple[QueueConsumer, Handler]]]
    schedules: Callable[[], list[Schedule]]
    prepare: Callable[[Home, bool], None]


@dataclass
class System:
    """One run of the system from one home."""

    parts: Parts
    home: Home
    port: int
    say: Callable[[str], None]
    failure: str = ""
    _consumers: list[Consumer] = field(default_factory=list)
    _ending: bool = False

    def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP, then end in order. Raises StartError or AlreadyRunningError."""
        with ExitStack() as stack:
            stack.enter_context(self.home.held(f"process {os.getpid()}, http://127.0.0.1:{self.port}"))
            stack.enter_context(_signals())
            try:
                reserved = server.bind(self.port)
            except server.PortTakenError:
                raise StartError(f"Port {self.port} is in use. Choose another one: PORT=8001 make run") from None
            stack.callback(reserved.close)
            self._run_on(stack, reserved)
        if self.failure:
            raise StartError(self.failure)

    def _run_on(self, stack: ExitStack, reserved: Any) -> None:
        engine = Engine(self.home.directory)
        stack.callback(engine.stop)
        line = EngineLine(engine.port)
        stack.callback(line.close)
        workers = [(consumer, handler, queues.make(line, consumer)) for consumer, handler in self.parts.queues()]
        settings = self.home.settings(engine.url, self.port)
        settings |= {f"VALHALLA_{consumer.queue.upper()}_QUEUE": url for consumer, _, url in workers}
        self.home.enter(settings)
        if not self.home.secrets.exists():
            self.home.write_private(self.home.secrets, new_secrets(datetime.now(UTC)))
        journal = Journal(self.home.directory / "journal")
        stack.callback(journal.close)
        self._make_table(line, journal)
        replayed = tap.replay(line, TABLE, journal)
        if replayed:
            self.say(f"The last run ended without warning; {replayed} changes were put back.")

        # From here on every change is journalled, those of `prepare` too.
        reading = tap.Tap(line=line, table=TABLE, journal=journal, offsets=self._offsets, save=engine.save)
        letters = self.home.directory / "dead-letters"
        self._consumers = [
            Consumer(mapping, handler, journal, letters / f"{mapping.name}.jsonl", reading.wake)
            for mapping, handler in self.parts.consumers()
        ]
        reading.start()
        stack.callback(self._save, reading, journal, engine)
        self.parts.prepare(self.home, replayed > 0)
        app = self.parts.app()
        stack.enter_context(self._log())
        for queue_consumer, handler, url in workers:
            worker = queues.Worker(queue_consumer, handler, EngineLine(engine.port), url, reading.wake)
            worker.start()
            stack.callback(worker.end)
        for consumer in self._consumers:
            consumer.start()
        stack.callback(self._drain, reading, journal)
        mailbox = Mailbox(EngineLine(engine.port), self.home.mail)
        mailbox.start()
        stack.callback(mailbox.end)
        schedules = self.parts.schedules()
        clock = Clock(schedules, self.home.directory / "clock.json", reading.wake)
        clock.start()
        stack.callback(clock.end, _DRAIN_SECONDS)
        threading.Thread(target=self._watch, args=(engine, reading), name="watch", daemon=True).start()
        api = server.ApiServer(app, reserved, reading.wake)
        self.home.publish(settings)
        self.say(self._page(engine, clock, schedules))
        api.serve()
        self._ending = True
        self.say("Ending: finishing what is under way ...")
        api.stop()

    def _make_table(self, line: EngineLine, journal: Journal) -> None:
        wanted = self.parts.table | {"TableName": TABLE}
        try:
            table = line.call("DynamoDB_20120810.DescribeTable", {"TableName": TABLE})["Table"]
        except EngineError as error:
            if "ResourceNotFound" not in str(error):
                raise
            if journal.saved:
                raise StartError(f"The data in {self.home.directory}/state can't be read; move that folder away to begin anew.") from None
            line.call("DynamoDB_20120810.CreateTable", wanted)
            ttl = {"Enabled": True, "AttributeName": self.parts.ttl_attribute}
            line.call("DynamoDB_20120810.UpdateTimeToLive", {"TableName": TABLE, "TimeToLiveSpecification": ttl})
            return
        if _shape(table) != _shape(wanted):
            raise StartError(
                f"The table in {self.home.directory} has other indexes than this version's; move that folder away to begin anew."
            )

    def _offsets(self) -> dict[str, int]:
        return {consumer.mapping.name: consumer.done for consumer in self._consumers}

    @contextmanager
    def _log(self) -> Iterator[None]:
        """The application's lines go to a file: the terminal keeps the page."""
        path = self.home.log
        mode = "w" if path.exists() and path.stat().st_size > _LARGEST_LOG else "a"
        with path.open(mode, buffering=1) as log:
            handler = logging.StreamHandler(log)
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
            root = logging.getLogger()
            root.addHandler(handler)
            with redirect_stdout(log):
                yield
            root.removeHandler(handler)

    def _watch(self, engine: Engine, reading: tap.Tap) -> None:
        """End everything when a part of it has ended by itself."""
        failure: Exception | None = None
        while engine.alive and failure is None and not self._ending:
            time.sleep(0.5)
            failure = reading.failure or next((one.failure for one in self._consumers if one.failure), None)
        if not self._ending:
            what = f"A part of it failed ({failure})" if engine.alive else "The embedded engine ended by itself"
            self.failure = f"{what}; the logs in {self.home.directory} say more. Start again: the journal brings the data back."
            os.kill(os.getpid(), signal.SIGTERM)

    def _drain(self, reading: tap.Tap, journal: Journal) -> None:
        """Let the consumers do what the stream holds, and what comes of that."""
        ends = time.monotonic() + _DRAIN_SECONDS
        while time.monotonic() < ends and reading.failure is None:
            last, looks = journal.last, reading.looks
            reading.wake()
            while reading.looks < looks + 2 and reading.failure is None and time.monotonic() < ends:
                time.sleep(0.005)
                reading.wake()
            if journal.last == last and all(consumer.idle for consumer in self._consumers):
                break
        for consumer in self._consumers:
            consumer.end()

    def _save(self, reading: tap.Tap, journal: Journal, engine: Engine) -> None:
        reading.end()
        if reading.failure is None and tap.checkpoint(journal, engine.save):
            self.say("Saved. Goodbye.")
        else:
            self.say("It could not save; the next start puts back what the journal holds.")

    def _page(self, engine: Engine, clock: Clock, schedules: list[Schedule]) -> str:
        url, place = f"http://127.0.0.1:{self.port}", _shown(self.home.directory)
        lines = [
            "",
            "  Valhalla is ready.",
            "",
            f"  API             {url}",
            f"  Documentation   {url}/docs   {url}/redoc   {url}/openapi.json",
            f"  Health          {url}/health/ready",
            f'  Administrator   {place}/admin-token   curl -H "Authorization: Bearer $(cat {place}/admin-token)" {url}/auth/me',
            f"  Mail sent       {place}/mail/",
            f"  Log             {place}/valhalla.log",
            f"  AWS engine      {engine.url}   (table {TABLE}; settings for other shells in {place}/environment)",
        ]
        if schedules:
            lines += ["", "  Schedules (UTC); run one now with: python -m local tick NAME"]
            width = max(len(one.name) for one in schedules)
            lines += [f"    {one.name:{width}}  {one.expression:26}  next {clock.due[one.name]:%Y-%m-%d %H:%M}" for one in schedules]
        return "\n".join([*lines, "", "  Ctrl-C ends all of it; the data stays.", ""])


def _shown(path: Path) -> Path:
    """A path as a person here would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _shape(table: dict[str, Any]) -> Any:
    """What of a table's definition decides how its items are found."""
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

    before = {one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
