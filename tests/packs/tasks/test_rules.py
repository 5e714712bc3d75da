"""The rules of tasks, as pure functions."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.errors import Conflict, Forbidden, InvalidTransition, ValidationFailed
from chalicelib.packs.tasks.rules import alarms, dependencies, statuses, time_in_states, workload
from chalicelib.packs.tasks.rules.dependencies import Dependent
from chalicelib.packs.tasks.rules.statuses import MACHINE, TaskFacts


class May:
    def __init__(self, *permissions):
        self.permissions = permissions

    def can(self, permission):
        return permission in self.permissions


OFFICE, PROFESSIONAL = May("tasks:status", "tasks:write"), May("tasks:status")

# Every pair that is allowed, with who may and for which reasons.
MOVES = {
    ("open", "in_progress"): (PROFESSIONAL, ()),
    ("open", "blocked"): (PROFESSIONAL, ("client", "third_party", "dependency", "information", "other")),
    ("in_progress", "blocked"): (PROFESSIONAL, ("client", "third_party", "dependency", "information", "other")),
    ("blocked", "in_progress"): (PROFESSIONAL, ()),
    ("in_progress", "done"): (PROFESSIONAL, ()),
    ("done", "in_progress"): (OFFICE, ("defect", "incomplete", "scope", "other")),
    ("open", "cancelled"): (OFFICE, ("duplicate", "not_needed", "deal_dead", "other")),
    ("in_progress", "cancelled"): (OFFICE, ("duplicate", "not_needed", "deal_dead", "other")),
    ("blocked", "cancelled"): (OFFICE, ("duplicate", "not_needed", "deal_dead", "other")),
}


class TestStatuses:
    @pytest.mark.parametrize(("source", "target"), list(product(statuses.STATUSES, repeat=2)))
    def test_the_table(self, source, target):
        if (source, target) not in MOVES:
            with pytest.raises(InvalidTransition) as refused:
                MACHINE.check(source, target, TaskFacts(), actor=OFFICE)
            assert set(refused.value.members["allowed"]) == {to for at, to in MOVES if at == source}
            return
        who, reasons = MOVES[source, target]
        for reason in reasons or (None,):
            MACHINE.check(source, target, TaskFacts(), actor=who, reason=reason, note="n")
        if who is OFFICE:
            with pytest.raises(Forbidden):
                MACHINE.check(source, target, TaskFacts(), actor=PROFESSIONAL, reason=reasons[0])
        if reasons:
            for reason in {None, *statuses.REASONS} - set(reasons):
                with pytest.raises(ValidationFailed):
                    MACHINE.check(source, target, TaskFacts(), actor=OFFICE, reason=reason, note="n")
            with pytest.raises(ValidationFailed) as refused:
                MACHINE.check(source, target, TaskFacts(), actor=OFFICE, reason="other")
            assert refused.value.members["errors"][0]["loc"] == ["note"]

    def test_what_finishing_takes(self):
        for facts, code, shown in (
            (TaskFacts(open_dependencies=("a", "b"), unticked=("x",)), "depends_on_open", ["a", "b"]),
            (TaskFacts(unticked=("x",)), "checklist_open", ["x"]),
        ):
            with pytest.raises(Conflict) as refused:
                MACHINE.check("in_progress", "done", facts, actor=PROFESSIONAL)
            assert (refused.value.members["code"], refused.value.members["open"]) == (code, shown)

    def test_what_changes_for_those_that_depend_on_it(self):
        changes = {pair for pair in MOVES if statuses.is_change_of_dependents(*pair)}
        assert changes == {pair for pair in MOVES if "done" in pair or "cancelled" in pair}


NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


class TestTime:
    def test_stays_add_up_by_status_and_reason(self):
        times, blocked = {}, {}
        for state, reason, seconds in (
            ("open", None, 10),
            ("in_progress", None, 20),
            ("blocked", "client", 30),
            ("in_progress", None, 40),
            ("blocked", "third_party", 50),
            ("blocked", "client", 60),
            ("done", None, 70),
        ):
            times, blocked = time_in_states.after_stay(times, blocked, state, reason, NOON, NOON + timedelta(seconds=seconds))
        assert time_in_states.seconds_in(times) == {"open": 10, "in_progress": 60, "blocked": 140}
        assert time_in_states.blocked_seconds(blocked) == {"client": 90, "third_party": 50, "dependency": 0, "information": 0, "other": 0}

    def test_rounded_once_at_the_printed_figure(self):
        times = {}
        for _ in range(3):
            times, _blocked = time_in_states.after_stay(times, {}, "open", None, NOON, NOON + timedelta(milliseconds=500))
        assert time_in_states.seconds_in(times)["open"] == 2

    def test_a_clock_that_is_behind_takes_nothing_away(self):
        times, _ = time_in_states.after_stay({"open": 5}, {}, "open", None, NOON, NOON - timedelta(seconds=3))
        assert times == {"open": 5}

    @given(st.lists(st.tuples(st.sampled_from(statuses.UNFINISHED), st.sampled_from(statuses.BLOCKED_REASONS), st.integers(0, 10**9))))
    def test_nothing_is_lost(self, stays):
        times, blocked, at = {}, {}, NOON
        for state, reason, spent in stays:
            left = at + timedelta(milliseconds=spent)
            times, blocked = time_in_states.after_stay(times, blocked, state, reason if state == "blocked" else None, at, left)
            at = left
        assert sum(times.values()) == (at - NOON) // timedelta(milliseconds=1)
        assert sum(blocked.values()) == times.get("blocked", 0)

    @pytest.mark.parametrize(
        ("done_on", "blocked", "met"),
        [
            ("2026-03-10", {}, True),
            ("2026-03-11", {}, False),
            ("2026-03-11", {"client": 86_400_000}, True),
            ("2026-03-11", {"client": 86_399_999}, False),
            ("2026-03-11", {"client": 43_200_000, "third_party": 43_200_000}, True),
            ("2026-03-12", {"client": 86_400_000, "third_party": 86_400_000}, True),
            ("2026-03-12", {"client": 86_400_000, "third_party": 86_399_999}, False),
            ("2026-03-11", {"dependency": 10**12, "information": 10**12, "other": 10**12}, False),
        ],
    )
    def test_what_others_held_up_prolongs_the_day(self, done_on, blocked, met):
        assert time_in_states.met_deadline(date(2026, 3, 10), date.fromisoformat(done_on), blocked) is met


def reaches(graph, start, goal):
    seen, waiting = set(), [start]
    while waiting:
        one = waiting.pop()
        if one == goal:
            return True
        if one not in seen:
            seen.add(one)
            waiting += graph.get(one, ())
    return False


class TestDependencies:
    def test_circles(self):
        graph = {"b": ["c"], "c": ["d"], "d": []}
        assert dependencies.find_circle("a", ["b"], graph) is None
        assert dependencies.find_circle("d", ["b"], graph) == ["d", "b", "c", "d"]
        assert dependencies.find_circle("c", ["a", "b"], graph) == ["c", "b", "c"]
        assert dependencies.find_circle("a", ["a"], graph) == ["a", "a"]

    def test_a_long_chain(self):
        graph = {str(at): [str(at + 1)] for at in range(dependencies.MAX_TASKS)}
        assert len(dependencies.find_circle(str(dependencies.MAX_TASKS), ["0"], graph) or ()) == dependencies.MAX_TASKS + 2

    @given(
        st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7))),
        st.integers(0, 7),
        st.lists(st.integers(0, 7), max_size=4, unique=True),
    )
    def test_found_exactly_where_there_is_one(self, edges, task, depends_on):
        graph: dict[str, list[str]] = {}
        for source, target in edges:
            if source != task:
                graph.setdefault(str(source), []).append(str(target))
        given_up = dependencies.find_circle(str(task), map(str, depends_on), graph)
        expected = any(reaches(graph, str(one), str(task)) for one in depends_on)
        assert (given_up is not None) == expected
        if given_up:
            assert given_up[0] == given_up[-1] == str(task)
            full = {**graph, str(task): [str(one) for one in depends_on]}
            assert all(later in full[earlier] for earlier, later in pairwise(given_up))

    def test_a_cancelled_one_is_settled(self):
        assert dependencies.open_dependencies("abcde", dict(zip("abcde", statuses.STATUSES, strict=True))) == ("a", "b", "c")

    def test_what_becomes_ready(self):
        tasks = [
            Dependent("a", "in_progress", ()),
            Dependent("b", "open", ()),
            Dependent("only", "open", ("a",)),
            Dependent("both", "blocked", ("a", "b")),
            Dependent("over", "cancelled", ("a",)),
            Dependent("other", "open", ("b",)),
        ]
        assert dependencies.made_ready("a", tasks) == ["only"]
        assert dependencies.made_ready("b", [Dependent("a", "done", ()), *tasks[1:]]) == ["both", "other"]


class TestAlarms:
    def test_v65(self):
        due_on, raised, seen = date(2026, 3, 10), 0, []
        for day in range(20):
            today = date(2026, 3, 5) + timedelta(days=day)
            expected = alarms.next_day(due_on, raised)
            found = alarms.due_alarms(due_on, raised, today)
            assert (found is not None) == (expected == today)
            if found:
                seen.append((today.isoformat(), found.overdue, found.escalated, found.skipped))
                raised = found.raised
        assert seen == [("2026-03-11", True, None, ()), ("2026-03-13", False, 3, ()), ("2026-03-17", False, 7, ())]
        assert alarms.next_day(due_on, raised) is None

    @pytest.mark.parametrize(
        ("days", "raised", "expected"),
        [
            (2, 0, alarms.Alarms(overdue=True)),
            (3, 0, alarms.Alarms(overdue=True, escalated=3)),
            (9, 0, alarms.Alarms(overdue=True, escalated=7, skipped=(3,))),
            (9, 1, alarms.Alarms(overdue=False, escalated=7, skipped=(3,))),
            (9, 3, alarms.Alarms(overdue=False, escalated=7)),
            (9, 7, None),
            (0, 0, None),
        ],
    )
    def test_a_run_that_comes_late(self, days, raised, expected):
        assert alarms.due_alarms(date(2026, 3, 10), raised, date(2026, 3, 10) + timedelta(days=days)) == expected

    def test_overdue(self):
        assert alarms.is_overdue(date(2026, 3, 10), date(2026, 3, 11))
        assert not alarms.is_overdue(date(2026, 3, 10), date(2026, 3, 10))
        assert not alarms.is_overdue(None, date(2026, 3, 10))


class TestWorkload:
    def test_by_week(self):
        days = {
            date(2026, 3, 8): {"open": 1, "hours": Decimal("1.5")},  # a Sunday
            date(2026, 3, 9): {"open": 2, "unestimated": 2},
            date(2026, 3, 15): {"open": 1, "hours": 2},
            date(2026, 3, 16): {"open": 0, "hours": Decimal(0)},
            None: {"open": 1, "hours": Decimal("0.25")},
        }
        found = workload.compute(days, date(2026, 3, 9))
        assert (found.open, found.overdue, found.hours, found.unestimated) == (5, 1, Decimal("3.75"), 2)
        assert found.weeks == (
            workload.Week(date(2026, 3, 2), 1, Decimal("1.5")),
            workload.Week(date(2026, 3, 9), 3, Decimal(2)),
            workload.Week(None, 1, Decimal("0.25")),
        )

    def test_nothing(self):
        assert workload.compute({}, date(2026, 3, 9)) == workload.Workload(0, 0, Decimal(0), (), 0)
