"""The Lambda functions of the packs' schedules: `wholesale_follow_ups` for the schedule `wholesale-follow-ups`, and so on.

Lambda imports this module, not app.py, and asks it for the function; the pack's module is imported with it.
"""

from collections.abc import Callable
from dataclasses import replace

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.manifest import Schedule, import_string
from chalicelib.foundation.schedules import run_schedule
from chalicelib.functions import process_runtime
from chalicelib.packs import PACKS

_WORK = {schedule.name.replace("-", "_"): schedule for pack in PACKS for schedule in pack.schedules}
# The schedules as they are deployed: `function` is the Lambda function.
SCHEDULES: tuple[Schedule, ...] = tuple(replace(schedule, function=f"{__name__}.{name}") for name, schedule in _WORK.items())


def __getattr__(name: str) -> Callable[[object, object], JsonObject]:
    """The Lambda function of a schedule: runs its work, returns the record of the run."""
    if name not in _WORK:
        raise AttributeError(f"no schedule is named {name}")
    schedule = _WORK[name]
    work = import_string(schedule.function)
    return lambda event, context: run_schedule(schedule.name, work, process_runtime.runtime(), event, context)
