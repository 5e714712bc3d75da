"""How calls to the table are repeated: one policy for throttling, lost connections, batches done in part, and conflicts.

Three bounds hold together. An operation is called a few times, loops within loops included. A request waits for a share of its
time altogether. And a process pays for each retry from a budget, as AWS's SDKs do: what helped is given back, so that a table which is briefly
busy is retried freely, and one that fails gets little more than one call an operation, from however many requests.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from botocore.exceptions import ClientError

from chalicelib.foundation.errors import Unavailable, VersionConflict

_BUSY_CODES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "ThrottlingError",
        "RequestLimitExceeded",
        "InternalServerError",
        "ServiceUnavailable",
        "ProvisionedThroughputExceeded",
        "LimitExceededException",
    }
)
_CONFLICT_CODES = frozenset({"TransactionInProgressException", "TransactionConflict", "TransactionConflictException"})


@dataclass(frozen=True)
class RetryPolicy:
    """The numbers. Delays are in seconds, and double from retry to retry; the wait is by chance between zero and the delay.

    `attempts` are the calls of one operation on a table that is busy or unreachable, `conflict_attempts` its runs against others'
    writes: somebody got on each time, so these are more, and not paid for. `share_of_time` and `conflict_share_of_time` are what a request may
    spend on retries, of the time that is left at its first failure: the first while the table is busy. A retry costs one of the `budget`; an operation that succeeds gives back what its retries cost, and
    `budget_share` on top.
    """

    attempts: int = 5
    conflict_attempts: int = 100
    base_delay: float = 0.05
    max_delay: float = 1.0
    share_of_time: float = 0.125
    conflict_share_of_time: float = 0.25
    budget: float = 20.0
    budget_share: float = 0.2


REQUESTS = RetryPolicy()
# An operator's command has the table to itself, as a rule, and rather waits for it than ends half done.
COMMANDS = RetryPolicy(attempts=50, share_of_time=1.0, conflict_share_of_time=1.0, budget=float("inf"))


class RetryBudget:
    """What a process may spend on retries."""

    def __init__(self, policy: RetryPolicy = REQUESTS) -> None:
        self._capacity, self._share = policy.budget, policy.budget_share
        self._tokens = policy.budget
        self._lock = Lock()

    @property
    def is_full(self) -> bool:
        """Whether there is nothing to add to."""
        return self._tokens >= self._capacity

    def take(self) -> bool:
        """Pay for a retry. False where the budget does not have as much."""
        with self._lock:
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    def give(self, spent: float = 0) -> None:
        """Count an operation that succeeded, whose retries had cost `spent`."""
        with self._lock:
            self._tokens = min(self._capacity, self._tokens + spent + self._share)


class Patience:
    """How long one request may go on retrying: a share of the time that it has left at its first failure."""

    def __init__(self, policy: RetryPolicy, remaining_seconds: Callable[[], float]) -> None:
        self._policy, self._remaining_seconds = policy, remaining_seconds
        self._at_first: float | None = None
        self._spent = 0.0

    def spend(self, seconds: float) -> None:
        """Count the time of a wait, and of the call after it."""
        self._spent += seconds

    def allows(self, wait: float, *, is_conflict: bool) -> bool:
        """Whether there is time for a wait."""
        remaining = self._remaining_seconds()
        if self._at_first is None:
            self._at_first = remaining
        share = self._policy.conflict_share_of_time if is_conflict else self._policy.share_of_time
        return self._spent + wait < self._at_first * share and wait < remaining


class Retries:
    """The retries of one operation and of everything within it."""

    def __init__(
        self,
        policy: RetryPolicy,
        budget: RetryBudget,
        patience: Patience,
        *,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._policy, self._budget, self._patience = policy, budget, patience
        self._sleep, self._clock = sleep, clock
        self._busy = self._conflicts = 0
        self._since: float | None = None  # since when the time counts as spent on retries

    def wait(self, cause: Exception | None = None) -> int:
        """Wait before the next attempt; returns what it costs the budget. `cause` is what failed; None where a batch was done in part.

        Raises Unavailable where there may be no further attempt.
        """
        self.stop_clock()
        policy, conflict = self._policy, is_conflict(cause)
        delay = min(policy.max_delay, policy.base_delay * 2.0 ** min(self._busy + self._conflicts, 10))
        wait = random.uniform(0, delay)  # noqa: S311 - jitter, not a secret
        may_wait = self._has_attempts(conflict) and self._patience.allows(wait, is_conflict=conflict)
        if not may_wait or not (conflict or self._budget.take()):
            raise Unavailable("The store is busy; nothing is lost.") from cause
        self._since = self._clock()
        self._sleep(wait)
        return 0 if conflict else 1

    def _has_attempts(self, conflict: bool) -> bool:
        self._conflicts += conflict
        self._busy += not conflict
        return self._busy < self._policy.attempts and self._conflicts < self._policy.conflict_attempts

    def stop_clock(self) -> None:
        """What was repeated has come to an end, good or bad: the time since the wait before it is spent."""
        if self._since is not None:
            self._patience.spend(self._clock() - self._since)
            self._since = None

    def got_on(self) -> None:
        """A part of a batch was done: its next attempt counts as a first one, though it is paid for."""
        self._busy = 0


def is_conflict(error: Exception | None) -> bool:
    """Whether an error says only that somebody else wrote the same rows meanwhile."""
    return isinstance(error, VersionConflict) or (isinstance(error, ClientError) and _codes(error) <= _CONFLICT_CODES)


def is_retryable(error: ClientError) -> bool:
    """Whether the same call may succeed later."""
    codes = _codes(error)
    return bool(codes) and codes <= _BUSY_CODES | _CONFLICT_CODES


def _codes(error: ClientError) -> set[str]:
    """The code of an error; of a cancelled transaction those of its actions."""
    code: str = error.response["Error"]["Code"]
    if code != "TransactionCanceledException":
        return {code}
    return {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", ())} - {"None"}
