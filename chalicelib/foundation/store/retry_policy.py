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

    `attempts` are the calls of one operation on a table that is busy or unreachable. `conflict_attempts` are its runs against others'
    writes: somebody got on each time, so these are more, and not paid for. `share_of_time` is what a request may wait, of the time that is left
    at its first failure. A retry costs one of the `budget`; an operation that succeeds gives back what its retries cost, and
    `budget_share` on top.
    """

    attempts: int = 5
    conflict_attempts: int = 15
    base_delay: float = 0.05
    max_delay: float = 1.0
    share_of_time: float = 0.125
    budget: float = 20.0
    budget_share: float = 0.2


RETRY_AFTER = 2  # seconds that a refused caller is asked to wait
REQUESTS = RetryPolicy()
# An operator's command has the table to itself, as a rule, and rather waits for it than ends half done.
COMMANDS = RetryPolicy(attempts=50, conflict_attempts=50, share_of_time=1.0, budget=float("inf"))


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
    """How long one request may still wait for the table: a share of the time that it has left at its first failure."""

    def __init__(self, policy: RetryPolicy, remaining_seconds: Callable[[], float]) -> None:
        self._remaining_seconds, self._share = remaining_seconds, policy.share_of_time
        self._left: float | None = None

    def spend(self, seconds: float) -> None:
        """Count a wait, or a call that failed again."""
        self._left = self._seconds() - seconds

    def allows(self, wait: float) -> bool:
        """Whether there is time for a wait."""
        return wait < min(self._seconds(), self._remaining_seconds())

    def _seconds(self) -> float:
        if self._left is None:
            self._left = self._remaining_seconds() * self._share
        return self._left


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
        self._woke: float | None = None  # the end of the last wait

    def wait(self, cause: Exception | None = None) -> int:
        """Wait before the next attempt; returns what it costs the budget. `cause` is what failed; None where a batch was done in part.

        Raises Unavailable where there may be no further attempt.
        """
        if self._woke is not None:
            self._patience.spend(self._clock() - self._woke)
        policy = self._policy
        delay = min(policy.max_delay, policy.base_delay * 2.0 ** (self._busy + self._conflicts))
        wait = random.uniform(0, delay)  # noqa: S311 - jitter, not a secret
        cost = 0 if is_conflict(cause) else 1
        if not self._has_attempts(cost) or not self._patience.allows(wait) or (cost and not self._budget.take()):
            raise Unavailable("The store is busy; nothing is lost.", retry_after=RETRY_AFTER) from cause
        self._patience.spend(wait)
        self._sleep(wait)
        self._woke = self._clock()
        return cost

    def _has_attempts(self, cost: int) -> bool:
        self._busy += cost
        self._conflicts += 1 - cost
        return self._busy < self._policy.attempts and self._conflicts < self._policy.conflict_attempts

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
