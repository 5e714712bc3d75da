"""The component schemas of the OpenAPI document: names that stay, and forms that client generators take."""

import re
from typing import Annotated, Any, Generic, Literal, TypeVar

import pytest
from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.foundation.http import handlers, openapi
from chalicelib.foundation.http.openapi_schemas import ComponentNameError, ComponentSchemas
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import Money, OneOf, PageOf, PageParams, RequestBody, RowProblem, component, view_of
from chalicelib.packs import PACKS

T = TypeVar("T")
PROBLEM: dict[str, Any] = {"type": "object", "title": "RowProblem", "properties": {"detail": {"type": "string"}}}


class ThingSummary(TypedDict):
    id: str


class ThingView(TypedDict):
    id: str
    problem: RowProblem


class ThingCreate(RequestBody):
    name: str | None = None
    price: Money | None = Field(None, description="What it costs.")
    size: Annotated[str, OneOf(("small", "large"), "ThingSize")] = "small"
    count: int = Field(1, description="How many.")
    rows: list[Annotated[dict[str, Any], component("ThingCreate")]] | None = None
    codes: dict[Annotated[str, Field(pattern="^[A-Z]{3}$")], int] | None = None


class Corner(RequestBody):
    """A corner."""

    name: Annotated[str, Field(max_length=5, description="Its name.")]
    sizes: list[Annotated[str, OneOf(("small", "large"), "ThingSize")]] | None = None


class Plan(RequestBody):
    """A plan."""

    price: Money | None = None
    corner: Corner | None = None


class DrawingCreate(RequestBody):
    plan: Plan | None = None


class DrawingView(TypedDict):
    plan: Annotated[JsonObject, view_of(Plan)] | None


class SizeRequest(RequestBody):
    size: Annotated[Literal["wide", "narrow"], Field(title="ThingSize")]


class NothingRequest(RequestBody):
    rows: list[Annotated[dict[str, Any], component("Nothing")]]


def schemas(*bodies: type[RequestBody], **responses: Any) -> ComponentSchemas:
    return ComponentSchemas(bodies, responses, {"RowProblem": PROBLEM})


def thing() -> dict[str, Any]:
    return schemas(ThingCreate).definitions["ThingCreate"]["properties"]


def test_a_page_is_named_after_its_items():
    assert schemas(views=PageOf[ThingView]).output_schema("views") == {"$ref": "#/components/schemas/ThingPage"}
    built = schemas(summaries=PageOf[ThingSummary])
    assert built.output_schema("summaries") == {"$ref": "#/components/schemas/ThingPage"}
    assert built.definitions["ThingPage"]["required"] == ["items", "next_cursor"]
    assert built.definitions["ThingPage"]["properties"]["items"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/ThingSummary"},
    }


def test_what_is_stored_as_it_was_sent_is_described_by_its_body_without_limits():
    built = schemas(DrawingCreate, view=DrawingView)
    null = {"type": "null"}
    assert built.definitions["DrawingView"]["properties"]["plan"] == {"anyOf": [{"$ref": "#/components/schemas/PlanView"}, null]}
    assert built.definitions["PlanView"] == {
        "type": "object",
        "description": "A plan.",
        "properties": {
            "price": {"anyOf": [{"type": "number"}, null]},  # it may be sent as text, and is always returned as a number
            "corner": {"anyOf": [{"$ref": "#/components/schemas/CornerView"}, null]},
        },
    }
    assert built.definitions["CornerView"]["properties"] == {
        "name": {"anyOf": [{"type": "string"}, null]},
        "sizes": {"anyOf": [{"type": "array", "items": {"$ref": "#/components/schemas/ThingSize"}}, null]},
    }
    assert "required" not in built.definitions["CornerView"]


def test_two_pages_of_one_name_are_an_error():
    with pytest.raises(ComponentNameError, match=r"ThingPage .*PageOf\[ThingSummary\] and .*PageOf\[ThingView\]; rename one of them"):
        schemas(summaries=PageOf[ThingSummary], views=PageOf[ThingView])


def test_two_classes_of_one_name_are_an_error_and_no_renaming():
    other = TypedDict("ThingView", {"other": str})  # noqa: UP013
    with pytest.raises(ComponentNameError, match=r"two classes would be the component ThingView .*test_openapi_schemas\.ThingView"):
        schemas(one=ThingView, other=other)


def test_a_class_in_a_request_and_in_a_response_is_an_error():
    with pytest.raises(ComponentNameError, match=r"ThingCreate is in a request and in a response"):
        schemas(ThingCreate, one=ThingCreate)


def test_another_generic_type_has_no_name():
    class Pair(TypedDict, Generic[T]):
        first: T

    with pytest.raises(ComponentNameError, match="derive a class from it"):
        schemas(one=Pair[ThingSummary])


def test_what_has_a_default_may_be_left_out_in_generated_types():
    assert "default" not in str(thing()["name"])
    assert thing()["count"] == {"type": "integer", "description": "How many. Default: `1`."}
    assert thing()["size"] == {"$ref": "#/components/schemas/ThingSize", "description": 'Default: `"small"`.'}
    assert "required" not in schemas(ThingCreate).definitions["ThingCreate"]


def test_query_parameters_keep_their_defaults():
    assert schemas().query_schema(PageParams)["properties"]["limit"]["default"] == 50


def test_money_is_one_union_of_a_number_a_text_and_null():
    assert [option["type"] for option in thing()["price"]["anyOf"]] == ["number", "string", "null"]
    assert thing()["price"]["description"] == "What it costs."


def test_an_enumeration_is_a_component_and_its_name_is_its_own():
    assert schemas(ThingCreate).definitions["ThingSize"] == {"type": "string", "enum": ["small", "large"]}
    with pytest.raises(ComponentNameError, match="ThingSize is the name of two enumerations"):
        schemas(ThingCreate, SizeRequest)


def test_a_component_can_be_meant_by_its_name():
    assert thing()["rows"]["anyOf"][0]["items"] == {"$ref": "#/components/schemas/ThingCreate"}
    built = schemas(one=ThingView)
    assert set(built.used_by(built.output_schema("one"))) == {"ThingView", "RowProblem"}
    with pytest.raises(ComponentNameError, match="Nothing is no component"):
        schemas(NothingRequest).used_by({"$ref": "#/components/schemas/NothingRequest"})


def test_a_mapping_by_a_pattern_says_what_its_values_are():
    assert thing()["codes"]["anyOf"][0] == {
        "type": "object",
        "additionalProperties": {"type": "integer"},
        "propertyNames": {"pattern": "^[A-Z]{3}$"},
    }


# -- the system's own document

DOCUMENT = openapi.build(PACKS)
COMPONENTS = DOCUMENT["components"]["schemas"]
ENDPOINTS = [pytest.param(pack, endpoint, id=f"{endpoint.method} {endpoint.path}") for pack in PACKS for endpoint in pack.endpoints]


def test_names_are_those_of_classes():
    assert [name for name in COMPONENTS if not re.fullmatch("[A-Z][A-Za-z0-9]*", name)] == []


@pytest.mark.parametrize("letter", sorted({pack.letter for pack in PACKS if pack.endpoints}))
def test_no_pack_changes_the_components_of_another(letter):
    """Packs of one letter are one to the outside: they may answer with what is another's of them."""
    other = openapi.build(pack for pack in PACKS if pack.letter != letter)["components"]["schemas"]
    assert {name: schema for name, schema in COMPONENTS.items() if name in other} == other


@pytest.mark.parametrize(("pack", "endpoint"), ENDPOINTS)
def test_bodies_are_named_by_what_they_do(pack, endpoint):
    handler = handlers.handler_for(pack, endpoint)
    if handler.body:
        assert re.search("(Create|Patch|Put|Request)$", handler.body.__name__)
    operation = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    for response in operation["responses"].values():
        for content in response.get("content", {}).values():
            if name := content["schema"].get("$ref", "").rpartition("/")[2]:
                assert re.search("(View|Page|^Problem)$", name)
                items = COMPONENTS[name]["properties"].get("items", {}).get("items", {}).get("$ref", "")
                assert not name.endswith("Page") or re.search("(View|Summary)$", items)


def test_every_object_has_named_fields_or_says_what_its_values_are():
    bare = [
        f"{name}.{field}"
        for name, schema in COMPONENTS.items()
        for field, said in schema.get("properties", {}).items()
        for option in said.get("anyOf", [said])
        if option.get("type") == "object" and option.get("additionalProperties") is True
    ]
    # What these hold is up to whoever writes it: an asset type's details, a notification's data, a formula's inputs, what a packet adds.
    free = {"EventView.data", "HoldingCreate.details", "HoldingPatch.details", "HoldingView.details"}
    free |= {f"{name}.context" for name in ("PacketCreate", "PacketPatch", "PacketPreviewView", "PacketView")}
    assert set(bare) <= free | {"Explanation.inputs", "TotalExplanation.inputs"}
