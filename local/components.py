"""What a local run is made of: the real components are in `local.wiring`, those of tests are smaller."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.foundation.manifest import QueueConsumer, Schedule, StreamConsumer
from local.consumers import Handler
from local.gateway import App
from local.workspace import Workspace


@dataclass(frozen=True)
class Components:
    """The application and its functions, each made when it is needed.

    `prepare(workspace)` runs on the finished table before anything is served: administrator, token, mail sender.
    """

    table: dict[str, Any]  # CreateTable's arguments
    ttl_attribute: str
    app: Callable[[], App]
    consumers: Callable[[], list[tuple[StreamConsumer, Handler]]]
    queues: Callable[[], list[tuple[QueueConsumer, Handler]]]
    schedules: Callable[[], list[Schedule]]
    prepare: Callable[[Workspace], None]
