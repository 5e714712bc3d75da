"""The system's status: computed from manifests and probes, in the older API's shapes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import __version__
from chalicelib.foundation.manifest import Endpoint, Pack
from chalicelib.foundation.store import keys
from chalicelib.packs import PACKS
from chalicelib.packs.status import probes
from chalicelib.packs.status.titles import TITLES

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HERE = {pack.letter for pack in PACKS} | set("BEG")


def test_the_whole_has_the_older_shape(as_):
    answer = as_("viewer")("GET", "/system/status/")
    assert answer.status == 200, answer.text
    body = answer.json()
    assert set(body) == {"version", "backend_complete", "packs", "summary", "extra"}
    assert (body["version"], body["backend_complete"]) == (__version__, False)
    assert set(body["extra"]) == {"notes", "updated_at", "completed_at", "git_revision", "built_at"}
    assert body["extra"]["notes"] == "System metadata initialized."
    assert [pack["id"] for pack in body["packs"]] == list(LETTERS)
    assert all(set(pack) == {"id", "name", "status", "why"} for pack in body["packs"])


def test_every_pack_that_is_here_is_installed_and_the_others_are_pending(as_):
    found = {pack["id"]: (pack["status"], pack["why"]) for pack in as_("viewer")("GET", "/system/status/packs").json()["packs"]}
    assert found == {letter: ("installed" if letter in HERE else "pending", None) for letter in LETTERS}


def test_counts_agree_with_the_list(as_):
    listed = as_("viewer")("GET", "/system/status/packs").json()
    assert (listed["total"], listed["deprecated"], listed["degraded"]) == (26, 0, 0)
    assert (listed["installed"], listed["pending"]) == (len(HERE), 26 - len(HERE))
    summary = as_("viewer")("GET", "/system/status/summary").json()
    assert summary == {
        "total_packs": 26,
        "installed_packs": len(HERE),
        "pending_packs": 26 - len(HERE),
        "deprecated_packs": 0,
        "degraded_packs": 0,
        "summary": f"{len(HERE)} of 26 packs installed, {26 - len(HERE)} pending, 0 degraded.",
    }


def test_one_pack_is_found_by_its_letter_in_either_case(as_):
    viewer = as_("viewer")
    assert viewer("GET", "/system/status/packs/w").json() == viewer("GET", "/system/status/packs/W").json()
    assert viewer("GET", "/system/status/packs/h").json()["name"] == "Public Behavioral Signal Extractor"
    for id in ("AA", "1", "Ä", "wholesale"):
        answer = viewer("GET", f"/system/status/packs/{id}")
        assert (answer.status, answer.json()["type"]) == (404, "/problems/not-found")


def test_reading_writes_nothing(as_, dynamodb, settings):
    for path in ("", "/summary", "/packs", "/packs/A"):
        assert as_("viewer")("GET", f"/system/status{path}").status == 200
    assert dynamodb.scan(TableName=settings.table)["Items"] == []


def test_a_kept_answer_says_how_old_it_is(as_, clock):
    assert as_("viewer")("GET", "/system/status").headers["age"] == "0"
    clock.now += timedelta(seconds=4)
    assert as_("viewer")("GET", "/system/status/packs").headers["age"] == "4"
    clock.now += timedelta(seconds=6)
    assert as_("viewer")("GET", "/system/status/summary").headers["age"] == "0"


# -- the mark


def test_complete_and_incomplete(as_, clock):
    admin = as_("admin")
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


def test_the_mark_names_who_set_it(as_, context):
    as_("admin", user="user_ann")("POST", "/system/status/complete")
    row = context("admin").store.get_raw(keys.config("completion"))
    assert (row["updated_by"]["S"], row["revision"]["N"]) == ("user_ann", "1")
    assert row["request_id"]["S"]


def test_the_mark_replays_by_its_key(as_):
    admin = as_("admin")
    first = admin("POST", "/system/status/complete", {"notes": "one"}, headers={"Idempotency-Key": "k"})
    admin("POST", "/system/status/incomplete")
    again = admin("POST", "/system/status/complete", {"notes": "one"}, headers={"Idempotency-Key": "k"})
    assert (again.text, again.headers["idempotent-replayed"]) == (first.text, "true")
    assert admin("GET", "/system/status").json()["backend_complete"] is False


def test_the_version_has_one_source(as_):
    for path in ("complete", "incomplete"):
        answer = as_("admin")("POST", f"/system/status/{path}", {"version": "9.9.9"})
        assert (answer.status, answer.json()["errors"][0]["loc"]) == (422, ["version"])


def test_only_administrators_set_the_mark(as_, nobody):
    assert as_("operator")("POST", "/system/status/complete").status == 403
    assert as_("dealmaker")("GET", "/system/status").status == 403
    assert nobody("GET", "/system/status").status == 401


# -- probes


def test_revision_and_build_time_come_from_the_settings(runtime, as_):
    runtime.settings = replace(runtime.settings, git_revision="abc123", built_at="2026-11-24T10:00:00Z")
    extra = as_("viewer")("GET", "/system/status").json()["extra"]
    assert (extra["git_revision"], extra["built_at"]) == ("abc123", "2026-11-24T10:00:00Z")


def broken_probe(ctx):
    raise RuntimeError("password hunter2 is wrong")


def sound_probe(ctx):
    return None


def state_of(ctx, *packs):
    (letter,) = {pack.letter for pack in packs}
    return next((one["status"], one["why"]) for one in probes.look(ctx, packs) if one["id"] == letter)


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
            Pack("H", "h", "H", "tests", entities={"ghost": "chalicelib.foundation.events.Event"}),
            "its entity Event isn't of the kind ghost",
        ),
    ],
)
def test_what_fails_makes_a_pack_degraded_and_is_said_without_a_secret(context, pack, why):
    assert state_of(context(), pack) == ("degraded", why)


def test_one_ill_part_of_a_letter_makes_it_degraded(context):
    sound, broken = (Pack("H", "h", "H", "tests", probe=f"{__name__}.{name}") for name in ("sound_probe", "broken_probe"))
    assert state_of(context(), sound) == ("installed", None)
    assert state_of(context(), sound, broken) == ("degraded", "its probe failed (RuntimeError)")


def test_a_missing_index_degrades_those_who_have_entities(context, dynamodb, settings, monkeypatch):
    from chalicelib.foundation.system import readiness

    pack = Pack("H", "h", "H", "tests", entities={"event": "chalicelib.foundation.events.Event"})
    assert state_of(context(), pack) == ("installed", None)
    monkeypatch.setattr(readiness, "_last", {})
    dynamodb.update_table(
        TableName=settings.table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "gsi3"}}], AttributeDefinitions=[]
    )
    assert state_of(context(), pack) == ("degraded", "indexes: not active: gsi3")
    monkeypatch.setattr(readiness, "_last", {})


def test_the_default_probe_asks_the_table_once_for_all(context, dynamodb, settings):
    ctx = context()
    probes.look(ctx, [Pack(letter, letter, letter, "tests") for letter in LETTERS])
    assert ctx.store.round_trips == 1
    dynamodb.delete_table(TableName=settings.table)
    ctx = context()
    found = probes.look(ctx, [Pack("H", "h", "H", "tests")])
    assert found[7]["status"] == "degraded"


def test_every_manifest_has_a_letter_of_the_table():
    assert {pack.letter for pack in PACKS} <= set(TITLES)
    assert "".join(TITLES) == LETTERS
