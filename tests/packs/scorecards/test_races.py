"""Many at once, on the engine that bears threads: nothing is lost, and what refers to a professional holds them."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.foundation.errors import Conflict, NotFound
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.scorecards import public
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.packs.dispositions.dispositions_client import apply_projections
from tests.packs.scorecards import reference
from tests.packs.scorecards.scorecards_client import PROFESSIONALS, path_of

__all__ = ["dynamodb_local", "dynamodb_local_url"]

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def dynamodb(dynamodb_local: Any) -> Any:
    return dynamodb_local


def at_once(count: int, call: Any) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_interactions_logged_at_once_all_count(scorecards, runtime):
    id = scorecards.professional()
    logged = at_once(20, lambda number: scorecards.log(id, deliverable_quality=number / 20))
    at_once(20, lambda number: scorecards.dispute(logged[number]) if number % 4 == 0 else None)
    apply_projections(runtime)
    view = scorecards.scorecard(id)
    del view["as_of"]
    everybody = {id: scorecards.ok("GET", f"/pros/scorecard/{id}/log", query={"limit": "200"})["items"]}
    assert view == reference.scorecard(id, "lawyer", everybody)
    assert view["counts"]["interactions"] == 15


def test_one_of_many_disputes_it(scorecards):
    logged = scorecards.log(scorecards.professional(), met_deadline=False)
    scorecards.call.be_signed_in()
    answers = at_once(10, lambda number: scorecards.call("POST", f"{path_of(logged)}/dispute", {"reason": f"Reason {number}"}))
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 9}
    assert {answer.json()["code"] for answer in answers if answer.status == 409} == {"disputed"}
    assert sum(one["kind"] == "scorecards.disputed" for one in scorecards.ok("GET", "/events")["items"]) == 1


def test_a_deletion_and_references_at_once_end_in_one_of_both(scorecards, context):
    for _ in range(5):
        id = scorecards.professional()

        def act(number: int, id: str = id) -> str:
            if number == 0:
                return str(scorecards.call("DELETE", f"{PROFESSIONALS}/{id}").status)
            ctx = context("operator")
            tx = Transaction(ctx.store)
            public.add_reference(tx, id)
            try:
                tx.commit()
            except (Conflict, NotFound):
                return "refused"
            return "referred"

        outcome = Counter(at_once(6, act))
        assert outcome in ({"409": 1, "referred": 5}, {"204": 1, "refused": 5}) or outcome["409"] == 1
        if outcome["204"]:
            assert not outcome["referred"]


def test_changes_of_many_fields_at_once_lose_none(scorecards):
    id = scorecards.professional()
    changes = [
        {"name": "Anna"},
        {"jurisdictions": ["WA"]},
        {"specializations": ["tax"]},
        {"role": "broker"},
        {"is_active": False},
        {"notes": "x"},
    ]
    at_once(len(changes), lambda number: scorecards.patch(id, **changes[number]))
    seen = scorecards.read(id)
    assert all(seen[name] == value for change in changes for name, value in change.items())
    assert seen["revision"] == len(changes) + 1
    for query in ({"jurisdiction": "wa"}, {"specialization": "tax"}, {"active": "false"}, {"role": "broker"}):
        assert scorecards.listed(**query) == ["Anna"]


def test_the_role_that_an_interaction_is_logged_under_is_the_one_of_that_moment(scorecards):
    id = scorecards.professional()

    def act(number: int) -> Any:
        return scorecards.patch(id, role="broker") if number == 0 else scorecards.log(id, met_deadline=True)

    at_once(8, act)
    assert scorecards.log(id, met_deadline=True)["role"] == "broker"
