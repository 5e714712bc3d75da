"""Conditions and update expressions from values: placeholders are made here, and nowhere else.

Conditions are PynamoDB's own objects, made of `attribute(name)`:

    all_of(attribute("refs") == 0, attribute("closed").does_not_exist())
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import cast

from pynamodb.expressions.condition import And, Condition, Or
from pynamodb.expressions.operand import Path, Value

from chalicelib.foundation.store.codec import AttributeValue, DynamoItem, encode_value

Arguments = dict[str, object]  # of a DynamoDB call
NOTHING: Mapping[str, object] = MappingProxyType({})


class _EncodedValue(Value):
    """A value in the table's own encoding: Decimal, days and instants too."""

    def __init__(self, value: object) -> None:
        super().__init__("")
        self.values = (encode_value(value),)


class _AttributePath(Path):
    """A top-level attribute of a row."""

    def _to_value(self, value: object) -> Value:
        return _EncodedValue(value)


def attribute(name: str) -> Path:
    """An attribute to compare: `attribute("refs") == 0`, `.exists()`, `.does_not_exist()`, `<=` and the like."""
    return _AttributePath([name])


ROW_EXISTS: Condition = attribute("pk").exists()
ROW_ABSENT: Condition = attribute("pk").does_not_exist()


def all_of(*conditions: Condition) -> Condition:
    """All of these, of which there is at least one."""
    return reduce(And, conditions)


def any_of(*conditions: Condition) -> Condition:
    """One of these at the least."""
    return reduce(Or, conditions)


def unchanged(values: Mapping[str, object]) -> list[Condition]:
    """That each attribute is still as it was read; None stands for one that was absent."""
    return [attribute(name).does_not_exist() if value is None else attribute(name) == value for name, value in values.items()]


def condition_arguments(when: Condition | None) -> Arguments:
    """ConditionExpression with its placeholders; nothing where there is no condition."""
    return {} if when is None else _Builder().finish(when)


def filter_arguments(when: Condition) -> Arguments:
    """FilterExpression with its placeholders, for a scan."""
    arguments = condition_arguments(when)
    return {"FilterExpression": arguments.pop("ConditionExpression"), **arguments}


def update_arguments(
    set: Mapping[str, object],
    remove: Iterable[str],
    add: Mapping[str, object],
    when: Condition | None,
    *,
    default: Mapping[str, object] = NOTHING,
    discard: Mapping[str, object] = NOTHING,
) -> Arguments:
    """UpdateExpression and ConditionExpression.

    What is set to None is removed; `add` counts numbers up or down, and adds the elements of a set to a set; `discard` removes elements
    of a set; `default` sets what is absent.
    """
    builder = _Builder()
    sets = [f"{builder.name(name)} = {builder.value(value)}" for name, value in set.items() if value is not None]
    for name, value in default.items():
        placeholder = builder.name(name)
        sets.append(f"{placeholder} = if_not_exists({placeholder}, {builder.value(value)})")
    removes = [builder.name(name) for name in (*(name for name, value in set.items() if value is None), *remove)]
    adds = [f"{builder.name(name)} {builder.value(value)}" for name, value in add.items()]
    discards = [f"{builder.name(name)} {builder.value(value)}" for name, value in discard.items()]
    return builder.update(("SET", sets), ("REMOVE", removes), ("ADD", adds), ("DELETE", discards)) | builder.finish(when)


def difference_arguments(before: DynamoItem, after: DynamoItem, when: Condition | None) -> Arguments:
    """UpdateExpression that makes of the row `before` the row `after`, whose key is the same."""
    builder = _Builder()
    sets = [f"{builder.name(name)} = {builder.encoded(value)}" for name, value in after.items() if before.get(name) != value]
    removes = [builder.name(name) for name in before.keys() - after.keys()]
    return builder.update(("SET", sets), ("REMOVE", removes)) | builder.finish(when)


class _Builder:
    """Collects the placeholders of one call."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, AttributeValue] = {}

    def name(self, name: str) -> str:
        """A placeholder for an attribute's name, the same for the same name."""
        return self._names.setdefault(name, f"#{len(self._names)}")

    def value(self, value: object) -> str:
        """A placeholder for a value."""
        return self.encoded(encode_value(value))

    def encoded(self, value: AttributeValue) -> str:
        """A placeholder for a value that is encoded already."""
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = value
        return placeholder

    @staticmethod
    def update(*clauses: tuple[str, list[str]]) -> Arguments:
        """The update's clauses, those that are empty left out."""
        return {"UpdateExpression": " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts)}

    def finish(self, when: Condition | None) -> Arguments:
        """The condition, and every placeholder."""
        arguments: Arguments = {}
        if when is not None:
            arguments["ConditionExpression"] = when.serialize(self._names, cast(dict[str, str], self._values))
        if self._names:
            arguments["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in self._names.items()}
        if self._values:
            arguments["ExpressionAttributeValues"] = self._values
        return arguments
