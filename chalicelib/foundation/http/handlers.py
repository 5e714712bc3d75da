"""The signatures of handlers, read from their type hints. Imported with the pack, at its first request."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.manifest import Endpoint, Pack, import_string
from chalicelib.foundation.schema_types import PatchBody, QueryParams

_MODEL_BUILD = threading.Lock()


@dataclass(frozen=True)
class HandlerSpec:
    """A handler function with its path parameters, its query and body models and its return type.

    A handler that returns an ApiResponse declares its body as `Annotated[ApiResponse, Body]`.
    """

    function: Any
    parameters: tuple[str, ...]
    hints: JsonObject
    takes_query: bool
    query: type[QueryParams]
    body: type[BaseModel] | None
    returns: object


@cache
def resolve(package: str, name: str) -> HandlerSpec:
    """The handler `name` of a pack's `routes` module."""
    function = import_string(f"{package}.routes.{name}")
    hints = get_type_hints(function, include_extras=True)
    names = list(signature(function).parameters)[1:]  # the first is the context
    return HandlerSpec(
        function=function,
        parameters=tuple(name for name in names if name not in ("query", "body")),
        hints=hints,
        takes_query="query" in hints,
        query=hints.get("query", QueryParams),
        body=hints.get("body"),
        returns=hints.get("return"),
    )


def handler_for(pack: Pack, endpoint: Endpoint) -> HandlerSpec:
    """The handler of an endpoint."""
    return resolve(pack.package, endpoint.handler)


def validate(model: type[BaseModel], values: object) -> Any:
    """`values` as the model; ValidationFailed with an entry a field otherwise. What was sent is never echoed."""
    if not model.__pydantic_complete__:
        with _MODEL_BUILD:  # a model is built at its first validation, which pydantic doesn't guard against several threads
            model.model_rebuild()
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ValidationFailed(
            [
                {"loc": [str(part) for part in entry["loc"]], "message": _message(entry), "type": entry["type"]}
                for entry in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        ) from None


def from_form(model: type[BaseModel], fields: Mapping[str, str]) -> JsonObject:
    """The fields of a form as a body's values: texts, but `true` and `false` of what the model takes as true or false."""
    flags = {name for name, field in model.model_fields.items() if _is_flag(field.annotation)}
    words = {"true": True, "false": False}
    return {name: words.get(value, value) if name in flags else value for name, value in fields.items()}


def _is_flag(annotation: object) -> bool:
    return annotation is bool or any(isinstance(part, bool) or _is_flag(part) for part in get_args(annotation))


def reject_empty_patch(model: type[BaseModel], values: object) -> None:
    """Raise ValidationFailed for a merge of nothing. A move by PATCH is no merge: whether it may have no body is its own matter."""
    if issubclass(model, PatchBody) and values == {}:
        raise ValidationFailed([{"loc": [], "message": "an empty patch changes nothing", "type": "empty"}])


def _message(error: ErrorDetails) -> str:
    text = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "model_type":
        return "a JSON object is needed"  # rather than the name of an internal class
    if error["type"] in ("too_long", "too_short") and text.startswith("Value "):
        # After a validator function pydantic no longer knows that the value is a text, and counts items.
        return re.sub(" item(s?) after validation", r" character\1", text.replace("Value", "String", 1))
    return text
