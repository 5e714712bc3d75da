from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.errors import InvalidTransition, ValidationFailed
from chalicelib.packs.wholesale.rules import stages

REASONS = ["price", "title", "seller_withdrew", "lost_to_other", "not_reachable", "inspection", "financing"]
REASONS += ["duplicate", "do_not_contact", "compliance", "other"]
PEOPLES_MOVES = {
    ("lead", "offer_made"),
    ("offer_made", "lead"),
    ("offer_made", "under_contract"),
    ("under_contract", "offer_made"),
    ("lead", "dead"),
    ("offer_made", "dead"),
    ("under_contract", "dead"),
    ("dead", "lead"),
}
ASSIGNMENTS_MOVES = {("under_contract", "assigned"), ("assigned", "under_contract"), ("assigned", "closed")}
STAGES = ["lead", "offer_made", "under_contract", "assigned", "closed", "dead"]
READY = {"offer_price": Decimal(1), "contract_price": Decimal(1), "next_action": {"what": "call"}}


def allowed(stage, *, initiator="people", **facts):
    return stages.MACHINE.allowed(stage, stages.StageFacts(**facts), initiator=initiator)


def check_transition(source, target, fields, *, reason=None, note=None, initiator="people", **facts):
    facts = stages.StageFacts(**facts)
    return stages.MACHINE.check(source, target, facts, initiator=initiator, reason=reason, note=note, fields=fields)


def loc(problem):
    return [".".join(error["loc"]) for error in problem.value.members["errors"]]


@pytest.mark.parametrize("by", ["people", "dispositions"])
@pytest.mark.parametrize("source", STAGES)
@pytest.mark.parametrize("target", STAGES)
def test_only_defined_transitions_succeed(source, target, by):
    permitted = PEOPLES_MOVES if by == "people" else PEOPLES_MOVES | ASSIGNMENTS_MOVES
    expected = {to for at, to in permitted if at == source}
    assert set(allowed(source, initiator=by)) == expected
    if (source, target) in permitted:
        move = check_transition(source, target, READY, reason="price", note="why", initiator=by)
        assert (move.source, move.target) == (source, target)
    else:
        with pytest.raises(InvalidTransition) as refused:
            check_transition(source, target, READY, reason="price", note="why", initiator=by)
        assert refused.value.members["from"] == source
        assert refused.value.members["to"] == target
        assert set(refused.value.members["allowed"]) == expected


def attempt(stage, target, by, reason, dead_reason):
    """The stage after an attempt to move, and the refusal if there was one."""
    try:
        check_transition(stage, target, READY, reason=reason, note="why", initiator=by, dead_reason=dead_reason)
    except (InvalidTransition, ValidationFailed) as refused:
        return stage, refused
    return target, None


@given(st.lists(st.tuples(st.sampled_from(STAGES), st.sampled_from(["people", "dispositions"]), st.sampled_from([*REASONS, None]))))
def test_random_walks_follow_defined_transitions(steps):
    stage, dead_reason, ever = "lead", None, ["lead"]
    for target, by, reason in steps:
        in_table = (stage, target) in PEOPLES_MOVES or (by == "dispositions" and (stage, target) in ASSIGNMENTS_MOVES)
        barred = dead_reason == "do_not_contact"
        after, refused = attempt(stage, target, by, reason, dead_reason)
        if not in_table or barred:
            assert isinstance(refused, InvalidTransition)
            assert refused.members["allowed"] == allowed(stage, initiator=by, dead_reason=dead_reason)
            assert target not in refused.members["allowed"]
        elif target == "dead" and reason is None:
            assert isinstance(refused, ValidationFailed)
        else:
            assert refused is None
            assert (stage, barred) not in [("closed", False), ("dead", True)]
            dead_reason = reason if target == "dead" else None
            ever.append(target)
        stage = after
    assert stages.highest(ever) == [each for each in STAGES[:5] if each in ever][-1]


def test_closed_is_final():
    assert allowed("closed") == allowed("closed", initiator="dispositions") == []


def test_only_the_assignment_changes_an_assigned_pipeline():
    for target, hint in [
        ("dead", "Fall the assignment out first."),
        ("under_contract", "Fall the assignment out"),
        ("closed", "Close the"),
    ]:
        with pytest.raises(InvalidTransition) as refused:
            check_transition("assigned", target, READY, reason="price", note="why")
        assert hint in refused.value.detail
        assert refused.value.members["allowed"] == []


@pytest.mark.parametrize("source", ["lead", "offer_made", "under_contract"])
def test_dead_requires_a_known_reason(source):
    for reason in REASONS:
        check_transition(source, "dead", {}, reason=reason, note="why" if reason == "other" else None)
    for reason in [None, "", "unknown", "PRICE"]:
        with pytest.raises(ValidationFailed) as refused:
            check_transition(source, "dead", {}, reason=reason, note="why")
        assert loc(refused) == ["reason"]
    with pytest.raises(ValidationFailed) as refused:
        check_transition(source, "dead", {}, reason="other")
    assert loc(refused) == ["note"]


@pytest.mark.parametrize(("source", "target"), [("offer_made", "lead"), ("under_contract", "offer_made")])
def test_a_step_back_requires_a_note(source, target):
    check_transition(source, target, READY, note="the seller thinks again")
    for note in [None, ""]:
        with pytest.raises(ValidationFailed) as refused:
            check_transition(source, target, READY, note=note)
        assert loc(refused) == ["note"]


@pytest.mark.parametrize(
    ("source", "target", "field", "by"),
    [
        ("lead", "offer_made", "offer_price", "people"),
        ("under_contract", "offer_made", "offer_price", "people"),
        ("offer_made", "under_contract", "contract_price", "people"),
        ("assigned", "under_contract", "contract_price", "dispositions"),
        ("under_contract", "assigned", "contract_price", "dispositions"),
        ("assigned", "closed", "contract_price", "dispositions"),
    ],
)
def test_a_stage_requires_its_price_above_zero(source, target, field, by):
    check_transition(source, target, {field: Decimal("0.01")}, note="why", initiator=by)
    for price in [None, Decimal(0), Decimal("-0.01")]:
        with pytest.raises(ValidationFailed) as refused:
            check_transition(source, target, {**READY, field: price}, note="why", initiator=by)
        assert loc(refused) == [field]


def test_initial_stages_require_their_fields():
    stages.MACHINE.check_initial("lead", {})
    stages.MACHINE.check_initial("offer_made", {"offer_price": Decimal(1)})
    stages.MACHINE.check_initial("under_contract", {"contract_price": Decimal(1)})
    for stage, field in [("offer_made", "offer_price"), ("under_contract", "contract_price")]:
        with pytest.raises(ValidationFailed) as refused:
            stages.MACHINE.check_initial(stage, {})
        assert loc(refused) == [field]
    for stage in ["assigned", "closed", "dead", "nonsense"]:
        with pytest.raises(ValidationFailed) as refused:
            stages.MACHINE.check_initial(stage, READY)
        assert loc(refused) == ["stage"]


def test_a_revival_requires_a_next_action():
    check_transition("dead", "lead", {"next_action": {"what": "call"}}, dead_reason="price")
    for fields in [{}, {"next_action": None}]:
        with pytest.raises(ValidationFailed) as refused:
            check_transition("dead", "lead", fields, dead_reason="price")
        assert loc(refused) == ["next_action"]


@pytest.mark.parametrize("barred", [{"dead_reason": "do_not_contact"}, {"dead_reason": "price", "deal_finalized": True}])
@pytest.mark.parametrize("target", STAGES)
def test_do_not_contact_and_finalized_deals_cannot_be_revived(barred, target):
    with pytest.raises(InvalidTransition) as refused:
        check_transition("dead", target, READY, **barred)
    assert refused.value.members["allowed"] == allowed("dead", **barred) == []


def test_a_rejected_revival_has_its_reason():
    with pytest.raises(InvalidTransition, match="not to be contacted"):
        check_transition("dead", "lead", READY, dead_reason="do_not_contact")
    with pytest.raises(InvalidTransition, match="finalized"):
        check_transition("dead", "lead", READY, dead_reason="price", deal_finalized=True)


def test_the_price_of_a_transition_sets_the_field_of_its_stage():
    expected = {
        "lead": None,
        "offer_made": "offer_price",
        "under_contract": "contract_price",
        "assigned": None,
        "closed": None,
        "dead": None,
    }
    assert {stage: stages.price_set_by(stage) for stage in STAGES} == expected


def test_cleared_terms_by_transition():
    assert stages.MACHINE.cleared_fields("offer_made", "lead") == ("offer_price",)
    assert stages.MACHINE.cleared_fields("under_contract", "offer_made") == ("contract_price", "contract_effective_on")
    assert stages.MACHINE.cleared_fields("dead", "lead") == ("offer_price", "contract_price", "contract_effective_on")
    kept = [("lead", "offer_made"), ("offer_made", "under_contract"), ("under_contract", "dead"), ("assigned", "under_contract")]
    assert all(stages.MACHINE.cleared_fields(*move) == () for move in kept)


def test_the_highest_stage_ignores_dead():
    assert stages.highest(["lead", "under_contract", "dead", "lead"]) == "under_contract"
    assert stages.highest(["dead"]) == "lead"
    assert stages.highest(["closed", "lead"]) == "closed"


def test_contract_end_reasons():
    ends = {(source, target): stages.contract_end_reason(source, target) for source, target in PEOPLES_MOVES | ASSIGNMENTS_MOVES}
    assert {move for move, why in ends.items() if why == "contract_lost"} == {("under_contract", "offer_made")}
    assert {move for move, why in ends.items() if why == "pipeline_dead"} == {move for move in PEOPLES_MOVES if move[1] == "dead"}
