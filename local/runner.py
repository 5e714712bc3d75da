"""The system as a whole: what is started in which order, and how it ends without losing anything.

Three processes: this one with the API, the embedded engine with the data, and one with the functions on the stream, queues and schedules.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from chalicelib.foundation.manifest import Schedule, import_string
from chalicelib.foundation.secret_store import completed, new_secrets
from local import functions, server, sqs
from local.clock import ClockFileError
from local.components import Components
from local.engine import Engine, EngineClient, EngineError, UnreadableDataError
from local.scheduler import Timetable
from local.workspace import BUCKETS, FILES, ROOT, TABLE, Workspace

_LARGEST_LOG = 10_000_000
_STOP_SECONDS = functions.DRAIN_SECONDS + 10.0

logger = logging.getLogger("valhalla.local")


class StartError(Exception):
    """It can't start; the message is the one line that says why."""


@dataclass
class Runner:
    """One run of the system from one workspace. `components` is the dotted name of what makes its `Components`."""

    components: str
    workspace: Workspace
    port: int
    print_line: Callable[[str], None]
    failure: str = ""
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
        try:
            _ = self.workspace.clock.ahead
        except ClockFileError as error:
            raise StartError(str(error)) from None
        try:
            engine = Engine(self.workspace.directory)
        except UnreadableDataError as error:
            raise StartError(
                f"The data in {self.workspace.directory} can't be read ({error}); move that folder away to begin anew."
            ) from None
        stack.callback(engine.stop)
        client = engine.client()
        stack.callback(client.close)
        components: Components = import_string(self.components)()
        settings = self.workspace.settings(engine.url, engine.access_key, self.port)
        settings |= {sqs.setting(consumer): sqs.create_queues(client, consumer) for consumer, _ in components.queues()}
        self.workspace.apply_environment(settings)
        now, present = self.workspace.clock(), self.workspace.secrets.exists()
        self.workspace.write_private(
            self.workspace.secrets, completed(self.workspace.secrets.read_text(), now) if present else new_secrets(now)
        )
        components.use_clock(self.workspace.clock)
        self._make_table(client, components)
        for bucket, lock_days in BUCKETS.items():
            origins = settings["VALHALLA_CORS_ORIGINS"].split(",") if bucket == FILES else []
            client.call("LocalStorage.CreateBucket", {"Bucket": bucket, "LockDays": lock_days, "Origins": origins})
        stack.enter_context(self._log())
        others = self._start_functions()
        stack.callback(self._stop_functions, others)
        components.prepare(self.workspace)
        api = server.ApiServer(components.app(), reserved)
        threading.Thread(target=self._watch, args=(engine, others), name="watch", daemon=True).start()
        self.workspace.write_environment(settings)
        self.print_line(self._page(engine, components.schedules()))
        api.serve()
        self._ending = True
        self.print_line("Ending: finishing what is under way ...")
        api.stop()

    def _make_table(self, client: EngineClient, components: Components) -> None:
        definition = components.table | {"TableName": TABLE}
        try:
            table = client.call("DynamoDB_20120810.DescribeTable", {"TableName": TABLE})["Table"]
        except EngineError as error:
            if "ResourceNotFound" not in str(error):
                raise
            client.call("DynamoDB_20120810.CreateTable", definition)
            ttl = {"Enabled": True, "AttributeName": components.ttl_attribute}
            client.call("DynamoDB_20120810.UpdateTimeToLive", {"TableName": TABLE, "TimeToLiveSpecification": ttl})
            return
        if _shape(table) != _shape(definition):
            raise StartError(
                f"The table in {self.workspace.directory} has other indexes than this version's; move that folder away to begin anew."
            )

    def _start_functions(self) -> "subprocess.Popen[str]":
        log = sys.stdout  # the log file by now
        return subprocess.Popen(
            [sys.executable, "-m", "local.functions", self.components],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=log,  # and standard error is the terminal: see there
            start_new_session=True,  # Ctrl-C reaches this process alone, which ends the others in order
            text=True,
        )

    def _stop_functions(self, others: "subprocess.Popen[str]") -> None:
        """Let the functions do what the stream holds, and what comes of that."""
        finished = False
        try:
            others.communicate(functions.STOP, timeout=_STOP_SECONDS)
            finished = others.returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            others.kill()
            others.wait()
        self.print_line("Saved. Goodbye." if finished else "Saved; the next start goes on with what the stream still holds.")

    @contextmanager
    def _log(self) -> Iterator[None]:
        """The application's lines go to a file: the terminal keeps the page."""
        path = self.workspace.log
        mode = "w" if path.exists() and path.stat().st_size > _LARGEST_LOG else "a"
        with path.open(mode, buffering=1) as log:
            handler = logging.StreamHandler(log)
            handler.setFormatter(logging.Formatter(functions.LOG_FORMAT))
            root = logging.getLogger()
            root.addHandler(handler)
            with redirect_stdout(log):
                yield
            root.removeHandler(handler)

    def _watch(self, engine: Engine, others: "subprocess.Popen[str]") -> None:
        """End everything when one of the other processes has ended by itself."""
        while engine.alive and others.poll() is None and not self._ending:
            time.sleep(0.5)
        if not self._ending:
            what = "The process of the functions" if engine.alive else "The embedded engine"
            self.failure = f"{what} ended by itself; the logs in {self.workspace.directory} say more. Start again: nothing is lost."
            os.kill(os.getpid(), signal.SIGTERM)

    def _page(self, engine: Engine, schedules: list[Schedule]) -> str:
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
            f"  Files           {folder}/objects/",
            f"  Log             {folder}/valhalla.log",
            f"  AWS engine      {engine.url}   (table {TABLE}; settings for other shells in {folder}/environment)",
        ]
        if self.workspace.clock.ahead:
            lines.insert(-1, f"  Time            {self.workspace.clock.shown()}")
        if schedules:
            due = Timetable(schedules, self.workspace.schedule_state, self.workspace.clock).due
            lines += ["", "  Schedules (UTC); run one now with: python -m local tick NAME; move the time with: python -m local clock"]
            width = max(len(schedule.name) for schedule in schedules)
            lines += [
                f"    {schedule.name:{width}}  {schedule.expression:26}  next {due[schedule.name]:%Y-%m-%d %H:%M}" for schedule in schedules
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
    """The first signal unwinds in order; one more, when a second has passed, ends at once: everything is stored.

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
