"""Export and import: a stage comes back identical, and nothing that isn't whole is let in."""

import base64
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st
from typer.testing import CliRunner

from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.foundation.store import codec, table
from chalicelib.packs import PACKS
from ops import cli, transfer
from ops.__main__ import app
from tests.conftest import SECRETS
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.fault_injection import FaultInjectingClient, ShortPages, Throttles, Unprocessed
from tests.store.sample_entities import SampleChild, SampleRoot, plain_values

__all__ = ["dynamodb_local", "dynamodb_local_url"]

ODD = {
    "pk": {"S": "ODD#Ünïcode ✓ \u2028"},
    "sk": {"S": "1"},
    "digits": {"N": "1234567890123456789012345678.9012345678"},
    "small": {"N": "0.000001"},
    "nothing": {"NULL": True},
    "yes": {"BOOL": True},
    "empty": {"S": ""},
    "bytes": {"B": base64.b64encode(bytes(range(256))).decode()},
    "words": {"SS": ["b", "a", "ü"]},
    "numbers": {"NS": ["10", "9", "2.5"]},
    "blobs": {"BS": ["/w==", "AAE="]},
    "deep": {"M": {"list": {"L": [{"M": {"bytes": {"B": "AA=="}}}, {"N": "1"}, {"SS": ["z"]}]}, "void": {"M": {}}}},
}


def fill(runtime, things=4):
    """Entities, children, gates, a trail, an aggregate, and a row of every type."""
    ctx = runtime.context(request_id="fill")

    def put(row):
        ctx.store.call("put_item", TableName=ctx.store.table, Item=row)

    for number in range(things):
        ctx.now += timedelta(milliseconds=1)
        thing = SampleRoot.new(ctx, **plain_values(count=number, price=Decimal(number) / 100))
        put(thing.to_item())
        put(SampleChild.new(ctx, id=SampleChild.ID.new(ctx.now, thing.id), name=f"part {number}").to_item())
        put(codec.encode_item({"pk": thing.id, "sk": "!", "refs": 1}))
        put(codec.encode_item({"pk": f"AUD#{thing.id}", "sk": "0000000001", "kind": "trail", "hash": "x" * 64}))
    put(codec.encode_item({"pk": "BOARD", "sk": "lead", "n": things, "sum": Decimal("17.70")}))
    put(ODD)


def emptied(runtime):
    client, name = runtime.dynamodb, runtime.settings.table
    client.delete_table(TableName=name)
    table.create(client, name)


def rows(path):
    return sorted(path.read_text().split("\n")[:-1][1:-1])


def round_trip(runtime, tmp_path, workers):
    fill(runtime, 30)
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    out = transfer.export(runtime, first, workers=workers)
    emptied(runtime)
    back = transfer.import_stage(runtime, first, workers=workers)
    again = transfer.export(runtime, second, workers=workers)
    assert rows(first) == rows(second)
    assert out == back == again
    assert out.rows == len(rows(first)) == 30 * 4 + 2
    assert out.kinds == {"thing": 30, "part": 30, "(AUD)": 30, "(thing)": 30, "(BOARD)": 1, "(ODD)": 1}
    return first


def test_a_stage_comes_back_identical_on_moto(runtime, tmp_path):
    round_trip(runtime, tmp_path, workers=1)


@pytest.mark.dynamodb_local
def test_a_stage_comes_back_identical_with_many_workers_and_faults(dynamodb_local, settings, clock, tmp_path):
    client = FaultInjectingClient(dynamodb_local, ShortPages(7), Throttles(0.1, seed=3), Unprocessed(0.3, seed=4))
    runtime = Runtime(
        settings, packs=PACKS, dynamodb=client, secrets=SecretStore(settings, lambda: SECRETS), clock=clock, sleep=lambda _: None
    )
    first = round_trip(runtime, tmp_path, workers=4)
    assert len(set(rows(first))) == len(rows(first))


def test_the_file_tells_what_it_holds(runtime, tmp_path):
    fill(runtime)
    path = tmp_path / "stage.jsonl"
    seen = []
    counted = transfer.export(runtime, path, workers=1, advance=seen.append)
    lines = path.read_text().split("\n")[:-1]
    header, last = json.loads(lines[0])["header"], json.loads(lines[-1])
    assert (header["format"], header["stage"], header["rows"]) == ("valhalla-stage/1", "test", counted.rows)
    assert header["exported_at"] == "2026-11-24T18:00:00.000Z"
    assert [index["IndexName"] for index in header["schema"]["GlobalSecondaryIndexes"]] == list(table.INDEXES)
    assert last == {"checksum": counted.checksum, "rows": counted.rows}
    assert sum(seen) == counted.rows
    odd = next(row for row in map(json.loads, lines[1:-1]) if row["pk"]["S"].startswith("ODD"))
    assert odd["bytes"] == {"B": base64.b64encode(bytes(range(256))).decode()}
    assert odd["digits"] == {"N": "1234567890123456789012345678.9012345678"}
    assert list(tmp_path.iterdir()) == [path], "nothing is left beside it"


def test_only_an_empty_stage_takes_an_import(runtime, tmp_path):
    fill(runtime)
    path = tmp_path / "stage.jsonl"
    transfer.export(runtime, path, workers=1)
    with pytest.raises(transfer.TransferError, match="isn't empty"):
        transfer.import_stage(runtime, path, workers=1)


def cut(lines):
    return lines[:-1]


def shortened(lines):
    return [*lines[:5], *lines[6:]]


def changed(lines):
    return [*lines[:5], lines[5].replace('"S":"', '"S":"x', 1), *lines[6:]]


def doubled(lines):
    return [*lines[:5], lines[5], *lines[5:]]


def headless(lines):
    return lines[1:]


def of_another_format(lines):
    return [lines[0].replace("valhalla-stage/1", "valhalla-stage/2"), *lines[1:]]


def of_another_schema(lines):
    return [lines[0].replace("gsi4", "gsi5"), *lines[1:]]


def of_another_encoding(lines):
    return [*lines[:5], lines[5].replace('"S":"', '"S":"\udce9', 1), *lines[6:]]


def not_json(lines):
    return [*lines[:5], "{", *lines[6:]]


@pytest.mark.parametrize(
    "damage", [cut, shortened, changed, doubled, headless, of_another_format, of_another_schema, of_another_encoding, not_json]
)
def test_a_file_that_is_not_whole_is_refused_before_anything_is_written(runtime, tmp_path, damage):
    fill(runtime)
    path = tmp_path / "stage.jsonl"
    transfer.export(runtime, path, workers=1)
    emptied(runtime)
    path.write_text("\n".join(damage(path.read_text().split("\n")[:-1])) + "\n", errors="surrogateescape")
    with pytest.raises(transfer.TransferError):
        transfer.import_stage(runtime, path, workers=1)
    assert runtime.dynamodb.scan(TableName=runtime.settings.table)["Items"] == []


def test_an_empty_stage_is_a_stage_too(runtime, tmp_path):
    path = tmp_path / "stage.jsonl"
    assert transfer.export(runtime, path, workers=1).rows == 0
    assert transfer.import_stage(runtime, path, workers=1).rows == 0


scalars = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(lambda text: {"S": text})
    | st.integers(-(10**37), 10**37).map(lambda number: {"N": str(number)})
    | st.binary(max_size=20).map(lambda data: {"B": base64.b64encode(data).decode()})
    | st.sampled_from([{"NULL": True}, {"BOOL": True}, {"BOOL": False}])
    | st.sets(st.text("xyz", min_size=1, max_size=5), min_size=1, max_size=3).map(lambda words: {"SS": list(words)})
)
wires = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: {"L": items})
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3).map(lambda items: {"M": items})
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abc", min_size=1), wires, max_size=5))
@rules(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_a_line_is_the_row(raw):
    line = transfer.to_line(raw)
    assert "\n" not in line
    found = transfer.from_line(line)
    assert transfer.to_line(found) == line
    assert codec.decode_item(found) == codec.decode_item(raw)


# -- the commands


def test_the_commands_export_and_import(runtime, tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "runtime", lambda: runtime)
    monkeypatch.setenv("VALHALLA_STAGE", "test")
    fill(runtime)
    path = tmp_path / "stage.jsonl"
    out = CliRunner().invoke(app, ["export", str(path), "--workers", "1"])
    assert out.exit_code == 0, out.output
    assert f"18 rows of the stage test are in {path}" in out.output
    emptied(runtime)
    back = CliRunner().invoke(app, ["import", str(path), "--workers", "1", "--nobody-reads"])
    assert back.exit_code == 0, back.output
    assert "18 rows are in the stage test" in back.output


class Lambda:
    """As much of Lambda as is asked."""

    def __init__(self, *states):
        self.states = states

    def list_event_source_mappings(self, EventSourceArn):  # noqa: N803 - the API's own
        assert "/stream/" in EventSourceArn
        if not self.states:
            raise EndpointConnectionError(endpoint_url="https://lambda")
        return {"EventSourceMappings": [{"UUID": f"uuid-{n}", "State": state} for n, state in enumerate(self.states)]}


@pytest.mark.parametrize(
    ("states", "says"),
    [
        (("Disabled", "Enabled"), "--no-enabled --uuid uuid-1"),
        (("Enabling", "Disabled"), "--no-enabled --uuid uuid-0"),
        ((), "Lambda can't be asked"),
    ],
)
def test_nothing_is_imported_while_somebody_reads_the_stream(runtime, monkeypatch, states, says):
    monkeypatch.setattr(transfer, "client", lambda service, settings: Lambda(*states))
    with pytest.raises(transfer.TransferError, match=says):
        transfer.require_streams_disabled(runtime)


def test_mappings_that_are_off_are_no_readers(runtime, monkeypatch):
    monkeypatch.setattr(transfer, "client", lambda service, settings: Lambda("Disabled", "Disabling"))
    transfer.require_streams_disabled(runtime)


@pytest.mark.parametrize(
    ("kept", "written"),
    [
        ("1.10", "1.1"),
        ("-130007.00", "-130007"),
        ("0.00", "0"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("1234567890123456789012345678.90123456780", "1234567890123456789012345678.9012345678"),
    ],
)
def test_equal_numbers_are_equal_lines(kept, written):
    wire = {"n": {"N": kept}, "deep": {"L": [{"M": {"n": {"N": kept}}}]}, "set": {"NS": [kept]}}
    assert transfer.to_line(wire) == transfer.to_line(
        {"n": {"N": written}, "deep": {"L": [{"M": {"n": {"N": written}}}]}, "set": {"NS": [written]}}
    )
    assert f'"N":"{written}"' in transfer.to_line(wire)
