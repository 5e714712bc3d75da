"""What a local run is made of: the real components are in `local.wiring`, those of tests are smaller."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.foundation.manifest import QueueConsumer, Schedule, StreamConsumer
from local.clock import LocalClock
from local.consumers import Handler
from local.gateway import App
from local.workspace import Workspace


@dataclass(frozen=True)
class Components:
    """The application and its functions, each made when it is needed.

    `use_clock(clock)` comes first: from then on the application's time is that. `prepare(workspace)` runs on the finished table before
    anything is served, and again after the clock was moved: administrator, token, mail sender. `search_gaps()` is called where the stream
    lost records: it returns the names of the schedules that find and close what is missing, and lets them begin at the beginning.
    """

    table: dict[str, Any]  # CreateTable's arguments
    ttl_attribute: str
    app: Callable[[], App]
    consumers: Callable[[], list[tuple[StreamConsumer, Handler]]]
    queues: Callable[[], list[tuple[QueueConsumer, Handler]]]
    schedules: Callable[[], list[Schedule]]
    use_clock: Callable[[LocalClock], None]
    prepare: Callable[[Workspace], None]
    search_gaps: Callable[[], Sequence[str]]
