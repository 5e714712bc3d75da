"""Runs the schedules as EventBridge would: cron(…) and rate(…), in UTC, by the local clock.

A time that passed while the system was not running, or was moved past, is made up for once: scheduled work finds what is due by itself,
so one run does what the missed ones would have done. What fell due runs in the order in which it did.
"""

import fcntl
import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from aws_croniter import AwsCroniter

from chalicelib.foundation.manifest import Schedule, import_string
from local.gateway import LambdaContext

_RATE = re.compile(r"rate\(([1-9][0-9]*) (minute|minutes|hour|hours|day|days)\)")
_CRON = re.compile(r"cron\((.+)\)")
_POLL_SECONDS = 1.0  # how often the schedules are checked
_TIMEOUT = 900.0  # seconds, the longest that Lambda runs a function

Clock = Callable[[], datetime]

logger = logging.getLogger("valhalla.local")


class BusyError(Exception):
    """Another process runs what is due."""


def utc_now() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


def next_time(expression: str, after: datetime) -> datetime:
    """When a schedule is due next, strictly after an instant (UTC). Raises ValueError for what EventBridge wouldn't take.

    A rate counts from `after`, as EventBridge counts from when the rule was made.
    """
    if period := _period(expression):
        return after + period
    due: datetime | None = _cron(expression).get_next(after, 1)[0]
    if due is None:
        raise ValueError(f"{expression} never comes again.")
    return due


def last_time(expression: str, due: datetime, until: datetime) -> datetime:
    """When a schedule that is due at `due` is due for the last time up to an instant that isn't before that."""
    if period := _period(expression):
        return due + (until - due) // period * period
    last: datetime | None = _cron(expression).get_prev(until, 1, inclusive=True)[0]
    return due if last is None else max(due, last)


def _period(expression: str) -> timedelta | None:
    rate = _RATE.fullmatch(expression)
    if rate is None:
        return None
    count, unit = int(rate[1]), rate[2]
    if (count == 1) == unit.endswith("s"):
        raise ValueError(f"{expression}: 1 goes with minute, hour or day; more with minutes, hours or days.")
    return timedelta(**{unit if unit.endswith("s") else f"{unit}s": count})


def _cron(expression: str) -> AwsCroniter:
    cron = _CRON.fullmatch(expression)
    if cron is None:
        raise ValueError(f"{expression} is neither cron(…) nor rate(…).")
    return AwsCroniter(cron[1])


def scheduled_event(schedule: Schedule, due: datetime) -> dict[str, Any]:
    """EventBridge's event for a scheduled rule."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [f"arn:aws:events:us-east-1:000000000000:rule/{schedule.name}"],
        "detail": {},
    }


def run(schedule: Schedule, due: datetime) -> Any:
    """Run a schedule's function now, with the event it would get; returns what it returns."""
    return import_string(schedule.function)(scheduled_event(schedule, due), LambdaContext(schedule.name, timeout_seconds=_TIMEOUT))


class Timetable:
    """When each schedule is due next: a file that two processes share, the one of the functions and the command that moves the clock.

    Whoever has its `turn` runs what is due, and nobody else meanwhile. `due` is as of the last turn.
    """

    def __init__(self, schedules: Iterable[Schedule], state_file: Path, clock: Clock = utc_now) -> None:
        self._schedules = {schedule.name: schedule for schedule in schedules}
        self._state_file, self._clock = state_file, clock
        self._lock_file = state_file.with_suffix(".lock")
        self._at_once: set[str] = set()
        self.due: dict[str, datetime] = {}
        self.due = self._read()

    def _read(self) -> dict[str, datetime]:
        now = self._clock()
        return {
            name: self._remembered(name) or self.due.get(name) or next_time(schedule.expression, now)
            for name, schedule in self._schedules.items()
        }

    def _remembered(self, name: str) -> datetime | None:
        """When it was due as of the last run of the system, if its expression is still the same."""
        try:
            entry = json.loads(self._state_file.read_text())[name]
            same = entry["expression"] == self._schedules[name].expression
            return datetime.fromisoformat(entry["due"]) if same else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _remember(self) -> None:
        entries = {
            name: {"expression": schedule.expression, "due": self.due[name].isoformat()} for name, schedule in self._schedules.items()
        }
        staged = self._state_file.with_suffix(".new")
        staged.write_text(json.dumps(entries, indent=1))
        staged.replace(self._state_file)

    @contextmanager
    def turn(self, *, wait: bool) -> Iterator[None]:
        """Hold the right to run what is due. Raises BusyError where another process has it and this one doesn't wait."""
        with self._lock_file.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise BusyError from None
            self.due = self._read()
            while self._at_once:
                name = self._at_once.pop()
                self.due[name] = min(self.due[name], self._clock())
            self._remember()
            yield

    def run_at_once(self, names: Iterable[str]) -> None:
        """Let these schedules be due with the next turn."""
        self._at_once.update(self._schedules.keys() & set(names))

    @property
    def waits(self) -> bool:
        """Whether anything is due."""
        now = self._clock()
        return bool(self._at_once) or any(due <= now for due in self.due.values())

    def due_until(self, instant: datetime) -> list[tuple[datetime, str]]:
        """What falls due up to an instant, each at the last time that it does, in the order of these times."""
        return sorted((last_time(self._schedules[name].expression, due, instant), name) for name, due in self.due.items() if due <= instant)

    def run_due(self) -> Iterator[Any]:
        """Run what is due, each once however often it was missed, in the order in which it fell due; for whoever has the turn."""
        now = self._clock()
        for _, name in sorted((due, name) for name, due in self.due.items() if due <= now):
            yield self.run(name)

    def run(self, name: str) -> Any:
        """Run one that is due, for whoever has the turn. Returns the run's record; one that fails is logged, and has its next time."""
        schedule, due = self._schedules[name], self.due[name]
        self.due[name] = next_time(schedule.expression, self._clock())
        self._remember()
        try:
            return run(schedule, due)
        except Exception as error:
            logger.exception("The schedule %s failed", name)
            return {"schedule": name, "error": type(error).__name__}


class Scheduler(threading.Thread):
    """Runs each schedule of a timetable when it is due. `settle` waits before that until the stream's consumers have caught up.

    Without it, after days of standing still, what the stream still holds would be taken for lost.
    """

    def __init__(self, timetable: Timetable, settle: Callable[[threading.Event], object] = lambda _: None) -> None:
        super().__init__(name="scheduler", daemon=True)
        self.timetable, self._settle = timetable, settle
        self._stopping = threading.Event()

    def run(self) -> None:
        """Run what is due until `stop`."""
        with self.timetable.turn(wait=True):
            pass  # from now on it is remembered what is due when
        while True:
            try:
                self.poll()
            except Exception:  # the engine doesn't respond, the disk is full: it may at the next look
                logger.exception("The schedules could not be run")
            if self._stopping.wait(_POLL_SECONDS):
                return

    def poll(self) -> None:
        """Run what is due, unless the command that moves the clock does."""
        if not self.timetable.waits:
            return
        self._settle(self._stopping)
        try:
            with self.timetable.turn(wait=False):
                for _ in self.timetable.run_due():
                    if self._stopping.is_set():
                        return
        except BusyError:
            return

    def stop(self, timeout: float) -> None:
        """Stop after the current run; wait for it at most `timeout` seconds."""
        self._stopping.set()
        self.join(timeout)
