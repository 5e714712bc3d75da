"""The emulator's key conditions, evaluated once a query instead of once an item.

ministack reads the text of `KeyConditionExpression` anew for every item of the partition: 21 microseconds each, a quarter
of a second for a partition of 10,000. Here the usual conditions become one Python function a query; whatever is unusual
(other types than strings, parentheses, anything that would be an error) is left to ministack itself.
The replaced function is private, so this is done to the one version it was written against and to no other.
"""

import operator
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

WRITTEN_AGAINST = "1.5.33"

Item = dict[str, dict[str, Any]]
Token = tuple[str, str]
Predicate = Callable[[Item], bool]

_SLOT = "KeyConditionExpression"
_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "EQ": operator.eq,
    "LT": operator.lt,
    "LE": operator.le,
    "GT": operator.gt,
    "GE": operator.ge,
}


class _UnusualError(Exception):
    """A condition, or an item, that is left to ministack."""


def install() -> bool:
    """Put the quick evaluation in place. False, and nothing changed, where ministack is of another version."""
    if version("ministack") != WRITTEN_AGAINST:
        return False
    from ministack.services import dynamodb

    original = dynamodb._evaluate_condition
    held: tuple[Any, Any, Any, Predicate | None] = (None, None, None, None)

    def evaluate(expr: Any, item: Item, attr_values: Any, attr_names: Any, slot: str = "ConditionExpression") -> Any:
        nonlocal held
        if slot != _SLOT:
            return original(expr, item, attr_values, attr_names, slot)
        condition, values, names, predicate = held
        if expr is not condition or attr_values is not values or attr_names is not names:
            # `held` keeps the three objects alive, so their identity stands for this one query.
            predicate = _compiled(dynamodb, expr, attr_values, attr_names)
            held = (expr, attr_values, attr_names, predicate)
        if predicate is not None:
            try:
                return predicate(item)
            except _UnusualError:
                pass
        return original(expr, item, attr_values, attr_names, slot)

    dynamodb._evaluate_condition = evaluate
    return True


def _compiled(dynamodb: Any, expr: Any, values: Any, names: Any) -> Predicate | None:
    """The condition as a function of the item; None where it is not of the usual form."""
    if not isinstance(expr, str) or not isinstance(values, dict) or not isinstance(names, dict | None):
        return None
    tokens: list[Token] = dynamodb._tokenize(expr)
    if dynamodb._check_reserved_keyword_usage(tokens) or dynamodb._condition_syntax_error(expr, _SLOT):
        return None
    try:
        clauses = _clauses(tokens, values, names or {})
    except _UnusualError:
        return None
    if len(clauses) == 1:
        return clauses[0]
    first, second = clauses
    return lambda item: first(item) and second(item)


def _clauses(tokens: list[Token], values: dict[str, Any], names: dict[str, str]) -> list[Predicate]:
    """One or two clauses joined by AND: `name op :v`, `name BETWEEN :a AND :b`, `begins_with(name, :v)`."""
    clauses: list[Predicate] = []
    rest = [token for token in tokens if token[0] != "EOF"]
    while rest:
        if clauses:
            _keyword(rest.pop(0), "AND")
        if rest and rest[0][0] == "IDENT" and rest[0][1].lower() == "begins_with":
            kinds = [kind for kind, _ in rest[:6]]
            if kinds[:1] + kinds[1:2] + kinds[3:4] + kinds[5:6] != ["IDENT", "LPAREN", "COMMA", "RPAREN"]:
                raise _UnusualError
            clauses.append(_prefix(_name(rest[2], names), _text(rest[4], values)))
            rest = rest[6:]
        elif len(rest) >= 3 and rest[1][0] in _COMPARE:
            clauses.append(_comparison(_name(rest[0], names), _COMPARE[rest[1][0]], _text(rest[2], values)))
            rest = rest[3:]
        elif len(rest) >= 5:
            _keyword(rest[1], "BETWEEN")
            _keyword(rest[3], "AND")
            clauses.append(_between(_name(rest[0], names), _text(rest[2], values), _text(rest[4], values)))
            rest = rest[5:]
        else:
            raise _UnusualError
    if not 1 <= len(clauses) <= 2:
        raise _UnusualError
    return clauses


def _keyword(token: Token, word: str) -> None:
    if token[0] != "IDENT" or token[1].upper() != word:
        raise _UnusualError


def _name(token: Token, names: dict[str, str]) -> str:
    if token[0] == "IDENT":
        return token[1]
    if token[0] == "NAME_REF" and token[1] in names:
        return names[token[1]]
    raise _UnusualError


def _text(token: Token, values: dict[str, Any]) -> str:
    value = values.get(token[1]) if token[0] == "VALUE_REF" else None
    if not isinstance(value, dict) or list(value) != ["S"] or not isinstance(value["S"], str):
        raise _UnusualError
    text: str = value["S"]
    return text


def _comparison(name: str, compare: Callable[[str, str], bool], bound: str) -> Predicate:
    def matches(item: Item) -> bool:
        attribute = item.get(name)
        return attribute is not None and "S" in attribute and compare(attribute["S"], bound)

    return matches


def _between(name: str, low: str, high: str) -> Predicate:
    if low > high:
        raise _UnusualError

    def matches(item: Item) -> bool:
        attribute = item.get(name)
        return attribute is not None and "S" in attribute and low <= attribute["S"] <= high

    return matches


def _prefix(name: str, prefix: str) -> Predicate:
    def matches(item: Item) -> bool:
        attribute = item.get(name)
        if attribute is None:
            return False
        if "S" not in attribute:
            raise _UnusualError
        return bool(attribute["S"].startswith(prefix))

    return matches
