"""`python -m ops verify-audit`: a file with nothing but the keys, and a whole stage in a few reads."""

import gzip
import json
import os
import random
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.packs.audit.stage_verification import StageVerifier
from ops import cli, trail
from ops.trail import read_keys, verify_file, verify_stage
from tests.conftest import TABLE
from tests.packs.audit.seal_keys import jwks
from tests.packs.audit.test_export_lines import NOW, File
from tests.streams.stream_feeder import deliver

ROOT = Path(__file__).parents[3]


@pytest.fixture
def exported(tmp_path):
    """A file of an export, and one of its keys."""
    file, keys = tmp_path / "trail.jsonl.gz", tmp_path / "keys.json"
    lines = File().lines
    # As the worker writes it: of several members.
    file.write_bytes(gzip.compress("".join(lines[:5]).encode()) + gzip.compress("".join(lines[5:]).encode()))
    keys.write_text(json.dumps({"keys": jwks("s1")}))
    return file, keys


def run(*arguments, folder):
    """The command in a process that knows of no stage and no AWS."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "ops", "verify-audit", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_file_is_verified_with_nothing_but_the_keys(exported, tmp_path):
    file, keys = exported
    status, said = run("--file", file, "--key", keys, folder=tmp_path)
    assert (status, "9 records of 3 entities" in said, "as it was recorded and sealed" in said) == (0, True, True), said
    text = gzip.decompress(file.read_bytes())
    file.write_bytes(gzip.compress(text.replace(b'"updated"', b'"created"', 1)))
    status, said = run("--file", file, "--key", keys, folder=tmp_path)
    assert (status, "mutated" in said, "deal_A" in said) == (1, True, True), said


def test_it_says_what_it_needs(exported, tmp_path):
    file, keys = exported
    status, said = run("--file", file, folder=tmp_path)
    assert (status, "--key" in said) == (1, True)
    keys.write_text("{}")
    status, said = run("--file", file, "--key", keys, folder=tmp_path)
    assert (status, "no key" in said) == (1, True)


def test_a_plain_file_and_every_form_of_keys_are_read(exported, tmp_path):
    file, keys = exported
    plain = tmp_path / "trail.jsonl"
    plain.write_bytes(gzip.decompress(file.read_bytes()))
    (one,) = jwks("s1")
    for form in ({"keys": [one]}, {"items": [], "next_cursor": None, "keys": [one]}, [one], one):
        keys.write_text(json.dumps(form))
        assert verify_file(plain, read_keys(keys), NOW).valid
    for form in ([], "x", 1, None, {"keys": "x"}):
        keys.write_text(json.dumps(form))
        with pytest.raises(cli.StageError):
            read_keys(keys)


@pytest.mark.parametrize("length", [10, 100, -1, -20])
def test_a_packed_file_that_was_cut_off(exported, length):
    file, keys = exported
    file.write_bytes(file.read_bytes()[:length])
    verdict = verify_file(file, read_keys(keys), NOW)
    assert "truncated" in {found.reason.partition(":")[0] for found in verdict.breaks}


def test_a_packed_file_in_which_a_byte_was_changed(exported):
    file, keys = exported
    packed = bytearray(file.read_bytes())
    for at in range(30, len(packed), 97):
        packed[at] ^= 0xFF
        file.write_bytes(packed)
        assert not verify_file(file, read_keys(keys), NOW).valid
        packed[at] ^= 0xFF


def test_days_that_should_be_there(exported):
    file, keys = exported
    days = {"first": date(2026, 11, 20), "last": date(2026, 11, 23)}
    assert verify_file(file, read_keys(keys), NOW, **days).valid
    assert not verify_file(file, read_keys(keys), NOW, **{**days, "last": date(2026, 11, 24)}).valid


# -- a stage


@pytest.fixture
def things(world):
    """Twenty things with three revisions each, one of them purged, on the trail."""
    made = []
    for _ in range(20):
        thing = world.create(holder={"name": "Ida"})
        for notes in ("a", "b"):
            thing = world.edit(thing, notes=notes)
        made.append(thing)
    world.purge(made[0])
    deliver(world.audit(), world.feed.entities())
    return made


def test_a_whole_stage_is_read_once_and_not_chain_by_chain(world, things):
    stores = []
    make = world.runtime.store

    def recording(*arguments):
        stores.append(make(*arguments))
        return stores[-1]

    world.runtime.store = recording
    verdict = verify_stage(world.runtime, world.ctx, workers=1)
    assert (verdict.valid, len(verdict.entities)) == (True, 20)
    whole = sum(store.round_trips for store in stores)
    stores.clear()
    assert list(trail.broken_chains(world.ctx, verdict.entities)) == []
    one_by_one = sum(store.round_trips for store in stores)
    assert whole * 10 <= one_by_one


def test_what_looks_broken_is_read_once_more(world, things, monkeypatch):
    """A change between two pages is none: its entity may have been read before it, and its record after it."""
    scanned = [row for row in world.rows() if row["pk"]["S"] != things[5].id or row["sk"]["S"] != "~"]
    before = things[5].to_item()
    changed = world.edit(things[5], notes="later")
    deliver(world.audit(), world.feed.entities())
    scanned = [*world.rows(f"AUD#{changed.id}")[3:], before, *scanned]
    monkeypatch.setattr(trail, "scan_segment", lambda *_: iter([scanned]))
    found = StageVerifier()
    found.add(scanned)
    assert found.suspects(world.ctx().now) == [changed.id]
    assert verify_stage(world.runtime, world.ctx, workers=1).valid


def test_the_order_of_the_rows_does_not_matter(world, things):
    rows: list[DynamoItem] = world.rows()
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        one, other = StageVerifier(), StageVerifier()
        partitions = sorted({row["pk"]["S"] for row in rows})
        first = set(partitions[::2])
        one.add(row for row in rows if row["pk"]["S"] in first)
        other.add(row for row in rows if row["pk"]["S"] not in first)
        one.merge(other)
        assert one.suspects(world.ctx().now) == []
        assert len(one.entities) == 20


def test_broken_chains_of_a_stage_are_found_and_told_once(world, things):
    rows = world.rows(f"AUD#{things[3].id}")
    world.table.put_item(TableName=TABLE, Item=rows[1] | {"body": {"S": rows[1]["body"]["S"].replace("updated", "created")}})
    world.table.delete_item(TableName=TABLE, Key={name: world.rows(f"AUD#{things[7].id}")[0][name] for name in ("pk", "sk")})
    for _ in range(2):
        verdict = verify_stage(world.runtime, world.ctx, workers=1)
        broken = {found["entity_id"]: found["first_break"]["reason"].partition(":")[0] for found in verdict.broken}
        assert broken == {things[3].id: "mutated", things[7].id: "missing"}
        assert len([row for row in world.rows("evt_") if row["event"]["S"] == "trail.chain_broken"]) == 2


def test_days_that_are_not_sealed_are_said(world, things):
    assert verify_stage(world.runtime, world.ctx, workers=1).notes == ["From 2026-11-24 on, nothing is sealed yet."]
