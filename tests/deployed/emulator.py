"""An AWS emulator of this test run's own: API Gateway, Lambda, streams, EventBridge and CloudFormation on loopback."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from tests.ports import free_port

REGION = "us-west-2"
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Emulator:
    """A running emulator; a source of AWS clients."""

    url: str
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
            self._clients[service] = session.client(service, endpoint_url=self.url)
        return self._clients[service]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def api(self, rest_api: str, stage: str) -> str:
        """Where a deployed REST API answers."""
        return f"{self.url}/restapis/{rest_api}/{stage}/_user_request_"


@contextmanager
def emulator(folder: Path) -> Iterator[Emulator]:
    """Start it with everything below `folder`, and end it with everything it started.

    Every Lambda worker unpacks its own copy of the code into the temporary folder and leaves it there: 60 MB a worker.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VALHALLA_", "PYTHON"))}
    environment |= {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "TMPDIR": str(folder),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder}/none",
        "LOG_LEVEL": "WARNING",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, folder / "emulator.log")
        running = Emulator(url)
        yield running
        running.close()
    finally:
        _end(process)
        for path in folder.iterdir():
            if path.name != "emulator.log":
                shutil.rmtree(path, ignore_errors=True)


def _end_with_parent() -> None:
    """A test run that is killed can't clean up; the kernel ends the emulator then (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=1) as response:
                json.load(response)
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The emulator did not start:\n{log.read_text()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the emulator to end, then end what is left of its own process group (its Lambda workers)."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def as_the_emulator_reads_it(template: dict[str, Any]) -> dict[str, Any]:
    """The same stack in the words that the emulator understands.

    It ignores gateway responses and binary types in an API's body, where AWS needs them to stand; here they become resources and a property.
    """
    resources = dict(template["Resources"])
    api = resources["RestAPI"]["Properties"]
    binary_types = api["DefinitionBody"]["x-amazon-apigateway-binary-media-types"]
    resources["RestAPI"] = {**resources["RestAPI"], "Properties": {**api, "BinaryMediaTypes": binary_types}}
    for name, response in api["DefinitionBody"]["x-amazon-apigateway-gateway-responses"].items():
        resources[f"GatewayResponse{name.title().replace('_', '')}"] = {
            "Type": "AWS::ApiGateway::GatewayResponse",
            "Properties": {
                "RestApiId": {"Ref": "RestAPI"},
                "ResponseType": name,
                "StatusCode": response["statusCode"],
                "ResponseParameters": response["responseParameters"],
                "ResponseTemplates": response["responseTemplates"],
            },
        }
    return {**template, "Resources": resources}
