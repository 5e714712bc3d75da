"""The page that teaches how to add a pack is true: its code is taken from the page and run."""

import re
import sys
from pathlib import Path

import pytest

import chalicelib.packs
from chalicelib.foundation.http.app import ValhallaApp

PAGE = Path(__file__).parents[2] / "docs" / "add-a-pack.md"


@pytest.fixture
def parcels(tmp_path, runtime, monkeypatch):
    for name, code in re.findall(r'```python title="([^"]+)"\n(.*?)```', PAGE.read_text(), re.DOTALL):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(code)
    monkeypatch.setattr(chalicelib.packs, "__path__", [*chalicelib.packs.__path__, str(tmp_path)])
    from chalicelib.packs import parcels

    app = ValhallaApp("valhalla", runtime=lambda: runtime)
    app.register([parcels.PACK])
    yield app
    for name in [name for name in sys.modules if name.startswith("chalicelib.packs.parcels")]:
        del sys.modules[name]
    del chalicelib.packs.parcels


def test_the_pack_of_the_page_works(parcels, client_as):
    caller = client_as("operator")
    caller.app = parcels
    made = caller("POST", "/parcels", {"title": "Corner lot", "asking_price": "120000.50"}, headers={"Idempotency-Key": "k1"})
    assert made.status == 201, made.text
    assert made.headers["location"] == f"/parcels/{made.json()['id']}"
    again = caller("POST", "/parcels", {"title": "Corner lot", "asking_price": "120000.50"}, headers={"Idempotency-Key": "k1"})
    assert (again.status, again.text) == (201, made.text)
    assert again.headers["idempotent-replayed"] == "true"

    path = f"/parcels/{made.json()['id']}"
    edited = caller("PATCH", path, {"title": "Corner lot, fenced"}, headers={"If-Match": made.headers["etag"]})
    assert edited.json()["revision"] == 2
    assert caller("PATCH", path, {"title": "Late"}, headers={"If-Match": made.headers["etag"]}).status == 412
    assert caller("GET", path, headers={"If-None-Match": edited.headers["etag"]}).status == 304
    assert caller("PATCH", path, {"title": None}).status == 422
    assert caller("PATCH", path, {"asking_price": None}).json()["asking_price"] is None
    assert caller("GET", "/parcels").json()["items"] == [{"id": made.json()["id"], "title": "Corner lot, fenced"}]


def test_the_pack_of_the_page_refuses_what_its_schema_refuses(parcels, client_as):
    caller = client_as("operator")
    caller.app = parcels
    for body in ({}, {"title": ""}, {"title": "x", "colour": "red"}, {"title": "x", "asking_price": 1.001}):
        assert caller("POST", "/parcels", body).status == 422, body
    caller = client_as("viewer")
    caller.app = parcels
    assert caller("POST", "/parcels", {"title": "x"}).status == 403
