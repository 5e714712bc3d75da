"""One update of a row, and two updates of one row as one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Self

from pynamodb.expressions.condition import Condition

from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.codec import encode_value
from chalicelib.foundation.store.expressions import Arguments, condition_arguments, update_arguments

_SET, _REMOVE, _ADD, _DEFAULT, _DISCARD = range(5)
_EXACT = Context(prec=100)  # digits: more than any sum of two stored numbers that is stored has
_Changes = Mapping[str, tuple[int, object]]


@dataclass(frozen=True)
class RowUpdate:
    """What an update does with each attribute, and under which condition."""

    changes: _Changes
    when: Condition | None

    @classmethod
    def of(
        cls,
        set: Mapping[str, object],
        remove: Iterable[str],
        add: Mapping[str, object],
        default: Mapping[str, object],
        discard: Mapping[str, object],
        when: Condition | None,
    ) -> Self:
        """From the arguments of `Transaction.update`. Raises ValueError where an attribute is in two of them."""
        changes: dict[str, tuple[int, object]] = {}
        for verb, values in ((_SET, set), (_REMOVE, dict.fromkeys(remove)), (_ADD, add), (_DEFAULT, default), (_DISCARD, discard)):
            for name, value in values.items():
                if name in changes:
                    raise ValueError(f"An update does one thing with an attribute; {name} has two.")
                changes[name] = (_REMOVE, None) if value is None else (verb, value)
        return cls(changes, when)

    def arguments(self) -> Arguments:
        """UpdateExpression and ConditionExpression."""
        by_verb: tuple[dict[str, object], ...] = ({}, {}, {}, {}, {})
        for name, (verb, value) in self.changes.items():
            by_verb[verb][name] = value
        return update_arguments(
            by_verb[_SET], by_verb[_REMOVE], by_verb[_ADD], self.when, default=by_verb[_DEFAULT], discard=by_verb[_DISCARD]
        )

    def merge(self, key: ItemKey, other: "RowUpdate") -> "RowUpdate":
        """The one update that does what both do, under the same condition and in either order; `key` is their row's.

        Numbers that are added are summed, elements that are added to a set or removed from it are united, and what both set must be equal.
        Raises ValueError for updates that can't be one.
        """
        if condition_arguments(self.when) != condition_arguments(other.when):
            raise ValueError(f"A transaction has one action on a row: two updates of {key} have different conditions.")
        both = self.changes.keys() & other.changes.keys()
        merged = {name: _merged(key, name, self.changes[name], other.changes[name]) for name in both}
        return replace(self, changes={**self.changes, **other.changes, **merged})


def _merged(key: ItemKey, name: str, one: tuple[int, object], other: tuple[int, object]) -> tuple[int, object]:
    verb, value = one
    if verb == other[0]:
        second = other[1]
        if verb in (_ADD, _DISCARD) and isinstance(value, set | frozenset) and isinstance(second, set | frozenset):
            return verb, value | second
        if verb == _ADD and isinstance(value, int | Decimal) and isinstance(second, int | Decimal):
            return verb, _EXACT.add(value, second)
        if verb != _ADD and encode_value(value) == encode_value(second):
            return one
    raise ValueError(f"A transaction has one action on a row: two updates of {key} differ in {name}.")
