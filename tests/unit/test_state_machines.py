"""The state machine kit, and every machine of the system held to its own data."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st

from chalicelib.foundation.errors import Conflict, Forbidden, InvalidTransition, Problem, ValidationFailed
from chalicelib.foundation.state_machine import (
    SYSTEM,
    Guard,
    Lock,
    RequiredField,
    StateMachine,
    Transition,
    is_above_zero,
    is_present,
)
from chalicelib.packs.contracts.rules import statuses as contract_statuses
from chalicelib.packs.dispositions.rules import assignments
from chalicelib.packs.documents.rules import statuses as route_statuses
from chalicelib.packs.finalization.rules import items as item_rules
from chalicelib.packs.handoffs.rules import statuses as packet_statuses
from chalicelib.packs.handoffs.rules.content import NO_PARTS
from chalicelib.packs.retainers.rules import states as retainer_states
from chalicelib.packs.tasks.rules import statuses as task_statuses
from chalicelib.packs.wholesale.rules import stages
from tests.state_machines import Everyone, machines, verify_transitions, verify_walks

MACHINES = machines()
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PRICES = st.sampled_from([None, Decimal(118000), Decimal(131000)])

# What guards and locks decide on, by the machine's name. A machine that has some is added here.
READY_PARTS = {
    **NO_PARTS,
    "risk_status": "watch",
    "summary": "Two reports are missing.",
    "action_list": [{"action": "Order them", "owner": "user_ann", "due_on": "2026-12-01"}],
}
FACTS: dict[str, st.SearchStrategy[Any]] = {
    "pipeline": st.builds(
        stages.StageFacts,
        dead_reason=st.sampled_from([None, "price", stages.DO_NOT_CONTACT]),
        deal_finalized=st.booleans(),
    ),
    "assignment": st.builds(
        assignments.TransitionFacts,
        now=st.just(NOW),
        today=st.just(date(2026, 3, 10)),
        pipeline_stage=st.sampled_from(["under_contract", *stages.STAGES]),
        contract_price=PRICES,
        price=PRICES,
        buyer=st.builds(assignments.BuyerStatus, is_active=st.booleans(), do_not_contact=st.booleans()),
        assigned_id=st.sampled_from([None, None, "asgn_1"]),
        expires_at=st.sampled_from([None, NOW, NOW - timedelta(milliseconds=1)]),
        disputed=st.booleans(),
        earnest_money_status=st.sampled_from([None, "received", "disputed"]),
    ),
    "retainer": st.builds(retainer_states.MoveFacts, contract_in_force=st.booleans()),
    "packet": st.builds(packet_statuses.PacketState, st.sampled_from([0, 100]), st.just(()), st.sampled_from([NO_PARTS, READY_PARTS])),
    "document route": st.builds(
        route_statuses.RouteFacts, is_stale=st.booleans(), is_other_document=st.booleans(), has_expired=st.booleans()
    ),
    "contract": st.builds(
        contract_statuses.MoveFacts,
        today=st.just(date(2026, 3, 10)),
        document=st.sampled_from(["none", "promised", "arrived"]),
        approval_stands=st.booleans(),
        has_parties=st.booleans(),
        without_email=st.sampled_from([(), ("p1",)]),
        sign_by=st.sampled_from([None, date(2026, 3, 9), date(2026, 3, 10)]),
    ),
    "item": st.builds(item_rules.MoveFacts, st.sampled_from(item_rules.KINDS)),
    "task": st.builds(task_statuses.TaskFacts, st.sampled_from([(), ("task_1",)]), st.sampled_from([(), ("Sign it",)])),
}


@pytest.mark.parametrize("where", MACHINES)
def test_each_transition_requires_what_the_data_says(where):
    machine = MACHINES[where]
    verify_transitions(machine, FACTS.get(machine.name, st.none()))


@pytest.mark.parametrize("where", MACHINES)
def test_walks_follow_the_data(where):
    machine = MACHINES[where]
    verify_walks(machine, FACTS.get(machine.name, st.none()))


def test_names_are_unique_and_each_entry_of_facts_is_used():
    names = [machine.name for machine in MACHINES.values()]
    assert len(names) == len(set(names))
    assert set(FACTS) <= set(names)


# -- the kit itself, by a machine that has everything


@dataclass(frozen=True)
class Facts:
    closed: bool = False
    has_document: bool = True
    is_late: bool = False
    open_tasks: tuple[str, ...] = ()


class NotReady(Problem):
    kind = "not-ready"


LATE: Guard[Facts] = Guard("late", "It is late.", lambda facts: not facts.is_late, overridable=True)
DOCUMENT: Guard[Facts] = Guard("document_missing", "It has no document.", lambda facts: facts.has_document)
TASKS: Guard[Facts] = Guard(
    "tasks", "", lambda facts: not facts.open_tasks, problem=lambda facts: NotReady("Not yet.", open=list(facts.open_tasks))
)
STATES = ("draft", "sent", "signed", "void")
CONTRACT: StateMachine[Facts] = StateMachine(
    "agreement",
    STATES,
    [
        Transition("draft", "sent", permissions=("x:send", "x:admin"), guards=(DOCUMENT, LATE)),
        Transition("draft", "draft", note_required=True),
        Transition("sent", "signed", initiator=SYSTEM),
        Transition("sent", "signed", permissions=("x:attest",), required=(RequiredField("evidence.hash"),), guards=(TASKS,)),
        Transition("sent", "draft", reasons=("recalled", "other"), clears=("signatures",)),
        Transition("sent", "void", initiator="deals", reasons=("deal_dead",)),
        Transition("draft", "void", permissions=("x:send",), reasons=("wrong", "other"), note_required=True, guards=(TASKS,)),
    ],
    initial=("draft", "sent"),
    required={"sent": (RequiredField("value", "sent needs it, above zero", is_above_zero), RequiredField("parties"))},
    locks={"sent": (Lock(lambda facts: facts.closed, "Its deal is closed."),)},
    hints={("sent", "void"): "Cancel the deal.", ("signed", "draft"): "Make a new one."},
)
FACTS_OF_CONTRACT = st.builds(Facts, st.booleans(), st.booleans(), st.booleans(), st.sampled_from([(), ("task_1",)]))
GOOD = Facts()


def test_the_kit_holds_a_machine_to_its_data():
    verify_transitions(CONTRACT, FACTS_OF_CONTRACT)
    verify_walks(CONTRACT, FACTS_OF_CONTRACT)


def test_refusals_have_one_order():
    """Everything is wrong at first, and is put right one by one."""
    given: dict[str, Any] = {"actor": None, "reason": None, "note": None, "fields": {}}
    facts = Facts(closed=True, open_tasks=("task_1",), has_document=False)

    def refused(source: str, target: str) -> Problem:
        with pytest.raises(Problem) as problem:
            CONTRACT.check(source, target, facts, **given)
        return problem.value

    assert isinstance(refused("sent", "nowhere"), ValidationFailed)
    assert refused("sent", "sent").detail.endswith("It is there already.")
    assert refused("sent", "draft").detail.endswith("Its deal is closed.")
    assert isinstance(refused("draft", "signed"), InvalidTransition)
    assert isinstance(refused("draft", "void"), Forbidden)
    given["actor"] = Everyone()
    assert refused("draft", "void").members["errors"][0]["loc"] == ["reason"]
    given["reason"] = "wrong"
    assert refused("draft", "void").members["errors"][0]["loc"] == ["note"]
    given["note"] = "why"
    assert refused("draft", "void").members == {"open": ["task_1"]}
    assert [error["loc"] for error in refused("draft", "sent").members["errors"]] == [["value"], ["parties"]]
    given["fields"] = {"value": Decimal(1), "parties": ["one"]}
    assert refused("draft", "sent").members == {"code": "document_missing"}


def test_allowed_is_what_check_lets_through_for_each_initiator():
    assert CONTRACT.allowed("draft", GOOD) == ["sent", "draft", "void"]
    assert CONTRACT.allowed("sent", GOOD) == ["signed", "draft"]
    assert CONTRACT.allowed("sent", GOOD, initiator="deals") == ["signed", "draft", "void"]
    assert CONTRACT.allowed("sent", Facts(closed=True), initiator="deals") == []
    assert CONTRACT.allowed("signed", GOOD) == []
    assert CONTRACT.terminal == ("signed", "void")
    assert CONTRACT.initiators == ("people", SYSTEM, "deals")


def test_an_initiators_own_transition_goes_before_that_of_people():
    assert CONTRACT.check("sent", "signed", GOOD, initiator=SYSTEM).initiator == SYSTEM
    with pytest.raises(ValidationFailed):
        CONTRACT.check("sent", "void", GOOD, initiator="deals", reason="wrong")
    assert CONTRACT.check("sent", "draft", GOOD, initiator=SYSTEM, reason="recalled").initiator == "people"


def test_a_hint_says_what_to_do_instead():
    for source, target, hint in [("sent", "void", "Cancel the deal."), ("signed", "draft", "Make a new one.")]:
        with pytest.raises(InvalidTransition) as refused:
            CONTRACT.check(source, target, GOOD)
        assert refused.value.detail == f"The agreement can't go from {source} to {target}. {hint}"
    with pytest.raises(InvalidTransition, match="It was signed by hand"):
        CONTRACT.transition("signed", "draft", GOOD, hint="It was signed by hand.")


def test_an_override_skips_only_what_can_be_overridden():
    given = {"actor": Everyone(), "fields": {"value": 1, "parties": ["one"]}}
    CONTRACT.check("draft", "sent", Facts(is_late=True), overridden=True, **given)
    with pytest.raises(Conflict) as refused:
        CONTRACT.check("draft", "sent", Facts(is_late=True, has_document=False), overridden=True, **given)
    assert refused.value.members == {"code": "document_missing"}


def test_several_permissions_are_named_in_the_refusal():
    with pytest.raises(Forbidden, match="one of the permissions x:send, x:admin"):
        CONTRACT.check("draft", "sent", GOOD, actor=Everyone([]))


def test_creation_holds_to_the_initial_states_and_their_fields():
    CONTRACT.check_initial("draft", {})
    with pytest.raises(ValidationFailed) as refused:
        CONTRACT.check_initial("sent", {"parties": ["one"]})
    assert refused.value.members["errors"] == [{"loc": ["value"], "message": "sent needs it, above zero", "type": "value_error"}]
    with pytest.raises(ValidationFailed, match="an agreement begins in one of draft, sent"):
        CONTRACT.check_initial("signed", {})
    assert CONTRACT.missing_fields("sent", {}) == ["value", "parties"]


def test_cleared_fields_are_those_of_the_transition():
    assert CONTRACT.cleared_fields("sent", "draft") == ("signatures",)
    assert CONTRACT.cleared_fields("draft", "sent") == CONTRACT.cleared_fields("signed", "draft") == ()


def test_a_machine_that_decides_on_facts_is_not_asked_without():
    for ask in (lambda: CONTRACT.allowed("sent"), lambda: CONTRACT.check("draft", "void", actor=Everyone(), reason="wrong", note="why")):
        with pytest.raises(TypeError, match="decides on facts"):
            ask()
    assert CONTRACT.allowed("draft") == ["sent", "draft", "void"]
    with pytest.raises(ValueError, match="no state"):
        CONTRACT.allowed("nowhere", GOOD)


@pytest.mark.parametrize(
    ("states", "transitions", "more", "why"),
    [
        (["a", "b"], [Transition("a", "b"), Transition("a", "b")], {}, "twice"),
        (["a"], [Transition("a", "b")], {}, "has no b"),
        (["a", "b"], [Transition("a", "b")], {"hints": {("a", "c"): "no"}}, "has no c"),
        (["a", "b"], [Transition("a", "b")], {"required": {"d": ()}}, "has no d"),
        (["a", "b", "c"], [Transition("a", "b"), Transition("c", "b")], {}, "nothing leads to c"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(states, transitions, more, why):
    with pytest.raises(ValueError, match=why):
        StateMachine("thing", states, transitions, **more)


def test_what_counts_as_present_and_as_above_zero():
    assert all(is_present(value) for value in (0, False, "x", [0], Decimal(0)))
    assert not any(is_present(value) for value in (None, "", [], {}, ()))
    assert all(is_above_zero(value) for value in (1, Decimal("0.01")))
    assert not any(is_above_zero(value) for value in (None, 0, Decimal(-1), True, "1", 0.5))
