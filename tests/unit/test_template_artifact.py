"""The finished zip: nothing needed is missing, nothing unneeded is in it, and the same source makes the same bytes."""

import hashlib
import json
import marshal
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.cold_start import MAX_ZIP_BYTES
from ops.package import artifact
from ops.package.build import PROJECT, deployed_functions


def alone(tree: Path, code: str) -> str:
    """Run code with nothing to import from but the artifact and the standard library, and no right to write bytecode."""
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-B", "-c", code],
        cwd=tree,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_same_source_makes_the_same_bytes(built: Any, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    artifact.finish(built.zip_file.parent / "packaged" / "deployment.zip", again)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(built.zip_file.read_bytes()).digest()


def test_every_module_is_bytecode_that_is_taken_unseen(tree: Path) -> None:
    modules = list(tree.rglob("*.pyc"))
    assert len(modules) > 300
    assert list(tree.rglob("*.py")) == []
    for path in modules:
        head = path.read_bytes()[:8]
        assert head[:4] == MAGIC_NUMBER
        assert int.from_bytes(head[4:], "little") == 0b01, path  # by hash, unchecked


def test_the_zip_is_small(built: Any) -> None:
    assert built.zip_file.stat().st_size <= MAX_ZIP_BYTES


def test_bytecode_says_nothing_of_the_machine_that_made_it(tree: Path) -> None:
    code = marshal.loads((tree / "chalicelib" / "foundation" / "http" / "app.pyc").read_bytes()[16:])
    assert code.co_filename == "/var/task/chalicelib/foundation/http/app.py"


def test_entries_are_sorted_and_dated_alike(built: Any) -> None:
    with zipfile.ZipFile(built.zip_file) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_what_no_request_needs_is_left_out(tree: Path) -> None:
    names = {path.name for path in tree.iterdir()}
    assert not names & {"boto3", "s3transfer", "cffi", "pycparser", "moto", "ministack", "ops", "local", "tests", "bench"}
    assert [name for name in names if name.endswith((".dist-info", ".egg-info"))] == []
    assert list(tree.rglob("*.pyi")) == []


def test_botocore_keeps_the_services_in_use(tree: Path) -> None:
    used = artifact.services_used(PROJECT / "chalicelib")
    assert {"dynamodb", "secretsmanager"} <= used
    data = tree / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == used
    endpoints = json.loads((data / "endpoints.json").read_text())
    assert [partition["partition"] for partition in endpoints["partitions"]] == ["aws"]


def test_a_client_of_every_service_in_use_can_be_made(tree: Path) -> None:
    used = sorted(artifact.services_used(PROJECT / "chalicelib"))
    code = f"""
from botocore.session import Session
for name in {used}:
    for region in ("us-west-2", "eu-central-1", "ap-southeast-2"):
        found = Session().create_client(name, region_name=region, aws_access_key_id="a", aws_secret_access_key="b")
        print(found.meta.endpoint_url)
"""
    addresses = alone(tree, code).split()
    assert len(addresses) == 3 * len(used)
    assert all(address.startswith("https://") and address.endswith(".amazonaws.com") for address in addresses)


def test_everything_deployed_can_be_imported_from_the_artifact_alone(tree: Path) -> None:
    handlers = [one.consumer.function for one in deployed_functions() if one.consumer]
    handlers += [one.queue_consumer.function for one in deployed_functions() if one.queue_consumer]
    handlers += [one.schedule.function for one in deployed_functions() if one.schedule]
    code = f"""
import app
from chalicelib.foundation.http import handlers
from chalicelib.foundation.manifest import import_string
for pack in app.app.packs:
    for endpoint in pack.endpoints:
        handlers.handler_for(pack, endpoint)
    for path in pack.entities.values():
        import_string(path)
    if pack.held:
        import_string(pack.held)
    for projection in pack.projections:
        import_string(projection.contribute)
for handler in {handlers}:
    assert callable(import_string(handler)), handler
print(len(app.app.packs))
"""
    assert int(alone(tree, code)) >= 1


@pytest.mark.parametrize(
    "handler",
    [one.consumer or one.queue_consumer or one.schedule for one in deployed_functions() if one.kind != "api"],
    ids=lambda one: one.name,
)
def test_each_event_function_starts_alone(handler: Any, tree: Path) -> None:
    """Lambda imports the function's own module and nothing before it: neither app.py nor Chalice may be needed."""
    code = f"""
import sys
from chalicelib.foundation.manifest import import_string
import_string({handler.function!r})
print(sorted({{"app", "chalice", "boto3", "moto"}} & set(sys.modules)))
"""
    assert alone(tree, code) == "[]\n"


def test_passwords_and_tokens_work_without_what_only_builds_them(tree: Path) -> None:
    code = """
from datetime import UTC, datetime
import argon2, jwt
from chalicelib.foundation.secret_store import Secrets, new_secrets
hashed = argon2.PasswordHasher(memory_cost=8192, time_cost=1).hash("correct horse battery staple")
assert argon2.PasswordHasher().verify(hashed, "correct horse battery staple")
key = Secrets.from_json(new_secrets(datetime.now(UTC))).signing_keys[0]
token = jwt.encode({"sub": "x"}, key.private_pem, "ES256")
print(len(token.split(".")))
"""
    assert alone(tree, code) == "3\n"


def test_a_pdf_is_made_with_what_is_deployed(tree: Path) -> None:
    code = """
from datetime import UTC, datetime
from chalicelib.foundation.printing import pdf
from chalicelib.foundation.printing.document import Document, Grid, Pairs, Prose, Section
blocks = [Prose("Žofia Ólafsdóttir — ½ ‚x‘ Ωμέγα Жук", quiet=True), Grid(("a", "b"), (1, 2), [["1", "2"]])]
document = Document("kicker", "Title", [("calm", "calm")], Pairs([("a", "b")]), [Section("h", blocks)], ["s"], "r")
print(pdf.as_pdf(document, datetime.now(UTC))[:5])
"""
    assert alone(tree, code) == "b'%PDF-'\n"


def test_urls_are_signed_without_a_model_of_s3(tree: Path) -> None:
    code = """
import os
os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
from chalicelib.foundation.aws import object_storage
from chalicelib.foundation.settings import Settings
settings = Settings(stage="x", table="x", region="us-west-2", secrets="file:/dev/null", files_bucket="files")
url = object_storage(settings).presigned_put("files", "a/b", headers={"If-None-Match": "*"}, expires_in=60)
print(url.partition("?")[0])
"""
    assert alone(tree, code) == "https://files.s3.us-west-2.amazonaws.com/a/b\n"
    assert not (tree / "botocore" / "data" / "s3").exists()


def test_public_text_is_read_with_what_is_deployed(tree: Path) -> None:
    code = """
from protego import Protego
from chalicelib.packs.signals.rules.html_text import text_of_html
from chalicelib.packs.signals.rules.summary import scan, summarize
from chalicelib.packs.signals.rules.syllables import count_syllables
found = summarize([scan(text_of_html("<nav>tax</nav><p>Real estate."), count_syllables)])
assert Protego.parse("User-agent: *").can_fetch("http://a.example/", "b")
print(found.signals["service_specialization"], found.measures["syllables"])
"""
    assert alone(tree, code) == "[{'name': 'real estate', 'hits': 1}] 4\n"


def test_openapi_is_built_in(tree: Path) -> None:
    code = "from chalicelib.foundation.http import openapi; print(openapi.PREBUILT.relative_to(openapi.PREBUILT.parents[3]))"
    document = json.loads((tree / alone(tree, code).strip()).read_text())
    assert document["openapi"].startswith("3.1")
    assert "/health/live" in document["paths"]


def test_everything_deployed_is_pinned() -> None:
    lines = [line.partition("#")[0].strip() for line in (PROJECT / "requirements.txt").read_text().splitlines()]
    pinned = {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines if line}
    assert all(re.fullmatch(r"==[\w.]+", str(one.specifier)) for one in pinned.values())
    for one in pinned.values():
        for text in distribution(one.name).requires or ():
            needs = Requirement(text)
            if needs.marker is None or any(needs.marker.evaluate({"extra": extra}) for extra in one.extras or {""}):
                assert canonicalize_name(needs.name) in pinned, f"{one.name} brings {needs.name}, which is not pinned"


def test_a_library_keeps_what_is_loaded(tree: Path) -> None:
    for path in tree.rglob("*.so"):
        content = path.read_bytes()
        assert artifact.loaded_part(content) == content
        assert b".symtab" not in content
    with pytest.raises(ValueError, match="ELF"):
        artifact.loaded_part(b"#!/bin/sh\n")


def test_a_model_loses_its_documentation_only() -> None:
    model = {"documentation": "<p>text</p>", "shapes": {"A": {"members": {"documentation": {"shape": "B"}}, "documentation": "text"}}}
    assert artifact.without_documentation(model) == {"shapes": {"A": {"members": {"documentation": {"shape": "B"}}}}}


def test_a_client_of_an_unreadable_name_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "mail.py").write_text("from .aws import client\nservice = 'ses'\nfound = client(service, settings)\n")
    with pytest.raises(artifact.ClientNameError, match=r"mail\.py:3"):
        artifact.services_used(tmp_path)


def test_services_are_read_from_the_code(tmp_path: Path) -> None:
    (tmp_path / "mail.py").write_text("from .aws import client\nfound = client('sesv2', settings)\n")
    assert artifact.services_used(tmp_path) == {"dynamodb", "sesv2"}


def test_a_service_that_botocore_does_not_know_stops_the_build(tmp_path: Path) -> None:
    data = tmp_path / "botocore" / "data"
    (data / "dynamodb" / "2012-08-10").mkdir(parents=True)
    (data / "ec2" / "2016-11-15").mkdir(parents=True)
    with pytest.raises(artifact.ClientNameError, match="dynamodbb"):
        artifact.trim_botocore(tmp_path, frozenset({"dynamodb", "dynamodbb"}))


def test_the_newest_model_of_a_service_is_kept(tmp_path: Path) -> None:
    data = tmp_path / "botocore" / "data"
    for version in ("2010-03-31", "2019-09-27"):
        (data / "sesv2" / version).mkdir(parents=True)
        (data / "sesv2" / version / "examples-1.json").write_text("{}")
    known = [{"partition": name, "services": {"sesv2": {}, "ec2": {}}} for name in ("aws", "aws-cn")]
    (data / "endpoints.json").write_text(json.dumps({"partitions": known, "version": 3}))
    artifact.trim_botocore(tmp_path, frozenset({"sesv2"}))
    assert [path.name for path in (data / "sesv2").iterdir()] == ["2019-09-27"]
    assert list((data / "sesv2" / "2019-09-27").iterdir()) == []
    assert json.loads((data / "endpoints.json").read_text())["partitions"] == [{"partition": "aws", "services": {"sesv2": {}}}]
