"""Access patterns: how lists and scheduled work find items, stated once on the item's class.

    class Pipeline(Entity):
        BY_STAGE = AccessPattern("gsi1", "PIPE#{stage}#0", serves="GET /wholesale?stage=")
        BY_OWNER = AccessPattern("gsi2", "PIPE#OWN#{owner|none}", serves="GET /wholesale?owner=")
        ALARMS = DuePattern("contract-alarm", on="alarm_on")

What is written to the index, what a list asks of it, what a schedule works through and docs/access-patterns.md all come from
these declarations, so that they can't differ. A placeholder names an attribute or a property of the item; `{owner|none}` says what
stands for one that is absent. Without a default the item is not in the index while the value is absent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.keys import KeyPart, escape_key_part

IndexName = Literal["gsi1", "gsi2", "gsi3", "gsi4"]
DUE_INDEX: IndexName = "gsi3"
_END = "~"  # sorts after every character that follows a date, an instant or an id in a sort key


class HasAttributes(Protocol):
    """What keys are made of: an item's attributes by name. Properties are read where no attribute has the name."""

    attribute_values: dict[str, object]


@dataclass(frozen=True)
class KeyRange:
    """One partition of an index (or of the table, `index` None), with an optional range of its sort key.

    `low` and `high` are inclusive; `prefix` is a beginning.
    """

    index: str | None
    pk: str
    low: str | None = None
    high: str | None = None
    prefix: str | None = None

    @property
    def attribute_names(self) -> tuple[str, str]:
        """The names of its partition key and its sort key."""
        return (f"{self.index}pk", f"{self.index}sk") if self.index else ("pk", "sk")

    def query_arguments(self) -> JsonObject:
        """What Query takes for it. A range of the table itself is read strongly; an index can't be."""
        pk_name, sk_name = self.attribute_names
        condition, values = f"{pk_name} = :pk", {":pk": {"S": self.pk}}
        if self.prefix is not None:
            condition += f" AND begins_with({sk_name}, :prefix)"
            values[":prefix"] = {"S": self.prefix}
        elif self.low is not None or self.high is not None:
            condition += f" AND {sk_name} BETWEEN :low AND :high"
            values |= {":low": {"S": self.low or "\x00"}, ":high": {"S": self.high or "\U0010ffff"}}
        where: JsonObject = {"IndexName": self.index} if self.index else {"ConsistentRead": True}
        return {"KeyConditionExpression": condition, "ExpressionAttributeValues": values, **where}


def key_text(value: object) -> str:
    """A value as one part of a key: user text escaped, days and instants as they are written, true and false as 1 and 0."""
    if isinstance(value, KeyPart):
        return value
    if isinstance(value, str):
        return escape_key_part(value)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return format_timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a key")


class KeyTemplate:
    """A key with placeholders, e.g. `PIPE#MKT#{country}#{area}`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = tuple(_parse(text))
        self.fields = tuple(field for _, field, _ in self._parts if field)

    @property
    def prefix(self) -> str:
        """What stands before the first placeholder."""
        return self._parts[0][0] if self._parts else ""

    def of(self, item: HasAttributes) -> str | None:
        """The key of an item; None where a value without a default is absent."""
        attributes = item.attribute_values
        text = ""
        for literal, field, default in self._parts:
            text += literal
            if not field:
                continue
            value = attributes[field] if field in attributes else getattr(item, field)
            if value is None:
                if default is None:
                    return None
                text += default
            else:
                text += key_text(value)
        return text

    def fill(self, values: Mapping[str, object]) -> str:
        """The key of given values, one for each placeholder."""
        if values.keys() != set(self.fields):
            raise TypeError(f"{self.text} takes {', '.join(self.fields) or 'nothing'}, not {', '.join(values) or 'nothing'}")
        text = ""
        for literal, field, default in self._parts:
            text += literal
            if field:
                value = values[field]
                if value is None:
                    if default is None:
                        raise TypeError(f"{self.text} needs {field}")
                    text += default
                else:
                    text += key_text(value)
        return text


class AccessPattern:
    """One way in which an index finds items of a class.

    `serves` says for whom, as docs/access-patterns.md shows it. `only_while` names an attribute: while it is false the item is not in
    the index, but its sort key is kept, so that a blind update can move the sort key without having read the item.
    """

    def __init__(self, index: IndexName, partition: str, *, sort: str = "{id}", serves: str = "", only_while: str | None = None) -> None:
        self.index = index
        self.partition = KeyTemplate(partition)
        self.sort = KeyTemplate(sort)
        self.serves = serves
        self.only_while = only_while
        self.pk_name, self.sk_name = f"{index}pk", f"{index}sk"
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        """Python tells the pattern what its class calls it."""
        self.name = name

    def keys(self, item: HasAttributes) -> dict[str, str]:
        """The index keys of an item; empty where it is not in the index."""
        pk, sk = self.partition.of(item), self.sort.of(item)
        if pk is None or sk is None:
            return {}
        if self.only_while is not None and not getattr(item, self.only_while):
            return {self.sk_name: sk}
        return {self.pk_name: pk, self.sk_name: sk}

    def range(self, *, low: str | None = None, high: str | None = None, prefix: str | None = None, **values: object) -> KeyRange:
        """The partition of these values, or a range of it by sort key. TypeError unless every placeholder has its value."""
        return KeyRange(self.index, self.partition.fill(values), low, high, prefix)


class DuePattern(AccessPattern):
    """Work that is due at a day or an instant, in the due index: `DUE#<kind>#0`, sorted by when it is due.

    `on` names the attribute or property that says when; absent where nothing is due. A claim moves or removes
    it. `by` names what tells items of the same moment apart: the id, or of a row without one its partition.
    """

    def __init__(self, kind: str, *, on: str, by: str = "id", serves: str = "", only_while: str | None = None) -> None:
        super().__init__(DUE_INDEX, f"DUE#{kind}#0", sort=f"{{{on}}}#{{{by}}}", serves=serves, only_while=only_while)
        self.kind = kind
        self.on = on

    def until(self, end: date | datetime) -> KeyRange:
        """Everything that is due by `end`, inclusive."""
        return KeyRange(self.index, self.partition.fill({}), high=f"{key_text(end)}{_END}")


def patterns_of(cls: type) -> tuple[AccessPattern, ...]:
    """The access patterns that a class declares or inherits, in the order of their declaration."""
    named: dict[str, AccessPattern] = {}
    for base in reversed(cls.__mro__):
        named |= {name: value for name, value in vars(base).items() if isinstance(value, AccessPattern)}
    return tuple(named.values())


def _parse(text: str) -> Iterator[tuple[str, str, str | None]]:
    """The template as (literal text, placeholder, default), the placeholder empty at the end."""
    rest = text
    while "{" in rest:
        literal, _, rest = rest.partition("{")
        placeholder, _, rest = rest.partition("}")
        field, bar, default = placeholder.partition("|")
        yield literal, field, default if bar else None
    if rest:
        yield rest, "", None
