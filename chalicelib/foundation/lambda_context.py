"""What a function takes from the context object that Lambda passes; each is absent where a test or a local run calls it."""

from collections.abc import Callable
from uuid import uuid4


def run_id(context: object) -> str:
    """The id of the invocation; a new one where there is none."""
    return getattr(context, "aws_request_id", None) or str(uuid4())


def remaining_seconds(context: object, margin: float) -> Callable[[], float] | None:
    """A function that returns the seconds left until `margin` seconds before the timeout; None where the context knows no timeout."""
    remaining_milliseconds: Callable[[], int] | None = getattr(context, "get_remaining_time_in_millis", None)
    if remaining_milliseconds is None:
        return None
    return lambda: remaining_milliseconds() / 1000 - margin
