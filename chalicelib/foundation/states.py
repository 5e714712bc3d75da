"""State machines as tables of allowed moves. One form for all of them; a property-based test walks each."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.foundation.errors import Invalid, InvalidTransition


@dataclass(frozen=True)
class Move:
    """One allowed move.

    `codes` are the reason codes it takes (empty: none), `note` says that a note must come with it,
    `by` who may make it besides people with the right: "people" or the name of the pack that alone may.
    """

    source: str
    target: str
    codes: tuple[str, ...] = ()
    note: bool = False
    by: str = "people"


class StateMachine:
    """A named table of moves."""

    def __init__(self, name: str, moves: Iterable[Move]) -> None:
        self.name = name
        self.moves = {(move.source, move.target): move for move in moves}
        self.states = tuple(dict.fromkeys(state for pair in self.moves for state in pair))

    def allowed(self, source: str, by: str = "people") -> list[str]:
        """The states that `by` can reach from `source` in one move."""
        return [move.target for move in self.moves.values() if move.source == source and move.by in ("people", by)]

    def move(self, source: str, target: str, *, by: str = "people", hint: str = "") -> Move:
        """The move from `source` to `target`; raises InvalidTransition with what is allowed instead."""
        found = self.moves.get((source, target))
        if found is None or found.by not in ("people", by):
            raise InvalidTransition(self.name, source, target, self.allowed(source, by), hint)
        return found

    @staticmethod
    def check_reason(move: Move, reason: str | None, note: str | None) -> None:
        """A move that needs a code or a note gets one, and `other` is explained by a note."""
        if move.codes and reason not in move.codes:
            raise Invalid.field("reason", f"one of {', '.join(move.codes)} is needed")
        if (move.note or reason == "other") and not note:
            raise Invalid.field("note", "a note is needed")
