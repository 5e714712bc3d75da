"""Every state machine is held to its own data: each transition in turn, and random walks against an independent reading of the table.

    verify_transitions(MACHINE, facts)   # each transition, with everything that it requires present, and missing in turn
    verify_walks(MACHINE, facts)         # any attempts in any order: the outcome is the one that the table says

`facts` is a strategy that makes what guards and locks decide on; it has to make each of them hold and fail. Machines without guards and
locks need none.
"""

import copy
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import chalicelib
from chalicelib.foundation.errors import Forbidden, InvalidTransition, Problem, ValidationFailed
from chalicelib.foundation.state_machine import OTHER, PEOPLE, RequiredField, StateMachine, Transition

Machine = StateMachine[Any]
Outcome = tuple[Any, ...]

NO_FACTS = st.none()
DONE: Outcome = ("done",)
# What a required field may be given; each has to find one among them.
CANDIDATES: tuple[object, ...] = (Decimal("0.01"), "some text", {"what": "call"}, ["one"], True, date(2026, 3, 2), 20)
MISSING: tuple[object, ...] = (None, "", Decimal(0), Decimal(-1), [], {})
_SEARCH = settings(max_examples=2000, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


class Everyone:
    """An actor with the permissions that are named, or with all."""

    def __init__(self, permissions: Iterable[str] | None = None) -> None:
        self._permissions = None if permissions is None else set(permissions)

    def can(self, permission: str) -> bool:
        return self._permissions is None or permission in self._permissions


def machines() -> dict[str, Machine]:
    """Every StateMachine that stands in a module of the system, once, by the first module and name that it is found under."""
    found: dict[int, tuple[str, Machine]] = {}
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if module.name.startswith("chalicelib.functions"):  # entry points: they start a runtime
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, StateMachine):
                found.setdefault(id(value), (f"{module.name}.{name}", value))
    return dict(found.values())


def transitions(machine: Machine) -> Iterator[Transition[Any]]:
    for same in machine.transitions.values():
        yield from same


# -- each transition in turn


def verify_transitions(machine: Machine, facts: st.SearchStrategy[Any] = NO_FACTS) -> None:
    """Each transition passes with all that it requires, and is refused without any one of it; all other pairs are refused."""
    _verify_table(machine, facts)
    for transition in transitions(machine):
        _verify_transition(machine, transition, facts)
    for source, locks in machine.locks.items():
        for lock in locks:
            locked = _example(facts, lock.applies, f"{machine.name}: no facts to which this applies: {lock.detail}")
            for initiator in machine.initiators:
                assert machine.allowed(source, locked, initiator=initiator) == []
                for target in machine.states:
                    with pytest.raises(InvalidTransition) as refused:
                        machine.check(source, target, locked, actor=Everyone(), initiator=initiator)
                    assert refused.value.members["allowed"] == []


def _verify_table(machine: Machine, facts: st.SearchStrategy[Any]) -> None:
    """Which pairs there are, for each initiator; and that terminal states have none."""
    for source in machine.states:
        at = _unlocked(machine, source, facts)
        for initiator in machine.initiators:
            permitted = {one.target for one in transitions(machine) if one.source == source and one.initiator in (initiator, PEOPLE)}
            allowed = machine.allowed(source, at, initiator=initiator)
            assert (len(allowed), set(allowed)) == (len(permitted), permitted)
            assert source not in machine.terminal or not permitted
            for target in set(machine.states) - permitted:
                with pytest.raises(InvalidTransition) as refused:
                    machine.check(source, target, at, actor=Everyone(), initiator=initiator, reason=OTHER, note="why")
                assert refused.value.members == {"from": source, "to": target, "allowed": allowed}
            with pytest.raises(ValidationFailed) as unknown:
                machine.transition(source, "no such state", at, initiator=initiator)
            assert _locations(unknown.value) == (machine.field,)


def _verify_transition(machine: Machine, transition: Transition[Any], facts: st.SearchStrategy[Any]) -> None:
    required = (*machine.required.get(transition.target, ()), *transition.required)
    fields = {one.name: _value_for(one) for one in required}
    good = _example(facts, lambda at: _open(machine, transition.source, at) and _holds(transition, at), f"{transition} never passes")
    reason = next(iter(transition.reasons), None)

    def attempt(**changes: Any) -> Outcome:
        given: dict[str, Any] = {"actor": Everyone(), "reason": reason, "note": "why", "fields": fields, "facts": good, **changes}
        at = given.pop("facts")
        return _outcome(
            lambda: machine.check(transition.source, transition.target, at, initiator=transition.initiator, **given), transition
        )

    assert attempt() == DONE
    for permission in transition.permissions:
        assert attempt(actor=Everyone([permission])) == DONE
    if transition.permissions:
        assert attempt(actor=Everyone([])) == attempt(actor=None) == ("forbidden",)
    for code in transition.reasons:
        assert attempt(reason=code) == DONE
        assert (attempt(reason=code, note=None) == DONE) == (code != OTHER and not transition.note_required)
    if transition.reasons:
        for unknown in (None, "", "no such reason", transition.reasons[0].upper()):
            assert attempt(reason=unknown) == ("validation", "reason")
    if transition.note_required:
        assert attempt(note=None) == attempt(note="") == ("validation", "note")
    for one in required:
        for value in MISSING:
            if not one.holds(value):
                assert attempt(fields={**fields, one.name: value}) == ("validation", one.name)
    for index, guard in enumerate(transition.guards):
        first = transition.guards[:index]
        bad = _example(
            facts,
            lambda at, guard=guard, first=first: (
                _open(machine, transition.source, at) and all(one.holds(at) for one in first) and not guard.holds(at)
            ),
            f"{machine.name}: {guard.code} never fails",
        )
        assert attempt(facts=bad) == _problem(guard.refusal(bad))
        if not guard.overridable:
            assert attempt(facts=bad, overridden=True) == _problem(guard.refusal(bad))
        elif all(one.holds(bad) for one in transition.guards[index + 1 :]):
            assert attempt(facts=bad, overridden=True) == DONE


# -- walks


@dataclass(frozen=True)
class Attempt:
    """One attempted transition, with all that is given along."""

    target: str
    initiator: str
    permissions: frozenset[str]
    reason: str | None
    note: str | None
    fields: dict[str, object]
    facts: Any
    overridden: bool


def verify_walks(machine: Machine, facts: st.SearchStrategy[Any] = NO_FACTS) -> None:
    """From each initial state: an attempt succeeds exactly where the table says so, else it is refused for the table's first reason."""

    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from(machine.initial), st.lists(_attempts(machine, facts), max_size=12))
    def walk(state: str, attempts: list[Attempt]) -> None:
        for attempt in attempts:
            before = copy.deepcopy(attempt)
            outcome = _outcome(lambda attempt=attempt, state=state: _check(machine, state, attempt))
            assert outcome == expected_outcome(machine, state, attempt), (state, attempt)
            assert attempt == before
            if outcome == DONE:
                assert state not in machine.terminal
                state = attempt.target

    walk()


def expected_outcome(machine: Machine, state: str, attempt: Attempt) -> Outcome:
    """What the data of the machine says of an attempt, read independently of its methods, in the documented order of refusals."""
    own = [one for one in transitions(machine) if one.source == state and one.initiator == attempt.initiator]
    peoples = [one for one in transitions(machine) if one.source == state and one.initiator == PEOPLE]
    candidates = {one.target: one for one in (*peoples, *own)}
    if any(lock.applies(attempt.facts) for lock in machine.locks.get(state, ())):
        candidates = {}
    if attempt.target not in candidates:
        return ("invalid-transition", state, attempt.target, frozenset(candidates))
    transition = candidates[attempt.target]
    if transition.permissions and not attempt.permissions & set(transition.permissions):
        return ("forbidden",)
    if transition.reasons and attempt.reason not in transition.reasons:
        return ("validation", "reason")
    if (transition.note_required or attempt.reason == OTHER) and not attempt.note:
        return ("validation", "note")
    required = (*machine.required.get(attempt.target, ()), *transition.required)
    if missing := [one.name for one in required if not one.holds(attempt.fields.get(one.name))]:
        return ("validation", *missing)
    for guard in transition.guards:
        if not guard.holds(attempt.facts) and not (guard.overridable and attempt.overridden):
            return _problem(guard.refusal(attempt.facts))
    return DONE


def _attempts(machine: Machine, facts: st.SearchStrategy[Any]) -> st.SearchStrategy[Attempt]:
    all_transitions = list(transitions(machine))
    reasons = sorted({reason for one in all_transitions for reason in one.reasons} | {OTHER})
    permissions = sorted({permission for one in all_transitions for permission in one.permissions})
    required = {
        one.name: one for group in (*machine.required.values(), *(transition.required for transition in all_transitions)) for one in group
    }
    values = {name: st.sampled_from([_value_for(one), _value_for(one), None, Decimal(0)]) for name, one in required.items()}
    return st.builds(
        Attempt,
        target=st.sampled_from(machine.states),
        initiator=st.sampled_from(machine.initiators),
        permissions=st.one_of(
            st.just(frozenset(permissions)), st.frozensets(st.sampled_from(permissions)) if permissions else st.nothing()
        ),
        reason=st.sampled_from([*reasons, None, "", "no such reason"]),
        note=st.sampled_from(["why", "why", None, ""]),
        fields=st.fixed_dictionaries({}, optional=values),
        facts=facts,
        overridden=st.booleans(),
    )


def _check(machine: Machine, state: str, attempt: Attempt) -> Transition[Any]:
    """The check, which agrees with `allowed` and with the entry step on its own."""
    allowed = machine.allowed(state, attempt.facts, initiator=attempt.initiator)
    try:
        machine.transition(state, attempt.target, attempt.facts, initiator=attempt.initiator)
    except InvalidTransition:
        assert attempt.target not in allowed
    else:
        assert attempt.target in allowed
    return machine.check(
        state,
        attempt.target,
        attempt.facts,
        actor=Everyone(attempt.permissions),
        initiator=attempt.initiator,
        reason=attempt.reason,
        note=attempt.note,
        fields=attempt.fields,
        overridden=attempt.overridden,
    )


# -- shared


def _outcome(check: Callable[[], Transition[Any]], expected: Transition[Any] | None = None) -> Outcome:
    try:
        found = check()
    except Problem as problem:
        return _problem(problem)
    assert expected is None or found == expected
    return DONE


def _problem(problem: Problem) -> Outcome:
    """A problem as far as tests compare it."""
    if isinstance(problem, Forbidden):
        return ("forbidden",)
    if isinstance(problem, ValidationFailed):
        return ("validation", *_locations(problem))
    members = problem.members
    if isinstance(problem, InvalidTransition):
        return ("invalid-transition", members["from"], members["to"], frozenset(members["allowed"]))
    return (problem.kind, problem.detail, repr(sorted(members.items())))


def _locations(problem: ValidationFailed) -> tuple[str, ...]:
    return tuple(".".join(error["loc"]) for error in problem.members["errors"])


def _value_for(field: RequiredField) -> object:
    return next(value for value in CANDIDATES if field.holds(value))


def _holds(transition: Transition[Any], facts: Any) -> bool:
    return all(guard.holds(facts) for guard in transition.guards)


def _open(machine: Machine, source: str, facts: Any) -> bool:
    return not any(lock.applies(facts) for lock in machine.locks.get(source, ()))


def _unlocked(machine: Machine, source: str, facts: st.SearchStrategy[Any]) -> Any:
    return _example(facts, lambda at: _open(machine, source, at), f"{machine.name}: {source} is always locked")


def _example(facts: st.SearchStrategy[Any], condition: Callable[[Any], bool], otherwise: str) -> Any:
    try:
        return find(facts, condition, settings=_SEARCH)
    except NoSuchExample:
        pytest.fail(otherwise)
