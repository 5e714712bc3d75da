"""What the tests of retainers share."""

from typing import Any

import pytest

from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.manifest import Pack, SubjectEntry
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs import PACKS
from chalicelib.packs.retainers import schedules
from tests.packs.dispositions.dispositions_client import apply_projections
from tests.packs.retainers.retainers_client import RetainersClient
from tests.streams.conftest import world

__all__ = ["world"]


@pytest.fixture
def retainers(client_as: Any) -> RetainersClient:
    return RetainersClient(client_as("operator"))


@pytest.fixture
def project(runtime: Any) -> Any:
    return lambda: apply_projections(runtime)


@pytest.fixture
def run(run_work: Any) -> Any:
    """Run the schedule now, as its clock does; the run's record."""
    return lambda context=None: run_work(schedules.due, context)


class FakeTask(Entity):
    """What the pack of tasks will bring."""

    KIND = "fake_task"
    ID = IdFormat("task", "task", parents={"d": "deal", "p": "pro"}, row="T")
    professional_id = a.string()


TASK = SubjectAdapter(entity=FakeTask, facts=lambda task: {"professional_id": task.professional_id}, hash_fields=())
FAKE = Pack("M", "fake_tasks", "Fake", "tests", subjects=(SubjectEntry("task", "task", f"{__name__}.TASK"),))


@pytest.fixture
def task(runtime: Any, context: Any) -> Any:
    """`task(deal)`: the id of a task, in a system that has such tasks."""
    others = [pack for pack in PACKS if not any(one.type == "task" for one in pack.subjects)]
    runtime.packs = PackRegistry((*others, FAKE))

    def make(parent: str, professional: str = "pro_x") -> str:
        ctx = context("operator")
        one = FakeTask.new(ctx, id=FakeTask.ID.new(ctx.now, parent), professional_id=professional)
        ctx.store.create(one)
        return one.id

    return make
