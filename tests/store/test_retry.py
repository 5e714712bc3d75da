"""A use case that meets another's write is run again, from the start."""

import pytest

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Unavailable, VersionConflict
from chalicelib.foundation.store.retry import retry_on_conflict


def test_it_is_run_until_nobody_gets_in_between(context):
    runs = []

    @retry_on_conflict
    def edit(ctx: Context, id: str, *, name: str) -> str:
        """Edit it."""
        runs.append(ctx.request_id)
        if len(runs) < 3:
            raise VersionConflict
        return f"{id} {name}"

    ctx = context("operator")
    assert edit(ctx, "thing_1", name="lamp") == "thing_1 lamp"
    assert runs == [ctx.request_id] * 3
    assert (edit.__name__, edit.__doc__) == ("edit", "Edit it.")


def test_a_problem_is_no_conflict(context):
    runs = []

    @retry_on_conflict
    def edit(ctx: Context) -> None:
        runs.append(1)
        raise Conflict("No.")

    with pytest.raises(Conflict):
        edit(context("operator"))
    assert len(runs) == 1


def test_it_ends_with_the_requests_time(context):
    ctx = context("operator")
    ctx.store.remaining_seconds = lambda: 0

    @retry_on_conflict
    def edit(ctx: Context) -> None:
        raise VersionConflict

    with pytest.raises(Unavailable):
        edit(ctx)
