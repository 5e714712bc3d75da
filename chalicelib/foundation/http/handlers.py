"""What a handler takes and gives, read from its type hints. Loaded with the pack, at the first request to it."""

import re
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError

from chalicelib.foundation.errors import Invalid
from chalicelib.foundation.manifest import Endpoint, Pack, load
from chalicelib.foundation.models import Query


@dataclass(frozen=True)
class Handler:
    """A handler function with its path parameters, its query and body models and the type of its answer.

    A handler that returns a Reply says what is in it by `Annotated[Reply, Body]`.
    """

    function: Any
    parameters: tuple[str, ...]
    hints: dict[str, Any]
    takes_query: bool
    query: type[Query]
    body: type[BaseModel] | None
    answer: Any


@cache
def resolve(package: str, name: str) -> Handler:
    """The handler `name` of a pack's `routes` module."""
    function = load(f"{package}.routes.{name}")
    hints = get_type_hints(function, include_extras=True)
    names = list(signature(function).parameters)[1:]  # the first is the context
    return Handler(
        function=function,
        parameters=tuple(name for name in names if name not in ("query", "body")),
        hints=hints,
        takes_query="query" in hints,
        query=hints.get("query", Query),
        body=hints.get("body"),
        answer=hints.get("return"),
    )


def of(pack: Pack, endpoint: Endpoint) -> Handler:
    """The handler of an endpoint."""
    return resolve(pack.package, endpoint.handler)


def validate(model: type[BaseModel], values: Any) -> Any:
    """`values` as the model; Invalid with one entry a field otherwise. What was sent is never echoed."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise Invalid(
            [
                {"loc": [str(part) for part in one["loc"]], "message": _message(one), "type": one["type"]}
                for one in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        ) from None


def _message(error: Any) -> str:
    text = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "model_type":
        return "a JSON object is needed"  # and not the name of a class of ours
    if error["type"] in ("too_long", "too_short") and text.startswith("Value "):
        # A text that was checked before it was measured is a mere value to pydantic, and has items.
        return re.sub(" item(s?) after validation", r" character\1", text.replace("Value", "String", 1))
    return text
