"""`python -m ops import-fx`: the bank's own file, what is wrong in one, and running it twice."""

from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chalicelib.foundation.store.codec import decode_item
from ops import cli, import_fx
from ops.__main__ import app
from ops.cli import StageError
from tests.conftest import TABLE

REAL = Path(__file__).parent.parent.parent / "examples" / "ecb_fx_history.csv"
RUN = CliRunner()


@pytest.fixture
def real(tmp_path):
    """The first and the last days of the real file: moto copies the whole table in every transaction."""
    lines = REAL.read_text().splitlines(keepends=True)
    file = tmp_path / "eurofxref-hist.csv"
    file.write_text("".join(lines[:41] + lines[-30:]))
    return file


@pytest.fixture
def stage(runtime, monkeypatch):
    monkeypatch.setattr(cli, "runtime", lambda: runtime)
    monkeypatch.setattr(cli, "use_stage", lambda stage, environment: None)
    return runtime


def rows(runtime):
    response = runtime.dynamodb.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "FX"}},
    )
    return {row["sk"]: row for row in map(decode_item, response["Items"])}


def run(path):
    return RUN.invoke(app, ["import-fx", str(path)])


def test_the_real_file_lands_and_again_changes_nothing(stage, real):
    response = run(real)
    assert response.exit_code == 0, response.output
    assert "Importing rates" in response.output
    assert "70 new or corrected, 0 there already" in response.output
    first = rows(stage)
    assert len(first) == 70
    newest = first["2026-10-30#EUR"]
    assert (newest["rates"]["CAD"], newest["rates"]["JPY"], newest["created_by"]) == (
        Decimal("1.5606"),
        Decimal("175.68"),
        "system:import-fx",
    )
    assert "BGN" not in newest["rates"]
    assert first["2025-04-08#EUR"]["rates"]["BGN"] == Decimal("1.9558")
    assert "" not in newest["rates"]
    again = run(real)
    assert "0 new or corrected, 70 there already" in again.output
    assert rows(stage) == first


def test_what_was_entered_otherwise_is_corrected_and_what_else_is_there_stays(stage, client_as, real):
    entered = {"base": "EUR", "date": "2026-10-30", "rates": {"USD": 2, "XAF": Decimal("655.957")}}
    assert client_as("operator")("PUT", "/holdings/fx-rates", entered).status == 200
    assert "70 new or corrected" in run(real).output
    after = client_as("operator")("GET", "/holdings/fx-rates", query={"date": "2026-10-30"}).json()["rates"]
    assert (after["USD"], after["XAF"]) == (Decimal("1.1172"), Decimal("655.957"))


def test_every_line_of_the_real_file_can_be_read():
    parsed = import_fx.read_rates_file(REAL)
    assert (len(parsed.days), parsed.errors) == (400, [])


def test_lines_with_a_fault_are_named_and_the_others_land(stage, tmp_path):
    file = tmp_path / "rates.csv"
    file.write_text(
        "Date,USD,CAD,\n2026-10-30,1.1172,N/A,\n2026-10-29,-1,1.5,\nsoon,1,1,\n2026-10-28,1.1\n2026-12-24,1.1,1.5,\n2026-10-27,N/A,N/A,\n"
    )
    response = run(file)
    assert response.exit_code == 1
    assert "1 days in" in response.output
    assert "1 days lie in the future" in response.output
    for line in ("line 3: USD", "line 4: 'soon'", "line 5: has 2 columns"):
        assert line in response.output
    assert {key: row["rates"] for key, row in rows(stage).items()} == {"2026-10-30#EUR": {"USD": Decimal("1.1172")}}


@pytest.mark.parametrize("content", [b"", b"name,price\n1,2\n", b"\xff\xfe\x00", b"Date,USD,USD\n"])
def test_what_is_no_such_file_is_said_in_a_line(stage, tmp_path, content):
    file = tmp_path / "rates.csv"
    file.write_bytes(content)
    with pytest.raises(StageError, match=r"rates\.csv"):
        import_fx.read_rates_file(file)
    with pytest.raises(StageError, match="can't be read"):
        import_fx.read_rates_file(tmp_path / "none.csv")
