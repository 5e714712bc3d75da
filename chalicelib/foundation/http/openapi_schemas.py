"""The component schemas of the OpenAPI document, in the form that client generators take.

A component is named after its class, and its name is part of the published API: two classes of one name are an error,
since a generator that renamed one of them would rename it in every client. A generic page is named after its items:
`PageOf[PipelineSummary]` is `PipelinePage`, `PageOf[ActivityView]` is `ActivityPage`. An enumeration with a title is a
component of that name, so that all fields with its values have one type in a client.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import DEFAULT_REF_TEMPLATE, CoreModeRef, DefsRef, GenerateJsonSchema

from chalicelib.foundation.http.examples import REF, Schema
from chalicelib.foundation.schema_types import VIEWED_BODY

_PAGE = re.compile(r"PageOf\[(?P<item>[A-Za-z0-9]+?)(Summary|View)?\]")
_Source = tuple[object, Literal["validation", "serialization"], TypeAdapter[Any]]
_REF_TEMPLATE = REF + "{model}"
_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
_VALUE_WORDS = ("type", "enum")
_VIEW_WORDS = ("type", "format", "items")


class ComponentNameError(Exception):
    """A type that can't be a component under its name; the message says what to rename."""


class ComponentSchemas:
    """The JSON schemas of everything that handlers take and return, with their shared definitions.

    Raises ComponentNameError where two types would have the same component name.
    """

    def __init__(self, bodies: Iterable[type[BaseModel]], responses: Mapping[str, object], others: Mapping[str, Schema]) -> None:
        """`bodies` are the models of request bodies, `responses` the type hints of response bodies by a key of the caller's.

        `others` are components that no class describes.
        """
        inputs: list[_Source] = [(model, "validation", TypeAdapter(model)) for model in dict.fromkeys(bodies)]
        outputs: list[_Source] = [(key, "serialization", TypeAdapter(hint)) for key, hint in responses.items()]
        schemas, shared = TypeAdapter.json_schemas([*inputs, *outputs], ref_template=_REF_TEMPLATE, schema_generator=_Generator)
        self.definitions: dict[str, Schema] = dict(others)
        self._viewed_bodies: set[str] = set()  # see schema_types.view_of
        for name, schema in shared.get("$defs", {}).items():
            self._define(name, self.adapted(schema))
        self._schemas: dict[object, Schema] = {key: self.adapted(schema) for key, schema in schemas.items()}
        while self._viewed_bodies:
            body = self._viewed_bodies.pop()
            self._define(f"{body}View", self._as_view(self.definitions[body]))

    def _define(self, name: str, schema: Schema) -> None:
        if self.definitions.setdefault(name, schema) != schema:
            raise ComponentNameError(f"{name} is the name of two enumerations, or of an enumeration and a class: rename one of them")

    def input_schema(self, model: type[BaseModel]) -> Schema:
        """The schema of a request body."""
        return self._schemas[(model, "validation")]

    def query_schema(self, model: type[BaseModel]) -> Schema:
        """The schema of a query string. It is no component: its fields are described as parameters, which keep their defaults."""
        schema = TypeAdapter(model).json_schema(ref_template=_REF_TEMPLATE, schema_generator=_Generator)
        return self.adapted(schema, keep_defaults=True)

    def output_schema(self, key: str) -> Schema:
        """The schema of a response body, by its key in `responses`."""
        return self._schemas[(key, "serialization")]

    def resolve(self, schema: Schema) -> Schema:
        """The schema that a reference means; any other schema itself."""
        return self.definitions[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema

    def used_by(self, document: object) -> dict[str, Schema]:
        """The definitions that a part of the document refers to, directly or through others."""
        names: set[str] = set()
        pending = list(_references(document))
        while pending:
            name = pending.pop()
            if name not in self.definitions:
                raise ComponentNameError(f"{name} is no component: no request or response has it")
            if name not in names:
                names.add(name)
                pending += _references(self.definitions[name])
        return {name: self.definitions[name] for name in sorted(names)}

    def adapted(self, schema: Schema, *, keep_defaults: bool = False) -> Schema:
        """A schema as pydantic makes it, in the form that client generators take; titled enumerations become definitions."""
        if set(schema) <= {"title", VIEWED_BODY} and schema:  # a component by its name: see schema_types.component
            if VIEWED_BODY in schema:
                self._viewed_bodies.add(schema[VIEWED_BODY])
            return {"$ref": REF + schema["title"]}
        adapted = {word: self._adapted_word(word, value, keep_defaults) for word, value in schema.items()}
        if not keep_defaults and "default" in adapted:
            adapted = _default_as_text(adapted)
        if "enum" in adapted and "title" in adapted:
            return self._named_enumeration(adapted)
        adapted.pop("title", None)
        if "anyOf" in adapted:
            adapted["anyOf"] = [option for nested in adapted["anyOf"] for option in _options(nested)]
        if list(adapted.get("patternProperties", ())) and "additionalProperties" not in adapted:
            # A mapping whose keys follow a pattern: generators know no patternProperties.
            [(pattern, adapted["additionalProperties"])] = adapted.pop("patternProperties").items()
            adapted["propertyNames"] = {**adapted.get("propertyNames", {}), "pattern": pattern}
        if adapted.get("type") == "object" and not {"properties", "additionalProperties"} & set(adapted):
            adapted["additionalProperties"] = True  # an object of any fields, not one without fields
        return adapted

    def _as_view(self, schema: Schema) -> Schema:
        """The schema of what was stored of a value with this input schema: without limits, without fields that must be there."""
        if "properties" in schema:
            fields = {name: self._as_view(field) for name, field in schema["properties"].items()}
            return {"type": "object", "description": schema["description"], "properties": {n: _or_null(f) for n, f in fields.items()}}
        if "anyOf" in schema:
            options = [self._as_view(option) for option in schema["anyOf"]]
            if {"type": "number"} in options:  # an amount may be sent as text, too
                options = [option for option in options if option != {"type": "string"}]
            return {"anyOf": options} if len(options) > 1 else options[0]
        if "$ref" in schema:
            if "properties" not in self.resolve(schema):
                return {"$ref": schema["$ref"]}
            self._viewed_bodies.add(schema["$ref"].removeprefix(REF))
            return {"$ref": f"{schema['$ref']}View"}
        return {word: self._as_view(value) if word == "items" else value for word, value in schema.items() if word in _VIEW_WORDS}

    def _adapted_word(self, word: str, value: Any, keep_defaults: bool) -> Any:
        if word in ("properties", "patternProperties"):
            return {name: self.adapted(schema, keep_defaults=keep_defaults) for name, schema in value.items()}
        if word in ("anyOf", "oneOf", "allOf", "prefixItems"):
            return [self.adapted(schema, keep_defaults=keep_defaults) for schema in value]
        if word in ("items", "additionalProperties", "propertyNames") and isinstance(value, dict):
            return self.adapted(value, keep_defaults=keep_defaults)
        return value

    def _named_enumeration(self, schema: Schema) -> Schema:
        name = schema["title"]
        self._define(name, {word: schema[word] for word in _VALUE_WORDS if word in schema})
        rest = {word: value for word, value in schema.items() if word not in (*_VALUE_WORDS, "title")}
        return {"$ref": REF + name, **rest}


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, with names that no other type can change."""

    def __init__(self, by_alias: bool = True, ref_template: str = DEFAULT_REF_TEMPLATE, **options: Any) -> None:
        super().__init__(by_alias=by_alias, ref_template=ref_template, **options)
        self._owners: dict[str, CoreModeRef] = {}

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False  # generators name classes after titles; a field's own name is enough

    def get_defs_ref(self, core_mode_ref: CoreModeRef) -> DefsRef:
        """The class's name, and nothing else. Raises ComponentNameError where another class has it."""
        name = component_name(core_mode_ref[0])
        owner = self._owners.setdefault(name, core_mode_ref)
        if owner[0] != core_mode_ref[0]:
            classes = " and ".join(sorted(_class_path(ref) for ref in (owner[0], core_mode_ref[0])))
            raise ComponentNameError(f"two classes would be the component {name} of the OpenAPI document: {classes}; rename one of them")
        if owner[1] != core_mode_ref[1]:
            raise ComponentNameError(f"{_class_path(core_mode_ref[0])} is in a request and in a response: give each a class of its own")
        ref = DefsRef(name)
        self._prioritized_defsref_choices[ref] = [ref]
        return ref


def component_name(core_ref: str) -> str:
    """The component's name from pydantic's reference to a type, e.g. `chalicelib.packs.x.schemas.XView:9402`.

    Raises ComponentNameError for a generic type other than PageOf: only that has a rule for its name.
    """
    name = re.sub(r"[\w.]*\.(?=\w)", "", re.sub(r":[0-9]+", "", core_ref))
    if page := _PAGE.fullmatch(name):
        return f"{page['item']}Page"
    if not _NAME.fullmatch(name):
        raise ComponentNameError(f"{name} can't be the name of a component of the OpenAPI document: derive a class from it")
    return name


def _class_path(core_ref: str) -> str:
    return re.sub(r":[0-9]+", "", core_ref)


def _or_null(schema: Schema) -> Schema:
    null = {"type": "null"}
    return schema if null in schema.get("anyOf", ()) else {"anyOf": [*schema.get("anyOf", [schema]), null]}


def _options(schema: Schema) -> list[Schema]:
    """The options of a union inside of a union, which has no other words than a description; the schema itself otherwise."""
    return schema["anyOf"] if set(schema) <= {"anyOf", "description"} and "anyOf" in schema else [schema]


def _default_as_text(schema: Schema) -> Schema:
    """The schema with its default as a part of the description: a field with a default is required in generated types."""
    rest = {word: value for word, value in schema.items() if word != "default"}
    if schema["default"] is None:
        return rest
    default = f"Default: `{json.dumps(schema['default'])}`."
    return {**rest, "description": f"{rest['description']} {default}" if "description" in rest else default}


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str) and reference.startswith(REF):
            yield reference.removeprefix(REF)
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
