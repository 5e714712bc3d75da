"""The rules as pure functions: the days of reminders, against vectors and an independent reckoning; the table of moves."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.errors import Conflict, InvalidTransition
from chalicelib.foundation.state_machine import SYSTEM
from chalicelib.packs.documents.rules import reminders
from chalicelib.packs.documents.rules.statuses import MACHINE, RECALL_REASONS, RouteFacts, is_stale

FAR = date(2027, 1, 1)  # when links end that nobody has said anything of
SENT_ON = date(2026, 3, 1)


def march(*days: int) -> list[date]:
    return [date(2026, 3, day) for day in days]


def walk(sent_on: date, by_hand: dict[date, bool], ends_on: date = FAR) -> list[date]:
    """The days on which the schedule reminds, day by day. `by_hand`: reminded then, before the schedule ran or after it."""
    begun_on, found = sent_on, []
    due = reminders.next_day(sent_on, begun_on, ends_on, sent_on)
    for number in range(60):
        day = sent_on + timedelta(days=number)
        if by_hand.get(day) is True:
            begun_on, due = day, reminders.next_day(sent_on, day, ends_on, day)
        if due == day:
            found.append(day)
            due = reminders.next_day(sent_on, begun_on, ends_on, day)
        if by_hand.get(day) is False:
            begun_on, due = day, reminders.next_day(sent_on, day, ends_on, day)
    return found


@pytest.mark.parametrize(
    ("by_hand", "days"),
    [
        ((), march(6, 8, 10, 12, 14)),  # V56
        ((9,), march(6, 8, 14, 16, 18, 20, 22)),  # V57
        ((26,), march(6, 8, 10, 12, 14, 31)),  # V58: day 30 is in it
        ((28,), march(6, 8, 10, 12, 14)),  # V59: April 2 would be day 32
    ],
)
def test_v56_to_v59(by_hand, days):
    assert walk(SENT_ON, dict.fromkeys(march(*by_hand), False)) == days


def reckon(sent_on: date, by_hand: dict[date, bool], ends_on: date) -> list[date]:
    """The same, told by counting rather than by days that are laid out: five days, then two, up to five, thirty at the longest."""
    found: list[date] = []
    given, wait, day = 0, 5, sent_on
    last = min(sent_on + timedelta(days=30), ends_on - timedelta(days=1))
    while day <= last:
        if by_hand.get(day) is True:
            given, wait = 0, 5
        if wait == 0 and given < 5:
            found.append(day)
            given, wait = given + 1, 2
        if by_hand.get(day) is False:
            given, wait = 0, 5
        day, wait = day + timedelta(days=1), wait - 1
    return found


@given(
    st.dates(date(2024, 1, 1), date(2027, 1, 1)),
    st.dictionaries(st.integers(0, 40), st.booleans(), max_size=8),
    st.integers(0, 400),
)
def test_any_reminders_by_hand(sent_on, by_hand, link_days):
    reminded = {sent_on + timedelta(days=number): before for number, before in by_hand.items()}
    ends_on = sent_on + timedelta(days=link_days)
    assert walk(sent_on, reminded, ends_on) == reckon(sent_on, reminded, ends_on)


def test_a_day_that_no_run_has_reached_is_past():
    assert reminders.next_day(SENT_ON, SENT_ON, FAR, date(2026, 3, 9)) == date(2026, 3, 10)
    assert reminders.next_day(SENT_ON, SENT_ON, FAR, date(2026, 3, 14)) is None


def test_overdue_from_the_day_after():
    assert reminders.overdue_day(date(2026, 2, 28)) == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("contract", "sent", "current", "stale"),
    [(None, "a", None, False), (None, None, None, False), ("ctr", "a", "a", False), ("ctr", "a", "b", True), ("ctr", "a", None, True)],
)
def test_stale(contract, sent, current, stale):
    assert is_stale(contract, sent, current) == stale


def test_what_people_can_reach():
    assert {state: MACHINE.allowed(state, RouteFacts()) for state in MACHINE.states} == {
        "sent": ["opened", "acknowledged", "recalled"],
        "opened": ["acknowledged", "recalled"],
        "acknowledged": [],
        "bounced": ["sent"],
        "recalled": [],
    }
    assert MACHINE.allowed("acknowledged", RouteFacts(is_stale=True)) == ["recalled"]
    assert "bounced" in MACHINE.allowed("sent", RouteFacts(), initiator=SYSTEM)
    with pytest.raises(InvalidTransition):
        MACHINE.check("opened", "bounced", RouteFacts(), initiator=SYSTEM, reason="hard")


def test_an_acknowledgement_is_of_the_current_document():
    transition = MACHINE.transition("sent", "acknowledged", RouteFacts())
    for facts in (RouteFacts(is_stale=True), RouteFacts(is_other_document=True)):
        with pytest.raises(Conflict) as refused:
            transition.check_guards(facts)
        assert refused.value.members["code"] == "stale_hash"
    transition.check_guards(RouteFacts())


def test_codes_of_a_recall():
    assert RECALL_REASONS == ("wrong_document", "wrong_person", "superseded", "other")
