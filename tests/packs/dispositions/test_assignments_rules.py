from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.foundation.errors import Conflict, InvalidTransition, ValidationFailed
from chalicelib.packs.dispositions.rules import assignments as rules
from chalicelib.packs.wholesale.rules.stages import MACHINE as PIPELINES
from chalicelib.packs.wholesale.rules.stages import STAGES

STATUSES = ["offered", "assigned", "closed", "fallout"]
MOVES = {("offered", "assigned"), ("assigned", "closed"), ("offered", "fallout"), ("assigned", "fallout")}
CODES = {
    ("offered", "people"): {"buyer_withdrew", "seller", "retrade", "other"},
    ("offered", "system"): {"expired", "other_buyer_closed", "contract_lost", "pipeline_dead"},
    ("assigned", "people"): {
        *("financing", "inspection", "title", "seller", "buyer_withdrew", "retrade", "expired", "emd_not_received", "other"),
    },
    ("assigned", "system"): {"pipeline_dead"},
}
ALL_CODES = sorted(set().union(*CODES.values()))
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
AT = rules.TransitionFacts(NOW, date(2026, 3, 10), "under_contract", contract_price=Decimal(118000), price=Decimal(131000))


def loc(problem):
    return [".".join(error["loc"]) for error in problem.value.members["errors"]]


def transition(source, target, reason=None, note=None, initiator="people"):
    found = rules.MACHINE.transition(source, target, initiator=initiator)
    found.check_reason(reason, note)
    return found


def check_guards(source, target, facts, overridden=False):
    rules.MACHINE.transition(source, target).check_guards(facts, overridden=overridden)


def refused(check, *args, **more):
    with pytest.raises(Conflict) as problem:
        check(*args, **more)
    return problem.value.members["code"]


@pytest.mark.parametrize("by", ["people", "system"])
@pytest.mark.parametrize("source", STATUSES)
@pytest.mark.parametrize("target", STATUSES)
def test_only_the_moves_of_the_table_succeed(source, target, by):
    if (source, target) in MOVES:
        codes = CODES[source, by] if target == "fallout" else {None}
        for code in codes:
            move = transition(source, target, reason=code, note="why", initiator=by)
            assert (move.source, move.target) == (source, target)
        if target == "fallout":
            for code in [None, "", "OTHER", *set(ALL_CODES) - codes]:
                with pytest.raises(ValidationFailed) as problem:
                    transition(source, target, reason=code, note="why", initiator=by)
                assert loc(problem) == ["reason"]
    else:
        with pytest.raises(InvalidTransition) as problem:
            transition(source, target, reason="other", note="why", initiator=by)
        members = problem.value.members
        assert members == {"from": source, "to": target, "allowed": rules.MACHINE.allowed(source)}
        assert set(members["allowed"]) == {to for at, to in MOVES if at == source}


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STATUSES), st.sampled_from(["people", "system"]), st.sampled_from([*ALL_CODES, None]))))
def test_a_walk_stays_in_the_table(steps):
    status, ended = "offered", False
    for target, by, code in steps:
        legal = (status, target) in MOVES and (target != "fallout" or code in CODES.get((status, by), ()))
        try:
            transition(status, target, reason=code, note="why", initiator=by)
        except (InvalidTransition, ValidationFailed):
            assert not legal
            continue
        assert legal
        assert not ended
        status = target
        ended = status in ("closed", "fallout")


def test_other_needs_a_note():
    for source in ("offered", "assigned"):
        transition(source, "fallout", reason="other", note="he moved abroad")
        with pytest.raises(ValidationFailed) as problem:
            transition(source, "fallout", reason="other")
        assert loc(problem) == ["note"]


def test_only_a_closing_needs_more_than_the_right_to_write():
    for move in MOVES:
        right = "dispositions:close" if move == ("assigned", "closed") else "dispositions:write"
        assert rules.MACHINE.transition(*move).permissions == (right,)
    assert rules.OVERRIDE == "dispositions:override"


def test_the_pipeline_moves_along_as_its_own_table_allows():
    expected = {
        ("offered", "assigned"): ("under_contract", "assigned"),
        ("assigned", "closed"): ("assigned", "closed"),
        ("assigned", "fallout"): ("assigned", "under_contract"),
        ("offered", "fallout"): (None, None),
    }
    for move, (before, after) in expected.items():
        assert rules.PIPELINE_STAGE_AFTER.get(move) == after
        if after:
            assert PIPELINES.transition(before, after, initiator="dispositions")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("setting", ["refuse", "warn"])
def test_what_may_be_offered(stage, rank, setting):
    at = replace(AT, pipeline_stage=stage, rank=rank)
    early = setting == "warn" and stage in ("lead", "offer_made")
    if stage == "under_contract" or (stage == "assigned" and rank >= 2) or early:
        assert rules.check_offer(at, before_contract=setting) == (["offer_before_contract"] if early else [])
    else:
        assert refused(rules.check_offer, at, before_contract=setting) == "not_under_contract"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"buyer": rules.BuyerStatus(is_active=False)}, "buyer_inactive"),
        ({"buyer": rules.BuyerStatus(do_not_contact=True)}, "do_not_contact"),
        ({"has_live": True}, "live_offer"),
    ],
)
@pytest.mark.parametrize("stage", ["under_contract", "lead"])
def test_who_may_not_be_offered_it(change, code, stage):
    assert refused(rules.check_offer, replace(AT, pipeline_stage=stage, **change), before_contract="warn") == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"assigned_id": "asgn_1"}, "already_taken"),
        *(({"pipeline_stage": stage}, "not_under_contract") for stage in STAGES if stage != "under_contract"),
        ({"buyer": rules.BuyerStatus(is_active=False)}, "buyer_inactive"),
        ({"expires_at": NOW - timedelta(milliseconds=1)}, "offer_expired"),
        ({"price": Decimal("117999.99")}, "below_contract"),
        ({"disputed": True}, "earnest_money_disputed"),
    ],
)
def test_what_stops_an_assign(change, code):
    check_guards("offered", "assigned", AT)
    at = replace(AT, **change)
    assert refused(check_guards, "offered", "assigned", at) == code
    if code == "earnest_money_disputed":
        check_guards("offered", "assigned", at, overridden=True)
    else:
        assert refused(check_guards, "offered", "assigned", at, overridden=True) == code


def test_who_comes_too_late_hears_of_the_other_before_the_stage():
    with pytest.raises(Conflict) as problem:
        check_guards("offered", "assigned", replace(AT, pipeline_stage="assigned", assigned_id="asgn_1"))
    assert problem.value.members == {"code": "already_taken", "assignment_id": "asgn_1"}


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": NOW},
        {"expires_at": None},
        {"price": Decimal(118000)},
        {"price": None},
        {"contract_price": None},
        {"buyer": rules.BuyerStatus(do_not_contact=True)},  # he isn't called, he has agreed
    ],
)
def test_what_doesnt_stop_an_assign(change):
    check_guards("offered", "assigned", replace(AT, **change))


def test_a_closing_needs_its_price_and_no_quarrel_over_earnest_money():
    check_guards("assigned", "closed", replace(AT, earnest_money_status="received"))
    assert refused(check_guards, "assigned", "closed", replace(AT, price=None)) == "price_missing"
    assert refused(check_guards, "assigned", "closed", replace(AT, earnest_money_status="disputed")) == "earnest_money_disputed"


def test_a_closing_isnt_ahead():
    rules.check_closed_on(date(2026, 3, 10), date(2026, 3, 10))
    rules.check_closed_on(date(2020, 1, 1), date(2026, 3, 10))
    with pytest.raises(ValidationFailed) as problem:
        rules.check_closed_on(date(2026, 3, 11), date(2026, 3, 10))
    assert loc(problem) == ["closed_on"]


def test_a_fallout_needs_nothing_more():
    check_guards("assigned", "fallout", replace(AT, disputed=True, price=None, pipeline_stage="assigned", assigned_id="asgn_1"))
