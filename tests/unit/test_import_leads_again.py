"""An import that is repeated, corrected or taken back, and what the command says."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from ops.cli import StageError
from ops.import_leads import command
from ops.import_leads.api import Api
from ops.import_leads.command import app as command_app
from ops.import_leads.sending import Importer, Report
from ops.import_leads.undo import ImportName, UndoReport, undo
from tests.conftest import send
from tests.unit.lead_files import leads_of

LIST = (
    "Property Address,Zip,Owner Name,Owner Phone,Asking Price,Sq Ft,Comment\n"
    "1 Main St,98103,Ada,2065550100,310k,1200,Roof\n"
    "2 Main St,98103,Ben,2065550101,410k,1450,\n"
)
WRONG = ("Asking Price=", "Owner Phone=", "Sq Ft=", "Comment=")


@pytest.fixture
def connect(app: Any, client_as: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`connect()`: a client whose other end is the app in this process; `before(request)` sees each request, and may answer it."""
    lock = threading.Lock()

    def make(before: Callable[[httpx.Request], httpx.Response | None] = lambda _: None, role: str = "operator") -> httpx.Client:
        caller = client_as(role)

        def serve(request: httpx.Request) -> httpx.Response:
            with lock:
                if answer := before(request):
                    return answer
                headers = {name: request.headers[name] for name in ("Content-Type", "If-Match") if name in request.headers}
                headers["Authorization"] = f"Bearer {caller.token()}"
                response = send(app, request.method, request.url.path, request.content.decode() or None, dict(request.url.params), headers)
                return httpx.Response(response.status, headers=response.headers, text=response.text)

        return httpx.Client(base_url="http://api", transport=httpx.MockTransport(serve))

    return make


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "leads.csv"
    file.write_text(LIST)
    return file


@pytest.fixture
def name(runtime: Any) -> ImportName:
    return ImportName(f"{runtime.clock().astimezone(UTC):%Y%m%d-%H%M%S}-00ff")


def bring(client: httpx.Client, path: Path, *map_: str, name: ImportName | None = None, **options: Any) -> Report:
    report = Report(path.with_suffix(".refused.csv"), path.with_suffix(".warnings.csv"))
    leads = leads_of(path, *map_)
    importer = Importer(Api(client), report, tag=(name or ImportName.new()).tag, parallel=1, **options)
    importer.send(leads.rows(leads.scan()[1]))
    return report


def leads(client_as: Any) -> dict[str, dict[str, Any]]:
    """The leads by their sellers' names."""
    call = client_as("operator")
    items = call("GET", "/wholesale", query={"limit": "200"}).json()["items"]
    return {item["seller_name"]: call("GET", f"/wholesale/{item['id']}").json() for item in items}


class TestUpdate:
    def test_a_file_that_was_mapped_wrongly_is_there_already_until_it_is_updated(self, connect, client_as, path):
        client = connect()
        assert bring(client, path, *WRONG).created == 2
        again = bring(client, path)
        assert (again.created, again.known) == (0, 2)
        assert leads(client_as)["Ada"]["asking_price"] is None
        updated = bring(client, path, update=True)
        assert (updated.created, updated.updated, updated.unchanged, updated.refused) == (0, 2, 0, 0)
        ada = leads(client_as)["Ada"]
        assert (ada["asking_price"], ada["seller"]["phone"][-7:], ada["property"]["sqft"], ada["notes"]) == (
            310_000,
            "5550100",
            1200,
            "Roof",
        )

    def test_a_second_update_changes_nothing(self, connect, client_as, path):
        client = connect()
        bring(client, path, *WRONG)
        bring(client, path, update=True)
        before = leads(client_as)
        again = bring(client, path, update=True)
        assert (again.updated, again.unchanged) == (0, 2)
        assert leads(client_as) == before

    def test_only_what_the_file_says_is_changed(self, connect, client_as, path):
        client, call = connect(), client_as("operator")
        bring(client, path, *WRONG)
        id = leads(client_as)["Ben"]["id"]
        own = {"lead_source": "radio", "notes": "Called.", "tags": ["warm"], "property": {"bedrooms": 4, "address": {"region": "OR"}}}
        assert call("PATCH", f"/wholesale/{id}", own).status == 200
        assert bring(client, path, update=True).updated == 2
        ben = leads(client_as)["Ben"]
        assert (ben["lead_source"], ben["notes"], ben["tags"]) == ("radio", "Called.", ["warm"])
        assert (ben["property"]["bedrooms"], ben["property"]["sqft"], ben["property"]["address"]["region"]) == (4, 1450, "OR")

    def test_an_estimated_arv_fills_only_an_empty_one(self, connect, client_as, path):
        client, call = connect(), client_as("operator")
        path.write_text("Owner,Est. Value,Note\nAda,300k,Roof\nBen,400k,\n")
        bring(client, path, "Est. Value=")
        assert call("PATCH", f"/wholesale/{leads(client_as)['Ben']['id']}", {"arv_estimate": 500_000}).status == 200
        assert bring(client, path, update=True).updated == 1
        found = leads(client_as)
        assert (found["Ada"]["arv_estimate"], found["Ada"]["arv_confidence"]) == (300_000, "low")
        assert found["Ada"]["notes"].startswith("Roof\nARV estimated")
        assert [tag for tag in found["Ada"]["tags"] if not tag.startswith("import-")] == ["arv-estimated"]
        assert (found["Ben"]["arv_estimate"], found["Ben"]["arv_confidence"]) == (500_000, None)
        assert bring(client, path, update=True).unchanged == 2
        assert leads(client_as) == found

    def test_a_change_of_somebody_else_meanwhile_is_kept(self, connect, client_as, path):
        bring(connect(), path, *WRONG)
        call, ids = client_as("operator"), [lead["id"] for lead in leads(client_as).values()]
        patches: list[httpx.Request] = []

        def interfere(request: httpx.Request) -> None:
            if request.method == "PATCH":
                patches.append(request)
                if len(patches) == 1:
                    for id in ids:
                        call("PATCH", f"/wholesale/{id}", {"seller_motivation": "Moves away"})

        assert bring(connect(interfere), path, update=True).updated == 2
        assert len(patches) == 3  # the first one met the change
        assert {lead["seller_motivation"] for lead in leads(client_as).values()} == {"Moves away"}
        assert {lead["asking_price"] for lead in leads(client_as).values()} == {310_000, 410_000}

    def test_what_the_api_refuses_is_refused_by_line(self, connect, path):
        bring(connect(), path, "Comment=external_ref")
        path.write_text(LIST.replace("310k", "-5"))
        report = bring(connect(), path, "Comment=external_ref", update=True)
        assert (report.refused, report.file.read_text().splitlines()[1][:2]) == (1, "2,")

    def test_a_dry_run_tells_new_ones_from_known_ones(self, connect, path):
        bring(connect(), path)
        path.write_text(LIST + "3 Main St,98103,Cy,,,,\n")
        report = bring(connect(), path, update=True, dry_run=True)
        assert (report.created, report.known, report.updated) == (1, 2, 0)


class TestUndo:
    def names(self, client_as: Any) -> set[str]:
        return set(leads(client_as))

    def test_what_an_import_created_is_deleted_and_nothing_else(self, connect, client_as, path, name):
        client = connect()
        path.write_text(LIST.splitlines()[0] + "\n" + LIST.splitlines()[1] + "\n")
        bring(client, path, name=ImportName(name.text.replace("00ff", "00aa")))
        path.write_text(LIST)
        assert bring(client, path, name=name).known == 1
        assert undo(Api(client), name) == UndoReport(deleted=1)
        assert self.names(client_as) == {"Ada"}
        assert undo(Api(client), name) == UndoReport()
        assert bring(client, path).created == 1

    def test_what_was_worked_on_since_is_kept_and_said(self, connect, client_as, path, name):
        client, call = connect(), client_as("operator")
        path.write_text(LIST + "3 Main St,98103,Cy,,,,\n")
        bring(client, path, name=name)
        found = leads(client_as)
        assert call("POST", f"/wholesale/{found['Ada']['id']}/activities", {"event_type": "call"}).status == 201
        assert call("PATCH", f"/wholesale/{found['Ben']['id']}", {"notes": "Called."}).status == 200
        report = undo(Api(client), name)
        assert report.deleted == 1
        assert report.kept == {
            found["Ada"]["id"]: "it has activities, the latest a call",
            found["Ben"]["id"]: "changed since (stage lead, revision 2)",
        }
        assert self.names(client_as) == {"Ada", "Ben"}

    def test_a_change_at_the_same_moment_is_kept(self, connect, client_as, path, name):
        bring(connect(), path, name=name)
        call, id = client_as("operator"), leads(client_as)["Ada"]["id"]

        def interfere(request: httpx.Request) -> None:
            if request.method == "DELETE" and request.url.path.endswith(id):
                call("PATCH", f"/wholesale/{id}", {"notes": "Called."})

        report = undo(Api(connect(interfere)), name)
        assert (report.deleted, list(report.kept)) == (1, [id])
        assert self.names(client_as) == {"Ada"}

    def test_a_dry_run_deletes_nothing(self, connect, client_as, path, name):
        bring(connect(), path, name=name)
        assert undo(Api(connect()), name, dry_run=True).deleted == 2
        assert self.names(client_as) == {"Ada", "Ben"}

    def test_all_pages_are_looked_at(self, connect, client_as, path, name):
        path.write_text("Owner\n" + "".join(f"Owner {n}\n" for n in range(230)))
        assert bring(connect(), path, name=name).created == 230
        assert undo(Api(connect()), name).deleted == 230
        assert self.names(client_as) == set()

    def test_a_name_is_recognised_with_and_without_its_prefix(self):
        name = ImportName.new()
        assert ImportName.parse(name.text) == ImportName.parse(name.tag) == name
        assert abs(name.started_at - datetime.now(UTC)) < timedelta(minutes=1)

    @pytest.mark.parametrize("text", ["", "yesterday", "20261345-171522-3f9a", "20261124-171522"])
    def test_another_text_is_refused(self, text):
        with pytest.raises(StageError, match="is no import"):
            ImportName.parse(text)


class TestTheCommand:
    @pytest.fixture
    def run(self, connect, monkeypatch, tmp_path):
        """`run(...)`: the command's output, and the error if there is one; `connected` is what it talks to."""

        def call(*arguments: str, connected: httpx.Client | None = None) -> tuple[str, str]:
            if connected is not None:
                monkeypatch.setattr(command, "_client", lambda _url, _token: connected)
            result = CliRunner().invoke(command_app, [*arguments, "--token", "a-token", "--url", "http://127.0.0.1:9"])
            return result.output, str(result.exception or "")

        return call

    def test_the_mapping_is_printed_before_anything_is_sent(self, connect, run, path):
        printed: list[int] = []
        client = connect(lambda request: printed.append(1) if request.method == "POST" else None)
        output, _ = run(str(path), "--dry-run", "--map", "Comment=", connected=client)
        assert re.search(r"Property Address +->  line1\n(.*\n)+.*Comment +ignored: omitted by --map\n", output)
        assert "2 would be created, 0 there already, 0 would be refused" in output
        assert printed == [1]

    def test_what_is_there_already_is_said_and_how_to_change_it(self, connect, run, path):
        bring(connect(), path, *WRONG)
        output, _ = run(str(path), connected=connect())
        assert "0 created, 2 there already, 0 refused.\n" in output
        assert "--update writes the file's columns into them" in output

    def test_updates_are_counted(self, connect, run, path):
        bring(connect(), path, *WRONG)
        output, _ = run(str(path), "--update", connected=connect())
        assert "0 created, 2 updated, 0 there already with the same values, 0 refused" in output

    def test_an_unreachable_url_is_said_at_once(self, run, path):
        output, error = run(str(path))
        assert error.startswith("The API at http://127.0.0.1:9 can't be reached: ")
        assert "Importing" not in output

    @pytest.mark.parametrize(
        ("status", "body", "message"),
        [
            (401, {"detail": "The token is not valid."}, "The API at http://api doesn't accept the token: The token is not valid."),
            (404, {"detail": "No."}, "http://api is not the URL of the API: it answers /auth/me with 404."),
            (200, {"permissions": ["wholesale:read"]}, "The token is not allowed to do this: it lacks wholesale:bulk."),
        ],
    )
    def test_what_cant_import_is_said_before_the_file_is_read(self, connect, run, path, status, body, message):
        requests: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            requests.append(request.url.path)
            return httpx.Response(status, json=body)

        output, error = run(str(path), connected=connect(answer))
        assert error == message
        assert requests == ["/auth/me"]
        assert "Importing" not in output

    @pytest.mark.parametrize("arguments", [(), ("leads.csv", "--undo", "20261124-171522-3f9a")])
    def test_a_file_or_an_import(self, run, arguments):
        assert "either a FILE" in run(*arguments)[1]

    @pytest.mark.parametrize("token", ["tökén", "a b", "a\nb"])
    def test_what_is_no_token_is_said(self, token):
        with pytest.raises(StageError, match="token"):
            command._client("http://api", token)

    @pytest.mark.parametrize("url", ["http://[bad", "http://api:port", "api", "ftp://api", ""])
    def test_what_is_no_url_is_said(self, url):
        with pytest.raises(StageError, match=r"is no URL|can't be reached"):
            Api(command._client(url, "a-token")).check()

    def test_an_interruption_says_how_to_go_on(self, connect, run, path):
        def interrupt(request: httpx.Request) -> None:
            if request.method == "POST":
                raise KeyboardInterrupt

        _, error = run(str(path), connected=connect(interrupt))
        assert "Run the same command again" in error

    def test_an_undo_says_what_it_kept_and_a_second_one_that_nothing_is_left(self, connect, run, client_as, path, name):
        bring(connect(), path, name=name)
        id = leads(client_as)["Ben"]["id"]
        assert client_as("operator")("PATCH", f"/wholesale/{id}", {"notes": "Called."}).status == 200
        output, _ = run("--undo", name.text, connected=connect())
        assert f"Import {name.text}: 1 lead deleted, 1 kept, because of work on them since:\n  {id}: changed since" in output
        other = name.text.replace("00ff", "00aa")
        assert f"There is no lead of the import {other}: " in run("--undo", other, connected=connect())[0]

    def test_a_long_list_of_kept_leads_is_cut(self):
        report = UndoReport(1, {f"pipe_{n}": "changed since" for n in range(25)})
        lines = command.undo_lines(ImportName("20261124-171522-3f9a"), report, dry_run=False)
        assert lines[0] == "Import 20261124-171522-3f9a: 1 lead deleted, 25 kept, because of work on them since:"
        assert (len(lines), lines[-1]) == (22, "  and 5 more")
