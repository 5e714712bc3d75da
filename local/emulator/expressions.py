"""DynamoDB's expressions: conditions and filters, key conditions, updates, projections.

An expression's text is parsed once into a small tree, which is kept; names and values of its placeholders come with each request.
"""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

from local.emulator.errors import InvalidUpdate, ValidationError
from local.emulator.values import AttributeValue, Item, canonical_value, format_number, kind_of, ordering_key, size_of

_TOKEN = re.compile(r"\s*(?:(?P<value>:\w+)|(?P<name>#\w+)|(?P<word>[A-Za-z_]\w*)|(?P<number>\d+)|(?P<sign><>|<=|>=|[=<>()\[\].,+-]))")
_EXACT = Context(prec=300)  # any two numbers of DynamoDB's range are added without rounding
_COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")
_FUNCTIONS = {"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2}

_MAX_OPERATORS = 300  # comparisons, AND, OR, NOT, BETWEEN, IN, functions, sums; an assignment is none
_MAX_CANDIDATES = 100  # of IN

Step = str | int
Steps = tuple[Step, ...]


class Scope:
    """What an expression is evaluated on: an item, and the names and values of the request's placeholders."""

    def __init__(self, names: Mapping[str, str], values: Mapping[str, AttributeValue]) -> None:
        self.names, self.values = names, values
        self.item: Item = {}

    def on(self, item: Item | None) -> "Scope":
        """The same placeholders on an item; None stands for one that does not exist."""
        self.item = item or {}
        return self


@dataclass(frozen=True)
class Path:
    """A document path, e.g. address.lines[0]; names may be placeholders."""

    steps: Steps

    def resolve(self, scope: Scope) -> Steps:
        """The path with its placeholders replaced."""
        return tuple(scope.names[step] if isinstance(step, str) and step[0] == "#" else step for step in self.steps)

    def value(self, scope: Scope) -> AttributeValue | None:
        """The value at the path; None where there is none."""
        return get_path(scope.item, self.resolve(scope))


@dataclass(frozen=True)
class Value:
    """The value of a placeholder."""

    placeholder: str

    def value(self, scope: Scope) -> AttributeValue | None:
        """The value."""
        return scope.values[self.placeholder]


@dataclass(frozen=True)
class Size:
    """The function `size`."""

    path: Path

    def value(self, scope: Scope) -> AttributeValue | None:
        """The size as a number."""
        value = self.path.value(scope)
        size = None if value is None else size_of(value)
        return None if size is None else {"N": str(size)}


Operand = Path | Value | Size


@dataclass(frozen=True)
class Comparison:
    """`left operator right`; false where a side is absent, except that absent and present differ."""

    left: Operand
    operator: str
    right: Operand

    def holds(self, scope: Scope) -> bool:
        """Whether it is true."""
        left, right = self.left.value(scope), self.right.value(scope)
        if self.operator == "=":
            return left is not None and left == right
        if self.operator == "<>":
            return left != right
        return left is not None and right is not None and _ordered(left, self.operator, right)


@dataclass(frozen=True)
class Between:
    """`operand BETWEEN low AND high`, both included."""

    operand: Operand
    low: Operand
    high: Operand

    def holds(self, scope: Scope) -> bool:
        """Whether it is true."""
        value, low, high = self.operand.value(scope), self.low.value(scope), self.high.value(scope)
        return value is not None and low is not None and high is not None and _ordered(low, "<=", value) and _ordered(value, "<=", high)


@dataclass(frozen=True)
class In:
    """`operand IN (a, b, ...)`."""

    operand: Operand
    candidates: tuple[Operand, ...]

    def holds(self, scope: Scope) -> bool:
        """Whether it is true."""
        value = self.operand.value(scope)
        return value is not None and any(value == candidate.value(scope) for candidate in self.candidates)


@dataclass(frozen=True)
class Function:
    """A function that is true or false."""

    name: str
    arguments: tuple[Operand, ...]

    def holds(self, scope: Scope) -> bool:
        """Whether it is true."""
        value = self.arguments[0].value(scope)
        if self.name == "attribute_exists":
            return value is not None
        if self.name == "attribute_not_exists":
            return value is None
        argument = self.arguments[1].value(scope)
        if value is None or argument is None:
            return False
        if self.name == "attribute_type":
            return kind_of(value) == argument.get("S")
        return _contains(value, argument) if self.name == "contains" else _begins_with(value, argument)


@dataclass(frozen=True)
class Not:
    """`NOT condition`."""

    condition: "Condition"

    def holds(self, scope: Scope) -> bool:
        """Whether it is true."""
        return not self.condition.holds(scope)


@dataclass(frozen=True)
class And:
    """`left AND right`."""

    left: "Condition"
    right: "Condition"

    def holds(self, scope: Scope) -> bool:
        """Whether it is true."""
        return self.left.holds(scope) and self.right.holds(scope)


@dataclass(frozen=True)
class Or:
    """`left OR right`."""

    left: "Condition"
    right: "Condition"

    def holds(self, scope: Scope) -> bool:
        """Whether it is true."""
        return self.left.holds(scope) or self.right.holds(scope)


Condition = Comparison | Between | In | Function | Not | And | Or


def _ordered(left: AttributeValue, operator: str, right: AttributeValue) -> bool:
    if kind_of(left) != kind_of(right):
        return False
    first, second = ordering_key(left), ordering_key(right)
    if first is None:
        return False
    match operator:
        case "<":
            return bool(first < second)
        case "<=":
            return bool(first <= second)
        case ">":
            return bool(first > second)
    return bool(first >= second)


def _contains(value: AttributeValue, argument: AttributeValue) -> bool:
    kind, content = next(iter(value.items()))
    wanted_kind, wanted = next(iter(argument.items()))
    if kind == "L":
        return argument in content
    if kind in ("S", "B"):
        return kind == wanted_kind and (wanted in content if kind == "S" else ordering_key(argument) in ordering_key(value))
    return kind == f"{wanted_kind}S" and wanted in content


def _begins_with(value: AttributeValue, argument: AttributeValue) -> bool:
    kind = kind_of(value)
    return kind == kind_of(argument) and kind in ("S", "B") and bool(ordering_key(value).startswith(ordering_key(argument)))


# -- updates


@dataclass(frozen=True)
class Computed:
    """A value of SET: an operand, a sum or difference, or a function of operands."""

    function: str  # "", "+", "-", "if_not_exists", "list_append"
    operands: tuple["Computed | Operand", ...]

    def value(self, scope: Scope) -> AttributeValue | None:
        """The value, from the item before the update. Raises ValidationError where an operand is absent or of the wrong type."""
        first = self.operands[0].value(scope)
        if self.function == "if_not_exists":
            return first if first is not None else self.operands[1].value(scope)
        second = self.operands[1].value(scope)
        if first is None or second is None:
            raise InvalidUpdate("The provided expression refers to an attribute that does not exist in the item")
        if self.function == "list_append":
            if kind_of(first) != "L" or kind_of(second) != "L":
                raise InvalidUpdate("An operand in the update expression has an incorrect data type")
            return {"L": first["L"] + second["L"]}
        return _sum(first, second, -1 if self.function == "-" else 1)


@dataclass(frozen=True)
class Change:
    """One action of an update: `verb` is SET, REMOVE, ADD or DELETE."""

    verb: str
    path: Path
    operand: Computed | Operand | None


def _sum(first: AttributeValue, second: AttributeValue, sign: int) -> AttributeValue:
    if kind_of(first) != "N" or kind_of(second) != "N":
        raise InvalidUpdate("An operand in the update expression has an incorrect data type")
    return {"N": format_number(_EXACT.add(Decimal(first["N"]), sign * Decimal(second["N"])))}


def apply_update(changes: Iterable[Change], scope: Scope, target: Item) -> list[Steps]:
    """Make the changes in `target`, an own copy of the scope's item. Returns the changed paths."""
    computed: list[tuple[Steps, str, AttributeValue | None]] = []
    for change in changes:
        path = change.path.resolve(scope)
        computed.append((path, change.verb, None if change.operand is None else change.operand.value(scope)))
    # Elements of a list are removed from its end, so that the positions of the others stay what the expression means.
    for path, verb, value in sorted(computed, key=lambda entry: (entry[1] == "REMOVE", _removal_order(entry[0]))):
        if verb == "REMOVE":
            _remove_path(target, path)
        elif verb == "SET":
            if value is None:
                raise InvalidUpdate("The provided expression refers to an attribute that does not exist in the item")
            set_path(target, path, value)
        else:
            assert value is not None
            _add_or_delete(target, path, verb, value, get_path(scope.item, path))
    return [path for path, _, _ in computed]


def _removal_order(path: Steps) -> tuple[int, ...]:
    return tuple(-step for step in path if isinstance(step, int))


def _forbid_overlaps(kind: str, paths: Sequence[Steps]) -> None:
    for one, other in itertools.combinations(paths, 2):
        steps = next(((a, b) for a, b in zip(one, other, strict=False) if a != b), None)
        if steps is None:
            raise ValidationError(f"Invalid {kind}: Two document paths overlap with each other")
        if type(steps[0]) is not type(steps[1]):  # one means a map, the other a list
            raise ValidationError(f"Invalid {kind}: Two document paths conflict with each other")


def _add_or_delete(target: Item, path: Steps, verb: str, value: AttributeValue, current: AttributeValue | None) -> None:
    kind = kind_of(value)
    if kind == "N" and verb == "ADD":
        set_path(target, path, _sum(current or {"N": "0"}, value, 1))
        return
    if current is None:
        if verb == "ADD":
            set_path(target, path, value)
        else:
            _container(target, path)  # the path must be one that could be updated
        return
    if kind_of(current) != kind:
        raise InvalidUpdate("An operand in the update expression has an incorrect data type")
    before, members = current[kind], value[kind]
    after = [*before, *(member for member in members if member not in before)] if verb == "ADD" else [m for m in before if m not in members]
    if after:
        set_path(target, path, canonical_value({kind: after})[0])
    else:
        _remove_path(target, path)


# -- paths


def get_path(item: Item, path: Steps) -> AttributeValue | None:
    """The value at a path; None where there is none."""
    value: Any = item.get(str(path[0]))
    for step in path[1:]:
        if value is None:
            return None
        container = value.get("M") if isinstance(step, str) else value.get("L")
        if container is None:
            return None
        value = container.get(step) if isinstance(step, str) else container[step] if step < len(container) else None
    found: AttributeValue | None = value
    return found


def _container(item: Item, path: Steps) -> Any:
    """The mapping or list that holds the last step. Raises ValidationError where there is none of that type."""
    container: Any = item
    for number, step in enumerate(path[:-1]):
        try:
            value = container[step]
            container = value["M" if isinstance(path[number + 1], str) else "L"]
        except (KeyError, IndexError):
            raise InvalidUpdate("The document path provided in the update expression is invalid for update") from None
    return container


def set_path(item: Item, path: Steps, value: AttributeValue) -> None:
    """Put a value at a path; behind the end of a list it is appended."""
    container, last = _container(item, path), path[-1]
    if isinstance(last, int) and last >= len(container):
        container.append(value)
    else:
        container[last] = value


def _remove_path(item: Item, path: Steps) -> None:
    container, last = _container(item, path), path[-1]
    if isinstance(last, str):
        container.pop(last, None)
    elif last < len(container):
        del container[last]


def project(item: Item, paths: Iterable[Steps]) -> Item:
    """The item's values at these paths."""
    result: Item = {}
    for path in paths:
        value = get_path(item, path)
        if value is None:
            continue
        container: Any = result
        for step, following in itertools.pairwise(path):
            kind = "M" if isinstance(following, str) else "L"
            if isinstance(step, str):
                container = container.setdefault(step, {kind: {} if kind == "M" else []})[kind]
            else:
                container.append({kind: {} if kind == "M" else []})
                container = container[-1][kind]
        if isinstance(path[-1], str):
            container[path[-1]] = value
        else:
            container.append(value)
    return result


# -- checks before evaluation

_ORDERED_KINDS = frozenset({"S", "N", "B"})
_SET_KINDS = frozenset({"SS", "NS", "BS"})


def check(kind: str, parsed: "Parsed", scope: Scope) -> None:
    """Raise ValidationError where a placeholder's value can't be an operand where it stands, or paths overlap, whatever the item is."""
    _forbid_overlaps(kind, [path.resolve(scope) for path in (*parsed.paths, *(change.path for change in parsed.changes))])
    pending: list[object] = [parsed.condition, *parsed.changes]
    while pending:
        node = pending.pop()
        for operand, operator, kinds in _typed_operands(node):
            if isinstance(operand, Value) and (actual := kind_of(scope.values[operand.placeholder])) not in kinds:
                raise ValidationError(
                    f"Invalid {kind}: Incorrect operand type for operator or function; operator or function: {operator}, operand type: {actual}"
                )
        if isinstance(node, Between) and isinstance(node.low, Value) and isinstance(node.high, Value):
            _check_bounds(kind, scope.values[node.low.placeholder], scope.values[node.high.placeholder])
        if isinstance(node, Not):
            pending.append(node.condition)
        elif isinstance(node, And | Or):
            pending += (node.left, node.right)
        elif isinstance(node, Change):
            pending.append(node.operand)
        elif isinstance(node, Computed):
            pending += node.operands


def _check_bounds(kind: str, low: AttributeValue, high: AttributeValue) -> None:
    if kind_of(low) != kind_of(high):
        raise ValidationError(f"Invalid {kind}: The BETWEEN operator requires same data type for lower and upper bounds")
    if ordering_key(low) > ordering_key(high):
        raise ValidationError(f"Invalid {kind}: The BETWEEN operator requires upper bound to be greater than or equal to lower bound")


def _typed_operands(node: object) -> list[tuple[object, str, frozenset[str]]]:
    """The operands of a node that must be of certain types, with the operator's name."""
    match node:
        case Comparison(left, operator, right) if operator not in ("=", "<>"):
            return [(left, operator, _ORDERED_KINDS), (right, operator, _ORDERED_KINDS)]
        case Between(operand, low, high):
            return [(each, "BETWEEN", _ORDERED_KINDS) for each in (operand, low, high)]
        case Function("begins_with", arguments):
            return [(each, "begins_with", frozenset({"S", "B"})) for each in arguments]
        case Change("ADD", _, operand):
            return [(operand, "ADD", _SET_KINDS | {"N"})]
        case Change("DELETE", _, operand):
            return [(operand, "DELETE", _SET_KINDS)]
        case Computed("+" | "-" as sign, operands):
            return [(each, sign, frozenset({"N"})) for each in operands]
        case Computed("list_append", operands):
            return [(each, "list_append", frozenset({"L"})) for each in operands]
    return []


# -- parsing


@dataclass(frozen=True)
class Parsed:
    """A parsed expression and the placeholders that it uses."""

    condition: Condition | None = None
    changes: tuple[Change, ...] = ()
    paths: tuple[Path, ...] = ()
    names: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()


@lru_cache(maxsize=4096)
def parse_condition(text: str, kind: str) -> Parsed:
    """A ConditionExpression, FilterExpression or KeyConditionExpression; `kind` names it in errors."""
    parser = _Parser(text, kind)
    condition = parser.disjunction()
    return parser.finish(Parsed(condition=condition))


@lru_cache(maxsize=4096)
def parse_update(text: str) -> Parsed:
    """An UpdateExpression."""
    parser = _Parser(text, "UpdateExpression")
    changes: list[Change] = []
    verbs: set[str] = set()
    while not parser.at_end:
        verb = parser.take("word").upper()
        if verb not in ("SET", "REMOVE", "ADD", "DELETE") or verb in verbs:
            raise parser.error()
        verbs.add(verb)
        changes.append(parser.change(verb))
        while parser.skip(","):
            changes.append(parser.change(verb))
    if not changes:
        raise parser.error()
    return parser.finish(Parsed(changes=tuple(changes)))


@lru_cache(maxsize=1024)
def parse_projection(text: str) -> Parsed:
    """A ProjectionExpression."""
    parser = _Parser(text, "ProjectionExpression")
    paths = [parser.path()]
    while parser.skip(","):
        paths.append(parser.path())
    return parser.finish(Parsed(paths=tuple(paths)))


class _Parser:
    """A recursive descent over an expression's tokens."""

    def __init__(self, text: str, kind: str) -> None:
        self._kind, self._index, self._operators = kind, 0, 0
        self._tokens: list[tuple[str, str]] = []
        self._closing: dict[int, int] = {}  # where each parenthesis is closed
        position, end = 0, len(text.rstrip())
        while position < end:
            token = _TOKEN.match(text, position)
            if token is None or token.lastgroup is None:
                raise self.error()
            self._tokens.append((token.lastgroup, token[token.lastgroup]))
            position = token.end()

    def error(self) -> ValidationError:
        """The error of an expression that can't be parsed."""
        near = self._tokens[self._index][1] if self._index < len(self._tokens) else "<EOF>"
        return ValidationError(f'Invalid {self._kind}: Syntax error; token: "{near}"')

    @property
    def at_end(self) -> bool:
        """Whether all tokens are taken."""
        return self._index >= len(self._tokens)

    def finish(self, parsed: Parsed) -> Parsed:
        """The result, with the placeholders that occur."""
        if not self.at_end:
            raise self.error()
        placeholders: dict[str, set[str]] = {"name": set(), "value": set()}
        for kind, text in self._tokens:
            placeholders.get(kind, set()).add(text)
        return Parsed(parsed.condition, parsed.changes, parsed.paths, frozenset(placeholders["name"]), frozenset(placeholders["value"]))

    def _count_operator(self) -> None:
        self._operators += 1
        if self._operators > _MAX_OPERATORS:
            raise ValidationError(f"Invalid {self._kind}: The expression contains too many operators; operator count: {self._operators}")

    def _peek(self, offset: int = 0) -> tuple[str, str]:
        index = self._index + offset
        return self._tokens[index] if index < len(self._tokens) else ("end", "")

    def take(self, kind: str) -> str:
        """The next token, which must be of that kind."""
        found, text = self._peek()
        if found != kind:
            raise self.error()
        self._index += 1
        return text

    def skip(self, text: str) -> bool:
        """Take the next token if it is this sign or word."""
        kind, found = self._peek()
        if kind not in ("sign", "word") or found.upper() != text:
            return False
        self._index += 1
        return True

    def expect(self, text: str) -> None:
        """Take the next token, which must be this sign or word."""
        if not self.skip(text):
            raise self.error()

    def disjunction(self) -> Condition:
        """Conditions joined by OR."""
        condition = self._conjunction()
        while self.skip("OR"):
            self._count_operator()
            condition = Or(condition, self._conjunction())
        return condition

    def _conjunction(self) -> Condition:
        condition = self._negation()
        while self.skip("AND"):
            self._count_operator()
            condition = And(condition, self._negation())
        return condition

    def _negation(self) -> Condition:
        if not self.skip("NOT"):
            return self._primary()
        self._count_operator()
        return Not(self._negation())

    def _primary(self) -> Condition:
        start = self._index
        if self.skip("("):
            condition = self.disjunction()
            if self._closing.get(start + 1) == self._index - 1:
                raise ValidationError(f"Invalid {self._kind}: The expression has redundant parentheses;")
            self._closing[start] = self._index
            self.expect(")")
            return condition
        kind, text = self._peek()
        if kind == "word" and self._peek(1) == ("sign", "(") and text != "size":
            return self._function(text)
        operand = self._operand()
        self._count_operator()
        if self.skip("BETWEEN"):
            low = self._operand()
            self.expect("AND")
            return Between(operand, low, self._operand())
        if self.skip("IN"):
            self.expect("(")
            candidates = [self._operand()]
            while self.skip(","):
                candidates.append(self._operand())
            self.expect(")")
            if len(candidates) > _MAX_CANDIDATES:
                raise ValidationError(
                    f"Invalid {self._kind}: The IN operator is provided with too many operands; number of operands: {len(candidates)}"
                )
            return In(operand, tuple(candidates))
        operator = self.take("sign")
        if operator not in _COMPARATORS:
            raise self.error()
        return Comparison(operand, operator, self._operand())

    def _function(self, name: str) -> Condition:
        if name not in _FUNCTIONS:
            raise ValidationError(f"Invalid {self._kind}: Invalid function name; function: {name}")
        self._count_operator()
        self._index += 2
        arguments = [self._operand()]
        while self.skip(","):
            arguments.append(self._operand())
        self.expect(")")
        if len(arguments) != _FUNCTIONS[name]:
            raise ValidationError(
                f"Invalid {self._kind}: Incorrect number of operands for operator or function; operator or function: {name}"
            )
        if not isinstance(arguments[0], Path) and name.startswith("attribute"):
            raise ValidationError(f"Invalid {self._kind}: Operator or function requires a document path; operator or function: {name}")
        return Function(name, tuple(arguments))

    def _operand(self) -> Operand:
        if self._peek()[0] == "value":
            return Value(self.take("value"))
        if self._peek() == ("word", "size") and self._peek(1) == ("sign", "("):
            self._count_operator()
            self._index += 2
            path = self.path()
            self.expect(")")
            return Size(path)
        return self.path()

    def path(self) -> Path:
        """A document path."""
        steps: list[Step] = [self._name()]
        while True:
            if self.skip("."):
                steps.append(self._name())
            elif self.skip("["):
                steps.append(int(self.take("number")))
                self.expect("]")
            else:
                return Path(tuple(steps))

    def _name(self) -> str:
        return self.take("name") if self._peek()[0] == "name" else self.take("word")

    def change(self, verb: str) -> Change:
        """One action of an update's clause."""
        path = self.path()
        if verb == "REMOVE":
            return Change(verb, path, None)
        if verb == "SET":
            self.expect("=")
            return Change(verb, path, self._computed())
        return Change(verb, path, Value(self.take("value")))

    def _computed(self) -> Computed | Operand:
        value = self._term()
        for sign in ("+", "-"):
            if self.skip(sign):
                self._count_operator()
                return Computed(sign, (value, self._term()))
        return value

    def _term(self) -> Computed | Operand:
        kind, text = self._peek()
        if kind == "word" and self._peek(1) == ("sign", "("):
            if text not in ("if_not_exists", "list_append"):
                raise ValidationError(f"Invalid {self._kind}: Invalid function name; function: {text}")
            self._count_operator()
            self._index += 2
            first = self.path() if text == "if_not_exists" else self._term()
            self.expect(",")
            second = self._term()
            self.expect(")")
            return Computed(text, (first, second))
        return Value(self.take("value")) if kind == "value" else self.path()
