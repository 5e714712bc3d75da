"""Examples generated from a JSON schema, so that every operation has one without a second description of its fields.

The same schema gives the same example. Where a schema does not suffice (a pattern, a rule between two fields), its model provides
`examples` in `json_schema_extra`, which have precedence.
"""

import re
from typing import Any

from chalicelib.foundation.ids import EXAMPLE_ULID

Schema = dict[str, Any]

REF = "#/components/schemas/"
_FORMATS = {
    "date": "2026-03-02",
    "date-time": "2026-03-02T17:00:00.000Z",
    "email": "ada@example.com",
    "uri": "https://example.com/1",
    "uuid": "7d9f1c52-3c1e-4a53-9a57-0d1f6f0f4b11",
}
# Values by field name, for schemas that are only a text or a number.
_BY_NAME: Schema = {
    "address": "1201 Pine Street",
    "city": "Seattle",
    "country": "US",
    "created_by": f"user_{EXAMPLE_ULID}",
    "currency": "USD",
    "correlation_id": "import-42",
    "email": "ada@example.com",
    "entity_id": f"pipe_{EXAMPLE_ULID}",
    "id": f"x_{EXAMPLE_ULID}",
    "name": "Ada Byron",
    "notes": "Called; wants to hear from us on Monday.",
    "password": "correct horse battery",
    "phone": "+1 206 555 0100",
    "postal_code": "98101",
    "region": "WA",
    "request_id": "7d9f1c52-3c1e-4a53-9a57-0d1f6f0f4b11",
    "revision": 3,
    "state": "WA",
    "subject_id": f"pipe_{EXAMPLE_ULID}",
    "updated_by": f"user_{EXAMPLE_ULID}",
    "url": "https://example.com/1",
}
_MAX_DEPTH = 8


class NoExampleError(Exception):
    """No example can be generated for a schema; the message names the field that needs `examples`."""


def example(schema: Schema, definitions: dict[str, Schema], name: str = "", *, everything: bool = True, depth: int = 0) -> object:
    """A value that is valid for the schema. `everything=False` leaves optional fields out. Raises NoExampleError."""
    if "$ref" in schema:
        target = schema["$ref"].removeprefix(REF)
        return example(definitions[target], definitions, name, everything=everything, depth=depth + 1)
    if examples := schema.get("examples"):
        return examples[0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            first = next((option for option in schema[word] if option.get("type") != "null"), schema[word][0])
            return example(first, definitions, name, everything=everything, depth=depth + 1)
    return _of_type(schema, definitions, name, everything, depth)


def _of_type(schema: Schema, definitions: dict[str, Schema], name: str, everything: bool, depth: int) -> object:
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, definitions, everything, depth)
    if kind == "array":
        if depth > _MAX_DEPTH and not schema.get("minItems"):
            return []
        return [example(schema.get("items", {}), definitions, _singular(name), everything=everything, depth=depth + 1)]
    if kind == "string":
        return _text(schema, name)
    if kind in ("integer", "number"):
        return _number(schema, name)
    return {"boolean": True, "null": None}.get(str(kind), "any JSON value")


def _object(schema: Schema, definitions: dict[str, Schema], everything: bool, depth: int) -> Schema:
    required = schema.get("required", ())
    fields = schema.get("properties", {})
    names = [name for name in fields if name in required or (everything and depth <= _MAX_DEPTH)]
    values = {name: example(fields[name], definitions, name, everything=everything, depth=depth + 1) for name in names}
    others = schema.get("additionalProperties")
    if not fields and isinstance(others, dict):
        values["name"] = example(others, definitions, everything=everything, depth=depth + 1)
    return values


def _singular(name: str) -> str:
    return name.removesuffix("s")


def _text(schema: Schema, name: str) -> str:
    candidates = [
        _FORMATS.get(schema.get("format", ""), ""),
        _BY_NAME.get(name, ""),
        name.replace("_", " "),
        name.replace("_", "-"),
        "text",
        "A",
    ]
    if name.endswith("_id") and name not in _BY_NAME:
        word = name.removesuffix("_id").split("_")[-1]
        candidates.insert(1, f"{word if len(word) < 6 else word[:4]}_{EXAMPLE_ULID}")
    if name.endswith("_by"):
        candidates.insert(1, f"user_{EXAMPLE_ULID}")
    lengths = range(schema.get("minLength", 0), schema.get("maxLength", 10_000) + 1)
    candidates.append("a" * lengths.start)
    for text in candidates:
        if isinstance(text, str) and text and len(text) in lengths and re.search(schema.get("pattern", ""), text):
            return text
    raise NoExampleError(f"{name or 'a text'}: nothing known matches {schema.get('pattern')!r}; give the field `examples`")


def _number(schema: Schema, name: str) -> object:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in schema))
    high = schema.get("maximum", schema.get("exclusiveMaximum", 10**9) - ("exclusiveMaximum" in schema))
    known = _BY_NAME.get(name, 1)
    value = min(max(known if isinstance(known, int) else 1, low), high)
    return int(value) if value == int(value) else value
