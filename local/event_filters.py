"""Lambda's event filter patterns, as far as stream mappings use them.

A pattern is an object like the event; a leaf is a list of what is accepted there: a literal, {"prefix": "a"}, {"suffix": "z"},
{"equals-ignore-case": "x"}, {"anything-but": …}, {"numeric": [">", 0, "<=", 5]} or {"exists": true}. All fields of a pattern must
hold, one entry of each leaf; "$or" holds a list of patterns of which one must.
"""

import operator
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

_ABSENT = object()
_NUMERIC = {"=": operator.eq, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


def accepts(patterns: Iterable[dict[str, Any]], event: dict[str, Any]) -> bool:
    """Whether one of the patterns holds; without any, everything does."""
    every = tuple(patterns)
    return not every or any(matches(pattern, event) for pattern in every)


def matches(pattern: dict[str, Any], event: Any) -> bool:
    """Whether all of the pattern's fields hold of the event."""
    for name, rules in pattern.items():
        if name == "$or":
            if not any(matches(alternative, event) for alternative in rules):
                return False
            continue
        value = event.get(name, _ABSENT) if isinstance(event, dict) else _ABSENT
        if isinstance(rules, dict):
            if not matches(rules, {} if value is _ABSENT else value):
                return False
        elif not any(_holds(rule, value) for rule in rules):
            return False
    return True


def _holds(rule: Any, value: Any) -> bool:
    if not isinstance(rule, dict):
        return value is not _ABSENT and type(rule) is type(value) and bool(rule == value)
    ((kind, operand),) = rule.items()
    if kind == "exists":
        # Lambda asks it of leaves only: an object is not one.
        return (value is not _ABSENT and not isinstance(value, dict)) is operand
    if value is _ABSENT:
        return False
    match kind:
        case "prefix":
            return isinstance(value, str) and value.startswith(operand)
        case "suffix":
            return isinstance(value, str) and value.endswith(operand)
        case "equals-ignore-case":
            return isinstance(value, str) and value.casefold() == str(operand).casefold()
        case "anything-but":
            excluded = operand if isinstance(operand, list) else [operand]
            return not any(_holds(literal, value) for literal in excluded)
        case "numeric":
            return _in_range(operand, value)
    raise ValueError(f"A filter pattern knows no {kind!r}.")


def _in_range(bounds: list[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    pairs = zip(bounds[::2], bounds[1::2], strict=True)
    return all(_NUMERIC[sign](value, bound) for sign, bound in pairs)
