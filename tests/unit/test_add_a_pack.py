"""The code in docs/add-a-pack.md is extracted from the page and run."""

import inspect
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, get_origin

import pytest

import chalicelib.packs
from chalicelib.foundation import schema_types
from chalicelib.foundation.http.app import ValhallaApp
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.schedules import run_schedule
from chalicelib.foundation.store import attributes as store_attributes
from chalicelib.packs import PACKS

PAGE = Path(__file__).parents[2] / "docs" / "add-a-pack.md"
FILES = dict(re.findall(r'```python title="([^"]+)"\n(.*?)```', PAGE.read_text(), re.DOTALL))


@pytest.fixture
def parcels(tmp_path, runtime, monkeypatch):
    for name, code in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(code)
    monkeypatch.setattr(chalicelib.packs, "__path__", [*chalicelib.packs.__path__, str(tmp_path)])
    from chalicelib.packs import parcels

    runtime.packs = PackRegistry([*PACKS, parcels.PACK])
    app = ValhallaApp("valhalla", runtime=lambda: runtime)
    app.register(runtime.packs)
    yield app
    for name in [name for name in sys.modules if name.startswith("chalicelib.packs.parcels")]:
        del sys.modules[name]
    del chalicelib.packs.parcels


@pytest.fixture
def caller_as(parcels, client_as):
    def make(role):
        caller = client_as(role)
        caller.app = parcels
        return caller

    return make


def test_it_is_short():
    lines = [line for code in FILES.values() for line in code.splitlines() if line.strip()]
    assert len(lines) <= 120


def test_a_parcel_is_created_once_and_read(caller_as):
    caller = caller_as("operator")
    made = caller("POST", "/parcels", {"title": "Corner lot"}, headers={"Idempotency-Key": "k1"})
    assert made.status == 201, made.text
    assert made.headers["location"] == f"/parcels/{made.json()['id']}"
    again = caller("POST", "/parcels", {"title": "Corner lot"}, headers={"Idempotency-Key": "k1"})
    assert (again.status, again.text) == (201, made.text)
    assert again.headers["idempotent-replayed"] == "true"
    path = f"/parcels/{made.json()['id']}"
    assert caller("GET", path).json() == made.json()
    assert caller("GET", path, headers={"If-None-Match": made.headers["etag"]}).status == 304
    assert caller("GET", "/parcels/parcel_01KB0Q5E8G7Z3V9X2M4N6P8R0T").status == 404


def test_its_states_are_those_of_the_table(caller_as):
    caller, admin = caller_as("operator"), caller_as("admin")
    made = caller("POST", "/parcels", {"title": "Corner lot"})
    move = f"/parcels/{made.json()['id']}/status"
    assert caller("POST", move, {"status": "bought"}).status == 403
    assert caller("POST", move, {"status": "dropped"}).status == 422, "a reason is needed"
    assert admin("POST", move, {"status": "bought"}, headers={"If-Match": '"7"'}).status == 412
    moved = admin("POST", move, {"status": "bought"}, headers={"Idempotency-Key": "k2"})
    assert (moved.json()["status"], moved.json()["revision"]) == ("bought", 2)
    assert admin("POST", move, {"status": "bought"}, headers={"Idempotency-Key": "k2"}).text == moved.text
    refused = admin("POST", move, {"status": "open"})
    assert (refused.status, refused.json()["allowed"]) == (409, [])


def test_a_list_is_of_one_status(caller_as):
    admin = caller_as("admin")
    ids = [admin("POST", "/parcels", {"title": title}).json()["id"] for title in ("North", "South")]
    admin("POST", f"/parcels/{ids[0]}/status", {"status": "bought"})
    assert admin("GET", "/parcels", query={"status": "open"}).json()["items"] == [{"id": ids[1], "title": "South"}]
    assert admin("GET", "/parcels", query={"status": "bought"}).json()["items"] == [{"id": ids[0], "title": "North"}]
    assert admin("GET", "/parcels", query={"status": "sold"}).status == 422


def test_a_review_is_reminded_of_once(caller_as, runtime, clock):
    from chalicelib.packs.parcels import schedules

    caller_as("operator")("POST", "/parcels", {"title": "Corner lot", "review_on": "2026-11-26"})
    runs = []
    for _ in range(4):
        runs.append(run_schedule("parcels-reviews", schedules.reviews, runtime, {}, None)["done"])
        clock.now += timedelta(days=1)
    assert runs == [0, 0, 1, 0]
    items = runtime.dynamodb.scan(TableName=runtime.settings.table)["Items"]
    assert [item["title"]["S"] for item in items if item.get("event", {}).get("S") == "parcels.review"] == ["Review Corner lot"]


def test_what_its_schema_and_its_roles_refuse(caller_as):
    operator, viewer = caller_as("operator"), caller_as("viewer")
    for body in ({}, {"title": ""}, {"title": "x", "colour": "red"}, {"title": "x", "review_on": "tomorrow"}):
        assert operator("POST", "/parcels", body).status == 422, body
    assert viewer("POST", "/parcels", {"title": "x"}).status == 403
    assert viewer("GET", "/parcels", query={"status": "open"}).status == 200


# -- the page and the code around it


def test_a_27th_pack_is_shown_by_the_status(caller_as):
    viewer = caller_as("viewer")
    statuses = viewer("GET", "/system/status/packs").json()
    assert statuses["packs"][-1] == {"id": "AA", "name": "Parcels", "status": "installed", "why": None}
    assert statuses["total"] == 27
    assert viewer("GET", "/system/status/packs/aa").json()["name"] == "Parcels"


@pytest.mark.slow
def test_its_code_passes_the_checks(tmp_path):
    root = PAGE.parents[1]
    for name in ("pyproject.toml", "app.py", "chalicelib", "local", "ops", ".mypy_cache"):
        if (root / name).is_dir():
            shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (root / name).exists():
            shutil.copy2(root / name, tmp_path / name)
    packs = tmp_path / "chalicelib" / "packs"
    for name, code in FILES.items():
        (packs / name).parent.mkdir(exist_ok=True)
        (packs / name).write_text(code)
    ours = "chalicelib/packs/parcels"
    for command in (["ruff", "check", ours], ["ruff", "format", "--check", ours], ["mypy", ours], ["lint-imports", "--no-cache"]):
        tool = Path(sys.executable).with_name(command[0])
        run = subprocess.run([tool, *command[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"{' '.join(command)}\n{run.stdout}{run.stderr}"


def test_the_page_lists_every_type_of_field():
    page = PAGE.read_text()
    functions = {
        name for name, one in inspect.getmembers(store_attributes, inspect.isfunction) if one.__module__ == store_attributes.__name__
    }
    attributes = {name for name in functions if name.removeprefix("optional_") not in functions - {name}}
    types = {name for name, one in vars(schema_types).items() if name[0].isupper() and get_origin(one) is Annotated}
    described = set(re.findall(r"`(\w+)", page))
    assert attributes | types <= described
