"""From an item to an answer: the view's annotations say which fields there are.

    present(PipelineView, pipeline, seller=masked_seller, ceiling=pricing.ceiling)

takes each field of the view from what is given, else from the item's attribute or property of that name. A field that the item doesn't
have and nobody gives is a mistake of ours, and is raised the first time. Answers are plain dicts: no model is built for an answer.
"""

from collections.abc import Hashable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Protocol, TypeVar, cast

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.json_codec import JsonObject

V = TypeVar("V")


class HasAttributes(Protocol):
    """An item: its values by name, absent ones left out."""

    attribute_values: JsonObject


def present(view: type[V], item: HasAttributes, **given: object) -> V:
    """The answer of the TypedDict `view` for an item: instants as text, what is absent as None.

    Fields that need not be there (NotRequired) are there only where they are given.
    """
    attributes = item.attribute_values
    answer: dict[str, object] = {}
    for name, is_property in _plan(cast(Hashable, view), type(item), frozenset(given)):
        value = given[name] if name in given else getattr(item, name) if is_property else attributes.get(name)
        answer[name] = format_timestamp(value) if type(value) is datetime else value
    return cast(V, answer)


def present_row(view: type[V], row: Mapping[str, object], **given: object) -> V:
    """The answer of the TypedDict `view` for a row of a list (an item's stored list view), which leaves out what is absent."""
    required = _required(cast(Hashable, view))
    if not row.keys() <= required.keys():
        row = {name: value for name, value in row.items() if name in required}
    return cast(V, {**required, **row, **given})


@cache  # a class is as good a key as a name
def _required(view: Any) -> dict[str, None]:
    """The fields of a view that are always there, in its order, all absent."""
    required: frozenset[str] = view.__required_keys__
    return {name: None for name in _annotations(view) if name in required}


@cache  # a class is as good a key as a name
def _plan(view: Any, item: Any, given: frozenset[str]) -> tuple[tuple[str, bool], ...]:
    """Each field of the view in order, and whether it is a property of the item rather than an attribute."""
    names = _annotations(view)
    if unknown := given - names.keys():
        raise TypeError(f"{view.__name__} has no {', '.join(sorted(unknown))}")
    attributes = item.get_attributes()
    plan = []
    for name in names:
        if name not in given and name not in view.__required_keys__:
            continue
        is_property = name not in attributes
        if is_property and name not in given and not hasattr(item, name):
            raise TypeError(f"{item.__name__} has no {name}, which {view.__name__} shows")
        plan.append((name, is_property))
    return tuple(plan)


def _annotations(view: type[Any]) -> JsonObject:
    """The fields of a TypedDict, those of its bases first."""
    annotations: JsonObject = view.__annotations__
    return annotations
