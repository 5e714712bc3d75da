"""State machines as data: the transitions, who makes them, what each requires, and one order in which refusals are given.

    MACHINE = StateMachine(
        "contract",
        STATUSES,
        [
            Transition(DRAFT, UNDER_REVIEW, permissions=("contracts:write",), guards=(DOCUMENT_ARRIVED,)),
            Transition(UNDER_REVIEW, DRAFT, permissions=("contracts:approve",), reasons=("changes_requested",), note_required=True),
            Transition(SENT, EXPIRED, initiator=SYSTEM),
        ],
    )
    MACHINE.check(contract.status, body.status, facts, actor=ctx.actor, reason=body.reason, note=body.note)

Everything here is pure. `check` refuses in this order, and the first refusal is raised:

1. a target that is no state of the machine: ValidationFailed for the field that holds the state;
2. the current state as target, a locked state, a transition that doesn't exist for this initiator: InvalidTransition with `allowed`;
3. a missing permission: Forbidden;
4. a missing or unknown reason code, then a missing note: ValidationFailed for `reason`, `note`;
5. missing fields of the target or of the transition, all of them at once: ValidationFailed;
6. the first guard that doesn't hold: its own problem, by default a Conflict with its code.

`allowed` names exactly the targets that step 2 lets through. Permissions and guards don't shorten it: who is refused by one of those
is told so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from chalicelib.foundation.errors import Conflict, Forbidden, InvalidTransition, Problem, ValidationFailed

# Initiators besides these are the names of the packs whose own transactions make a transition.
PEOPLE, SYSTEM = "people", "system"

OTHER = "other"  # the reason code that a note must explain, in every machine

F = TypeVar("F")  # the facts that a machine's guards and locks decide on: a frozen dataclass, or None


class HasPermissions(Protocol):
    """Who makes a transition. `Actor` is one."""

    def can(self, permission: str) -> bool:
        """Whether `permission` is granted."""


@dataclass(frozen=True)
class Guard(Generic[F]):
    """A named condition of a transition.

    A refusal is a Conflict with `code` and `detail`, unless `problem` makes another one of the facts. `overridable` guards are skipped
    by an override, whose own permission the caller checks.
    """

    code: str
    detail: str
    holds: Callable[[F], bool]
    overridable: bool = False
    problem: Callable[[F], Problem] | None = None

    def refusal(self, facts: F) -> Problem:
        """The problem to raise where the condition doesn't hold."""
        return self.problem(facts) if self.problem else Conflict(self.detail, code=self.code)


@dataclass(frozen=True)
class Lock(Generic[F]):
    """A condition that makes a state terminal while it applies. `detail` says why, in the InvalidTransition."""

    applies: Callable[[F], bool]
    detail: str


def is_present(value: object) -> bool:
    """Whether a field has a value: neither None nor empty text, list or object."""
    return value is not None and value not in ("", [], {}, ())


def is_above_zero(value: object) -> bool:
    """Whether a field is a number above zero."""
    return isinstance(value, Decimal | int) and not isinstance(value, bool) and value > 0


@dataclass(frozen=True)
class RequiredField:
    """A field that an entity must have in a state, or a request at a transition. `name` is its dotted path in the body."""

    name: str
    message: str = "it is needed"
    holds: Callable[[object], bool] = is_present


@dataclass(frozen=True)
class Transition(Generic[F]):
    """One allowed transition.

    `initiator` is who makes it: people, the system (schedules), or the pack in whose transaction it belongs. A transition of people is
    open to every initiator, except where that initiator has one of its own between the same states (e.g. with other reason codes).

    `permissions`: any one of them is needed (none: the endpoint's is enough). `reasons` are the reason codes, one of which is needed
    (none: a reason is neither needed nor checked). `note_required`: a note is always needed, not only with the reason `other`.
    `required` are fields that the entity after the transition must have, besides those of its target. `guards` are checked in their
    order. `clears` are fields of the entity that the transition clears and its history keeps.
    """

    source: str
    target: str
    initiator: str = PEOPLE
    permissions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    note_required: bool = False
    required: tuple[RequiredField, ...] = ()
    guards: tuple[Guard[F], ...] = ()
    clears: tuple[str, ...] = ()

    def check_permission(self, actor: HasPermissions | None) -> None:
        """Raise Forbidden unless the actor has one of the permissions. Without an actor only a transition without permissions passes."""
        if not self.permissions or (actor is not None and any(map(actor.can, self.permissions))):
            return
        which = "the permission" if len(self.permissions) == 1 else "one of the permissions"
        raise Forbidden(f"This needs {which} {', '.join(self.permissions)}.")

    def check_reason(self, reason: str | None, note: str | None) -> None:
        """Raise ValidationFailed unless there is one of the reason codes, and a note where one is needed."""
        if self.reasons and reason not in self.reasons:
            raise ValidationFailed.field("reason", f"one of {', '.join(self.reasons)} is needed")
        if (self.note_required or reason == OTHER) and not note:
            raise ValidationFailed.field("note", "a note is needed")

    def check_guards(self, facts: F | None, *, overridden: bool = False) -> None:
        """Raise the problem of the first guard that doesn't hold. TypeError where there are guards, but no facts."""
        if self.guards:
            check_guards(self.guards, _known(facts), overridden=overridden)


def check_guards(guards: Iterable[Guard[F]], facts: F, *, overridden: bool = False) -> None:
    """Raise the problem of the first guard that doesn't hold, e.g. of the guards of a creation."""
    for guard in guards:
        if not guard.holds(facts) and not (overridden and guard.overridable):
            raise guard.refusal(facts)


def _known(facts: F | None) -> F:
    if facts is None:
        raise TypeError("this state machine decides on facts")
    return facts


class StateMachine(Generic[F]):
    """A named table of transitions.

    `name` is what InvalidTransition calls the thing, `field` the body's field that holds the state. `initial` are the states in which
    one is created (by default the first). `required` are the fields that an entity must have in a state: at a transition to it, at
    creation in it, at an edit while in it. `locks` make a state terminal while one of them applies. `hints` say what to do instead of
    a transition that isn't allowed. ValueError where the table contradicts itself.
    """

    def __init__(
        self,
        name: str,
        states: Sequence[str],
        transitions: Iterable[Transition[F]],
        *,
        initial: Sequence[str] = (),
        field: str = "status",
        required: Mapping[str, Sequence[RequiredField]] | None = None,
        locks: Mapping[str, Sequence[Lock[F]]] | None = None,
        hints: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self.name = name
        self.states = tuple(states)
        self.initial = tuple(initial) or self.states[:1]
        self.field = field
        self.required = dict(required or {})
        self.locks = dict(locks or {})
        self.hints = dict(hints or {})
        self.transitions: dict[tuple[str, str], tuple[Transition[F], ...]] = {}
        for transition in transitions:
            same = self.transitions.get((transition.source, transition.target), ())
            if transition.initiator in {other.initiator for other in same}:
                raise ValueError(f"{name}: {transition.source} to {transition.target} is there twice")
            self.transitions[transition.source, transition.target] = (*same, transition)
        self._check_states()

    @property
    def terminal(self) -> tuple[str, ...]:
        """The states that nothing leads out of."""
        sources = {source for source, _ in self.transitions}
        return tuple(state for state in self.states if state not in sources)

    @property
    def initiators(self) -> tuple[str, ...]:
        """Everyone who makes transitions, people first."""
        found = (transition.initiator for same in self.transitions.values() for transition in same)
        return tuple(dict.fromkeys((PEOPLE, *found)))

    def allowed(self, source: str, facts: F | None = None, *, initiator: str = PEOPLE) -> list[str]:
        """The states that `initiator` can reach from `source` in one transition, in the order of the table.

        Facts are needed only where `source` has locks (TypeError without). ValueError where `source` is no state.
        """
        return list(self._open(source, facts, initiator))

    def transition(self, source: str, target: str, facts: F | None = None, *, initiator: str = PEOPLE, hint: str = "") -> Transition[F]:
        """The transition, whatever else it requires: the first two steps of `check`, for callers that then read more.

        `hint` is added to the detail of InvalidTransition in place of the machine's own.
        """
        if target not in self.states:
            raise ValidationFailed.field(self.field, f"one of {', '.join(self.states)} is needed")
        open_transitions = self._open(source, facts, initiator)
        if found := open_transitions.get(target):
            return found
        why = hint or self._why_not(source, target, facts)
        raise InvalidTransition(self.name, source, target, list(open_transitions), why)

    def check(
        self,
        source: str,
        target: str,
        facts: F | None = None,
        *,
        actor: HasPermissions | None = None,
        initiator: str = PEOPLE,
        reason: str | None = None,
        note: str | None = None,
        fields: Mapping[str, object] | None = None,
        overridden: bool = False,
        hint: str = "",
    ) -> Transition[F]:
        """The transition, with everything checked that it requires, in the order that the module describes.

        `actor` is needed where transitions have permissions, `facts` where they have guards or their source has locks. `fields` are
        those of the entity after the transition, with the request's own. `overridden` skips overridable guards. Raises
        ValidationFailed, InvalidTransition, Forbidden, or a guard's problem.
        """
        transition = self.transition(source, target, facts, initiator=initiator, hint=hint)
        transition.check_permission(actor)
        transition.check_reason(reason, note)
        _check_required((*self.required.get(target, ()), *transition.required), fields or {})
        transition.check_guards(facts, overridden=overridden)
        return transition

    def missing_fields(self, state: str, fields: Mapping[str, object]) -> list[str]:
        """The names of the fields that `state` requires and `fields` lacks."""
        return [required.name for required in _missing(self.required.get(state, ()), fields)]

    def check_fields(self, state: str, fields: Mapping[str, object]) -> None:
        """Raise ValidationFailed naming each field that `state` requires and `fields` lacks."""
        _check_required(self.required.get(state, ()), fields)

    def check_initial(self, state: str, fields: Mapping[str, object]) -> None:
        """Raise ValidationFailed unless one can be created in `state` with these fields."""
        if state not in self.initial:
            article = "an" if self.name[0] in "aeiou" else "a"
            raise ValidationFailed.field(self.field, f"{article} {self.name} begins in one of {', '.join(self.initial)}")
        self.check_fields(state, fields)

    def cleared_fields(self, source: str, target: str, *, initiator: str = PEOPLE) -> tuple[str, ...]:
        """The fields that the transition clears; none where there is no such transition."""
        found = self._of_initiator(source, target, initiator)
        return found.clears if found else ()

    def _of_initiator(self, source: str, target: str, initiator: str) -> Transition[F] | None:
        same = {transition.initiator: transition for transition in self.transitions.get((source, target), ())}
        return same.get(initiator) or same.get(PEOPLE)

    def _open(self, source: str, facts: F | None, initiator: str) -> dict[str, Transition[F]]:
        """What both `allowed` and `transition` go by: the transitions out of `source` by their target."""
        if source not in self.states:
            raise ValueError(f"{source} is no state of {self.name}")
        if self._lock(source, facts):
            return {}
        found = {target: self._of_initiator(source, target, initiator) for at, target in self.transitions if at == source}
        return {target: transition for target, transition in found.items() if transition}

    def _lock(self, source: str, facts: F | None) -> Lock[F] | None:
        return next((lock for lock in self.locks.get(source, ()) if lock.applies(_known(facts))), None)

    def _why_not(self, source: str, target: str, facts: F | None) -> str:
        if source == target:
            return "It is there already."
        lock = self._lock(source, facts)
        return lock.detail if lock else self.hints.get((source, target), "")

    def _check_states(self) -> None:
        named = {*self.initial, *self.required, *self.locks, *(state for pair in (*self.transitions, *self.hints) for state in pair)}
        if unknown := named - set(self.states):
            raise ValueError(f"{self.name} has no {', '.join(sorted(unknown))}")
        if unreachable := set(self.states) - self._reachable():
            raise ValueError(f"{self.name}: nothing leads to {', '.join(sorted(unreachable))}")

    def _reachable(self) -> set[str]:
        reached: set[str] = set()
        found = set(self.initial)
        while found:
            reached |= found
            found = {target for source, target in self.transitions if source in reached} - reached
        return reached


def _missing(required: Iterable[RequiredField], fields: Mapping[str, object]) -> list[RequiredField]:
    return [one for one in required if not one.holds(fields.get(one.name))]


def _check_required(required: Iterable[RequiredField], fields: Mapping[str, object]) -> None:
    if missing := _missing(required, fields):
        raise ValidationFailed([{"loc": one.name.split("."), "message": one.message, "type": "value_error"} for one in missing])
