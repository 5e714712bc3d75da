"""Optimistic writes: a use case that reads, decides and writes is run again when somebody else wrote in between."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from chalicelib.foundation.store.store import Store


class HasStore(Protocol):
    """What a use case takes first: a Context."""

    @property
    def store(self) -> Store:
        """The request's store."""


C = TypeVar("C", bound=HasStore)
P = ParamSpec("P")
T = TypeVar("T")


def retry_on_conflict(use_case: Callable[Concatenate[C, P], T]) -> Callable[Concatenate[C, P], T]:
    """Run `use_case(ctx, ...)` again, with a pause, each time it raises VersionConflict, as often as `retry_policy` says.

    It must read all that it decides on, and keep nothing from one run to the next: no side effect but its one write at the end.
    Raises Unavailable after that. What is costly and needs no second run (a password's hash) is done by the caller.
    """

    @wraps(use_case)
    def retried(ctx: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return ctx.store.retry_on_conflict(lambda: use_case(ctx, *args, **kwargs))

    return retried
