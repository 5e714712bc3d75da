"""The key condition of a query: one partition, and a range of its sort keys."""

from local.emulator.errors import ValidationError
from local.emulator.expressions import And, Between, Comparison, Condition, Function, Path, Scope, Value, parse_condition
from local.emulator.schema import KeyNames, check_key_text
from local.emulator.values import AttributeValue

_REVERSED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def key_range(text: object, scope: Scope, names: KeyNames) -> tuple[str, list[tuple[str, str]]]:
    """The partition and the bounds of the range key, as SQL operators with their operands, of a key condition."""
    if not isinstance(text, str):
        raise ValidationError("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
    condition = parse_condition(text, "KeyConditionExpression").condition
    clauses = [condition.left, condition.right] if isinstance(condition, And) else [condition]
    pk: str | None = None
    bounds: list[tuple[str, str]] | None = None
    for clause in clauses:
        assert clause is not None
        name, ranges = _clause(clause, scope)
        if name == names.hash_key and pk is None and len(ranges) == 1 and ranges[0][0] == "=":
            pk = ranges[0][1]
            check_key_text(pk, "HASH", name)
        elif name == names.range_key and bounds is None:
            bounds = ranges
            for _, bound in ranges:
                check_key_text(bound, "RANGE", name)
        else:
            raise ValidationError("Query key condition not supported")
    if pk is None:
        raise ValidationError(f"Query condition missed key schema element: {names.hash_key}")
    return pk, bounds or []


def _clause(clause: Condition, scope: Scope) -> tuple[str, list[tuple[str, str]]]:
    """The name and bounds of one part of a key condition. Raises ValidationError for what no key condition may be."""
    match clause:
        case Comparison(Path((_,)) as path, operator, Value() as value) if operator in _REVERSED:
            return str(path.resolve(scope)[0]), [(operator, _text(value, scope))]
        case Comparison(Value() as value, operator, Path((_,)) as path) if operator in _REVERSED:
            return str(path.resolve(scope)[0]), [(_REVERSED[operator], _text(value, scope))]
        case Between(Path((_,)) as path, Value() as low, Value() as high):
            return str(path.resolve(scope)[0]), [(">=", _text(low, scope)), ("<=", _text(high, scope))]
        case Function("begins_with", (Path((_,)) as path, Value() as value)):
            prefix = _text(value, scope)
            return str(path.resolve(scope)[0]), [(">=", prefix), *(("<", end) for end in _prefix_end(prefix))]
    raise ValidationError("Invalid operator used in KeyConditionExpression")


def _text(value: Value, scope: Scope) -> str:
    found: AttributeValue = scope.values[value.placeholder]
    text = found.get("S")
    if not isinstance(text, str):
        raise ValidationError("One or more parameter values were invalid: Condition parameter type does not match schema type")
    return text


def _prefix_end(prefix: str) -> list[str]:
    """The first text behind all that begin with the prefix; none where every later text does."""
    for length in range(len(prefix), 0, -1):
        point = ord(prefix[length - 1])
        if point < 0x10FFFF:
            following = 0xE000 if point == 0xD7FF else point + 1  # surrogates are no characters
            return [prefix[: length - 1] + chr(following)]
    return []
