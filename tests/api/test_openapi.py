"""The description of the API: complete, valid, and made of nothing but manifests and type hints."""

import json
import shutil
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from chalicelib.foundation.errors import PROBLEM_TYPES
from chalicelib.foundation.http import handlers, openapi
from chalicelib.foundation.http.examples import NoExampleError, example
from chalicelib.foundation.json_codec import loads
from chalicelib.foundation.manifest import PUBLIC, SIGNED_IN
from chalicelib.packs import PACKS
from local import gateway
from ops.package import artifact
from tests import recorded
from tests.openapi_contract import system_contract

DOCUMENT = system_contract().document

ENDPOINTS = [pytest.param(pack, endpoint, id=f"{endpoint.method} {endpoint.path}") for pack in PACKS for endpoint in pack.endpoints]


def operation(endpoint):
    return DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]


def resolved(node):
    while "$ref" in node:
        found = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def test_the_document_is_valid_openapi():
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")


def test_it_has_every_endpoint_and_no_other():
    described = {(verb.upper(), path) for path, verbs in DOCUMENT["paths"].items() for verb in verbs}
    assert described == {(one.method, one.path) for pack in PACKS for one in pack.endpoints}


def test_operation_ids_are_unique():
    ids = [one["operationId"] for verbs in DOCUMENT["paths"].values() for one in verbs.values()]
    assert sorted(set(ids)) == sorted(ids)


def test_published_names_stay():
    """Names of operations, tags and components are in every generated client. A new one is added to the file, an old one never removed."""
    assert recorded.names() == json.loads(recorded.NAMES.read_text()), (
        "published names have changed: `make record` writes the new ones down"
    )


@pytest.mark.parametrize(("pack", "endpoint"), ENDPOINTS)
def test_each_operation_says_what_it_does_and_what_it_takes(pack, endpoint):
    said, handler = operation(endpoint), handlers.handler_for(pack, endpoint)
    assert said["summary"] == endpoint.summary
    assert len(said["description"]) > len(endpoint.summary) // 2
    assert said["tags"] == [pack.title]
    assert "return" in signature(handler.function).parameters or handler.hints.get("return") is not None, "the answer has no type hint"
    given = [resolved(one) for one in said["parameters"]]
    names = {(one["in"], one["name"]) for one in given}
    assert {name for place, name in names if place == "path"} == {part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")}
    assert all(one["description"] and one["schema"] for one in given)
    assert {name for place, name in names if place == "query"} == {
        field.alias or name for name, field in handler.query.model_fields.items()
    }
    assert ("header", "X-Correlation-ID") in names
    assert (("header", "Idempotency-Key") in names) is (endpoint.method == "POST" and endpoint.idempotent)
    assert (("header", "If-Match") in names) is (endpoint.method in ("PATCH", "DELETE", "PUT"))
    assert (("header", "If-None-Match") in names) is (endpoint.method == "GET")
    assert ("requestBody" in said) is (handler.body is not None)


@pytest.mark.parametrize(("pack", "endpoint"), ENDPOINTS)
def test_each_operation_says_who_may_do_it(pack, endpoint):
    said = operation(endpoint)
    assert said["x-permission"] == (endpoint.permission or "public")
    assert bool(said["security"]) is (endpoint.permission != PUBLIC)
    if endpoint.permission != PUBLIC:
        assert "401" in said["responses"]
    if endpoint.permission not in (PUBLIC, SIGNED_IN):
        assert "403" in said["responses"]


@pytest.mark.parametrize(("pack", "endpoint"), ENDPOINTS)
def test_each_operation_names_its_errors_as_problems(pack, endpoint):
    said = {status: resolved(one) for status, one in operation(endpoint)["responses"].items()}
    for kind in ("bad-request", "validation", "rate-limited", "internal", "unavailable", *endpoint.errors):
        content = said[str(PROBLEM_TYPES[kind].status)]["content"]["application/problem+json"]
        assert resolved(content["schema"])["title"] == "Problem"
        shown = content["examples"][kind]["value"]
        assert shown["type"] == f"/problems/{kind}"
        Draft202012Validator(resolved(content["schema"])).validate(shown)


@pytest.mark.parametrize(("pack", "endpoint"), ENDPOINTS)
def test_each_success_is_described(pack, endpoint):
    said = {status: resolved(one) for status, one in operation(endpoint)["responses"].items()}
    success = [status for status in said if status.startswith("2") and int(status) not in endpoint.extra_statuses]
    assert len(success) == 1
    answer = said[success[0]]
    if success[0] != "204":
        assert answer["content"]
        assert all(one["schema"] for one in answer["content"].values()), "an answer without a schema"
    assert ("Location" in answer["headers"]) is bool(success[0] in ("201", "202") and endpoint.location)
    assert {"X-Request-ID", "X-Correlation-ID"} <= set(answer["headers"])
    if endpoint.method == "GET":
        assert "ETag" in answer["headers"]
        assert "304" in said


@pytest.mark.parametrize(("pack", "endpoint"), ENDPOINTS)
def test_each_example_holds_to_its_schema(pack, endpoint):
    said = operation(endpoint)
    places = [content for one in said["responses"].values() for content in resolved(one).get("content", {}).values()]
    places += said.get("requestBody", {}).get("content", {}).values()
    for content in places:
        if "example" in content:
            schema = {**content["schema"], "components": DOCUMENT["components"]}
            Draft202012Validator(schema).validate(content["example"])
    if model := handlers.handler_for(pack, endpoint).body:
        shown = said["requestBody"]["content"]["application/json"]["example"]
        handlers.validate(model, openapi_values(shown))


def openapi_values(shown):
    from chalicelib.foundation.json_codec import dumps, parse

    return parse(dumps(shown))


def test_a_schema_without_an_example_says_which_field_needs_one():
    with pytest.raises(NoExampleError, match="code: nothing known"):
        example({"type": "object", "properties": {"code": {"type": "string", "pattern": "^Q[0-9]{7}$"}}}, {})


def test_the_served_document_is_this_one_under_the_path_of_its_stage(anonymous):
    answer = anonymous("GET", "/openapi.json")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert {**answer.json(), "servers": None} == {**loads(json.dumps(DOCUMENT)), "servers": None}
    assert answer.json()["servers"][0]["url"] == "/"
    again = anonymous("GET", "/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.text) == (304, "")


def test_its_server_is_the_path_that_the_gateway_puts_before_it(app):
    event = gateway.proxy_event("GET", "/openapi.json")
    event["requestContext"]["path"] = "/api/openapi.json"
    assert gateway.to_http_response(app(event, None)).json()["servers"][0]["url"] == "/api"


def test_the_artifact_carries_it_prebuilt(tmp_path):
    """The packaging step builds it in the unpacked artifact; what it writes is what requests are answered with."""
    root = Path(__file__).parents[2]
    shutil.copytree(root / "chalicelib", tmp_path / "chalicelib", ignore=shutil.ignore_patterns("__pycache__", "assets"))
    subprocess.run([sys.executable, "-c", artifact.BUILD_DOCUMENTS], cwd=tmp_path, check=True)
    place = tmp_path / openapi.PREBUILT.relative_to(root)
    assert json.loads(place.read_text()) == json.loads(json.dumps(DOCUMENT))
