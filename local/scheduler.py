"""Runs the schedules as EventBridge would: cron(…) and rate(…), in UTC.

A time that passed while the system was not running is made up for once, at the next start: scheduled work finds what is due
by itself, so one run does what the missed ones would have done.
"""

import json
import logging
import re
import threading
from collections.abc import Iterable
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

logger = logging.getLogger("valhalla.local")


def next_time(expression: str, after: datetime) -> datetime:
    """When a schedule is due next, strictly after an instant (UTC). Raises ValueError for what EventBridge wouldn't take.

    A rate counts from `after`, as EventBridge counts from when the rule was made.
    """
    if rate := _RATE.fullmatch(expression):
        count, unit = int(rate[1]), rate[2]
        if (count == 1) == unit.endswith("s"):
            raise ValueError(f"{expression}: 1 goes with minute, hour or day; more with minutes, hours or days.")
        return after + timedelta(**{unit if unit.endswith("s") else f"{unit}s": count})
    if cron := _CRON.fullmatch(expression):
        due: datetime | None = AwsCroniter(cron[1]).get_next(after, 1)[0]
        if due is None:
            raise ValueError(f"{expression} never comes again.")
        return due
    raise ValueError(f"{expression} is neither cron(…) nor rate(…).")


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


class Scheduler(threading.Thread):
    """Runs each schedule when it is due. `state_file` is the file that remembers when each is due next."""

    def __init__(self, schedules: Iterable[Schedule], state_file: Path) -> None:
        super().__init__(name="scheduler", daemon=True)
        self._schedules = {schedule.name: schedule for schedule in schedules}
        self._state_file = state_file
        self._stopping = threading.Event()
        now = datetime.now(UTC)
        self.due = {name: self._remembered(name) or next_time(schedule.expression, now) for name, schedule in self._schedules.items()}

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

    def run(self) -> None:
        """Run what is due until `stop`."""
        self._remember()
        while not self._stopping.wait(_POLL_SECONDS):
            self.poll(datetime.now(UTC))

    def poll(self, now: datetime) -> None:
        """Run what is due; each once, however often it was missed."""
        for name, schedule in self._schedules.items():
            due = self.due[name]
            if due > now or self._stopping.is_set():
                continue
            self.due[name] = next_time(schedule.expression, now)
            self._remember()
            try:
                run(schedule, due)
            except Exception:
                logger.exception("The schedule %s failed", name)

    def stop(self, timeout: float) -> None:
        """Stop after the current run; wait for it at most `timeout` seconds."""
        self._stopping.set()
        self.join(timeout)
