"""How many requests one caller may send in a minute: a quarter of what the stage's gateway takes, over all processes.

A process counts the requests of each caller and adds every tenth of them to a shared row, which answers the count of all processes.
So a request costs a tenth of a write, one of a caller with fewer than ten in a process and minute nothing. Once the count is above the limit,
a process refuses the caller for the rest of the minute without asking the table. What is exceeded is bounded: by nine requests for each
process, and by two limits in the sixty seconds around the turn of a minute.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from chalicelib.foundation import telemetry
from chalicelib.foundation.actor import Actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import RateLimited, Unavailable
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.network import client_network
from chalicelib.foundation.signing import pseudonym

WINDOW = 60  # seconds
SHARE = 4  # one caller gets this part of the stage's throttle: a quarter
BATCH = 10  # requests that a process counts before it adds them to the shared row
_MAX_CALLERS = 1000  # least recently seen ones are forgotten, with up to nine requests each


def caller_of(actor: Actor | None, source_ip: str) -> str:
    """Whom a request counts for: the API key or user, else the client's address."""
    return f"address {client_network(source_ip)}" if actor is None else actor.credential


@dataclass
class _Count:
    """One caller's requests in one window, as this process knows them."""

    window: int
    unreported: int = 0
    is_exceeded: bool = False


class CallerLimit:
    """The counts of one process. `throttle_rate` is what the stage takes, in requests a second; None for no limit. Threads may share it."""

    def __init__(self, throttle_rate: int | None) -> None:
        self.limit = None if throttle_rate is None else max(BATCH, throttle_rate * WINDOW // SHARE)
        self._counts: OrderedDict[str, _Count] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, ctx: Context, caller: str) -> None:
        """Count one request; raises RateLimited beyond the limit. One round trip for every tenth request, else none."""
        if self.limit is None:
            return
        now = int(ctx.now.timestamp())
        window = now - now % WINDOW
        with self._lock:
            count = self._counts.get(caller)
            if count is None or count.window != window:
                count = self._counts[caller] = _Count(window)
            self._counts.move_to_end(caller)
            if len(self._counts) > _MAX_CALLERS:
                self._counts.popitem(last=False)
            count.unreported += 1
            is_due = not count.is_exceeded and count.unreported >= BATCH
            if is_due:
                count.unreported = 0
        if is_due and _add_to_shared(ctx, caller, window) > self.limit:
            count.is_exceeded = True
        if count.is_exceeded:
            raise RateLimited("You send more requests than one caller may.", window + WINDOW - now)


def _add_to_shared(ctx: Context, caller: str, window: int) -> int:
    """Add a batch to the count of all processes; returns that. 0 where the table is busy: a limit is no reason to refuse somebody."""
    try:
        key = ItemKey(f"RATE#calls#{pseudonym(ctx.secrets.personal_key, caller)}#{window}", "R")
        row = ctx.store.update(key, add={"requests": BATCH}, set={"ttl": window + 2 * WINDOW})
    except Unavailable:
        telemetry.log("WARNING", "the requests of a caller were not counted", request_id=ctx.request_id)
        return 0
    return int(row["requests"]["N"])
