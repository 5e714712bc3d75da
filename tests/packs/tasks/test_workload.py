"""The workload of a professional and of the firm, kept from the stream, and what is estimated of each one's time."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chalicelib.foundation.ids import EXAMPLE_ULID
from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.packs import PACKS
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.tasks import public
from ops.projections import find_drift
from tests.packs.tasks.tasks_client import T, TasksClient

W = f"{T}/workload"


@pytest.fixture
def workload(tasks: TasksClient, project):
    def read(professional=None, client=tasks, **query):
        project()
        return client.ok("GET", W, query={**({"professional_id": professional} if professional else {}), **query})

    return read


def test_of_a_professional_and_of_the_firm(tasks: TasksClient, workload, clock):
    ada, bob, deal = tasks.professional("Ada"), tasks.professional("Bob"), tasks.deal()
    late = tasks.task(deal, ada, due_on="2026-11-20", estimate_hours=1.25)
    tasks.task(deal, ada, due_on="2026-11-24", estimate_hours=2)
    tasks.task(deal, ada, due_on="2026-11-29")
    tasks.task(deal, ada, estimate_hours=0.5)
    tasks.task(deal, bob, due_on="2026-11-30", estimate_hours=8)
    assert workload(ada) == {
        "professional_id": ada,
        "open": 4,
        "overdue": 1,
        "hours_estimated": Decimal("3.75"),
        "by_week": [
            {"week": "2026-11-16", "open": 1, "hours_estimated": Decimal("1.25")},
            {"week": "2026-11-23", "open": 2, "hours_estimated": 2},
            {"week": None, "open": 1, "hours_estimated": Decimal("0.5")},
        ],
    }
    firm = workload()
    assert (firm["professional_id"], firm["open"], firm["overdue"], firm["hours_estimated"]) == (None, 5, 1, Decimal("11.75"))
    assert [week["week"] for week in firm["by_week"]] == ["2026-11-16", "2026-11-23", "2026-11-30", None]
    tasks.move(late, "in_progress", "blocked", reason="client")
    assert workload(ada)["open"] == 4
    tasks.move(late, "in_progress", "done")
    assert (workload(ada)["open"], workload(ada)["overdue"]) == (3, 0)
    tasks.move(late, "in_progress", reason="defect")
    assert (workload(ada)["open"], workload(ada)["overdue"]) == (4, 1)
    tasks.patch(late, professional_id=bob, due_on="2026-12-07", estimate_hours=3)
    assert (workload(ada)["open"], workload(bob)["open"], workload(bob)["hours_estimated"]) == (3, 2, 11)
    tasks.ok("DELETE", f"{T}/{late}")
    assert (workload(bob)["open"], workload(bob)["by_week"]) == (1, [{"week": "2026-11-30", "open": 1, "hours_estimated": 8}])
    clock.now = datetime(2026, 12, 20, 20, tzinfo=UTC)
    assert workload()["overdue"] == 3  # by the day on which it is read


def test_nobody_has_anything_to_do(tasks: TasksClient, workload):
    empty = {"open": 0, "overdue": 0, "hours_estimated": 0, "by_week": []}
    assert workload() == {"professional_id": None, **empty}
    ada = tasks.professional()
    assert workload(ada) == {"professional_id": ada, **empty}


def test_whose(tasks: TasksClient, workload, as_):
    ada, bob = tasks.professional("Ada"), tasks.professional("Bob")
    tasks.task(tasks.deal(), ada)
    me = as_("professional", user="user_ada", professional_id=ada)
    assert workload(client=me) == workload(ada)
    assert workload(ada, client=me)["open"] == 1
    me.expect_error(404, "GET", W, query={"professional_id": bob})
    as_("professional", user="user_none").expect_error(404, "GET", W)
    for unknown in (f"pro_{EXAMPLE_ULID}", "x"):
        tasks.expect_error(404, "GET", W, query={"professional_id": unknown})


def test_it_explains_itself(tasks: TasksClient, workload):
    tasks.task(estimate_hours=1)
    tasks.task()
    explained = workload(explain="true")["explain"]
    assert explained["formula"] == {"id": "tasks.workload", "version": 1}
    assert (explained["inputs"]["tasks_without_estimate"], explained["missing"]) == (1, ["estimate_hours"])


def test_estimates_of_each_professional(tasks: TasksClient, project, context):
    ada, bob, deal = tasks.professional("Ada"), tasks.professional("Bob"), tasks.deal()
    ids = [tasks.task(deal, ada, estimate_hours=hours) for hours in (1.5, 2)]
    tasks.task(deal, bob)
    project()
    assert _estimates(context, ada, bob) == [Decimal("3.5"), 0]
    tasks.finish(ids[0])
    tasks.move(ids[1], "cancelled", reason="duplicate")
    project()
    assert _estimates(context, ada, bob) == [0, 0]


def _estimates(context, *professionals):
    sums = scorecards.read_sums(context("operator"), dict.fromkeys(professionals, "lawyer"))
    return [public.hours_estimated(sums[id].own) for id in professionals]


def test_what_is_kept_is_what_a_recount_finds(tasks: TasksClient, project, runtime):
    deal, professional = tasks.deal(), tasks.professional()
    ids = [
        tasks.task(deal, professional, due_on=day, estimate_hours=hours)
        for day, hours in (("2026-12-01", 1), (None, 2), ("2026-12-01", None))
    ]
    project()
    tasks.finish(ids[0])
    tasks.patch(ids[1], due_on="2026-12-24")
    project()
    tasks.ok("DELETE", f"{T}/{ids[2]}")
    project()
    assert find_drift(runtime.store, ContributionRegistry(PACKS), rounds=1) == []
