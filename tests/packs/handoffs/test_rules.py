"""The rules of handoffs as pure functions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.errors import NotReady
from chalicelib.foundation.free_form import any_object, merge_json
from chalicelib.packs.handoffs.rules import statuses
from chalicelib.packs.handoffs.rules.completeness import OF_A_DEAL, WEIGHTS, completeness
from chalicelib.packs.handoffs.rules.content import LISTS, NO_PARTS
from chalicelib.packs.handoffs.rules.statuses import MACHINE, PacketState

FULL = {"action": "a", "owner": "pro_1", "due_on": "2026-12-01"}
FACTS = {"professional": {}, "scorecard": {}, "deal": {}, **{name: [] for name in LISTS}}
PARTS = {"risk_status": "watch", "summary": "s", "action_list": [FULL], "contingencies": [{"if": "x", "then": "y"}]}
LOOKED_UP = ("contracts", "documents", "tasks_outstanding")


def test_weights():
    assert sum(WEIGHTS.values()) == 100
    assert sum(weight for name, weight in WEIGHTS.items() if name not in OF_A_DEAL) == 88


@pytest.mark.parametrize(
    ("facts", "looked_up", "parts", "has_deal", "figure", "missing"),
    [
        ({}, LOOKED_UP, {}, True, 100, ()),
        ({"deal": None}, LOOKED_UP, {}, False, 100, ()),
        ({"scorecard": None}, LOOKED_UP, {}, True, 95, ("scorecard",)),
        ({"scorecard": None, "deal": None}, LOOKED_UP, {}, False, 94, ("scorecard",)),  # 83 of 88 is 94.3
        ({}, ("tasks_outstanding",), {}, True, 93, ("contracts", "documents")),
        ({}, LOOKED_UP, {"action_list": [FULL, {"action": "b"}]}, True, 85, ("action_list",)),
        ({}, LOOKED_UP, {"action_list": [FULL, FULL, {**FULL, "due_on": None}]}, True, 90, ("action_list",)),
        ({}, LOOKED_UP, {"summary": None, "contingencies": []}, True, 65, ("summary", "contingencies")),
        ({"deal": None}, LOOKED_UP, {**NO_PARTS}, False, 15, ("action_list", "summary", "contingencies", "risk_status")),  # 13 of 88
    ],
)
def test_completeness(facts, looked_up, parts, has_deal, figure, missing):
    found = completeness({**FACTS, **facts}, looked_up, {**PARTS, **parts}, has_deal=has_deal)
    assert (found.figure, found.missing) == (figure, missing)


@given(st.integers(0, 30), st.integers(0, 30), st.sets(st.sampled_from(LOOKED_UP)), st.booleans(), st.booleans())
def test_completeness_agrees_with_plain_arithmetic(full, half, looked_up, has_deal, has_scorecard):
    parts = {**PARTS, "action_list": [FULL] * full + [{"action": "b", "owner": "x"}] * half}
    found = completeness({**FACTS, "scorecard": {} if has_scorecard else None}, looked_up, parts, has_deal=has_deal)
    points = Fraction(20 + 15 + 10 + 5 + 5 * has_scorecard) + (Fraction(30 * full, full + half) if full + half else 0)
    points += 3 * ("tasks_outstanding" in looked_up)
    points += (5 + 4 * ("contracts" in looked_up) + 3 * ("documents" in looked_up)) if has_deal else 0
    doubled = 200 * points / (100 if has_deal else 88)
    assert found.figure == int(doubled + 1) // 2


class TestSendable:
    @pytest.mark.parametrize(
        ("figure", "parts", "failing"),
        [
            (60, {}, None),
            (59, {}, "completeness"),
            (100, {"risk_status": None}, "risk_status"),
            (100, {"summary": None}, "summary"),
            (100, {"action_list": [{**FULL, "owner": None}, {**FULL, "due_on": None}]}, "full_action"),
            (100, {"action_list": [{"action": "b"}, FULL]}, None),
        ],
    )
    def test_checklist(self, figure, parts, failing):
        state = PacketState(figure, ("x",), {**PARTS, **parts})
        assert [name for name, holds in state.checklist.items() if not holds] == ([failing] if failing else [])
        transition = MACHINE.transition(statuses.DRAFT, statuses.SENT)
        if failing:
            with pytest.raises(NotReady) as refused:
                transition.check_guards(state)
            assert refused.value.members["missing"] == ["x"]
        else:
            transition.check_guards(state)


def test_the_machine():
    assert MACHINE.terminal == (statuses.COMPLETED, statuses.SUPERSEDED)
    assert {status: MACHINE.allowed(status) for status in statuses.STATUSES} == {
        "draft": ["sent"],
        "sent": ["accepted", "returned"],
        "accepted": ["completed"],
        "returned": [],
        "completed": [],
        "superseded": [],
    }
    assert {status for status in statuses.STATUSES if "superseded" in MACHINE.allowed(status, initiator="system")} == {
        *statuses.OPEN,
        statuses.ACCEPTED,
    }


def test_response_hours():
    sent = datetime(2026, 11, 24, 18, tzinfo=UTC)
    assert statuses.response_hours(sent, sent + timedelta(hours=6, minutes=30)) == Decimal("6.5")
    assert statuses.response_hours(sent, sent) == 0


class TestAnyObject:
    @pytest.mark.parametrize(
        ("before", "patch", "after"),
        [
            ({"a": 1}, {"a": None, "b": 2}, {"b": 2}),
            ({"a": [1]}, {"a": {"b": None, "c": 3}}, {"a": {"c": 3}}),
            ({"a": {"b": {"c": 1}}}, {"a": {"b": {"d": 2}}}, {"a": {"b": {"c": 1, "d": 2}}}),
            ({"keep": None}, {"a": {}}, {"keep": None, "a": {}}),
        ],
    )
    def test_merge(self, before, patch, after):
        assert merge_json(before, patch) == after

    def test_bounds(self):
        check = any_object(20)
        assert check({"a": "x" * 12}) == {"a": "x" * 12}
        with pytest.raises(ValueError, match="20 bytes"):
            check({"a": "é" * 7})
        nested: object = 1
        for _ in range(40):
            nested = [nested]
        with pytest.raises(ValueError, match="30 levels"):
            any_object(1000)({"a": nested})
