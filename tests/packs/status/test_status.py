"""The system's status: computed from manifests and probes, in the older API's shapes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import __version__
from chalicelib.foundation.manifest import Endpoint, Pack
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.store import keys
from chalicelib.packs import PACKS
from chalicelib.packs.status import probes

LETTERS = list(PackRegistry(PACKS).headings)
TOTAL = len(LETTERS)
HERE = {pack.letter for pack in PACKS if not pack.planned}


def test_the_status_has_the_fields_of_the_older_api(client_as):
    response = client_as("viewer")("GET", "/system/status/")
    assert response.status == 200, response.text
    body = response.json()
    assert set(body) == {"version", "backend_complete", "packs", "summary", "extra"}
    assert (body["version"], body["backend_complete"]) == (__version__, False)
    assert set(body["extra"]) == {"notes", "updated_at", "completed_at", "git_revision", "built_at"}
    assert body["extra"]["notes"] == "System metadata initialized."
    assert [pack["id"] for pack in body["packs"]] == LETTERS
    assert all(set(pack) == {"id", "name", "status", "why"} for pack in body["packs"])


def test_packs_with_a_manifest_are_installed_and_the_others_pending(client_as):
    statuses = {pack["id"]: (pack["status"], pack["why"]) for pack in client_as("viewer")("GET", "/system/status/packs").json()["packs"]}
    assert statuses == {letter: ("installed" if letter in HERE else "pending", None) for letter in LETTERS}


def test_counts_agree_with_the_list(client_as):
    listed = client_as("viewer")("GET", "/system/status/packs").json()
    assert (listed["total"], listed["deprecated"], listed["degraded"]) == (TOTAL, 0, 0)
    assert (listed["installed"], listed["pending"]) == (len(HERE), TOTAL - len(HERE))
    summary = client_as("viewer")("GET", "/system/status/summary").json()
    assert summary == {
        "total_packs": TOTAL,
        "installed_packs": len(HERE),
        "pending_packs": TOTAL - len(HERE),
        "deprecated_packs": 0,
        "degraded_packs": 0,
        "summary": f"{len(HERE)} of {TOTAL} packs installed, {TOTAL - len(HERE)} pending, 0 degraded.",
    }


def test_a_pack_is_found_by_its_letter_in_either_case(client_as):
    viewer = client_as("viewer")
    assert viewer("GET", "/system/status/packs/w").json() == viewer("GET", "/system/status/packs/W").json()
    assert viewer("GET", "/system/status/packs/h").json()["name"] == "Public Behavioral Signal Extractor"
    for id in ("ZZZ", "1", "Ä", "wholesale"):
        response = viewer("GET", f"/system/status/packs/{id}")
        assert (response.status, response.json()["type"]) == (404, "/problems/not-found")


def test_reading_writes_nothing(client_as, dynamodb, settings):
    for path in ("", "/summary", "/packs", "/packs/A"):
        assert client_as("viewer")("GET", f"/system/status{path}").status == 200
    assert dynamodb.scan(TableName=settings.table)["Items"] == []


def test_a_cached_response_has_an_age(client_as, clock):
    assert client_as("viewer")("GET", "/system/status").headers["age"] == "0"
    clock.now += timedelta(seconds=4)
    assert client_as("viewer")("GET", "/system/status/packs").headers["age"] == "4"
    clock.now += timedelta(seconds=6)
    assert client_as("viewer")("GET", "/system/status/summary").headers["age"] == "0"


# -- the mark


def test_complete_and_incomplete(client_as, clock):
    admin = client_as("admin")
    first = admin("POST", "/system/status/complete").json()
    assert first["backend_complete"] is True
    assert first["extra"]["notes"] == "Backend marked as complete"
    assert first["extra"]["completed_at"] == first["extra"]["updated_at"] == "2026-11-24T18:00:00.000Z"
    clock.now += timedelta(minutes=1)
    again = admin("POST", "/system/status/complete", {"notes": "Checked twice."}).json()
    assert (again["extra"]["notes"], again["extra"]["completed_at"]) == ("Checked twice.", "2026-11-24T18:00:00.000Z")
    assert again["extra"]["updated_at"] == "2026-11-24T18:01:00.000Z"
    assert admin("GET", "/system/status").json()["backend_complete"] is True
    off = admin("POST", "/system/status/incomplete", {"notes": None}).json()
    assert (off["backend_complete"], off["extra"]["completed_at"]) == (False, None)
    assert off["extra"]["notes"] == "Backend marked as incomplete (development mode)"


def test_the_completion_records_its_actor(client_as, context):
    client_as("admin", user="user_ann")("POST", "/system/status/complete")
    row = context("admin").store.get_item(keys.config_row("completion"))
    assert (row["updated_by"]["S"], row["revision"]["N"]) == ("user_ann", "1")
    assert row["request_id"]["S"]


def test_setting_the_completion_is_idempotent(client_as):
    admin = client_as("admin")
    first = admin("POST", "/system/status/complete", {"notes": "one"}, headers={"Idempotency-Key": "k"})
    admin("POST", "/system/status/incomplete")
    again = admin("POST", "/system/status/complete", {"notes": "one"}, headers={"Idempotency-Key": "k"})
    assert (again.text, again.headers["idempotent-replayed"]) == (first.text, "true")
    assert admin("GET", "/system/status").json()["backend_complete"] is False


def test_the_version_cannot_be_set(client_as):
    for path in ("complete", "incomplete"):
        response = client_as("admin")("POST", f"/system/status/{path}", {"version": "9.9.9"})
        assert (response.status, response.json()["errors"][0]["loc"]) == (422, ["version"])


def test_only_administrators_set_the_completion(client_as, anonymous):
    assert client_as("operator")("POST", "/system/status/complete").status == 403
    assert client_as("dealmaker")("GET", "/system/status").status == 403
    assert anonymous("GET", "/system/status").status == 401


# -- probes


def test_revision_and_build_time_come_from_the_settings(runtime, client_as):
    runtime.settings = replace(runtime.settings, git_revision="abc123", built_at="2026-11-24T10:00:00Z")
    extra = client_as("viewer")("GET", "/system/status").json()["extra"]
    assert (extra["git_revision"], extra["built_at"]) == ("abc123", "2026-11-24T10:00:00Z")


def broken_probe(ctx):
    raise RuntimeError("password hunter2 is wrong")


def sound_probe(ctx):
    return None


def state_of(ctx, *packs):
    (letter,) = {pack.letter for pack in packs}
    return next((one["status"], one["why"]) for one in probes.run_probes(ctx, PackRegistry(packs)) if one["id"] == letter)


GOOD = Endpoint("GET", "/x", "list_events", "", "")


@pytest.mark.parametrize(
    ("pack", "why"),
    [
        (Pack("H", "h", "H", "tests", probe=f"{__name__}.broken_probe"), "its probe failed (RuntimeError)"),
        (Pack("H", "h", "H", "tests", probe="tests.nowhere.probe"), "its probe failed (ModuleNotFoundError)"),
        (Pack("H", "h", "H", "tests.no_such_pack", (GOOD,)), "its routes can't be loaded (ModuleNotFoundError)"),
        (Pack("H", "h", "H", "chalicelib.packs.events", (GOOD, replace(GOOD, handler="vanish"))), "it has no handler vanish"),
        (Pack("H", "h", "H", "tests", entities={"event": "tests.nowhere.Event"}), "its entities can't be loaded (ModuleNotFoundError)"),
        (
            Pack("H", "h", "H", "tests", entities={"ghost": "chalicelib.foundation.events.Notification"}),
            "its entity Notification isn't of the kind ghost",
        ),
    ],
)
def test_a_failing_check_degrades_a_pack_without_revealing_secrets(context, pack, why):
    assert state_of(context(), pack) == ("degraded", why)


def test_one_failing_manifest_degrades_its_letter(context):
    sound, broken = (Pack("H", "h", "H", "tests", probe=f"{__name__}.{name}") for name in ("sound_probe", "broken_probe"))
    assert state_of(context(), sound) == ("installed", None)
    assert state_of(context(), sound, broken) == ("degraded", "its probe failed (RuntimeError)")


def test_a_missing_index_degrades_packs_with_entities(context, dynamodb, settings, monkeypatch):
    from chalicelib.foundation.system import readiness

    pack = Pack("H", "h", "H", "tests", entities={"event": "chalicelib.foundation.events.Notification"})
    assert state_of(context(), pack) == ("installed", None)
    monkeypatch.setattr(readiness, "_cached", {})
    dynamodb.update_table(
        TableName=settings.table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "gsi3"}}], AttributeDefinitions=[]
    )
    assert state_of(context(), pack) == ("degraded", "indexes: not active: gsi3")
    monkeypatch.setattr(readiness, "_cached", {})


def test_the_default_probe_reads_the_table_once(context, dynamodb, settings):
    ctx = context()
    probes.run_probes(ctx, PackRegistry(Pack(letter, letter, letter, "tests") for letter in LETTERS))
    assert ctx.store.round_trips == 1
    dynamodb.delete_table(TableName=settings.table)
    ctx = context()
    statuses = probes.run_probes(ctx, PackRegistry([Pack("H", "h", "H", "tests")]))
    assert statuses[0]["status"] == "degraded"


def test_the_packs_are_a_to_z_and_those_that_were_added():
    assert "".join(LETTERS[:26]) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    more = [Pack(letter, letter, letter, "tests") for letter in ("AB", "Z", "AA", "B")]
    assert list(PackRegistry(more).headings) == ["B", "Z", "AA", "AB"]


def test_manifests_of_one_letter_have_one_title():
    titles = {(pack.letter, pack.heading) for pack in PACKS}
    assert len(titles) == len(LETTERS)
