"""Matching of paths: literals first, one slash at the end, unreserved characters only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.errors import MethodNotAllowed, NotFound
from chalicelib.foundation.http.routing import Router, allow_header, resolve_method
from chalicelib.packs import PACKS


def routes(*endpoints):
    found = Router()
    for method, template in endpoints:
        found.add(template, method)
    return found


HOUSE = routes(("GET", "/"), ("GET", "/a"), ("POST", "/a"), ("GET", "/a/{id}"), ("GET", "/a/board"), ("DELETE", "/a/{id}/b/{other}"))


def test_the_root_is_an_address():
    assert HOUSE.match("/").template == "/"


def test_a_literal_goes_before_a_parameter():
    assert HOUSE.match("/a/board").template == "/a/board"
    assert HOUSE.match("/a/boards").parameters == {"id": "boards"}


def test_a_verb_that_the_literal_lacks_never_falls_to_its_neighbour():
    """DELETE of the board must not become DELETE of the thing whose id is "board"."""
    found = routes(("GET", "/a/board"), ("DELETE", "/a/{id}")).match("/a/board")
    with pytest.raises(MethodNotAllowed):
        resolve_method(found, "DELETE")


def test_parameters_are_taken_as_they_are():
    assert HOUSE.match("/a/x_1~.-/b/2").parameters == {"id": "x_1~.-", "other": "2"}


def test_one_slash_at_the_end_is_the_same_address():
    assert HOUSE.match("/a/").template == "/a"


@pytest.mark.parametrize(
    "path", ["//", "/a//", "//a", "/a//b/2", "/b", "/a/1/b", "/a/1/b/2/3", "/a/%31", "/a/a b", "/a/é", "/a/a#b", '/a/"', "/a/\n", "/a/1\n"]
)
def test_anything_else_is_not_found(path):
    with pytest.raises(NotFound):
        HOUSE.match(path)


@given(st.text())
def test_no_text_is_more_than_found_or_not(path):
    try:
        found = HOUSE.match(f"/{path}")
    except NotFound:
        return
    assert found.methods


@given(st.from_regex(r"[A-Za-z0-9._~-]{1,40}", fullmatch=True))
def test_every_unreserved_segment_is_a_parameter(segment):
    if segment != "board":
        assert HOUSE.match(f"/a/{segment}").parameters == {"id": segment}


def test_head_is_answered_as_get_and_others_name_what_is_allowed():
    found = HOUSE.match("/a")
    assert resolve_method(found, "HEAD") == "GET"
    assert allow_header(found) == "GET, HEAD, OPTIONS, POST"
    with pytest.raises(MethodNotAllowed) as caught:
        resolve_method(found, "PATCH")
    assert caught.value.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert allow_header(HOUSE.match("/a/1/b/2")) == "DELETE, OPTIONS"


def test_a_parameter_has_one_name_at_one_place():
    with pytest.raises(AssertionError, match="elsewhere"):
        routes(("GET", "/a/{id}"), ("GET", "/a/{other}/b"))


def test_an_endpoint_is_registered_once():
    with pytest.raises(AssertionError, match="twice"):
        routes(("GET", "/a"), ("GET", "/a"))


def test_the_packs_routes_fit_together_and_each_is_found():
    found = Router()
    rows = [endpoint for pack in PACKS for endpoint in pack.endpoints]
    for endpoint in rows:
        found.add(endpoint.path, endpoint.method)
    for endpoint in rows:
        match = found.match("/".join("x" if part.startswith("{") else part for part in endpoint.path.split("/")))
        assert match.template == endpoint.path
        assert resolve_method(match, endpoint.method) == endpoint.method
