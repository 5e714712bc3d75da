"""Any walk through a contract: what the rules allow works, everything else is refused, and all stays in agreement."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.store import table
from tests.conftest import TABLE
from tests.packs.contracts.contracts_client import ANN, C, ContractsClient, gate, kept, link_of, signing, upload

MOVES = ("under_review", "approved", "draft", "sent", "signed", "terminated", "archived")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.sampled_from(MOVES)),
        st.tuples(st.just("move"), st.sampled_from(("under_review", "approved", "sent"))),
        st.tuples(st.just("edit"), st.sampled_from(("A", "B"))),
        st.tuples(st.just("sign"), st.just("")),
        st.tuples(st.just("decline"), st.just("")),
    ),
    max_size=16,
)
# source → target → the reason that people give
TABLE_OF_MOVES: dict[str, dict[str, str | None]] = {
    "draft": {"under_review": None, "archived": None},
    "under_review": {"approved": None, "draft": "changes_requested", "archived": None},
    "approved": {"sent": None, "draft": "rework", "archived": None},
    "sent": {"draft": "recalled"},
    "signed": {"terminated": "mutual", "archived": None},
    "declined": {"archived": None},
    "terminated": {"archived": None},
    "archived": {},
}


class Model:
    """What should be, told without the service."""

    def __init__(self) -> None:
        self.status, self.version, self.title = "draft", 1, "A"
        self.approvals: list[bool] = []  # whether each stands
        self.signatures: list[bool] = []
        self.token: str | None = None

    def move(self, target: str) -> int:
        if target not in TABLE_OF_MOVES[self.status]:
            return 409
        self.status = target
        self.version += target in ("under_review", "approved")
        if target == "approved":
            self.approvals.append(True)
        if target == "draft":
            self.approvals, self.signatures = [False] * len(self.approvals), [False] * len(self.signatures)
        return 200

    def edit(self, title: str) -> int:
        if self.status != "draft":
            return 409
        self.title = title
        return 200

    def by_link(self, to: str) -> int:
        if self.token is None or (self.status != "sent" and self.status != to):
            return 404
        if self.status == "sent":
            self.status = to
            self.version += to == "signed"
            self.signatures += [True] * (to == "signed")
        return 200


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_any_walk(as_, anonymous, runtime, clock, steps):
    runtime.dynamodb.delete_table(TableName=TABLE)
    table.create(runtime.dynamodb, TABLE)
    everybody, model = as_("operator", "counsel"), Model()
    deal = everybody.deal()
    id = everybody.contract(deal, title="A", parties=[ANN])
    upload(everybody, id)
    for step, what in steps:
        clock.now += timedelta(seconds=1)
        answer, expected = act(everybody, anonymous, model, id, step, what)
        assert answer.status == expected, f"{step} {what} in {model.status}: {answer.text}"
        if (step, what, expected) == ("move", "sent", 200):
            model.token = link_of(runtime, ANN, id)
    agree(everybody, runtime, model, deal, id)


def act(client: ContractsClient, anonymous: Any, model: Model, id: str, step: str, what: str) -> tuple[Any, int]:
    if step == "move":
        body = {"status": what, "reason": TABLE_OF_MOVES[model.status].get(what) or "mutual", "note": "n"}
        if what == "signed":  # it has a party: in no status do people get it there
            answer = client.call("PATCH", f"{C}/{id}/status", {**body, "document_sha256": "a" * 64})
            return answer, 409
        return client.call("PATCH", f"{C}/{id}/status", body), model.move(what)
    if step == "edit":
        return client.call("PATCH", f"{C}/{id}", {"title": what}), model.edit(what)
    token = model.token or "A" * 43
    if step == "sign":
        return anonymous("POST", f"/s/{token}", signing(client, id)), model.by_link("signed")
    return anonymous("POST", f"/s/{token}/decline", {"reason": "price"}), model.by_link("declined")


def agree(client: ContractsClient, runtime: Any, model: Model, deal: str, id: str) -> None:
    """The table says what the model says, wherever one looks."""
    seen = client.read(id)
    assert (seen["status"], seen["version"], seen["title"]) == (model.status, model.version, model.title)
    assert [one["void"] is None for one in seen["approvals"]] == model.approvals
    assert [one["void"] is None for one in seen["signatures"]] == model.signatures
    fixed = model.status in ("under_review", "approved", "sent", "signed")
    assert gate(runtime, deal).get("contracts", []) == ([f"{id}={seen['content_hash']}"] if fixed else [])
    assert gate(runtime, deal)["refs"] == 1
    versions = client.list(f"{C}/{id}/versions")
    assert [row["version"] for row in versions] == list(range(model.version, 1, -1))
    assert [row["id"] for row in client.list(status=model.status)] == [id]
    assert kept(runtime, id).in_force(runtime.context(request_id="r").today) == (model.status == "signed")
