"""Engines and systems of their own for the tests of the local run."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.session import Session

from chalicelib.foundation import aws
from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.aws import client
from chalicelib.foundation.context import Context
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore, new_secrets
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store.table import table_definition
from chalicelib.functions.registration import QUEUE_CONSUMERS
from chalicelib.packs import PACKS
from local import sqs
from local.emulator.access import SECRET_KEY
from local.engine import REGION, Engine, EngineClient
from local.workspace import BUCKETS, FILES, MAIL_EVENTS, SEALS
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One emulator for all tests of this folder; each test takes a table of its own."""
    running = Engine(tmp_path_factory.mktemp("engine"))
    yield running
    running.stop()


@pytest.fixture
def engine_client(engine: Engine) -> Iterator[EngineClient]:
    opened = engine.client()
    yield opened
    opened.close()


@pytest.fixture
def table(engine_client: EngineClient, request: pytest.FixtureRequest) -> str:
    name = f"table-{abs(hash(request.node.nodeid))}"
    engine_client.call("DynamoDB_20120810.CreateTable", table_definition(name))
    return name


@pytest.fixture
def ctx(engine: Engine, engine_client: EngineClient, table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """A context on the embedded engine."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", engine.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setattr(aws, "_SESSION", Session())  # credentials are read once a session
    url = sqs.create_queues(engine_client, QUEUE_CONSUMERS[0])
    for bucket, lock_days in BUCKETS.items():
        engine_client.call("LocalStorage.CreateBucket", {"Bucket": bucket, "LockDays": lock_days})
    settings = Settings(
        stage="local",
        table=table,
        region=REGION,
        secrets="file:/dev/null",
        aws_endpoint=engine.url,
        outbox_queue=url,
        mail_configuration_set=MAIL_EVENTS,
        files_bucket=FILES,
        seals_bucket=SEALS,
    )
    secrets = new_secrets(datetime.now(UTC))
    runtime = Runtime(settings, packs=PACKS, secrets=SecretStore(settings, lambda: secrets))
    yield runtime.context(request_id="test", actor=system_actor("test"))
    for service in ("dynamodb", "sqs", "sesv2"):
        client(service, settings).close()


class Running:
    """A small system in processes of its own."""

    def __init__(self, workspace: Path, port: int | None = None, module: str = "tests.local.sample_system") -> None:
        self.workspace, self.port = workspace, port or free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=os.environ | {"VALHALLA_LOCAL": str(workspace), "PORT": str(self.port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""

    def until_ready(self) -> "Running":
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.output += text
            if "Ctrl-C ends" in text:
                self.web = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)
                return self
        raise AssertionError(f"it ended with {self.process.wait()}: {self.output}")

    def write(self, name: str, text: str) -> None:
        assert self.web.post("/things", json={"id": name, "text": text}).status_code == 201

    def thing(self, name: str) -> Any:
        return self.web.get(f"/things/{name}").json()

    def trail(self, name: str) -> list[str]:
        events: list[str] = self.web.get(f"/trail/{name}").json()
        return events

    def until_trail(self, name: str, length: int, seconds: float = 2.0) -> list[str]:
        ends = time.monotonic() + seconds
        while len(events := self.trail(name)) < length and time.monotonic() < ends:
            time.sleep(0.01)
        return events

    def processes(self) -> list[int]:
        """Its process and all below it."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = entry.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
        family = [self.process.pid]
        for pid in family:
            family += children.get(pid, [])
        return family

    def stop(self, how: int = signal.SIGINT) -> int:
        os.killpg(self.process.pid, how)
        out, _ = self.process.communicate(timeout=40)
        self.output += out
        return self.process.returncode


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """`start()`: a small system, ready; `start(wait=False)` may be one that ends by itself."""
    runs: list[Running] = []

    def begin(workspace: str = "workspace", port: int | None = None, wait: bool = True) -> Running:
        run = Running(tmp_path / workspace, port)
        runs.append(run)
        return run.until_ready() if wait else run

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait()
        if run.process.stdout is not None:
            run.process.stdout.close()
        if hasattr(run, "web"):
            run.web.close()
    shutil.rmtree(tmp_path, ignore_errors=True)
