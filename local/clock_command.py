"""Moving the time of the running local system: `python -m local clock`.

A day at a time, so that what looks back a day, or warns days ahead, sees each day. A schedule runs once a day, at the last time of the day at
which it is due: days in their order, and within one the schedules in the order of these times. Before the time moves, the stream and the
queues are idle: what they hold would else be taken for days old.
"""

import contextlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from local import sqs
from local.clock import LocalClock
from local.components import Components
from local.engine import EngineClient
from local.scheduler import BusyError, Timetable
from local.workspace import Workspace

_DAY = timedelta(days=1)
_END = datetime(2100, 1, 1, tzinfo=UTC)
_SPAN = re.compile(r"(?:[0-9]{1,6}[wdhm])+")
_PART = re.compile(r"([0-9]+)([wdhm])")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
_IDLE_SECONDS = 15.0  # how long is waited for the stream and the queues
_POLL_SECONDS = 0.02

Goal = Callable[[], datetime]  # the instant that the time is to come to, as of now


class MoveError(Exception):
    """The time can't be moved there; the message is the one line that says why."""


def goal(clock: LocalClock, ahead: str | None, to: str | None) -> Goal:
    """Where the options lead: so far ahead of the machine, or to an instant; nowhere where they name nothing. Raises MoveError."""
    span = timedelta(0)
    if ahead is not None:
        if ahead.startswith("-"):
            raise _backwards(clock)
        if not _SPAN.fullmatch(ahead):
            raise MoveError(f"--ahead takes weeks, days, hours, minutes, such as 2w, 3d, 12h, 90m or 1d12h, not {ahead!r}.")
        span = sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in _PART.findall(ahead)), span)
    if to is None:
        in_all = clock.ahead + span
        _check_end(clock, in_all)
        return lambda: datetime.now(UTC) + in_all
    try:
        given = datetime.fromisoformat(to)
        instant = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except (ValueError, OverflowError):
        raise MoveError(f"--to takes an instant such as 2027-01-31T09:00, 2027-01-31T09:00-08:00 or 2027-01-31, not {to!r}.") from None
    if instant < clock():
        raise _backwards(clock)
    _check_end(clock, instant - datetime.now(UTC))
    return lambda: instant


def _check_end(clock: LocalClock, ahead: timedelta) -> None:
    if ahead > _END - datetime.now(UTC):
        raise MoveError(f"It is {clock.shown()}, and can't be moved beyond 2099.")


def _backwards(clock: LocalClock) -> MoveError:
    return MoveError(
        f"It is {clock.shown()}, and time goes forward only: the data knows it. For the machine's time begin anew: end the "
        "system, move its folder .local away, start it."
    )


def move(workspace: Workspace, components: Components, ahead: str | None, to: str | None, *, at_once: bool) -> None:
    """Move the time where the options lead and print the record of each run, as a line of JSON; the runs' own output goes to the log.

    A day at a time, or `at_once`, in one step: then each schedule that fell due runs once, late. Raises MoveError or EngineError.
    """
    timetable = Timetable(components.schedules(), workspace.schedule_state, workspace.clock)
    settings = workspace.read_environment()
    client = EngineClient.of(settings)
    records, before = sys.stdout, workspace.clock.ahead
    with contextlib.closing(client), _turn(timetable):
        there = goal(workspace.clock, ahead, to)  # as it is when nobody else moves it
        names = [mapping.name for mapping, _ in components.consumers()]
        idle = _Idle(client, names, [settings[sqs.setting(consumer)] for consumer, _ in components.queues()])
        steps = _in_one_step if at_once else _day_by_day
        try:
            with workspace.log.open("a") as log, contextlib.redirect_stdout(log):
                for record in steps(workspace, timetable, there, idle):
                    print(json.dumps(record, default=str), file=records, flush=True)
                idle.wait()
        finally:
            if workspace.clock.ahead > before and workspace.running:
                components.prepare(workspace)


@contextlib.contextmanager
def _turn(timetable: Timetable) -> Iterator[None]:
    """The right to run what is due, when whoever has it is done."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(timetable.turn(wait=False))
        except BusyError:
            print("Waiting for the schedules that run right now ...", file=sys.stderr)
            stack.enter_context(timetable.turn(wait=True))
        yield


def _day_by_day(workspace: Workspace, timetable: Timetable, there: Goal, idle: "_Idle") -> Iterator[Any]:
    while (end := there()) > (now := workspace.clock()):  # in this order: the goal may move with the machine
        day_end = min(now + _DAY, end)
        for due, name in timetable.due_until(day_end):
            _step(workspace, due, idle)
            yield timetable.run(name)
        _step(workspace, day_end, idle)


def _in_one_step(workspace: Workspace, timetable: Timetable, there: Goal, idle: "_Idle") -> Iterator[Any]:
    idle.wait()
    _step(workspace, there(), idle)
    yield from timetable.run_due()


def _step(workspace: Workspace, instant: datetime, idle: "_Idle") -> None:
    """Move the time, where it hasn't come by itself. Before and after that nothing of the time before is under way."""
    idle.wait()
    if workspace.clock() < instant:
        workspace.move_clock(instant)
        idle.wait()


class _Idle:
    """Waits until the consumers have done what the stream holds, and the queues are empty.

    What can't be done in 15 seconds (a record that fails, a message that is tried again later) is said, and not waited for again.
    """

    def __init__(self, client: EngineClient, consumers: list[str], queue_urls: list[str]) -> None:
        self._client, self._consumers, self._queue_urls = client, consumers, queue_urls
        self._stuck: set[tuple[str, int]] = set()

    def wait(self) -> None:
        """Wait, 15 seconds at most."""
        deadline = time.monotonic() + _IDLE_SECONDS
        while left := self._left() - self._stuck:
            if time.monotonic() > deadline:
                print(f"Going on, though {', '.join(sorted(name for name, _ in left))} isn't idle.", file=sys.stderr)
                self._stuck |= left
                return
            time.sleep(_POLL_SECONDS)

    def _left(self) -> set[tuple[str, int]]:
        """What isn't done: consumers with the number that they are at, queues with the number of their messages."""
        progress = self._client.call("LocalStream.Progress", {})
        offsets = dict.fromkeys(self._consumers, -1) | progress["Offsets"]  # -1: not started yet
        left = {(name, number) for name, number in offsets.items() if number < progress["Last"]}
        for url in self._queue_urls:
            request = {"QueueUrl": url, "AttributeNames": ["All"]}
            attributes = self._client.call("AmazonSQS.GetQueueAttributes", request)["Attributes"]
            if messages := int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"]):
                left.add((f"the queue {url.rpartition('/')[2]}", messages))
        return left
