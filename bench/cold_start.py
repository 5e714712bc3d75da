"""Cold start: from the first import to the first response, of the files as they are deployed.

Each run is a fresh process that sees the unpacked artifact and the standard library, and may not write bytecode, as in Lambda.
Responses of DynamoDB and Secrets Manager are replayed at botocore's HTTP exchange, so that no network time is included.
For comparison: the stock `chalice package` of a bare app (Chalice, PynamoDB, pydantic, one route), and our artifact with 25 more
copies of the wholesale pack. The three take turns, so that load on the machine affects all of them.

    python -m bench.cold_start
"""

import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto import mock_aws

from bench import harness
from chalicelib.foundation.auth import tokens
from chalicelib.foundation.aws import client
from chalicelib.foundation.http.app import ValhallaApp
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import Secrets, SecretStore, new_secrets
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store import table
from chalicelib.packs import PACKS
from local.gateway import proxy_event
from ops.package import artifact
from ops.package.build import PROJECT, build

RUNS = 15
COPIES = 25
TARGET = 0.5  # of the bare app's time
MAX_ZIP_BYTES = 12 * 2**20

_PROBE = """
import sys, time
started, worked = time.perf_counter(), time.process_time()
tree, recorded, event = sys.argv[1:]
sys.path.insert(0, tree)
import app
imported, worked_import = time.perf_counter(), time.process_time()
import json, types
from botocore.httpsession import URLLib3Session
module = types.ModuleType("recorded_responses")
exec(compile(open(recorded).read(), recorded, "exec"), module.__dict__)
case = json.load(open(event))
http = module.RecordedHttp(case["responses"])
URLLib3Session.send = lambda self, request: http.send(request)
ready, worked_ready = time.perf_counter(), time.process_time()
response = app.app(case["event"], None)
ended, worked_end = time.perf_counter(), time.process_time()
sys.stdout.write("\\n" + json.dumps({
    "import_ms": (imported - started) * 1000,
    "first_ms": (ended - ready) * 1000,
    "total_ms": (imported - started + ended - ready) * 1000,
    "cpu_ms": (worked_import - worked + worked_end - worked_ready) * 1000,
    "status": response["statusCode"],
    "body": response["body"][:300],
    "modules": len(sys.modules),
}))
"""

_BARE_APP = """
from chalice import Chalice, NotFoundError
from pydantic import BaseModel
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

app = Chalice(app_name="bare")


class Item(Model):
    class Meta:
        table_name = "items"
        region = "us-west-2"

    pk = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    price = NumberAttribute()


class ItemOut(BaseModel):
    pk: str
    name: str
    price: float


@app.route("/items/{item_id}")
def read(item_id):
    try:
        found = Item.get(item_id)
    except Item.DoesNotExist:
        raise NotFoundError(item_id)
    return ItemOut(**found.attribute_values).model_dump(mode="json")
"""


@dataclass(frozen=True)
class ColdStartCase:
    """An app to start: its files, its environment, and its first request."""

    tree: Path
    event: Path
    environment: Mapping[str, str]

    def start(self) -> dict[str, Any]:
        """Start it once; returns times in milliseconds. Raises RuntimeError unless it responds with 200."""
        probe = [
            sys.executable,
            "-S",
            "-E",
            "-B",
            "-c",
            _PROBE,
            str(self.tree),
            str(Path(__file__).parent / "recorded_responses.py"),
            str(self.event),
        ]
        environment = {"PATH": os.environ["PATH"], "TZ": "UTC", **_LAMBDA, **self.environment}
        done = subprocess.run(probe, env=environment, cwd=self.tree, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        if measured["status"] != 200:
            raise RuntimeError(f"{self.tree}: {measured}")
        return measured


_LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "measured",
    "AWS_REGION": "us-west-2",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def measure(runs: int = RUNS) -> dict[str, Any]:
    """Cold starts in milliseconds (medians), their ratio to the bare app's, and the sizes of the zips."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        built = build("dev", folder / "build")
        environment = _environment(built.template)
        bare_zip = stock_bare_app(folder / "bare")
        trees = {"ours": _unpacked(built.zip_file, folder / "ours"), "bare": _unpacked(bare_zip, folder / "bare-tree")}
        trees["copies"] = with_copies(trees["ours"], folder / "copies", COPIES)
        request = _write(folder / "ours.json", app_request(environment))
        cases = {
            "ours": ColdStartCase(trees["ours"], request, environment),
            "copies": ColdStartCase(trees["copies"], request, environment),
            "bare": ColdStartCase(trees["bare"], _write(folder / "bare.json", baseline_request()), {}),
        }
        runs_by_case: dict[str, list[dict[str, Any]]] = {case: [] for case in cases}
        for round_number in range(runs):
            for case in sorted(cases, key=lambda name: (list(cases).index(name) + round_number) % len(cases)):  # the order rotates
                runs_by_case[case].append(cases[case].start())
        sizes = {"zip_bytes": built.zip_file.stat().st_size, "bare_zip_bytes": bare_zip.stat().st_size}
    medians = {case: {key: statistics.median(run[key] for run in case_runs) for key in _TIMES} for case, case_runs in runs_by_case.items()}
    return {
        **{case: {key: round(value, 1) for key, value in times.items()} for case, times in medians.items()},
        "ratio": _ratio(runs_by_case, "ours", "bare", "total_ms"),
        "ratio_with_copies": _ratio(runs_by_case, "copies", "bare", "total_ms"),
        "ratio_of_processor_time": _ratio(runs_by_case, "ours", "bare", "cpu_ms"),
        "growth_by_copies": _ratio(runs_by_case, "copies", "ours", "cpu_ms"),
        "copies_of_the_pack": COPIES,
        "target": TARGET,
        "max_zip_bytes": MAX_ZIP_BYTES,
        "runs": runs,
        **sizes,
    }


_TIMES = ("import_ms", "first_ms", "total_ms", "cpu_ms", "modules")


def _ratio(runs_by_case: Mapping[str, list[dict[str, Any]]], one: str, other: str, key: str) -> float:
    """The median of the ratios of each round: other load in a round slowed both."""
    return round(statistics.median(mine[key] / theirs[key] for mine, theirs in zip(runs_by_case[one], runs_by_case[other], strict=True)), 3)


def _write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def _unpacked(zip_: Path, tree: Path) -> Path:
    with zipfile.ZipFile(zip_) as archive:
        archive.extractall(tree)
    return tree


def _environment(template: Path) -> dict[str, str]:
    """The environment of the API's function, without references of the template."""
    resources = json.loads(template.read_text())["Resources"]
    variables = resources["APIHandler"]["Properties"]["Environment"]["Variables"]
    return {name: value for name, value in variables.items() if isinstance(value, str)}


def stock_bare_app(project: Path) -> Path:
    """`chalice package` of a bare app with our versions of PynamoDB and pydantic; returns its zip unchanged."""
    (project / ".chalice").mkdir(parents=True)
    (project / "app.py").write_text(_BARE_APP)
    pinned = [
        line for line in (PROJECT / "requirements.txt").read_text().splitlines() if line.startswith(("pynamodb", "pydantic", "botocore"))
    ]
    (project / "requirements.txt").write_text("\n".join(pinned))
    (project / ".chalice" / "config.json").write_text(json.dumps({"version": "2.0", "app_name": "bare", "stages": {"dev": {}}}))
    out = project / "out"
    subprocess.run(
        [str(Path(sys.executable).with_name("chalice")), "--project-dir", str(project), "package", str(out)],
        env=os.environ | {"AWS_DEFAULT_REGION": "us-west-2"},
        check=True,
        capture_output=True,
    )
    return out / "deployment.zip"


def with_copies(tree: Path, target: Path, copies: int) -> Path:
    """The artifact with that many more packs: copies of the wholesale pack with other names and paths."""
    shutil.copytree(tree, target)
    packs = target / "chalicelib" / "packs"
    sources = PROJECT / "chalicelib" / "packs"  # the artifact has bytecode only
    added = []
    for number in range(1, copies + 1):
        name = f"wholesale_{number:02}"
        shutil.copytree(sources / "wholesale", packs / name, ignore=shutil.ignore_patterns("__pycache__"))
        for module in (packs / name).rglob("*.py"):
            module.write_text(module.read_text().replace("chalicelib.packs.wholesale", f"chalicelib.packs.{name}"))
        manifest = packs / name / "__init__.py"
        text = manifest.read_text().replace('"/wholesale', f'"/{name}').replace('"wholesale-', f'"w{number:02}-')
        manifest.write_text(text.replace('"wholesale"', f'"{name}"').replace('"wholesale:', f'"{name}:'))
        added.append(name)
    lines = [f"from chalicelib.packs import {name}" for name in added]
    lines.append(f"PACKS = (*PACKS, {', '.join(f'{name}.PACK' for name in added)})")
    (packs / "__init__.py").write_text((sources / "__init__.py").read_text() + "\n" + "\n".join(lines) + "\n")
    artifact.compile_all(target, "chalicelib")
    return target


def app_request(environment: Mapping[str, str]) -> dict[str, Any]:
    """A request for one pipeline with its activities by a signed-in operator, and the responses of AWS to it.

    DynamoDB's response is recorded from a table in memory, in which the pipeline is first created through the API.
    """
    now, text = datetime.now(UTC), new_secrets(datetime(2026, 1, 1, tzinfo=UTC))
    settings = Settings.from_environment({**environment, "AWS_REGION": _LAMBDA["AWS_REGION"]})
    token = tokens.issue(settings, Secrets.from_json(text), now, user_id="user_x", roles=["operator"], session="s")
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    with mock_aws(), redirect_stdout(io.StringIO()):  # the app's own log lines
        dynamodb = harness.RecordingClient(client("dynamodb", settings))
        table.create(dynamodb, settings.table)
        app = ValhallaApp(
            "valhalla", runtime=lambda: Runtime(settings, packs=PACKS, dynamodb=dynamodb, secrets=SecretStore(settings, lambda: text))
        )
        app.register(PACKS)
        created = app(proxy_event("POST", "/wholesale", headers, body=json.dumps(_PIPELINE)), None)
        assert created["statusCode"] == 201, created["body"]
        path = f"/wholesale/{json.loads(created['body'])['id']}"
        for _ in range(3):
            app(
                proxy_event(
                    "POST", f"{path}/activities", headers, body=json.dumps({"event_type": "call", "description": "Asked for the price."})
                ),
                None,
            )
        dynamodb.calls.clear()
        read = app(proxy_event("GET", path, headers), None)
        assert read["statusCode"] == 200, read["body"]
        client.cache_clear()
    recorded = {"".join(word.capitalize() for word in name.split("_")): response for name, _, response in dynamodb.calls}
    return {"event": proxy_event("GET", path, headers), "responses": {"GetSecretValue": {"SecretString": text}, **recorded}}


_PIPELINE = {
    "property": {"address": {"line1": "1 Main St", "city": "Seattle", "postal_code": "98101"}, "sqft": 1800},
    "asking_price": 310000,
    "arv_estimate": 420000,
}


def baseline_request() -> dict[str, Any]:
    """The request to the bare app's only route."""
    item = {"pk": {"S": "i1"}, "name": {"S": "An item"}, "price": {"N": "12.5"}}
    event = proxy_event("GET", "/items/i1", {}) | {"resource": "/items/{item_id}", "pathParameters": {"item_id": "i1"}}
    event["requestContext"] |= {"resourcePath": "/items/{item_id}"}
    return {"event": event, "responses": {"GetItem": {"Item": item}}}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
